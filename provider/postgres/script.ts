/** The SQL of a tenant: one text of many statements and one transaction, so that a crash leaves nothing half made. */
import { poolTenantId } from "../../components/naming.ts";
import type { PostgresServer } from "../config.ts";
import type { BackupWaiver, SchemaInputs } from "../inputs.ts";
import type { Mark } from "../mark.ts";
import { changeLock, eventSql, type FileOrigin, originsSql, recordRemovalSql, recordSchemaSql } from "./catalogue.ts";
import { defaultPrivilegesSql, type Difference } from "./drift.ts";
import { grantApplicationSql } from "./drift-roles.ts";
import type { Live } from "./live.ts";
import { createLoginsSql, searchPathsSql, type Verifiers } from "./logins.ts";
import { identifier, identifiers, integer, literal } from "./quote.ts";

/** A file with its placeholders filled in. */
export interface RenderedFile {
  readonly origin: FileOrigin;
  readonly name: string;
  readonly sha256: string;
  readonly sql: string;
  /** Its statements cannot run inside of a transaction: `inTransaction` makes it one that can. */
  readonly concurrent?: boolean;
}

export interface ScriptOptions {
  readonly server: PostgresServer;
  readonly mark: Mark;
  readonly verifiers: Verifiers;
  /** Files to apply, in order. */
  readonly files: readonly RenderedFile[];
  /** What the audit trail says of it. */
  readonly event: string;
}

/** For how long one statement waits for the locks of a tenant's sessions. */
export const lockTimeout = "SET LOCAL lock_timeout = '10s';";

/** Everything of a new tenant. */
export function createScript(inputs: SchemaInputs, options: ScriptOptions): string {
  return ["BEGIN;", ...makeSql(inputs, options), createEnd(inputs, options)].join("\n");
}

/** The same for a transaction that has begun, but for its records and its end. */
export function createInside(inputs: SchemaInputs, options: ScriptOptions): string {
  return makeSql(inputs, options).join("\n");
}

/** The records, and the end of the transaction. */
export function createEnd(inputs: SchemaInputs, options: ScriptOptions): string {
  return [...recordsSql(inputs, { ...options, urn: options.mark.urn }), "COMMIT;"].join("\n");
}

function makeSql(inputs: SchemaInputs, options: ScriptOptions): string[] {
  const { ownerRole, appRole, readOnlyRole, application } = inputs;
  const database = identifier(options.server.database);
  const logins = identifiers([appRole, readOnlyRole]);
  const open = inputs.state === "active";
  return [
    ...createLoginsSql(inputs, options.verifiers),
    // Only the owner is a role to SET ROLE to: the server walks every such membership after each change of roles.
    "SET LOCAL createrole_self_grant = 'set';",
    `CREATE ROLE ${identifier(ownerRole)} NOLOGIN NOINHERIT NOBYPASSRLS;`,
    `SELECT ${changeLock};`,
    ...(open ? [`GRANT CONNECT ON DATABASE ${database} TO ${logins};`] : []),
    ...(open && application !== undefined ? [grantApplicationSql(appRole, application)] : []),
    ...searchPathsSql(inputs, options.server.database),
    `CREATE SCHEMA ${identifier(inputs.schema)} AUTHORIZATION ${identifier(ownerRole)};`,
    `SET LOCAL ROLE ${identifier(ownerRole)};`,
    `GRANT USAGE ON SCHEMA ${identifier(inputs.schema)} TO ${logins};`,
    ...defaultPrivilegesSql(inputs),
    ...asOwnerSql(inputs, options),
  ];
}

/** What is left to do for a tenant that is there: mends every difference, sets passwords, applies new files. */
export function mendScript(
  live: Live,
  inputs: SchemaInputs,
  found: readonly Difference[],
  options: ScriptOptions,
): string {
  const { ownerRole, appRole, readOnlyRole } = inputs;
  const schema = identifier(inputs.schema);
  return [
    `BEGIN; SELECT ${changeLock}; ${lockTimeout}`,
    ...found.flatMap(({ asProvisioner }) => asProvisioner ?? []),
    `ALTER ROLE ${identifier(appRole)} CONNECTION LIMIT ${integer(inputs.connectionLimit)} ` +
      `PASSWORD ${literal(options.verifiers.app)};`,
    `ALTER ROLE ${identifier(readOnlyRole)} CONNECTION LIMIT ${integer(inputs.readOnlyConnectionLimit)} ` +
      `PASSWORD ${literal(options.verifiers.readOnly)};`,
    ...(live.schema === null
      ? [
          grantSelf(ownerRole),
          `CREATE SCHEMA ${schema} AUTHORIZATION ${identifier(ownerRole)};`,
          `DELETE FROM platform.applied_files WHERE schema_name = ${literal(inputs.schema)};`,
        ]
      : []),
    setRole(ownerRole),
    ...(live.schema === null ? [`GRANT USAGE ON SCHEMA ${schema} TO ${identifiers([appRole, readOnlyRole])};`] : []),
    ...found.flatMap(({ asOwner }) => asOwner ?? []),
    ...asOwnerSql(inputs, options),
    ...recordsSql(inputs, { ...options, urn: options.mark.urn }),
    "COMMIT;",
  ].join("\n");
}

/** The provisioner may administer every role that it made, and gives itself the right to SET ROLE where it has not. */
export function grantSelf(role: string): string {
  return `GRANT ${identifier(role)} TO CURRENT_USER WITH SET TRUE, INHERIT FALSE;`;
}

