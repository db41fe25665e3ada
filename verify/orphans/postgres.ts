/**
 * PostgreSQL's orphans: databases of the server, schemas, roles and catalogue entries of the shared database that belong to no known tenant, and
 * logins that may connect to it and that nobody knows.
 */
import { canaryPrefix, postgresNames } from "../../components/naming.ts";
import type { PostgresServer } from "../../provider/config.ts";
import { parseMark } from "../../provider/mark.ts";
import { isTombstone, type Origin } from "../../provider/postgres/catalogue.ts";
import { PostgresPools, type Session } from "../../provider/postgres/pool.ts";
import { databaseOrphans } from "./databases.ts";
import { counted, describeMark, isOthers, type MarkedSearch } from "./marks.ts";
import { memberOrphans } from "./pool-members.ts";
import { defaultLimit, inOrder, knownNames, type Orphan, type OrphanList } from "./orphan.ts";

export interface PostgresOrphanSearch extends MarkedSearch<PostgresServer> {
  /**
   * Schemas of the pools on this server.
   * @default only those that a known tenant's catalogue entry names
   */
  readonly pools?: readonly string[];
}

interface LiveSchema {
  readonly name: string;
  readonly owner: string;
  readonly comment: string | null;
  readonly tables: number;
  readonly bytes: number;
}

interface LiveRole {
  readonly name: string;
  readonly login: boolean;
  readonly superuser: boolean;
  readonly connects: boolean;
}

interface Row {
  readonly id: string;
  /** The tenant's own schema, or its pool's. */
  readonly schema: string | null;
  readonly tier: string | null;
  readonly prefix: string | null;
  readonly status: string;
  /** Whether it is a canary of a verification run. */
  readonly canary: boolean;
  readonly project: string;
  readonly stack: string;
  readonly since: string;
  /** Name of the server that the tenant's schema or database lies on; null where nobody has said. */
  readonly server: string | null;
}

interface Facts {
  readonly schemas: readonly LiveSchema[];
  readonly roles: readonly LiveRole[];
}

/** How the catalogue entry of a canary in a pool is told from a tenant's. */
export const canaryRow = "of a verification run";

/** Names of the platform itself and of the server. */
const ownSchemas = ["public", "extensions", "platform", "information_schema"];

const factsSql = `SELECT json_build_object(
  'schemas', (SELECT coalesce(json_agg(s), '[]') FROM (
    SELECT n.nspname AS name, pg_get_userbyid(n.nspowner) AS owner, obj_description(n.oid, 'pg_namespace') AS comment,
      (SELECT count(*)::int FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p')) AS tables,
      (SELECT coalesce(sum(c.relpages::bigint), 0) * 8192 FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid) AS bytes
    FROM pg_catalog.pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname <> ALL ($1) AND n.nspname <> ALL ($2)
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_catalog.pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e')
    ORDER BY n.nspname LIMIT $4) s),
  'roles', (SELECT coalesce(json_agg(r), '[]') FROM (
    SELECT rolname AS name, rolcanlogin AS login, rolsuper AS superuser,
      rolcanlogin AND has_database_privilege(oid, current_database(), 'CONNECT') AS connects
    FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_' AND rolname <> ALL ($3) ORDER BY rolname LIMIT $4) r)
) AS facts`;

const rowsSql = `SELECT coalesce(json_agg(json_build_object('id', id, 'schema', schema_name, 'tier', tier,
  'prefix', prefix, 'status', status, 'canary', external_id = 'canary-' || id,
  'project', project, 'stack', stack, 'since', state_since, 'server', placement->>'postgres') ORDER BY id), '[]')::text AS rows FROM platform.tenants`;

