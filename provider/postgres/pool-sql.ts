/**
 * What the tool itself keeps in a pool's schema: who is a member, which login is bound to which tenant, whose rows a
 * statement may see, and the record of every change. The one place that writes this SQL.
 */
import type { PoolInputs } from "../inputs.ts";
import { identifier, literal } from "./quote.ts";

/** Names that all statements on a pool need. */
export type PoolPlace = Pick<PoolInputs, "schema" | "ownerRole" | "appRole" | "readOnlyRole">;

/** Tables of the tool: no row of an application is in them. */
export const membersTable = "tenancy_members";
export const loginsTable = "tenancy_logins";
export const auditTable = "audit_log";
export const poolTables = [membersTable, loginsTable, auditTable] as const;

/**
 * - `tenant`: bound to its tenant for good;
 * - `application`: the trusted login, whose tenant is the setting `app.tenant_id` of its transaction;
 * - `provisioner`: the same for the tool, also for tenants that are closed.
 */
export type LoginKind = "tenant" | "application" | "provisioner";

export interface PoolFunction {
  readonly name: string;
  /** As they are declared. */
  readonly parameters: string;
  /** As the catalogue identifies the function. */
  readonly signature: string;
  readonly returns: string;
  readonly volatility: "STABLE" | "VOLATILE";
  readonly parallel: "SAFE" | "UNSAFE";
  readonly body: string;
  /** Whether members of the pool call it. */
  readonly open: boolean;
}

/** A table or function of the pool, as it is written in a statement. */
export function within(place: Pick<PoolPlace, "schema">, name: string): string {
  return `${identifier(place.schema)}.${identifier(name)}`;
}

/** Every function of the tool in a pool. All of them are SECURITY DEFINER: they read what no member may. */
export function poolFunctions(place: Pick<PoolPlace, "schema">): readonly PoolFunction[] {
  const members = within(place, membersTable);
  const logins = within(place, loginsTable);
  const audit = within(place, auditTable);
  const current = `${within(place, "current_tenant_id")}()`;
  return [
    {
      name: "current_tenant_id",
      parameters: "",
      signature: "",
      returns: "uuid",
      volatility: "STABLE",
      parallel: "SAFE",
      open: true,
      // The text is cast in a statement of its own: in a query the planner would cast it before the test.
      body: `
DECLARE
  claim text := pg_catalog.current_setting('app.tenant_id', true);
  asked uuid;
BEGIN
  IF pg_catalog.pg_input_is_valid(claim, 'uuid') THEN
    asked := claim::uuid;
  END IF;
  RETURN (SELECT m.tenant_id FROM ${logins} l
    JOIN ${members} m ON m.tenant_id = CASE l.kind WHEN 'tenant' THEN l.tenant_id ELSE asked END
    WHERE l.login = session_user::text AND (m.active OR l.kind = 'provisioner'));
END`,
    },
    {
      name: "current_tenant",
      parameters: "",
      signature: "",
      returns: "text",
      volatility: "STABLE",
      parallel: "SAFE",
      open: true,
      body: `
BEGIN
  RETURN (SELECT m.tenant FROM ${members} m WHERE m.tenant_id = ${current});
END`,
    },
    {
      name: "set_tenant_context",
      parameters: "tenant uuid, actor text DEFAULT NULL",
      signature: "tenant uuid, actor text",
      returns: "void",
      volatility: "VOLATILE",
      parallel: "UNSAFE",
      open: true,
      body: `
BEGIN
  IF NOT EXISTS (SELECT FROM ${logins} l WHERE l.login = session_user::text AND l.kind <> 'tenant') THEN
    RAISE EXCEPTION 'the login % has one tenant for good and may not choose another', session_user
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  PERFORM pg_catalog.set_config('app.tenant_id', coalesce(tenant::text, ''), true),
    pg_catalog.set_config('app.user_id', coalesce(actor, ''), true);
  IF ${current} IS NULL THEN
    RAISE EXCEPTION 'tenant % is no active member of this pool', coalesce(tenant::text, 'NULL')
      USING ERRCODE = 'insufficient_privilege';
  END IF;
END`,
    },
    {
      name: "tenancy_audit",
      parameters: "",
      signature: "",
      returns: "trigger",
      volatility: "VOLATILE",
      parallel: "UNSAFE",
      open: false,
      // Both transition tables of an UPDATE are filled row by row, so that equal numbers are the same row.
      body: `
DECLARE
  actor text := nullif(pg_catalog.current_setting('app.user_id', true), '');
  hidden text[] := coalesce(TG_ARGV, '{}');
BEGIN
  IF pg_catalog.current_setting('tenancy.erasing', true) = 'on'
    AND EXISTS (SELECT FROM ${logins} l WHERE l.login = session_user::text AND l.kind = 'provisioner') THEN
    RETURN NULL;
  END IF;
  IF TG_OP = 'INSERT' THEN
    INSERT INTO ${audit} (tenant_id, login, actor, action, table_name, old_row, new_row)
      SELECT n.tenant_id, session_user, actor, TG_OP, TG_TABLE_NAME, NULL, to_jsonb(n) - hidden FROM new_rows n;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO ${audit} (tenant_id, login, actor, action, table_name, old_row, new_row)
      SELECT o.tenant_id, session_user, actor, TG_OP, TG_TABLE_NAME, to_jsonb(o) - hidden, NULL FROM old_rows o;
  ELSE
    INSERT INTO ${audit} (tenant_id, login, actor, action, table_name, old_row, new_row)
      SELECT coalesce(n.tenant_id, o.tenant_id), session_user, actor, TG_OP, TG_TABLE_NAME, o.image, n.image
      FROM (SELECT row_number() OVER () AS number, r.tenant_id, to_jsonb(r) - hidden AS image FROM old_rows r) o
      FULL JOIN (SELECT row_number() OVER () AS number, r.tenant_id, to_jsonb(r) - hidden AS image FROM new_rows r) n
        USING (number);
  END IF;
  RETURN NULL;
END`,
    },
  ];
}