export function setRole(role: string): string {
  return `${grantSelf(role)} SET LOCAL ROLE ${identifier(role)};`;
}

/** Mark and files, as the owner; ends as the provisioner. */
function asOwnerSql(inputs: SchemaInputs, { mark, files }: ScriptOptions): string[] {
  return [
    `COMMENT ON SCHEMA ${identifier(inputs.schema)} IS ${literal(JSON.stringify(mark))};`,
    ...runFilesSql(inputs, files),
  ];
}

/**
 * What a seed may write into a row, by the names that it has in a pool, too. A schema knows no name for people: the id
 * stands for it.
 */
function seedSettingsSql({ tenant, externalId }: SchemaInputs): string {
  const settings = { tenant_id: poolTenantId(externalId), tenant_slug: tenant, tenant_name: tenant };
  const calls = Object.entries(settings).map(
    ([name, value]) => `pg_catalog.set_config('app.${name}', ${literal(value)}, true)`,
  );
  return `SELECT ${calls.join(", ")};`;
}

/** Ends as the provisioner. */
function runFilesSql(inputs: SchemaInputs, files: readonly RenderedFile[]): string[] {
  return [
    `SET LOCAL search_path = ${identifier(inputs.schema)}, extensions, pg_catalog;`,
    ...(files.some(({ origin }) => origin === "seed") ? [seedSettingsSql(inputs)] : []),
    // A file may end in a comment without a line end.
    ...files.map(({ sql }) => `${sql}\n;`),
    // Deferred triggers of a file have to run as the owner, not at COMMIT as the provisioner.
    ...(files.length > 0 ? ["SET CONSTRAINTS ALL IMMEDIATE;"] : []),
    "SET LOCAL ROLE NONE; SET LOCAL search_path = pg_catalog, pg_temp;",
  ];
}

/** The rest of a transaction that has begun: files that a schema lacks, as its owner, and the records of it. */
export function filesScript(inputs: SchemaInputs, records: Records): string {
  return [
    `SET LOCAL ROLE ${identifier(inputs.ownerRole)};`,
    ...runFilesSql(inputs, records.files),
    ...recordsSql(inputs, records),
    "COMMIT;",
  ].join("\n");
}

/** Says of a file that was applied statement by statement that it was. */
export function recordScript(inputs: SchemaInputs, records: Records): string {
  return ["BEGIN;", ...recordsSql(inputs, records), "COMMIT;"].join("\n");
}

interface Records {
  readonly files: readonly RenderedFile[];
  readonly urn: string;
  readonly event: string;
}

function recordsSql(inputs: SchemaInputs, { files, urn, event }: Records): string[] {
  const applied = files.map(
    ({ origin, name, sha256 }) => `(${[inputs.schema, inputs.tenant, origin, name, sha256].map(literal).join(", ")})`,
  );
  return [
    ...(files.some(({ origin }) => origin === "seed") ? [originsSql] : []),
    ...(applied.length > 0
      ? [`INSERT INTO platform.applied_files (schema_name, tenant, origin, name, sha256) VALUES ${applied.join(", ")};`]
      : []),
    recordSchemaSql({ ...inputs, urn }),
    eventSql(inputs.tenant, event, { store: "postgres", schema: inputs.schema, files: files.map(({ name }) => name) }),
  ];
}

/** First step of a removal: nobody can log in any more. */
export function closeScript(inputs: SchemaInputs, live: Live, server: PostgresServer): string {
  const logins = [inputs.appRole, inputs.readOnlyRole].filter((role) => live.roles[role] !== undefined);
  if (logins.length === 0) return "";
  return [
    `BEGIN; SELECT ${changeLock};`,
    ...logins.map((role) => `ALTER ROLE ${identifier(role)} NOLOGIN;`),
    `REVOKE CONNECT ON DATABASE ${identifier(server.database)} FROM ${identifiers(logins)};`,
    "COMMIT;",
  ].join("\n");
}

/** Some of the tables of a schema that is too large for one transaction's locks. */
export function dropTablesScript(
  inputs: Pick<SchemaInputs, "schema" | "ownerRole">,
  tables: readonly string[],
): string {
  const names = tables.map((table) => `${identifier(inputs.schema)}.${identifier(table)}`).join(", ");
  return [`BEGIN; ${lockTimeout}`, setRole(inputs.ownerRole), `DROP TABLE IF EXISTS ${names} CASCADE;`, "COMMIT;"].join(
    "\n",
  );
}

/** Last step of a removal: schema, roles, and the tombstone. */
export function dropScript(inputs: SchemaInputs, live: Live, waiver: BackupWaiver): string {
  const roles = [inputs.ownerRole, inputs.appRole, inputs.readOnlyRole].filter(
    (role) => live.roles[role] !== undefined,
  );
  const schema = identifier(inputs.schema);
  return [
    `BEGIN; SELECT ${changeLock}; ${lockTimeout}`,
    ...roles.flatMap((role) => [
      setRole(role),
      ...(role === inputs.ownerRole && live.schema !== null ? [`DROP SCHEMA ${schema} CASCADE;`] : []),
      `DROP OWNED BY ${identifier(role)};`,
      "SET LOCAL ROLE NONE;",
    ]),
    ...(roles.length > 0 ? [`DROP ROLE ${identifiers(roles)};`] : []),
    `DELETE FROM platform.applied_files WHERE schema_name = ${literal(inputs.schema)};`,
    recordRemovalSql(inputs.tenant, waiver),
    eventSql(inputs.tenant, "remove", { store: "postgres", schema: inputs.schema, waiver }),
    "COMMIT;",
  ].join("\n");
}
