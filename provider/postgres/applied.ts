/** Which files of a schema were applied, whose schema it is, and where in a file a statement failed. */
import { ProviderError } from "../handler.ts";
import type { SchemaInputs, SchemaOutputs } from "../inputs.ts";
import { isInstance, parseMark } from "../mark.ts";
import { editedText } from "./files.ts";
import type { Live } from "./live.ts";
import type { RenderedFile } from "./script.ts";

/** @throws ProviderError when the schema is gone or is another instance's. */
export function assertInstance(live: Live, outputs: Pick<SchemaOutputs, "tenant" | "schema" | "instanceToken">): void {
  if (live.schema === null) {
    throw new ProviderError(
      `tenant ${outputs.tenant}: PostgreSQL schema "${outputs.schema}" is gone. ` +
        `Restore it from a backup, or run a refresh and then an update, which makes an empty one.`,
    );
  }
  const mark = parseMark(live.schema.comment);
  // A lost mark is written again: the state knows the schema as its own.
  if (mark === undefined || isInstance(mark, outputs)) return;
  throw new ProviderError(
    `tenant ${outputs.tenant}: PostgreSQL schema "${outputs.schema}" belongs to another instance ` +
      `(resource ${mark.urn}). Run a refresh; two stacks may not share a schema.`,
  );
}

/**
 * Those of the files that were not applied yet, in order.
 *
 * @throws ProviderError for a file that is not what was applied.
 */
export function filesToApply(live: Live, files: readonly RenderedFile[], inputs: SchemaInputs): RenderedFile[] {
  // A schema that has to be made has no file applied, whatever an earlier one had.
  if (live.schema === null) return [...files];
  const applied = new Map(live.applied.map(({ origin, name, sha256 }) => [`${origin} ${name}`, sha256]));
  return files.filter(({ origin, name, sha256 }) => {
    const before = applied.get(`${origin} ${name}`);
    if (before !== undefined && before !== sha256) {
      throw new ProviderError(`tenant ${inputs.tenant}: ${editedText(name, before, sha256)}`);
    }
    return before === undefined;
  });
}

/** The files up to the first that cannot run inside of a transaction. */
export function leading(files: readonly RenderedFile[]): RenderedFile[] {
  const next = files.findIndex(({ concurrent }) => concurrent === true);
  return files.slice(0, next < 0 ? files.length : next);
}

/**
 * Names file and line of a statement that failed.
 *
 * @param kept - what is left of the work, and the way out, as a sentence
 */
export function locate(
  error: unknown,
  script: string,
  files: readonly Pick<RenderedFile, "name" | "sql">[],
  inputs: Pick<SchemaInputs, "tenant">,
  kept = "Nothing of the tenant was made; correct the file and run the command again.",
): unknown {
  if (!(error instanceof Error) || !("position" in error) || error.position === undefined) return error;
  const position = Number(error.position) - 1;
  // The server counts characters, not UTF-16 units.
  const before = Array.from(script).slice(0, position).join("").length;
  for (const file of files) {
    const start = script.indexOf(file.sql);
    if (start >= 0 && before >= start && before < start + file.sql.length) {
      const line = script.slice(start, before).split("\n").length;
      return new ProviderError(
        `tenant ${inputs.tenant}: PostgreSQL refused the file ${file.name}, line ${line}: ${error.message}. ${kept}`,
      );
    }
  }
  return error;
}
