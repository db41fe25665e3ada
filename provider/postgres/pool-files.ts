/** The files of a pool's template: what they hold, and how they run. */
import { ProviderError } from "../handler.ts";
import type { PoolInputs } from "../inputs.ts";
import { loadTemplate, type Template } from "../../templates/load.ts";
import { loadGuard, statementsOf } from "../../templates/sql-guard.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import { codeOf, isTransient } from "./faults.ts";
import { editedText, inTransaction, renderTemplate } from "./files.ts";
import type { Live } from "./live.ts";
import { messageOf } from "../message.ts";
import type { Session } from "./pool.ts";
import type { PoolRules } from "./pool-harden.ts";
import { type PoolCatalogue, subjectOf } from "./pool-live.ts";
import { within } from "./pool-sql.ts";
import { identifier } from "./quote.ts";
import { type RenderedFile, setRole } from "./script.ts";

/** A pool's template as it is to be applied. */
export interface PoolTemplate {
  readonly template: Template;
  readonly rules: PoolRules;
  /** In the order in which they are applied. */
  readonly files: readonly RenderedFile[];
}

/** @throws ProviderError when a file is missing or is not the one that the inputs name. */
export function loadPoolTemplate(folders: Pick<PostgresDependencies, "templates">, inputs: PoolInputs): PoolTemplate {
  const files = renderTemplate(folders, subjectOf(inputs.pool), inputs, { partitions: inputs.partitions });
  const template = loadTemplate(folders.templates, inputs.template);
  return { template, rules: template, files };
}

/** Whether a file reads or writes rows, and so has to see those of all tenants. */
async function touchesRows(sql: string): Promise<boolean> {
  await loadGuard();
  return statementsOf(sql).some(({ kind }) => /^(Insert|Update|Delete|Merge|Select)Stmt$/.test(kind));
}

/** Files that are not applied yet. @throws ProviderError for one that is not what was applied. */
export function missingFiles(live: Live, files: readonly RenderedFile[], pool: string): RenderedFile[] {
  const applied = new Map(live.applied.map(({ origin, name, sha256 }) => [`${origin} ${name}`, sha256]));
  return files.filter(({ origin, name, sha256 }) => {
    const before = applied.get(`${origin} ${name}`);
    if (before !== undefined && before !== sha256) {
      throw new ProviderError(`${subjectOf(pool)}: ${editedText(name, before, sha256)}`);
    }
    return before === undefined;
  });
}

/**
 * Runs files as the owner in the open transaction; ends as the provisioner. A file that reads or writes rows sees those of
 * all tenants: until the transaction ends the tables are locked, and hardening puts FORCE back before it does.
 */
export async function applyFiles(
  session: Session,
  inputs: PoolInputs,
  files: readonly RenderedFile[],
  tables: readonly string[],
): Promise<void> {
  if (files.length === 0) return;
  await session.script(setRole(inputs.ownerRole));
  const rows = (await Promise.all(files.map(({ sql }) => touchesRows(sql)))).includes(true);
  if (rows && tables.length > 0) {
    await session.script(
      tables.map((table) => `ALTER TABLE ${within(inputs, table)} NO FORCE ROW LEVEL SECURITY;`).join("\n"),
    );
  }
  await session.script(`SET LOCAL search_path = ${identifier(inputs.schema)}, extensions, pg_catalog;`);
  // CONCURRENTLY goes by: hardening and the rules of the tables hold for the pool's one transaction.
  for (const file of await inTransaction(files)) {
    try {
      // A file may end in a comment without a line end.
      await session.script(`${file.sql}\n;`);
    } catch (error) {
      throw locate(error, file, inputs.pool);
    }
  }
  // Deferred triggers of a file have to run as the owner, not at COMMIT as the provisioner.
  await session.script(
    "SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL ROLE NONE; SET LOCAL search_path = pg_catalog, pg_temp;",
  );
}

/** Names file and line of a statement that failed; what passes by itself is tried again as it is. */
function locate(error: unknown, file: RenderedFile, pool: string): unknown {
  if (isTransient(error) || codeOf(error) === undefined) return error;
  const position = error instanceof Error && "position" in error ? Number(error.position) - 1 : Number.NaN;
  // The server counts characters, not UTF-16 units.
  const line = Number.isNaN(position)
    ? ""
    : `, line ${Array.from(file.sql).slice(0, position).join("").split("\n").length}`;
  return new ProviderError(
    `${subjectOf(pool)}: PostgreSQL refused the file ${file.name}${line}: ${messageOf(error)}. ` +
      `Nothing of this step was kept; correct the file and run the command again.`,
  );
}

/** Statements, as the owner, that make the partitions of tables that have none. */
export function partitionsSql({ tables }: PoolCatalogue, inputs: PoolInputs): string[] {
  if (inputs.partitions === 0) return [];
  const parents = new Set(tables.map(({ parent }) => parent));
  return tables
    .filter(({ name, partitionKey }) => partitionKey === "HASH (tenant_id)" && !parents.has(name))
    .flatMap(({ name }) =>
      Array.from({ length: inputs.partitions }, (_, number) => {
        const part = `${name}_p${number}`;
        if (Buffer.byteLength(part, "utf8") > 63) {
          throw new ProviderError(
            `${subjectOf(inputs.pool)}: the table ${name} has a name too long for its partitions: ${part} is over 63 bytes`,
          );
        }
        return (
          `CREATE TABLE ${within(inputs, part)} PARTITION OF ${within(inputs, name)} ` +
          `FOR VALUES WITH (MODULUS ${inputs.partitions}, REMAINDER ${number});`
        );
      }),
    );
}

/** What keeps tenants from sharing what the files make: all of it in one message. */
export function faultsText(inputs: PoolInputs, files: readonly RenderedFile[], faults: readonly string[]): string {
  return (
    `${subjectOf(inputs.pool)}: the template "${inputs.template}" is not safe to share (after ` +
    `${files.map(({ name }) => name).join(", ")}), and nothing of it was kept:\n` +
    faults.map((fault) => `- ${fault}`).join("\n")
  );
}
