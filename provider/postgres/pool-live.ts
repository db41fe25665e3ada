/**
 * A look at what there is of a pool: roles, rights and objects as of any schema (live.ts), and what decides whose rows a
 * statement sees. Reads the system catalogues and the tool's own tables, and runs no code of a template.
 */
import type { PoolInputs } from "../inputs.ts";
import { type Live, membersSql, readLive } from "./live.ts";
import type { Session } from "./pool.ts";
import { loginsTable, membersTable, type PoolPlace, within } from "./pool-sql.ts";
import { setRole } from "./script.ts";

export interface PoolPolicy {
  readonly name: string;
  readonly kind: "PERMISSIVE" | "RESTRICTIVE";
  readonly command: string;
  readonly roles: readonly string[];
  readonly using: string | null;
  readonly check: string | null;
}

export interface PoolTable {
  readonly name: string;
  readonly kind: "table" | "partitioned table" | "foreign table";
  /** The table whose partition it is, or that it inherits from. */
  readonly parent: string | null;
  readonly partition: boolean;
  /** As in `HASH (tenant_id)`. */
  readonly partitionKey: string | null;
  readonly rowSecurity: boolean;
  readonly forced: boolean;
  readonly tenantId: { readonly type: string; readonly required: boolean; readonly default: string | null } | null;
  readonly columns: readonly string[];
  readonly policies: readonly PoolPolicy[];
  /** By name. */
  readonly triggers: Readonly<Record<string, { readonly definition: string; readonly enabled: boolean }>>;
}

export interface PoolIndex {
  readonly table: string;
  readonly name: string;
  /** What of the server's access methods, as in `btree`. */
  readonly method: string;
  readonly unique: boolean;
  /** Of an exclusion constraint: the operator of its first column. */
  readonly excludes: string | null;
  /** Null where the first is an expression. */
  readonly firstColumn: string | null;
  readonly predicate: string | null;
}

export interface PoolKey {
  readonly table: string;
  readonly name: string;
  /** The table that it points to, with its schema where that is another. */
  readonly target: string;
  readonly foreign: boolean;
  readonly columns: readonly string[];
  readonly targetColumns: readonly string[];
  readonly onDelete: "NO ACTION" | "RESTRICT" | "CASCADE" | "SET NULL" | "SET DEFAULT";
  /** Of SET NULL and SET DEFAULT: the columns that it names. */
  readonly setColumns: readonly string[];
  readonly deferrable: boolean;
}

export interface PoolRoutine {
  readonly name: string;
  /** With its arguments, as statements take it. */
  readonly signature: string;
  readonly definer: boolean;
  readonly language: string;
  readonly source: string;
  readonly settings: readonly string[];
  readonly volatility: string;
  readonly parallel: string;
  readonly returns: string;
}

export interface PoolCatalogue {
  readonly tables: readonly PoolTable[];
  readonly indexes: readonly PoolIndex[];
  readonly keys: readonly PoolKey[];
  readonly views: readonly { readonly name: string; readonly materialized: boolean; readonly invoker: boolean }[];
  readonly routines: readonly PoolRoutine[];
  readonly rules: readonly { readonly table: string; readonly name: string }[];
}

export interface PoolMembership {
  readonly role: string;
  readonly member: string;
  readonly grantor: string;
  readonly admin: boolean;
  readonly inherit: boolean;
  readonly set: boolean;
}

export interface PoolLogin {
  readonly login: string;
  readonly kind: string;
  readonly tenantId: string | null;
}

export interface PoolLive {
  readonly live: Live;
  readonly catalogue: PoolCatalogue;
  /** Null where the tool's tables or their owner are gone. */
  readonly logins: readonly PoolLogin[] | null;
  /** Members of the pool's roles other than the provisioner, and roles that they are members of. */
  readonly memberships: readonly PoolMembership[];
  /** Whether the trusted login is there; undefined where none is configured. */
  readonly application: boolean | undefined;
}

