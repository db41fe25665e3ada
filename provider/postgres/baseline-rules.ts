/**
 * What holds in a database before the first tenant, shared or a tenant's own: each rule with a look at reality and the
 * SQL that mends it.
 */
import type { PostgresServer } from "../config.ts";
import { catalogueTables } from "./catalogue.ts";
import type { Session } from "./pool.ts";
import { identifier, literal } from "./quote.ts";

/** Least version: before it, CREATEROLE could reset any user's password. */
export const leastVersion = 16;

export interface Requirement {
  /** What is missing, as a sentence without its full stop. */
  readonly missing: string;
  /** Statement that an administrator runs in the database. */
  readonly sql: string;
  /** Whether the database's owner may run it as well. */
  readonly asOwner: boolean;
}

/**
 * - `shared`: the database of many tenants, which an administrator makes;
 * - `own`: a tenant's database on a server of the platform, which the provisioner makes and owns. What concerns the
 *   server is the matter of the shared database's Baseline;
 * - `apart`: the same on a server that nobody else is on. The functions that know no owner stay open: they end at the
 *   database, and only the vendor of a managed server may close them.
 */
export type DatabaseKind = "shared" | "own" | "apart";

export interface Demands {
  readonly kind: DatabaseKind;
  readonly extensions: readonly string[];
  /** Whether the provisioner has to be able to create databases. */
  readonly databases: boolean;
}

/** What a look at the server and the database shows. */
export interface BaselineFacts {
  readonly version: string;
  readonly versionNumber: number;
  readonly provisioner: {
    readonly rolsuper: boolean;
    readonly rolcreaterole: boolean;
    readonly rolcreatedb: boolean;
    readonly rolcanlogin: boolean;
    readonly rolbypassrls: boolean;
    readonly settings: readonly string[] | null;
  } | null;
  /** Names of databases that anyone may connect to, of the shared one and the server's own. */
  readonly publicDatabases: readonly string[];
  /** Whether PUBLIC has CONNECT or TEMP on the database. */
  readonly databasePublic: boolean;
  readonly canCreate: boolean;
  readonly schemas: Readonly<Record<string, { readonly owner: string; readonly publicRights: readonly string[] }>>;
  /** Signatures of functions that PUBLIC may execute and must not. */
  readonly openFunctions: readonly string[];
  readonly canLock: boolean;
  /** Schema and version of each extension that is installed. */
  readonly extensions: Readonly<Record<string, { readonly schema: string; readonly version: string }>>;
  readonly offeredExtensions: readonly string[];
  /** Those that the owner of a database may install. */
  readonly trustedExtensions: readonly string[];
  readonly catalogueTables: readonly string[];
}

/** Large objects, advisory locks and notifications know no owner: one tenant could block or reach another by them. */
const sharedFunctions = `p.pronamespace = 'pg_catalog'::regnamespace AND (p.proname ~ '^pg_(try_)?advisory_'
  OR p.oid IN ('pg_catalog.lo_creat(int4)'::regprocedure, 'pg_catalog.lo_create(oid)'::regprocedure,
    'pg_catalog.lo_from_bytea(oid, bytea)'::regprocedure, 'pg_catalog.pg_notify(text, text)'::regprocedure))`;