/** The statement that makes one of them, or makes it what it has to be. */
export function functionSql(place: Pick<PoolPlace, "schema">, made: PoolFunction): string {
  const { name, parameters, returns, volatility, parallel, body } = made;
  return (
    `CREATE OR REPLACE FUNCTION ${within(place, name)}(${parameters}) RETURNS ${returns} LANGUAGE plpgsql ${volatility} ` +
    `PARALLEL ${parallel} SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS ${literal(body)};`
  );
}

/** Tables and functions of the tool, run as the owner before the template's files. Can be run again. */
export function infrastructureSql(place: PoolPlace): string[] {
  const members = within(place, membersTable);
  const logins = within(place, loginsTable);
  const groups = `${identifier(place.appRole)}, ${identifier(place.readOnlyRole)}`;
  return [
    `CREATE TABLE IF NOT EXISTS ${members} (
  tenant_id uuid PRIMARY KEY, tenant text NOT NULL UNIQUE, active boolean NOT NULL, mark text NOT NULL,
  joined_at timestamptz NOT NULL DEFAULT now());`,
    `CREATE TABLE IF NOT EXISTS ${logins} (
  login text PRIMARY KEY, tenant_id uuid REFERENCES ${members},
  kind text NOT NULL CHECK (kind IN ('tenant', 'application', 'provisioner')),
  CHECK ((kind = 'tenant') = (tenant_id IS NOT NULL)));`,
    `CREATE TABLE IF NOT EXISTS ${within(place, auditTable)} (
  id bigint GENERATED ALWAYS AS IDENTITY, tenant_id uuid NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp(),
  login text NOT NULL, actor text, action text NOT NULL, table_name text NOT NULL, old_row jsonb, new_row jsonb,
  PRIMARY KEY (tenant_id, id));`,
    `ALTER TABLE ${members} ENABLE ROW LEVEL SECURITY; ALTER TABLE ${logins} ENABLE ROW LEVEL SECURITY;`,
    ...poolFunctions(place).flatMap((made) => {
      const signature = `${within(place, made.name)}(${made.signature})`;
      return [
        functionSql(place, made),
        `REVOKE ALL ON FUNCTION ${signature} FROM PUBLIC;`,
        ...(made.open ? [`GRANT EXECUTE ON FUNCTION ${signature} TO ${groups};`] : []),
      ];
    }),
  ];
}

export interface Member {
  /** A uuid in lower case. */
  readonly tenantId: string;
  /** Id in the registry. */
  readonly tenant: string;
  /** Whether the tenant's rows can be seen by anyone but the provisioner. */
  readonly active: boolean;
  /** JSON text of a `Mark`. */
  readonly mark: string;
}

/** Makes a tenant a member, or the member what it has to be. Run as the owner. */
export function memberSql(place: PoolPlace, { tenantId, tenant, active, mark }: Member): string {
  return (
    `INSERT INTO ${within(place, membersTable)} (tenant_id, tenant, active, mark) VALUES (${literal(tenantId)}, ` +
    `${literal(tenant)}, ${String(active)}, ${literal(mark)}) ON CONFLICT (tenant_id) DO UPDATE ` +
    `SET tenant = excluded.tenant, active = excluded.active, mark = excluded.mark;`
  );
}

/** Says whose rows a login may see. Run as the owner. */
export function loginSql(
  place: PoolPlace,
  login: string,
  to: { readonly kind: "tenant"; readonly tenantId: string } | { readonly kind: "application" | "provisioner" },
): string {
  const bound = to.kind === "tenant" ? `${literal(to.tenantId)}::uuid` : "NULL";
  return (
    `INSERT INTO ${within(place, loginsTable)} (login, tenant_id, kind) VALUES (${literal(login)}, ${bound}, ` +
    `${literal(to.kind)}) ON CONFLICT (login) DO UPDATE SET tenant_id = excluded.tenant_id, kind = excluded.kind;`
  );
}

/** Ends a membership and the bond of its logins. Run as the owner. */
export function removeMemberSql(place: PoolPlace, tenantId: string): string {
  return (
    `DELETE FROM ${within(place, loginsTable)} WHERE tenant_id = ${literal(tenantId)};\n` +
    `DELETE FROM ${within(place, membersTable)} WHERE tenant_id = ${literal(tenantId)};`
  );
}

/** Works on one tenant's rows until the transaction ends. Run as the owner, or as one of the groups. */
export function contextSql(place: PoolPlace, tenantId: string, actor?: string): string {
  const who = actor === undefined ? "NULL" : literal(actor);
  return `SELECT ${within(place, "set_tenant_context")}(${literal(tenantId)}::uuid, ${who});`;
}

/** Keeps the removal of a tenant's rows out of its audit until the transaction ends; only the provisioner's counts. */
export const erasingSql = "SET LOCAL tenancy.erasing = 'on';";

/** A tenant's login gets what the pool's group may, and cannot take the group's place. Run as the provisioner. */
export function joinGroupSql(group: string, login: string): string {
  return `GRANT ${identifier(group)} TO ${identifier(login)} WITH INHERIT TRUE, SET FALSE;`;
}
