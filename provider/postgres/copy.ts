/**
 * A new schema filled with the rows of another tenant's, in the transaction that makes it: the source's owner lends the
 * new owner USAGE and SELECT and takes both back before the end, so no other session ever sees them. One snapshot holds for
 * all tables, and every table's rows are counted on both sides. Rows and the state of sequences go over, and nothing else:
 * no rights, no mark, no record of what was applied.
 */
import { poolTenantId } from "../../components/naming.ts";
import { type CallContext, ProviderError } from "../handler.ts";
import type { CopySource, SchemaInputs } from "../inputs.ts";
import { parseMark } from "../mark.ts";
import { originOf } from "./catalogue.ts";
import { copyFaults, type CopyShape, type CopyTable, inOrder, readCopyShape } from "./copy-shape.ts";
import type { Session } from "./pool.ts";
import { identifier, literal } from "./quote.ts";
import { setRole } from "./script.ts";

export type CopyInputs = SchemaInputs & { readonly copyOf: CopySource };

export function isCopy(inputs: SchemaInputs): inputs is CopyInputs {
  return inputs.copyOf !== undefined;
}

/**
 * Begins the transaction, with the source's tables held as they are. The locks come before the first statement that takes
 * a snapshot: a table that is rewritten in between would look empty to it.
 *
 * @throws ProviderError for a source that may not be copied
 */
export async function beginCopy(session: Session, context: CallContext, inputs: CopyInputs): Promise<void> {
  const { copyOf } = inputs;
  await assertCopyable(session, context, inputs);
  const { tables } = await readCopyShape(session, copyOf.schema);
  await session.script(
    [
      "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL lock_timeout = '10s';",
      `SET LOCAL ROLE ${identifier(copyOf.ownerRole)};`,
      ...tables.map(({ name }) => `LOCK TABLE ${qualified(copyOf.schema, name)} IN ACCESS SHARE MODE;`),
      // The lock of changes, which comes later, may take as long as it takes.
      "SET LOCAL ROLE NONE; SET LOCAL lock_timeout = 0;",
    ].join("\n"),
  );
  const held = await readCopyShape(session, copyOf.schema);
  if (held.tables.map(({ name }) => name).join() !== tables.map(({ name }) => name).join()) {
    throw new ProviderError(
      `tenant ${inputs.tenant}: the tables of the tenant ${copyOf.tenant} changed while its copy began. ` +
        `Run the same command again.`,
    );
  }
}

/** @throws ProviderError for a source of another stack, one that is not there, and one that is leaving */
async function assertCopyable(session: Session, context: CallContext, { tenant, copyOf }: CopyInputs): Promise<void> {
  const refuse = (reason: string): never => {
    throw new ProviderError(
      `tenant ${tenant}: it cannot be made as a copy of the tenant ${copyOf.tenant}: ${reason}. ` +
        `Correct clone in the registry, or leave it out for an empty tenant.`,
    );
  };
  const [row] = await session.query<{ project: string; stack: string; status: string; schema: string | null }>(
    "SELECT project, stack, status, schema_name AS schema FROM platform.tenants WHERE id = $1",
    [copyOf.tenant],
  );
  const [found] = await session.query<{ comment: string | null; owner: string; may: boolean }>(
    `SELECT obj_description(oid, 'pg_namespace') AS comment, pg_get_userbyid(nspowner) AS owner,
       pg_has_role(current_user, nspowner, 'SET') AS may FROM pg_catalog.pg_namespace WHERE nspname = $1`,
    [copyOf.schema],
  );
  if (row === undefined || found === undefined) return refuse("this database has no such tenant with a schema");
  const { project, stack } = originOf(context.urn);
  if (row.project !== project || row.stack !== stack) refuse(`it belongs to the stack ${row.project}/${row.stack}`);
  if (row.status !== "ready" && row.status !== "suspended") {
    refuse(`its status is "${row.status}"; allowed is ready or suspended`);
  }
  const marked = parseMark(found.comment)?.tenant === copyOf.tenant && row.schema === copyOf.schema;
  if (!marked || found.owner !== copyOf.ownerRole) refuse(`the schema ${copyOf.schema} is not that tenant's`);
  if (!found.may) refuse(`the provisioner may not work as ${copyOf.ownerRole}; a refresh and an update mend that`);
}

/**
 * Copies the rows into the schema that was made in this transaction.
 *
 * @throws ProviderError, before the first row, where the two do not fit, and at the end where a row is missing
 */