/** @throws ProviderError when the server cannot be asked */
export async function postgresOrphans(search: PostgresOrphanSearch): Promise<OrphanList> {
  const { name, server, signal } = search;
  const pools = new PostgresPools({ postgres: { [name]: server } });
  try {
    return await pools.run(
      name,
      { subject: `PostgreSQL server "${name}"`, doing: "looking for what belongs to nobody" },
      (session) => findOrphans(session, search),
      signal === undefined ? {} : { signal },
    );
  } finally {
    await pools.close();
  }
}

/** @param session - of the provisioner in the shared database */
export async function findOrphans(session: Session, search: PostgresOrphanSearch): Promise<OrphanList> {
  const { tenants, server, origin, limit = defaultLimit } = search;
  const names = knownNames(tenants).postgres;
  const incomplete: string[] = [];
  const [there] = await session.query<{ there: boolean }>(
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace " +
      "WHERE n.nspname = 'platform' AND c.relname = 'tenants') AS there",
  );
  if (there?.there !== true) incomplete.push("the database has no catalogue of tenants: run the Baseline first");
  const [row] = there?.there === true ? await session.query<{ rows: string }>(rowsSql) : [];
  const rows = row === undefined ? null : (JSON.parse(row.rows) as Row[]);
  // Another stack's tenants are known to the catalogue that both share.
  const others = (rows ?? []).filter((one) => !isTombstone(one.status) && isOther(one, origin));
  const pools = new Set([...(search.pools ?? []), ...poolsOf(rows ?? [], search)]);
  const schemas = new Set([
    ...names.map(({ schema }) => schema),
    ...pools,
    ...others.flatMap(({ schema }) => (schema === null ? [] : [schema])),
  ]);
  const roles = new Set([
    ...names.flatMap(({ ownerRole, appRole, readOnlyRole }) => [ownerRole, appRole, readOnlyRole]),
    ...[...schemas].flatMap(rolesOf),
    ...others.flatMap(poolLogins),
    server.provisioner.user,
    ...(server.resolver === undefined ? [] : [server.resolver.user]),
    ...(server.application === undefined ? [] : [server.application.user]),
    ...(server.admin === undefined ? [] : [server.admin.user]),
  ]);
  const [found] = await session.query<{ facts: Facts }>(factsSql, [ownSchemas, [...schemas], [...roles], limit + 1]);
  const facts = found?.facts ?? { schemas: [], roles: [] };
  if (facts.schemas.length > limit || facts.roles.length > limit) {
    incomplete.push(`there are more than ${limit} schemas or roles: the rest was not looked at`);
  }
  const members = await memberOrphans(session, [...pools], search);
  incomplete.push(...members.incomplete);
  const listed = facts.schemas.slice(0, limit);
  return {
    orphans: inOrder([
      ...members.orphans,
      ...(await databaseOrphans(session, search, (name) => looksLikeTenants(name, search.prefixes))),
      ...schemaOrphans(listed, rows, search),
      ...roleOrphans(facts.roles.slice(0, limit), listed, search),
      ...(await rowOrphans(session, rows ?? [], search)),
    ]),
    incomplete,
  };
}

/** Schemas that hold rows of known tenants beside others'. */
function poolsOf(rows: readonly Row[], { tenants }: PostgresOrphanSearch): string[] {
  const own = new Map(tenants.map(({ prefix, id }) => [id, postgresNames(prefix, id).schema]));
  return rows.flatMap(({ id, schema, status }) =>
    schema !== null && !isTombstone(status) && own.has(id) && own.get(id) !== schema ? [schema] : [],
  );
}

function rolesOf(schema: string): string[] {
  return ["owner", "app", "ro"].map((end) => `${schema}_${end}`);
}

/** Roles of a pool, with the pool's schema. */
const poolRole = /^(pool_.+)_(?:owner|app|ro)$/;

/** A pool's tenants have logins whose names do not come from the schema's. */
function poolLogins({ id, tier, prefix }: Row): string[] {
  if (tier !== "pool" || prefix === null) return [];
  const { appRole, readOnlyRole } = postgresNames(prefix, id);
  return [appRole, readOnlyRole];
}