const factsSql = `SELECT json_build_object(
  'version', current_setting('server_version'),
  'versionNumber', current_setting('server_version_num')::int,
  'provisioner', (SELECT json_build_object('rolsuper', rolsuper, 'rolcreaterole', rolcreaterole, 'rolcreatedb', rolcreatedb,
      'rolcanlogin', rolcanlogin, 'rolbypassrls', rolbypassrls, 'settings', rolconfig)
    FROM pg_catalog.pg_roles WHERE rolname = $1),
  'publicDatabases', (SELECT coalesce(json_agg(DISTINCT d.datname), '[]') FROM pg_catalog.pg_database d,
      aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
    WHERE d.datname IN ('postgres', 'template1') AND a.grantee = 0 AND a.privilege_type = 'CONNECT'),
  'databasePublic', (SELECT EXISTS (SELECT FROM pg_catalog.pg_database d,
      aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
    WHERE d.datname = current_database() AND a.grantee = 0)),
  'canCreate', (SELECT EXISTS (SELECT FROM pg_catalog.pg_database
      WHERE datname = current_database() AND pg_get_userbyid(datdba) = $1) OR count(*) = 2 FROM pg_catalog.pg_database d,
      aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a, pg_catalog.pg_roles r
    WHERE d.datname = current_database() AND r.rolname = $1 AND a.grantee = r.oid AND a.is_grantable
      AND a.privilege_type IN ('CREATE', 'CONNECT')),
  'schemas', (SELECT coalesce(json_object_agg(n.nspname, json_build_object(
      'owner', pg_get_userbyid(n.nspowner),
      'publicRights', (SELECT coalesce(json_agg(a.privilege_type ORDER BY a.privilege_type), '[]')
        FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a WHERE a.grantee = 0))), '{}')
    FROM pg_catalog.pg_namespace n WHERE n.nspname IN ('public', 'extensions', 'platform')),
  'openFunctions', (SELECT coalesce(json_agg(DISTINCT p.oid::regprocedure::text ORDER BY p.oid::regprocedure::text), '[]')
    FROM pg_catalog.pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
    WHERE ${sharedFunctions} AND a.grantee = 0),
  'canLock', (SELECT EXISTS (SELECT FROM pg_catalog.pg_proc p,
      aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a, pg_catalog.pg_roles r
    WHERE p.oid = 'pg_catalog.pg_advisory_xact_lock(bigint)'::regprocedure AND r.rolname = $1 AND a.grantee = r.oid)),
  'extensions', (SELECT coalesce(json_object_agg(e.extname,
      json_build_object('schema', n.nspname, 'version', e.extversion)), '{}')
    FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace),
  'offeredExtensions', (SELECT coalesce(json_agg(name), '[]') FROM pg_catalog.pg_available_extensions),
  'trustedExtensions', (SELECT coalesce(json_agg(DISTINCT name), '[]') FROM pg_catalog.pg_available_extension_versions
    WHERE trusted),
  'catalogueTables', (SELECT coalesce(json_agg(c.relname), '[]') FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'platform' AND c.relkind = 'r' AND pg_get_userbyid(c.relowner) = $1)
) AS facts`;

/** Connected to the database, as any login. */
export async function readFacts(session: Session, server: PostgresServer): Promise<BaselineFacts> {
  const [row] = await session.query<{ facts: BaselineFacts }>(factsSql, [server.provisioner.user]);
  if (row === undefined) throw new Error("the server gave no facts");
  return row.facts;
}

/** All that is missing and that somebody has to mend, in the order of the statements. */
export function missingOf(facts: BaselineFacts, server: PostgresServer, demands: Demands): Requirement[] {
  const missing: Requirement[] = [];
  const requirer = (asOwner: boolean) => (holds: boolean, sentence: string, sql: string) => {
    if (!holds) missing.push({ missing: sentence, sql, asOwner });
  };
  const byOwner = requirer(demands.kind !== "shared");
  const byAdministrator = requirer(false);
  requireProvisioner(facts, server, demands, byAdministrator);
  const { schemas } = facts;
  const role = identifier(server.provisioner.user);
  const database = identifier(server.database);
  byOwner(
    !facts.databasePublic,
    `PUBLIC has rights on the database ${server.database}`,
    `REVOKE ALL ON DATABASE ${database} FROM PUBLIC;`,
  );
  if (demands.kind === "shared") {
    for (const name of facts.publicDatabases) {
      byAdministrator(
        name === server.database,
        `PUBLIC may connect to the database ${name}`,
        `REVOKE CONNECT ON DATABASE ${identifier(name)} FROM PUBLIC;`,
      );
    }
  }
  byAdministrator(
    facts.canCreate,
    `the role ${server.provisioner.user} has not CREATE and CONNECT on the database ${server.database} with grant option`,
    `GRANT CREATE, CONNECT ON DATABASE ${database} TO ${role} WITH GRANT OPTION;`,
  );
  byOwner(
    (schemas.public?.publicRights ?? []).length === 0,
    "PUBLIC has rights on the schema public",
    "REVOKE ALL ON SCHEMA public FROM PUBLIC;",
  );
  byOwner(schemas.extensions !== undefined, "there is no schema extensions", "CREATE SCHEMA IF NOT EXISTS extensions;");
  byOwner(
    schemas.extensions?.publicRights.join() === "USAGE",
    "the rights of PUBLIC on the schema extensions are not USAGE alone",
    "REVOKE ALL ON SCHEMA extensions FROM PUBLIC; GRANT USAGE ON SCHEMA extensions TO PUBLIC;",
  );
  requireFunctions(facts, server, demands, byAdministrator);
  for (const name of demands.extensions) {
    const found = facts.extensions[name];
    const may = found === undefined && facts.trustedExtensions.includes(name) ? byOwner : byAdministrator;
    may(
      found?.schema === "extensions",
      found === undefined
        ? `the extension ${name} is not installed`
        : `the extension ${name} lies in the schema ${found.schema}, not in extensions`,
      found === undefined
        ? `CREATE EXTENSION IF NOT EXISTS ${identifier(name)} SCHEMA extensions;`
        : `ALTER EXTENSION ${identifier(name)} SET SCHEMA extensions;`,
    );
  }
  return missing;
}

