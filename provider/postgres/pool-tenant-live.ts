/** A look at what there is of one tenant of a pool: its logins, its membership, its row of the catalogue. */
import type { PoolTenantInputs } from "../inputs.ts";
import { reachSql } from "./drift-reach.ts";
import { type Live, rightsOf } from "./live.ts";
import { loginsTable, membersTable, within } from "./pool-sql.ts";
import type { Session } from "./pool.ts";
import { setRole } from "./script.ts";

export interface LiveMember {
  readonly tenantId: string;
  readonly tenant: string;
  readonly active: boolean;
  readonly mark: string;
}

export interface LiveLogin {
  readonly login: string;
  readonly tenantId: string | null;
  readonly kind: string;
}

export interface LivePoolTenant extends Pick<Live, "roles" | "databaseRights" | "reach" | "row"> {
  /** Whether the pool's schema is there, with the table of its members. */
  readonly pool: boolean;
  readonly memberships: readonly (Live["memberships"][number] & { readonly inherit: boolean; readonly set: boolean })[];
  /** Members with the tenant's id in the registry or with its `tenant_id`: one at most where all is well. */
  readonly members: readonly LiveMember[];
  /** Bonds of the tenant's logins, and other logins that are bound to the tenant. */
  readonly logins: readonly LiveLogin[];
}

const liveSql = `WITH ours AS (SELECT * FROM pg_catalog.pg_roles WHERE rolname = ANY ($2)),
  d AS (SELECT * FROM pg_catalog.pg_database WHERE datname = current_database()),
  -- A tenant of a pool has no schema and no object: whatever its logins may touch by themselves is out of place.
  n AS (SELECT * FROM pg_catalog.pg_namespace WHERE false),
  m AS (SELECT NULL::oid AS classid, NULL::oid AS objid WHERE false)
SELECT json_build_object(
  'pool', EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
    WHERE s.nspname = $4 AND c.relname = '${membersTable}'),
  'roles', (SELECT coalesce(json_object_agg(o.rolname, json_build_object('login', o.rolcanlogin, 'inherit', o.rolinherit,
      'powers', array_remove(ARRAY[CASE WHEN o.rolsuper THEN 'SUPERUSER' END, CASE WHEN o.rolbypassrls THEN 'BYPASSRLS' END,
        CASE WHEN o.rolcreatedb THEN 'CREATEDB' END, CASE WHEN o.rolcreaterole THEN 'CREATEROLE' END,
        CASE WHEN o.rolreplication THEN 'REPLICATION' END], NULL),
      'connectionLimit', o.rolconnlimit, 'validUntil', nullif(o.rolvaliduntil, 'infinity')::text,
      'settings', coalesce((SELECT to_json(s.setconfig) FROM pg_catalog.pg_db_role_setting s, d
        WHERE s.setrole = o.oid AND s.setdatabase = d.oid), '[]'),
      'globalSettings', coalesce(to_json(o.rolconfig), '[]'))), '{}') FROM ours o),
  'memberships', (SELECT coalesce(json_agg(json_build_object('role', pg_get_userbyid(a.roleid),
      'member', pg_get_userbyid(a.member), 'grantor', pg_get_userbyid(a.grantor), 'admin', a.admin_option,
      'inherit', a.inherit_option, 'set', a.set_option)), '[]')
    FROM pg_catalog.pg_auth_members a
    WHERE a.member IN (SELECT oid FROM ours)
      OR (a.roleid IN (SELECT oid FROM ours) AND pg_get_userbyid(a.member) <> current_user)),
  'databaseRights', (SELECT coalesce(json_agg(r), '[]') FROM d, json_array_elements(${rightsOf("d.datacl")}) r
    WHERE r->>'grantee' = ANY ($2)),
  'reach', ${reachSql},
  'row', (SELECT json_build_object('status', status, 'project', project, 'stack', stack, 'removedAt', removed_at)
    FROM platform.tenants WHERE id = $3)
) AS live`;

type Seen = Omit<LivePoolTenant, "members" | "logins">;

export async function readPoolTenant(session: Session, inputs: PoolTenantInputs): Promise<LivePoolTenant> {
  const roles = [inputs.appRole, inputs.readOnlyRole];
  // No schema is the tenant's own.
  const values = ["", roles, inputs.tenant, inputs.schema];
  const [row] = await session.query<{ live: Seen }>(liveSql, values);
  if (row === undefined) throw new Error("the server gave no answer");
  const { live } = row;
  return { ...live, ...(live.pool ? await readBonds(session, inputs, roles) : { members: [], logins: [] }) };
}

/** Only the owner reads who is a member. */
async function readBonds(
  session: Session,
  inputs: PoolTenantInputs,
  roles: readonly string[],
): Promise<Pick<LivePoolTenant, "members" | "logins">> {
  await session.query("BEGIN");
  await session.script(setRole(inputs.ownerRole));
  const members = await session.query<LiveMember & Record<string, unknown>>(
    `SELECT tenant_id AS "tenantId", tenant, active, mark FROM ${within(inputs, membersTable)}
     WHERE tenant_id = $1 OR tenant = $2 ORDER BY tenant`,
    [inputs.tenantId, inputs.tenant],
  );
  const logins = await session.query<LiveLogin & Record<string, unknown>>(
    `SELECT login, tenant_id AS "tenantId", kind FROM ${within(inputs, loginsTable)}
     WHERE tenant_id = $1 OR login = ANY ($2) ORDER BY login`,
    [inputs.tenantId, roles],
  );
  await session.query("ROLLBACK");
  return { members, logins };
}

/** The tenant's own row of the members; undefined where it has none. */
export function memberOf(live: LivePoolTenant, inputs: PoolTenantInputs): LiveMember | undefined {
  return live.members.find(({ tenantId, tenant }) => tenantId === inputs.tenantId && tenant === inputs.tenant);
}

/** Whether anything is left of the tenant but rows. */
export function isThere(live: LivePoolTenant): boolean {
  return Object.keys(live.roles).length > 0 || live.members.length > 0 || live.logins.length > 0;
}
