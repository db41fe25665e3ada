/** A look at what there is of one tenant: one query on the system catalogues, never one that runs a tenant's code. */
import type { SchemaInputs } from "../inputs.ts";
import { type Reach, reachSql } from "./drift-reach.ts";
import type { Session } from "./pool.ts";

export interface Right {
  /** `PUBLIC` or the name of a role. */
  readonly grantee: string;
  readonly privilege: string;
  readonly grantor: string;
  readonly grantable: boolean;
}

export interface LiveRole {
  readonly login: boolean;
  readonly inherit: boolean;
  /** SUPERUSER, BYPASSRLS, CREATEDB, CREATEROLE, REPLICATION: those that it has. */
  readonly powers: readonly string[];
  readonly connectionLimit: number;
  /** Settings for the shared database, as in `search_path=…`. */
  readonly settings: readonly string[];
  /** When the password ends, as the server writes it; null where it never does. */
  readonly validUntil: string | null;
  /** Settings for every database. */
  readonly globalSettings: readonly string[];
}

export interface LiveObject {
  readonly kind: "table" | "sequence" | "function" | "type";
  /** Quoted where needed, with its arguments where it is a function. */
  readonly name: string;
  readonly owner: string;
  readonly rights: readonly Right[];
  /** Who has rights on single columns. */
  readonly columnGrantees: readonly string[];
}

export interface Live {
  readonly schema: {
    readonly owner: string;
    readonly comment: string | null;
    readonly rights: readonly Right[];
  } | null;
  readonly roles: Readonly<Record<string, LiveRole>>;
  /** Other roles in which ours are members, and members of ours other than the provisioner. */
  readonly memberships: readonly {
    readonly role: string;
    readonly member: string;
    readonly grantor: string;
    readonly admin: boolean;
    readonly inherit: boolean;
    readonly set: boolean;
  }[];
  readonly databaseRights: readonly Right[];
  readonly defaults: readonly (Right & { readonly kind: string; readonly global: boolean })[];
  readonly objects: readonly LiveObject[];
  /** Rights and ownership of ours outside of the schema. */
  readonly reach: readonly Reach[];
  readonly applied: readonly { readonly origin: string; readonly name: string; readonly sha256: string }[];
  readonly row: {
    readonly status: string;
    readonly project: string;
    readonly stack: string;
    readonly removedAt: string | null;
  } | null;
}

/** Entries of an ACL as `Right`s in JSON. */
export const rightsOf = (acl: string) => `(SELECT coalesce(json_agg(json_build_object('grantee',
  CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END,
  'privilege', a.privilege_type, 'grantor', pg_get_userbyid(a.grantor), 'grantable', a.is_grantable) ORDER BY a.grantee, a.privilege_type), '[]')
  FROM aclexplode(${acl}) a)`;

/** A `LiveRole` of the role `o`, with its settings for the database `d`. */
export const roleJson = `json_build_object('login', o.rolcanlogin, 'inherit', o.rolinherit,
      'powers', array_remove(ARRAY[CASE WHEN o.rolsuper THEN 'SUPERUSER' END, CASE WHEN o.rolbypassrls THEN 'BYPASSRLS' END,
        CASE WHEN o.rolcreatedb THEN 'CREATEDB' END, CASE WHEN o.rolcreaterole THEN 'CREATEROLE' END,
        CASE WHEN o.rolreplication THEN 'REPLICATION' END], NULL),
      'connectionLimit', o.rolconnlimit, 'validUntil', nullif(o.rolvaliduntil, 'infinity')::text,
      'settings', coalesce((SELECT to_json(s.setconfig) FROM pg_catalog.pg_db_role_setting s, d
        WHERE s.setrole = o.oid AND s.setdatabase = d.oid), '[]'),
      'globalSettings', coalesce(to_json(o.rolconfig), '[]'))`;

/**
 * The objects of the schema `n`, by an index: the catalogues of tables and functions have none on the schema, and would
 * be read whole for each tenant.
 */
export const membersSql = `SELECT d.classid, d.objid FROM pg_catalog.pg_depend d, n
    WHERE d.refclassid = 'pg_catalog.pg_namespace'::regclass AND d.refobjid = n.oid AND d.deptype = 'n'`;

/** What `create` needs: whether anything of the tenant is there. */
const briefSql = `SELECT json_build_object(
  'schema', (SELECT json_build_object('owner', pg_get_userbyid(n.nspowner),
      'comment', obj_description(n.oid, 'pg_namespace'), 'rights', '[]'::json)
    FROM pg_catalog.pg_namespace n WHERE n.nspname = $1),
  'roles', (SELECT coalesce(json_object_agg(rolname, json_build_object('login', rolcanlogin, 'inherit', rolinherit,
      'powers', '[]'::json, 'connectionLimit', rolconnlimit, 'validUntil', NULL, 'settings', '[]'::json, 'globalSettings', '[]'::json)), '{}')
    FROM pg_catalog.pg_roles WHERE rolname = ANY ($2)),
  'memberships', '[]'::json, 'databaseRights', '[]'::json, 'defaults', '[]'::json, 'objects', '[]'::json, 'reach', '[]'::json,
  'applied', (SELECT coalesce(json_agg(json_build_object('origin', origin, 'name', name, 'sha256', sha256)
      ORDER BY origin, name), '[]') FROM platform.applied_files WHERE schema_name = $1),
  'row', (SELECT json_build_object('status', status, 'project', project, 'stack', stack, 'removedAt', removed_at)
    FROM platform.tenants WHERE id = $3)
) AS live`;