export async function copyRows(session: Session, context: CallContext, inputs: CopyInputs): Promise<void> {
  const { copyOf, schema, ownerRole } = inputs;
  const [from, to] = [await readCopyShape(session, copyOf.schema), await readCopyShape(session, schema)];
  const faults = copyFaults(from, to);
  if (faults.length > 0) {
    throw new ProviderError(
      `tenant ${inputs.tenant}: the rows of the tenant ${copyOf.tenant} do not fit into its schema, and nothing was ` +
        `made:\n${faults.map((fault) => `- ${fault}`).join("\n")}\nGive both the same template, files and variables, or ` +
        `make the copy without data.`,
    );
  }
  const { tables } = inOrder(from, to);
  const lend = (verb: "GRANT" | "REVOKE", preposition: "TO" | "FROM") => [
    setRole(copyOf.ownerRole),
    `${verb} USAGE ON SCHEMA ${identifier(copyOf.schema)} ${preposition} ${identifier(ownerRole)};`,
    ...[...from.tables.map(({ name }) => name), ...from.sequences].map(
      (name) => `${verb} SELECT ON ${qualified(copyOf.schema, name)} ${preposition} ${identifier(ownerRole)};`,
    ),
    "SET LOCAL ROLE NONE;",
  ];
  await session.script(lend("GRANT", "TO").join("\n"));
  await session.script(
    [
      setRole(ownerRole),
      // What a check or a generated column calls is found, and the server's own comes first.
      `SET LOCAL search_path = pg_catalog, ${identifier(schema)}, extensions; SET CONSTRAINTS ALL DEFERRED;`,
      // A row goes over as it is: what a trigger did to it, it did in the source.
      ...tables.flatMap(({ name, triggers }) =>
        triggers.length > 0 ? [`ALTER TABLE ${qualified(schema, name)} DISABLE TRIGGER USER;`] : [],
      ),
    ].join("\n"),
  );
  for (const [index, table] of tables.entries()) {
    context.status(`rows of ${table.name} (${index + 1} of ${tables.length} tables)`);
    await session.script(rowsSql(table, copyOf.schema, schema, ownValues(from, inputs)));
  }
  await session.script(
    [
      "SET CONSTRAINTS ALL IMMEDIATE;",
      ...tables.flatMap((table) => triggersSql(table, schema)),
      ...from.sequences.map(
        (name) =>
          `SELECT pg_catalog.setval(${sequenceText(schema, name)}, last_value, is_called) FROM ${qualified(copyOf.schema, name)};`,
      ),
    ].join("\n"),
  );
  await assertCounts(session, inputs, tables);
  await session.script(
    ["SET LOCAL ROLE NONE; SET LOCAL search_path = pg_catalog, pg_temp;", ...lend("REVOKE", "FROM")].join("\n"),
  );
}

/**
 * What a copy has of its own, by table and column. In a template for every isolation model each row carries its tenant's
 * `tenant_id`, and the row of `tenants` its id as the seed writes it.
 */
function ownValues(
  { tables }: CopyShape,
  { tenant, externalId }: CopyInputs,
): (table: string, column: string) => string {
  const shared =
    tables.length > 0 &&
    tables.every(({ columns }) => columns.some(({ name, type }) => name === "tenant_id" && type === "uuid"));
  const id = `${literal(poolTenantId(externalId))}::pg_catalog.uuid`;
  return (table, column) => {
    if (shared && column === "tenant_id") return id;
    if (shared && table === "tenants" && (column === "slug" || column === "name")) return literal(tenant);
    return identifier(column);
  };
}

function rowsSql(
  { name, columns }: CopyTable,
  from: string,
  to: string,
  valueOf: (table: string, column: string) => string,
): string {
  const target = qualified(to, name);
  const copied = columns.filter(({ generated }) => !generated);
  if (copied.length === 0) return `INSERT INTO ${target} SELECT FROM ${qualified(from, name)};`;
  const list = copied.map((column) => identifier(column.name)).join(", ");
  const values = copied.map((column) =>
    column.own ? `${identifier(column.name)}::text::${identifier(to)}.${column.type}` : valueOf(name, column.name),
  );
  return `INSERT INTO ${target} (${list}) OVERRIDING SYSTEM VALUE SELECT ${values.join(", ")} FROM ${qualified(from, name)};`;
}

const triggerStates: Readonly<Record<string, string>> = { O: "ENABLE", A: "ENABLE ALWAYS", R: "ENABLE REPLICA" };

/** Triggers as they were before all of them were switched off. */
function triggersSql({ name, triggers }: CopyTable, schema: string): string[] {
  return triggers.flatMap((trigger) => {
    const state = triggerStates[trigger.state];
    return state === undefined
      ? []
      : [`ALTER TABLE ${qualified(schema, name)} ${state} TRIGGER ${identifier(trigger.name)};`];
  });
}

/** @throws ProviderError where a table has other rows than its source */
async function assertCounts(session: Session, inputs: CopyInputs, tables: readonly CopyTable[]): Promise<void> {
  const wrong: string[] = [];
  for (const { name } of tables) {
    const [row] = await session.query<{ source: string; copy: string }>(
      `SELECT (SELECT count(*) FROM ${qualified(inputs.copyOf.schema, name)})::text AS source,
         (SELECT count(*) FROM ${qualified(inputs.schema, name)})::text AS copy`,
    );
    if (row?.source !== row?.copy) wrong.push(`${name} has ${row?.copy ?? "?"} rows of ${row?.source ?? "?"}`);
  }
  if (wrong.length === 0) return;
  throw new ProviderError(
    `tenant ${inputs.tenant}: the copy of the tenant ${inputs.copyOf.tenant} is not complete, and nothing was made: ` +
      `${wrong.join(", ")}. Run the same command again; if it stays so, look for rules and triggers on these tables.`,
  );
}

function qualified(schema: string, name: string): string {
  return `${identifier(schema)}.${identifier(name)}`;
}

/** A name as text for `regclass`. */
function sequenceText(schema: string, name: string): string {
  return `${literal(qualified(schema, name))}::pg_catalog.regclass`;
}