const catalogueSql = `WITH n AS (SELECT oid, nspname FROM pg_catalog.pg_namespace WHERE nspname = $1),
  m AS MATERIALIZED (${membersSql}),
  rel AS MATERIALIZED (SELECT c.* FROM m JOIN pg_catalog.pg_class c ON c.oid = m.objid
    WHERE m.classid = 'pg_catalog.pg_class'::regclass),
  t AS MATERIALIZED (SELECT * FROM rel WHERE relkind IN ('r', 'p', 'f'))
SELECT json_build_object(
  'tables', (SELECT coalesce(json_agg(json_build_object('name', t.relname,
      'kind', CASE t.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' ELSE 'foreign table' END,
      'parent', (SELECT p.relname FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
        WHERE i.inhrelid = t.oid ORDER BY i.inhseqno LIMIT 1),
      'partition', t.relispartition,
      'partitionKey', CASE t.relkind WHEN 'p' THEN pg_get_partkeydef(t.oid) END,
      'rowSecurity', t.relrowsecurity, 'forced', t.relforcerowsecurity,
      'tenantId', (SELECT json_build_object('type', format_type(a.atttypid, a.atttypmod), 'required', a.attnotnull,
          'default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END)
        FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
        WHERE a.attrelid = t.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped),
      'columns', (SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped),
      'policies', (SELECT coalesce(json_agg(json_build_object('name', y.polname,
          'kind', CASE WHEN y.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
          'command', CASE y.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
          'roles', (SELECT json_agg(CASE u WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(u)::text END) FROM unnest(y.polroles) u),
          'using', pg_get_expr(y.polqual, y.polrelid), 'check', pg_get_expr(y.polwithcheck, y.polrelid)) ORDER BY y.polname), '[]')
        FROM pg_catalog.pg_policy y WHERE y.polrelid = t.oid),
      'triggers', (SELECT coalesce(json_object_agg(g.tgname, json_build_object('definition', pg_get_triggerdef(g.oid),
          'enabled', g.tgenabled IN ('O', 'A'))), '{}') FROM pg_catalog.pg_trigger g WHERE g.tgrelid = t.oid AND NOT g.tgisinternal)
    ) ORDER BY t.relname), '[]') FROM t),
  'indexes', (SELECT coalesce(json_agg(json_build_object('table', t.relname, 'name', c.relname, 'method', a.amname,
      'unique', x.indisunique,
      'excludes', (SELECT o.oprname FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_operator o ON o.oid = k.conexclop[1]
        WHERE k.conindid = x.indexrelid AND k.contype = 'x'),
      'firstColumn', (SELECT b.attname FROM pg_catalog.pg_attribute b WHERE b.attrelid = t.oid AND b.attnum = x.indkey[0] AND b.attnum > 0),
      'predicate', pg_get_expr(x.indpred, x.indrelid)) ORDER BY t.relname, c.relname), '[]')
    FROM t JOIN pg_catalog.pg_index x ON x.indrelid = t.oid JOIN pg_catalog.pg_class c ON c.oid = x.indexrelid
      JOIN pg_catalog.pg_am a ON a.oid = c.relam
    -- Those of partitions are the parent's.
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = x.indexrelid)),
  'keys', (SELECT coalesce(json_agg(json_build_object('table', t.relname, 'name', k.conname,
      'target', CASE WHEN p.relnamespace = n.oid THEN p.relname::text ELSE p.oid::regclass::text END,
      'foreign', p.relnamespace <> n.oid,
      'columns', (SELECT json_agg(a.attname ORDER BY u.place) FROM unnest(k.conkey) WITH ORDINALITY u(number, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number),
      'targetColumns', (SELECT json_agg(a.attname ORDER BY u.place) FROM unnest(k.confkey) WITH ORDINALITY u(number, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number),
      'onDelete', CASE k.confdeltype WHEN 'a' THEN 'NO ACTION' WHEN 'r' THEN 'RESTRICT' WHEN 'c' THEN 'CASCADE'
        WHEN 'n' THEN 'SET NULL' ELSE 'SET DEFAULT' END,
      'setColumns', (SELECT coalesce(json_agg(a.attname), '[]') FROM unnest(k.confdelsetcols) u(number)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number),
      'deferrable', k.condeferrable) ORDER BY t.relname, k.conname), '[]')
    FROM t CROSS JOIN n JOIN pg_catalog.pg_constraint k ON k.conrelid = t.oid AND k.contype = 'f' AND k.conparentid = 0
      JOIN pg_catalog.pg_class p ON p.oid = k.confrelid),
  'views', (SELECT coalesce(json_agg(json_build_object('name', c.relname, 'materialized', c.relkind = 'm',
      'invoker', EXISTS (SELECT FROM pg_catalog.pg_options_to_table(c.reloptions) o
        WHERE o.option_name = 'security_invoker' AND o.option_value IN ('true', 'on', 'yes', '1'))) ORDER BY c.relname), '[]')
    FROM rel c WHERE c.relkind IN ('v', 'm')),
  'routines', (SELECT coalesce(json_agg(json_build_object('name', p.proname,
      'signature', quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')',
      'definer', p.prosecdef, 'language', l.lanname, 'source', p.prosrc, 'settings', coalesce(to_json(p.proconfig), '[]'),
      'volatility', p.provolatile, 'parallel', p.proparallel, 'returns', format_type(p.prorettype, NULL)) ORDER BY p.proname), '[]')
    FROM m JOIN pg_catalog.pg_proc p ON p.oid = m.objid JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE m.classid = 'pg_catalog.pg_proc'::regclass),
  'rules', (SELECT coalesce(json_agg(json_build_object('table', c.relname, 'name', w.rulename) ORDER BY c.relname, w.rulename), '[]')
    FROM rel c JOIN pg_catalog.pg_rewrite w ON w.ev_class = c.oid WHERE w.rulename <> '_RETURN')
) AS catalogue`;