const fullSql = `WITH ours AS (SELECT * FROM pg_catalog.pg_roles WHERE rolname = ANY ($2)),
  n AS (SELECT * FROM pg_catalog.pg_namespace WHERE nspname = $1),
  d AS (SELECT * FROM pg_catalog.pg_database WHERE datname = current_database()),
  m AS MATERIALIZED (${membersSql})
SELECT json_build_object(
  'schema', (SELECT json_build_object('owner', pg_get_userbyid(n.nspowner),
      'comment', obj_description(n.oid, 'pg_namespace'),
      'rights', ${rightsOf("coalesce(n.nspacl, acldefault('n', n.nspowner))")}) FROM n),
  'roles', (SELECT coalesce(json_object_agg(o.rolname, ${roleJson}), '{}') FROM ours o),
  'memberships', (SELECT coalesce(json_agg(json_build_object('role', pg_get_userbyid(m.roleid),
      'member', pg_get_userbyid(m.member), 'grantor', pg_get_userbyid(m.grantor), 'admin', m.admin_option,
      'inherit', m.inherit_option, 'set', m.set_option)), '[]')
    FROM pg_catalog.pg_auth_members m
    WHERE m.member IN (SELECT oid FROM ours)
      OR (m.roleid IN (SELECT oid FROM ours) AND pg_get_userbyid(m.member) <> current_user)),
  'databaseRights', (SELECT coalesce(json_agg(r), '[]') FROM d, json_array_elements(${rightsOf("d.datacl")}) r
    WHERE r->>'grantee' = ANY ($2)),
  'defaults', (SELECT coalesce(json_agg(json_build_object('kind', a.defaclobjtype, 'global', a.defaclnamespace = 0,
      'grantee', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END,
      'privilege', x.privilege_type, 'grantor', pg_get_userbyid(x.grantor), 'grantable', x.is_grantable)), '[]')
    FROM pg_catalog.pg_default_acl a, aclexplode(a.defaclacl) x
    WHERE a.defaclrole IN (SELECT oid FROM ours)
      AND (a.defaclnamespace = 0 OR a.defaclnamespace IN (SELECT oid FROM n))),
  'objects', (SELECT coalesce(json_agg(o ORDER BY o.kind DESC, o.name), '[]') FROM (
    SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END AS kind, quote_ident(c.relname) AS name,
      pg_get_userbyid(c.relowner) AS owner,
      ${rightsOf("coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\", c.relowner))")} AS rights,
      (SELECT coalesce(json_agg(DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END), '[]')
        FROM pg_catalog.pg_attribute t, aclexplode(t.attacl) a WHERE t.attrelid = c.oid) AS "columnGrantees"
    FROM m JOIN pg_catalog.pg_class c ON c.oid = m.objid
    WHERE m.classid = 'pg_catalog.pg_class'::regclass AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL
    SELECT 'function', quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')',
      pg_get_userbyid(p.proowner), ${rightsOf("coalesce(p.proacl, acldefault('f', p.proowner))")}, '[]'::json
    FROM m JOIN pg_catalog.pg_proc p ON p.oid = m.objid WHERE m.classid = 'pg_catalog.pg_proc'::regclass
    UNION ALL
    SELECT 'type', quote_ident(t.typname), pg_get_userbyid(t.typowner),
      ${rightsOf("coalesce(t.typacl, acldefault('T', t.typowner))")}, '[]'::json
    FROM m JOIN pg_catalog.pg_type t ON t.oid = m.objid LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
    WHERE m.classid = 'pg_catalog.pg_type'::regclass AND (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND c.relkind = 'c'))) o),
  'reach', ${reachSql},
  'applied', (SELECT coalesce(json_agg(json_build_object('origin', origin, 'name', name, 'sha256', sha256)
      ORDER BY origin, name), '[]') FROM platform.applied_files WHERE schema_name = $1),
  'row', (SELECT json_build_object('status', status, 'project', project, 'stack', stack, 'removedAt', removed_at)
    FROM platform.tenants WHERE id = $3)
) AS live`;

/** @param detail - `brief` leaves rights, memberships, defaults and objects empty */
export async function readLive(
  session: Session,
  inputs: Pick<SchemaInputs, "schema" | "ownerRole" | "appRole" | "readOnlyRole" | "tenant">,
  detail: "brief" | "full",
): Promise<Live> {
  const roles = [inputs.ownerRole, inputs.appRole, inputs.readOnlyRole];
  const [row] = await session.query<{ live: Live }>(detail === "brief" ? briefSql : fullSql, [
    inputs.schema,
    roles,
    inputs.tenant,
  ]);
  if (row === undefined) throw new Error("the server gave no answer");
  return row.live;
}