type Require = (holds: boolean, sentence: string, sql: string) => void;

function requireProvisioner(
  { provisioner }: BaselineFacts,
  server: PostgresServer,
  { kind, databases }: Demands,
  require: Require,
): void {
  const { user } = server.provisioner;
  const role = identifier(user);
  require(provisioner !== null &&
    !provisioner.rolsuper &&
    !provisioner.rolbypassrls &&
    provisioner.rolcreaterole &&
    provisioner.rolcanlogin, `the role ${user} is not a login with CREATEROLE and without SUPERUSER and BYPASSRLS`, provisioner ===
    null
    ? `CREATE ROLE ${role} LOGIN CREATEROLE PASSWORD '…';`
    : `ALTER ROLE ${role} LOGIN NOSUPERUSER NOBYPASSRLS CREATEROLE;`);
  require(!databases || provisioner?.rolcreatedb === true, noCreateDb(user), createDbSql(user));
  if (kind !== "shared") return;
  require(provisioner?.settings?.includes("createrole_self_grant=set") ===
    true, `the role ${user} has no createrole_self_grant = 'set'`, `ALTER ROLE ${role} SET createrole_self_grant = 'set';`);
}

export function noCreateDb(user: string): string {
  return `the role ${user} has not CREATEDB, which databases of tenants need`;
}

export function createDbSql(user: string): string {
  return `ALTER ROLE ${identifier(user)} CREATEDB;`;
}

const lock = "pg_advisory_xact_lock(bigint)";

function requireFunctions(facts: BaselineFacts, server: PostgresServer, { kind }: Demands, require: Require): void {
  const { user } = server.provisioner;
  if (kind !== "apart") {
    for (const signature of facts.openFunctions) {
      require(false, `PUBLIC may execute ${signature}`, `REVOKE EXECUTE ON FUNCTION pg_catalog.${signature} FROM PUBLIC;`);
    }
  }
  const byPublic = kind === "apart" && facts.openFunctions.includes(lock);
  require(facts.canLock ||
    byPublic, `the role ${user} may not execute ${lock}`, `GRANT EXECUTE ON FUNCTION pg_catalog.${lock} TO ${identifier(user)};`);
}

/** Faults of the schema `platform`, which the provisioner itself makes and mends. */
export function catalogueFaults(facts: BaselineFacts, server: PostgresServer): string[] {
  const schema = facts.schemas.platform;
  if (schema === undefined) return ["there is no schema platform"];
  const faults: string[] = [];
  if (schema.owner !== server.provisioner.user) {
    faults.push(`the schema platform belongs to ${schema.owner}, not to ${server.provisioner.user}`);
  }
  if (schema.publicRights.length > 0) {
    faults.push(`PUBLIC has ${schema.publicRights.join(", ")} on the schema platform`);
  }
  for (const table of catalogueTables) {
    if (!facts.catalogueTables.includes(table)) faults.push(`the table platform.${table} is not there`);
  }
  return faults;
}

/** Statement that gives the provisioner its password; the verifier holds no quote, and is quoted all the same. */
export function passwordSql(server: PostgresServer, verifier: string): string {
  return `ALTER ROLE ${identifier(server.provisioner.user)} PASSWORD ${literal(verifier)};`;
}
