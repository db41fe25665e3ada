/** The files of a pool's template: what they may not name, what they hold, and how they run. */
import { ProviderError } from "../handler.ts";
import type { PoolInputs } from "../inputs.ts";
import { loadTemplate, type Template } from "../../templates/load.ts";
import { loadGuard, statementsOf } from "../../templates/sql-guard.ts";
import { isNode, type Node, text, words } from "../../templates/sql-guard-walk.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import { codeOf, isTransient } from "./faults.ts";
import { editedText, renderTemplate } from "./files.ts";
import type { Live } from "./live.ts";
import { messageOf } from "../message.ts";
import type { Session } from "./pool.ts";
import type { PoolRules } from "./pool-harden.ts";
import { type PoolCatalogue, subjectOf } from "./pool-live.ts";
import { poolFunctions, poolTables, within } from "./pool-sql.ts";
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

/** Names of the tool that no file may make, change or read. */
const kept = new Set<string>([
  ...poolTables,
  ...poolFunctions({ schema: "any" })
    .map(({ name }) => name)
    .filter((name) => !name.startsWith("current_tenant")),
]);
/** These a file's functions may call. */
const called = new Set(["current_tenant_id", "current_tenant"]);

/** Kinds of ALTER TABLE that are the tool's in a pool. */
const refusedAlterations =
  /^AT_(Enable|Disable|Force|NoForce)RowSecurity$|^AT_(Enable|Disable)Trig|^AT_(Add|Drop)Inherit$/;

export interface PoolFileFault {
  /** From 1. */
  readonly line: number;
  readonly reason: string;
}

/** What of a file the guard lets through and a pool does not. */
export async function poolFileFaults(sql: string): Promise<PoolFileFault[]> {
  await loadGuard();
  return statementsOf(sql).flatMap(({ kind, node, offset }) => {
    const line = Buffer.from(sql, "utf8").subarray(0, offset).toString("utf8").split("\n").length;
    return [...statementFaults(kind, node)].map((reason) => ({ line, reason }));
  });
}

function* statementFaults(kind: string, node: Node): Generator<string> {
  if (kind === "CreatePolicyStmt" || kind === "AlterPolicyStmt" || text(node.removeType) === "OBJECT_POLICY") {
    yield "names a policy: in a pool the tool makes them, the same for every table";
  }
  if (kind === "CreateFunctionStmt" && called.has(words(node.funcname).at(-1) ?? "")) {
    yield `makes the function ${words(node.funcname).at(-1) ?? ""}(), which the tool makes in a pool`;
  }
  const seen = new Set<string>();
  const stack: unknown[] = [node];
  while (stack.length > 0) {
    const value = stack.pop();
    if (Array.isArray(value)) stack.push(...(value as unknown[]));
    else if (isNode(value)) {
      const subtype = text(value.subtype);
      if (subtype !== undefined && refusedAlterations.test(subtype)) {
        yield "switches row-level security, a trigger or an inheritance: in a pool the tool does";
      }
      for (const key of ["relname", "trigname", "idxname", "conname"]) {
        const name = text(value[key]);
        if (name?.startsWith("tenancy_") === true || kept.has(name ?? "")) seen.add(name ?? "");
      }
      // A bare word; a constant is held by another node.
      const word = isNode(value.String) ? text(value.String.sval) : undefined;
      if (word !== undefined && (kept.has(word) || called.has(word))) seen.add(word);
      stack.push(...Object.values(value));
    }
  }
  for (const name of [...seen].filter((word) => !called.has(word))) {
    yield `names ${name}: this name is the tool's`;
  }
  if (kind === "DropStmt" && [...seen].some((name) => called.has(name))) {
    yield "drops a function of the tool";
  }
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
  for (const file of files) {
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
