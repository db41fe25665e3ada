/**
 * The catalogue of tenants in the schema `platform` of the shared database: owned by the provisioner, written in the
 * same transactions as what it tells about, and out of reach of every tenant's login.
 */
import type { BackupWaiver, TenantState } from "../inputs.ts";
import { identifier, json, literal } from "./quote.ts";

/**
 * Key of the advisory lock that every change of roles, schemas and the database's privileges takes; advisory locks
 * are per database. Without it GRANTs of several connections on the one row of pg_database fail with "tuple
 * concurrently updated".
 */
export const changeLock = "pg_catalog.pg_advisory_xact_lock(7305804385)";

/**
 * `removing` and `removed` are tombstones: the id is never given again, or a new customer would read what an old one
 * left in a store that was unreachable.
 */
export const tenantStatuses = ["initializing", "ready", "suspended", "offboarding", "removing", "removed"] as const;
export type TenantStatus = (typeof tenantStatuses)[number];

export function isTombstone(status: string): boolean {
  return status === "removing" || status === "removed";
}

export function statusOf(state: TenantState): TenantStatus {
  return state === "active" ? "ready" : state;
}

/** Who wrote a file: the template, its `seed/`, or the tenant itself. */
export const fileOrigins = ["template", "tenant", "seed"] as const;
export type FileOrigin = (typeof fileOrigins)[number];

/**
 * Lets the table of applied files hold every origin there is: one that was made before seeds were has a narrower
 * constraint. Takes no lock where nothing is to do.
 */
export const originsSql = `DO $tenancy$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = 'platform.applied_files'::pg_catalog.regclass
      AND conname = 'applied_files_origin_check' AND pg_catalog.pg_get_constraintdef(oid) LIKE '%seed%') THEN
    ALTER TABLE platform.applied_files DROP CONSTRAINT IF EXISTS applied_files_origin_check,
      ADD CONSTRAINT applied_files_origin_check CHECK (origin IN (${fileOrigins.map(literal).join(", ")}));
  END IF;
END $tenancy$;`;

/** Idempotent; run as the provisioner, which then owns all of it. */
export const catalogueSql = `
CREATE SCHEMA IF NOT EXISTS platform;
REVOKE ALL ON SCHEMA platform FROM PUBLIC;
CREATE TABLE IF NOT EXISTS platform.tenants (
  id text PRIMARY KEY,
  external_id text NOT NULL UNIQUE,
  display_name text,
  tier text,
  prefix text,
  region text,
  placement jsonb NOT NULL DEFAULT '{}',
  schema_name text,
  state text NOT NULL,
  status text NOT NULL CHECK (status IN (${tenantStatuses.map(literal).join(", ")})),
  project text NOT NULL,
  stack text NOT NULL,
  urn text,
  backup_waiver jsonb,
  state_since timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  removed_at timestamptz,
  last_activity timestamptz,
  route jsonb
);
ALTER TABLE platform.tenants ADD COLUMN IF NOT EXISTS route jsonb;
CREATE INDEX IF NOT EXISTS tenants_stack ON platform.tenants (project, stack);
CREATE TABLE IF NOT EXISTS platform.applied_files (
  schema_name text NOT NULL,
  tenant text NOT NULL,
  origin text NOT NULL,
  name text NOT NULL,
  sha256 text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (schema_name, origin, name)
);
${originsSql}
CREATE TABLE IF NOT EXISTS platform.events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now(),
  tenant text NOT NULL,
  event text NOT NULL,
  detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX IF NOT EXISTS events_tenant ON platform.events (tenant, at);
-- What applications may see of the catalogue. A state that closes a tenant holds from the begin of the update on.
CREATE OR REPLACE VIEW platform.routes AS
  SELECT id, external_id, tier, region, route,
    CASE WHEN state <> 'active' AND status NOT IN ('removing', 'removed') THEN state ELSE status END AS status
  FROM platform.tenants;
`;

/** Run as the provisioner, who owns the view. */
export function resolverSql(user: string, database: string, verifier: string, exists: boolean): string {
  const role = identifier(user);
  return [
    `BEGIN; SELECT ${changeLock};`,
    `${exists ? "ALTER" : "CREATE"} ROLE ${role} LOGIN NOINHERIT CONNECTION LIMIT 50 PASSWORD ${literal(verifier)};`,
    `ALTER ROLE ${role} SET default_transaction_read_only = on;`,
    `GRANT CONNECT ON DATABASE ${identifier(database)} TO ${role};`,
    `GRANT USAGE ON SCHEMA platform TO ${role};`,
    `GRANT SELECT ON platform.routes TO ${role};`,
    "COMMIT;",
  ].join("\n");
}

/** Tables that the catalogue has to have. */
export const catalogueTables = ["tenants", "applied_files", "events"] as const;

export interface Origin {
  readonly project: string;
  readonly stack: string;
}

/**
 * Project and stack of a URN: `urn:pulumi:<stack>::<project>::<type>::<name>`.
 *
 * @throws RangeError for a text that is no URN.
 */
export function originOf(urn: string): Origin {
  const match = /^urn:pulumi:(.+?)::(.+?)::/.exec(urn);
  const [, stack, project] = match ?? [];
  if (stack === undefined || project === undefined) throw new RangeError(`"${urn}" is no URN`);
  return { project, stack };
}

/** What the Schema handler knows of a tenant. */
export interface SchemaRecord {
  readonly tenant: string;
  readonly externalId: string;
  readonly schema: string;
  readonly server: string;
  readonly state: TenantState;
  readonly urn: string;
}

/** Statement that says the tenant's schema is there and in its state. The Roster's part of a row is left alone. */
export function recordSchemaSql(record: SchemaRecord): string {
  const { project, stack } = originOf(record.urn);
  const values = [record.tenant, record.externalId].map(literal).join(", ");
  return `INSERT INTO platform.tenants AS t (id, external_id, placement, schema_name, state, status, project, stack, urn)
VALUES (${values}, ${json({ postgres: record.server })}, ${literal(record.schema)}, ${literal(record.state)},
  ${literal(statusOf(record.state))}, ${literal(project)}, ${literal(stack)}, ${literal(record.urn)})
ON CONFLICT (id) DO UPDATE SET schema_name = excluded.schema_name, state = excluded.state, status = excluded.status,
  urn = excluded.urn, updated_at = now();`;
}

/** Statement that turns the tenant's row into a tombstone, with the record of why its data may be gone. */
export function recordRemovalSql(tenant: string, waiver: BackupWaiver): string {
  return `UPDATE platform.tenants SET status = 'removed', removed_at = coalesce(removed_at, now()),
  backup_waiver = ${json(waiver)}, updated_at = now() WHERE id = ${literal(tenant)};`;
}

/** Statement for the audit trail. No secret may be in `detail`. */
export function eventSql(tenant: string, event: string, detail: Readonly<Record<string, unknown>> = {}): string {
  return `INSERT INTO platform.events (tenant, event, detail) VALUES (${literal(tenant)}, ${literal(event)}, ${json(detail)});`;
}