function isOther(row: Row, origin: Origin | undefined): boolean {
  return origin !== undefined && (row.project !== origin.project || row.stack !== origin.stack);
}

function looksLikeTenants(name: string, prefixes: readonly string[]): boolean {
  return [...prefixes, canaryPrefix].some((prefix) => name.startsWith(`${prefix}_`));
}

function schemaOrphans(
  schemas: readonly LiveSchema[],
  rows: readonly Row[] | null,
  { name: server, prefixes, origin }: PostgresOrphanSearch,
): Orphan[] {
  return schemas.flatMap(({ name, owner, comment, tables, bytes }) => {
    const mark = parseMark(comment);
    const ours = looksLikeTenants(name, prefixes) || (poolRole.test(owner) && owner === `${name}_owner`);
    if (isOthers(mark, origin) || (mark === undefined && !ours)) return [];
    const row = rows?.find((one) => one.schema === name);
    const held = `${counted(tables, "table")}, about ${Math.ceil(bytes / 1024)} kB, owner ${owner}`;
    const entry = row === undefined ? "no catalogue entry" : `catalogue entry ${row.id} is ${row.status}`;
    return [{ store: "postgres", server, kind: "schema", name, detail: `${held}; ${describeMark(mark)}; ${entry}` }];
  });
}

function roleOrphans(
  roles: readonly LiveRole[],
  schemas: readonly LiveSchema[],
  { name: server, prefixes, origin }: PostgresOrphanSearch,
): Orphan[] {
  // Roles carry no mark: those of another stack's pool are known by its schema.
  const foreign = new Set(
    schemas.filter(({ comment }) => isOthers(parseMark(comment), origin)).map(({ name }) => name),
  );
  return roles.flatMap(({ name, login, superuser, connects }) => {
    const pool = poolRole.exec(name)?.[1];
    const ours = looksLikeTenants(name, prefixes) || (pool !== undefined && !foreign.has(pool));
    // A superuser connects to everything: who holds that is not a matter of tenants.
    if (!ours && (!connects || superuser)) return [];
    const may = [login ? "may log in" : "may not log in", ...(connects ? ["may connect to the shared database"] : [])];
    const detail = `${may.join(", ")}${ours ? "" : "; a login that no tenant has"}`;
    return [{ store: "postgres", server, kind: "role", name, detail }];
  });
}

async function rowOrphans(
  session: Session,
  rows: readonly Row[],
  { name: server, tenants, origin }: PostgresOrphanSearch,
): Promise<Orphan[]> {
  const known = new Set(tenants.map(({ id }) => id));
  const ours = rows.filter((row) => row.status !== "removed" && !isOther(row, origin));
  const wanted = ours.flatMap(({ schema }) => (schema === null ? [] : [schema]));
  const there = await session.query<{ name: string }>(
    "SELECT nspname AS name FROM pg_catalog.pg_namespace WHERE nspname = ANY ($1) " +
      // A silo's schema lies in a database of the same name.
      "UNION ALL SELECT datname FROM pg_catalog.pg_database WHERE datname = ANY ($1)",
    [wanted],
  );
  const schemas = new Set(there.map(({ name }) => name));
  return ours.flatMap((row): Orphan[] => {
    const { id, schema, status, since } = row;
    const here = row.server === null || row.server === server;
    const lost = here && schema !== null && status !== "initializing" && !schemas.has(schema);
    if (known.has(id) && !lost) return [];
    const detail = lost
      ? `${status}, and its schema ${schema} is not there`
      : `${status}, of the stack ${row.project}/${row.stack}, ` +
        `${schema === null ? "without a schema" : `schema ${schema}`}, ` +
        (row.canary ? canaryRow : "and no tenant that is known");
    return [
      { store: "postgres", server, kind: "catalogue entry", name: id, detail, since: new Date(since).toISOString() },
    ];
  });
}
