/** The SQL of a pool's tenant: its logins, its membership, its seeds and its records. */
import type { PostgresServer } from "../config.ts";
import type { BackupWaiver, PoolTenantInputs } from "../inputs.ts";
import type { Mark } from "../mark.ts";
import { changeLock, eventSql, recordRemovalSql, recordSchemaSql } from "./catalogue.ts";
import { type Difference, searchPath } from "./drift.ts";
import { createLoginsSql, searchPathsSql, type Verifiers } from "./logins.ts";
import type { LivePoolTenant } from "./pool-tenant-live.ts";
import { contextSql, joinGroupSql, loginSql, memberSql, removeMemberSql } from "./pool-sql.ts";
import { placeOf } from "./pool-tenant-rows.ts";
import { identifier, identifiers, integer, literal } from "./quote.ts";
import { lockTimeout, setRole } from "./script.ts";

/** A file of the template's `seed/` with its placeholders filled in. */
export interface Seed {
  readonly name: string;
  readonly sha256: string;
  readonly sql: string;
}

/** What the seeds of a tenant are noted under: several tenants fill one schema. */
export function seededSchema(inputs: Pick<PoolTenantInputs, "schema" | "tenant">): string {
  return `${inputs.schema}/${inputs.tenant}`;
}

/** Begins the transaction that makes a tenant: logins and membership, still without a row. */
export function joinScript(
  inputs: PoolTenantInputs,
  options: { readonly server: PostgresServer; readonly mark: Mark; readonly verifiers: Verifiers },
): string {
  const { appRole, readOnlyRole } = inputs;
  const database = identifier(options.server.database);
  const logins = identifiers([appRole, readOnlyRole]);
  const open = inputs.state === "active";
  return [
    "BEGIN;",
    ...createLoginsSql(inputs, options.verifiers),
    `SELECT ${changeLock};`,
    joinGroupSql(inputs.poolAppRole, appRole),
    joinGroupSql(inputs.poolReadOnlyRole, readOnlyRole),
    ...(open ? [`GRANT CONNECT ON DATABASE ${database} TO ${logins};`] : []),
    ...searchPathsSql(inputs, options.server.database),
    setRole(inputs.ownerRole),
    ...bondsSql(inputs, options.mark),
    "SET LOCAL ROLE NONE;",
  ].join("\n");
}

/** Ends that transaction: the seeds, written with the rights of the tenant's application, and the records. */
export function fillScript(
  inputs: PoolTenantInputs,
  options: { readonly mark: Mark; readonly seeds: readonly Seed[]; readonly event: string },
): string {
  const { seeds } = options;
  const filled = [
    setRole(inputs.poolAppRole),
    contextSql(placeOf(inputs), inputs.tenantId),
    // What a seed may write into a row, in words that mean the same in every isolation model.
    `SELECT pg_catalog.set_config('app.tenant_slug', ${literal(inputs.tenant)}, true),`,
    `  pg_catalog.set_config('app.tenant_name', ${literal(inputs.displayName)}, true);`,
    `SET LOCAL search_path = ${searchPath(inputs)};`,
    // A file may end in a comment without a line end.
    ...seeds.map(({ sql }) => `${sql}\n;`),
    // Deferred triggers of the tables have to run with these rights, not at COMMIT as the provisioner.
    "SET CONSTRAINTS ALL IMMEDIATE;",
    "SET LOCAL ROLE NONE; SET LOCAL search_path = pg_catalog, pg_temp;",
  ];
  const values = seeds.map(
    ({ name, sha256 }) => `(${[seededSchema(inputs), inputs.tenant, "seed", name, sha256].map(literal).join(", ")})`,
  );
  return [
    ...(seeds.length > 0 ? filled : []),
    ...(seeds.length > 0
      ? [`INSERT INTO platform.applied_files (schema_name, tenant, origin, name, sha256) VALUES ${values.join(", ")};`]
      : []),
    ...recordsSql(inputs, options.mark, options.event, seeds),
    "COMMIT;",
  ].join("\n");
}

