/** The SQL of a tenant: its template's files with the variables filled in, and its own. */
import { readFileSync, realpathSync } from "node:fs";
import { resolve, sep } from "node:path";
import { ProviderError } from "../handler.ts";
import type { SchemaInputs, SqlFile } from "../inputs.ts";
import {
  checkVariables,
  loadTemplate,
  renderFile,
  type RenderOptions,
  sha256,
  TemplateError,
} from "../../templates/load.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import type { RenderedFile } from "./script.ts";

type Folders = Pick<PostgresDependencies, "templates" | "projectDir">;

/**
 * All files of a tenant in the order in which they are applied, with the digests that the inputs name.
 *
 * @throws ProviderError when a file is missing or is not the one that the inputs name.
 */
export function renderFiles(folders: Folders, inputs: SchemaInputs): RenderedFile[] {
  const subject = `tenant ${inputs.tenant}`;
  const own = renderTemplate(folders, subject, inputs);
  const additional = inputs.additionalFiles.map((file): RenderedFile => {
    const found = readAdditional(folders, inputs.additionalRoot, file);
    if (typeof found === "string") throw new ProviderError(`${subject}: ${found}`);
    return { origin: "tenant", ...file, sql: found.sql };
  });
  return [...own, ...additional];
}

/**
 * The template's files alone, of a tenant or a pool.
 *
 * @param subject - begin of messages, as in `tenant acme`
 * @throws ProviderError when a file is missing or is not the one that the inputs name.
 */
export function renderTemplate(
  { templates }: Pick<Folders, "templates">,
  subject: string,
  inputs: Pick<SchemaInputs, "template" | "variables" | "templateFiles">,
  options: RenderOptions = {},
): RenderedFile[] {
  try {
    const template = loadTemplate(templates, inputs.template);
    const { values } = checkVariables(template, inputs.variables);
    return inputs.templateFiles.map((file): RenderedFile => {
      const digest = template.files.find(({ name }) => name === file.name)?.sha256;
      if (digest !== file.sha256) {
        throw new ProviderError(`${subject}: ${changedText(`${template.name}/${file.name}`)}`);
      }
      return { origin: "template", ...file, sql: renderFile(templates, template, file.name, values, options) };
    });
  } catch (error) {
    if (error instanceof TemplateError) throw new ProviderError(`${subject}: ${error.message}`);
    throw error;
  }
}

/** The text of a tenant's own file, or what is wrong with it. */
export function readAdditional(folders: Folders, root: string, file: SqlFile): { sql: string } | string {
  const base = resolve(folders.projectDir, root);
  const path = resolve(base, file.name);
  let content: Buffer;
  try {
    // A link must not lead to a file that nobody reviewed.
    if (!realpathSync(path).startsWith(realpathSync(base) + sep)) {
      return `the file ${file.name} lies outside of ${base}: put it into that folder`;
    }
    content = readFileSync(path);
  } catch {
    return `the file ${path} cannot be read: restore it, or correct its name in the registry`;
  }
  if (sha256(content) !== file.sha256) return changedText(file.name);
  const sql = content.toString("utf8");
  return Buffer.from(sql, "utf8").equals(content) ? { sql } : `the file ${file.name} is not UTF-8 text`;
}

export function changedText(name: string): string {
  return `the file ${name} changed while the command ran: run the command again`;
}

/** An old file that is not what was applied. Both digests, and the way out. */
export function editedText(name: string, applied: string, found: string): string {
  return (
    `the file ${name} was edited after it had been applied (applied ${applied}, now ${found}). ` +
    `Restore it as it was, and put the change into a new file with a higher number.`
  );
}