const membershipsSql = `SELECT coalesce(json_agg(json_build_object('role', pg_get_userbyid(m.roleid),
    'member', pg_get_userbyid(m.member), 'grantor', pg_get_userbyid(m.grantor), 'admin', m.admin_option,
    'inherit', m.inherit_option, 'set', m.set_option) ORDER BY r.rolname, u.rolname), '[]') AS memberships
  FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN pg_catalog.pg_roles u ON u.oid = m.member
  WHERE u.rolname = ANY ($1) OR (r.rolname = ANY ($1) AND u.rolname <> current_user)`;

/** What stands for the pool where a tenant's id stands otherwise: no tenant's id has a space. */
export function subjectOf(pool: string): string {
  return `pool ${pool}`;
}

/** The schema and roles alone: what `create` and `delete` ask first. */
export function readBrief(session: Session, inputs: PoolInputs): Promise<Live> {
  return readLive(session, { ...inputs, tenant: subjectOf(inputs.pool) }, "brief");
}

export async function readCatalogue(session: Session, place: Pick<PoolPlace, "schema">): Promise<PoolCatalogue> {
  const [row] = await session.query<{ catalogue: PoolCatalogue }>(catalogueSql, [place.schema]);
  if (row === undefined) throw new Error("the server gave no answer");
  return row.catalogue;
}

/**
 * All of it, as the provisioner in an open transaction with `search_path = pg_catalog`; it takes the owner's role for a
 * moment.
 *
 * @param application - name of the trusted login, where one is configured
 */
export async function readPool(
  session: Session,
  inputs: PoolInputs,
  application: string | undefined,
): Promise<PoolLive> {
  const live = await readLive(session, { ...inputs, tenant: subjectOf(inputs.pool) }, "full");
  const catalogue = await readCatalogue(session, inputs);
  const roles = [inputs.ownerRole, inputs.appRole, inputs.readOnlyRole];
  const [members] = await session.query<{ memberships: PoolMembership[] }>(membershipsSql, [roles]);
  const [there] =
    application === undefined
      ? []
      : await session.query<{ there: boolean }>(
          "SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1) AS there",
          [application],
        );
  return {
    live,
    catalogue,
    logins: await readLogins(session, inputs, live, catalogue),
    memberships: members?.memberships ?? [],
    application: application === undefined ? undefined : there?.there === true,
  };
}

async function readLogins(
  session: Session,
  place: PoolPlace,
  live: Live,
  catalogue: PoolCatalogue,
): Promise<PoolLogin[] | null> {
  const own = new Set(catalogue.tables.map(({ name }) => name));
  if (live.roles[place.ownerRole] === undefined || !own.has(loginsTable) || !own.has(membersTable)) return null;
  const owned = live.objects.filter(({ owner }) => owner === place.ownerRole).map(({ name }) => name);
  if (!owned.includes(loginsTable)) return null;
  await session.script(setRole(place.ownerRole));
  const rows = await session.query<{ login: string; kind: string; tenant_id: string | null }>(
    `SELECT login, kind, tenant_id FROM ${within(place, loginsTable)} ORDER BY login`,
  );
  await session.script("SET LOCAL ROLE NONE");
  return rows.map(({ login, kind, tenant_id }) => ({ login, kind, tenantId: tenant_id }));
}

/** Tables with rows of tenants: all but those of the tool that say who is a member, and what breaks the rules. */
export function tenantTables({ tables }: PoolCatalogue): PoolTable[] {
  return tables.filter(
    ({ name, kind, tenantId }) =>
      tenantId?.type === "uuid" && kind !== "foreign table" && name !== membersTable && name !== loginsTable,
  );
}