/** Makes a tenant that is there what the inputs ask. */
export function mendPoolTenantScript(
  inputs: PoolTenantInputs,
  found: readonly Difference[],
  options: { readonly mark: Mark; readonly verifiers: Verifiers; readonly event: string },
): string {
  const { appRole, readOnlyRole } = inputs;
  return [
    `BEGIN; SELECT ${changeLock}; ${lockTimeout}`,
    ...found.flatMap(({ asProvisioner }) => asProvisioner ?? []),
    `ALTER ROLE ${identifier(appRole)} CONNECTION LIMIT ${integer(inputs.connectionLimit)} ` +
      `PASSWORD ${literal(options.verifiers.app)};`,
    `ALTER ROLE ${identifier(readOnlyRole)} CONNECTION LIMIT ${integer(inputs.readOnlyConnectionLimit)} ` +
      `PASSWORD ${literal(options.verifiers.readOnly)};`,
    setRole(inputs.ownerRole),
    ...found.flatMap(({ asOwner }) => asOwner ?? []),
    ...bondsSql(inputs, options.mark),
    "SET LOCAL ROLE NONE;",
    ...recordsSql(inputs, options.mark, options.event, []),
    "COMMIT;",
  ].join("\n");
}

/** Membership and bonds of the logins, as the owner. */
function bondsSql(inputs: PoolTenantInputs, mark: Mark): string[] {
  const { tenantId, tenant, state } = inputs;
  const place = placeOf(inputs);
  return [
    memberSql(place, { tenantId, tenant, active: state === "active", mark: JSON.stringify(mark) }),
    ...[inputs.appRole, inputs.readOnlyRole].map((role) => loginSql(place, role, { kind: "tenant", tenantId })),
  ];
}

function recordsSql(inputs: PoolTenantInputs, mark: Mark, event: string, seeds: readonly Seed[]): string[] {
  const detail = { store: "postgres", pool: inputs.pool, files: seeds.map(({ name }) => name) };
  return [recordSchemaSql({ ...inputs, urn: mark.urn }), eventSql(inputs.tenant, event, detail)];
}

/**
 * First step of a removal: nobody logs in any more, and nobody but the provisioner sees the tenant's rows. A member that
 * was taken away from outside is entered again: without it the rows could not be seen.
 */
export function closePoolTenantScript(
  inputs: PoolTenantInputs,
  live: LivePoolTenant,
  server: PostgresServer,
  mark: Mark,
): string {
  const logins = existingLogins(inputs, live);
  const member = { tenantId: inputs.tenantId, tenant: inputs.tenant, active: false, mark: JSON.stringify(mark) };
  return [
    `BEGIN; SELECT ${changeLock}; ${lockTimeout}`,
    ...logins.map((role) => `ALTER ROLE ${identifier(role)} NOLOGIN;`),
    ...(logins.length > 0
      ? [`REVOKE CONNECT ON DATABASE ${identifier(server.database)} FROM ${identifiers(logins)};`]
      : []),
    ...(live.pool ? [setRole(inputs.ownerRole), memberSql(placeOf(inputs), member), "SET LOCAL ROLE NONE;"] : []),
    "COMMIT;",
  ].join("\n");
}

/** Ends the transaction of the proof: membership and logins, and the tombstone. */
export function leaveScript(inputs: PoolTenantInputs, live: LivePoolTenant, waiver: BackupWaiver): string {
  const logins = existingLogins(inputs, live);
  return [
    ...(live.pool
      ? [setRole(inputs.ownerRole), removeMemberSql(placeOf(inputs), inputs.tenantId), "SET LOCAL ROLE NONE;"]
      : []),
    ...logins.flatMap((role) => [setRole(role), `DROP OWNED BY ${identifier(role)};`, "SET LOCAL ROLE NONE;"]),
    ...(logins.length > 0 ? [`DROP ROLE ${identifiers(logins)};`] : []),
    `DELETE FROM platform.applied_files WHERE schema_name = ${literal(seededSchema(inputs))};`,
    recordRemovalSql(inputs.tenant, waiver),
    eventSql(inputs.tenant, "remove", { store: "postgres", pool: inputs.pool, waiver }),
    "COMMIT;",
  ].join("\n");
}

function existingLogins(inputs: PoolTenantInputs, live: LivePoolTenant): string[] {
  return [inputs.appRole, inputs.readOnlyRole].filter((role) => live.roles[role] !== undefined);
}
