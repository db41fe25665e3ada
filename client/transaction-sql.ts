/**
 * The two messages around a tenant's transaction, each one round trip: many statements in one simple query, with every
 * name and value quoted. Names come from the route of a Resolver, and are checked here again.
 */
import { poolTenantId, tenantIdPattern } from "../components/naming.ts";
import { identifier, integer, literal } from "../provider/postgres/quote.ts";
import type { Route } from "./resolve.ts";
import { TenantError } from "./tenant-error.ts";

export const isolationLevels = ["read committed", "repeatable read", "serializable"] as const;
export type IsolationLevel = (typeof isolationLevels)[number];

/** How HNSW indexes are searched. */
export interface VectorSettings {
  /** Candidates that a search keeps, 1 to 1,000: more find more of the nearest, and take longer. */
  readonly efSearch?: number;
  /** Whether a search goes on until enough rows pass the other conditions, in exact order. */
  readonly iterativeScan?: boolean;
}

export interface BeginOptions {
  /** Who acts, for the audit trail of a pool: a claim of the application. */
  readonly actor?: string;
  /** @default false */
  readonly readOnly?: boolean;
  /** @default the server's, which is read committed unless it was changed */
  readonly isolation?: IsolationLevel;
  /** For how long one statement may run. @default the server's */
  readonly statementTimeoutMs?: number;
  readonly vectors?: VectorSettings;
}

/** What `begin` tells and `commit` compares. */
export interface Begun {
  readonly database: string;
  readonly began: string;
  readonly path: string;
  readonly role: string;
}

/** Whom a transaction works for. */
export interface Identity {
  readonly tenant: string;
  readonly tier: Route["tier"];
  readonly database: string;
  readonly schema: string;
  readonly role: string;
  readonly tenantId: string;
}

const namePattern = /^[a-z][a-z0-9_]{0,62}$/;
const reservedSchema = /^(pg_.*|public|platform|extensions|information_schema)$/;
const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** @throws TenantError for a route that no Resolver gives */
export function identityOf(route: Route): Identity {
  const { tenant } = route;
  const refuse = (message: string): never => {
    throw new TenantError(tenant, "arguments", `its route is not one of a Resolver: ${message}`);
  };
  const { tier, schema, user, database, tenantId } = route;
  if (!tenantIdPattern.test(tenant)) refuse("the id is no tenant's id");
  if (!["pool", "bridge", "silo"].includes(tier))
    refuse(`the tier is ${JSON.stringify(tier)}, not pool, bridge or silo`);
  for (const [what, name] of Object.entries({ schema, user })) {
    if (!namePattern.test(name) || reservedSchema.test(name)) refuse(`${what} is no name of a tenant's`);
  }
  if (schema.startsWith("pool_") !== (tier === "pool")) refuse(`the schema ${schema} is of another tier than ${tier}`);
  if (tier === "bridge" && user !== `${schema}_app`) refuse(`the login ${user} is not the one of the schema ${schema}`);
  if (tier === "pool" && (tenantId === undefined || !uuidPattern.test(tenantId))) {
    refuse("tenantId is not there, or no uuid in lower case");
  }
  return {
    ...{ tenant, tier, database, schema },
    role: tier === "pool" ? `${schema}_app` : user,
    tenantId: tenantId ?? poolTenantId(route.externalId),
  };
}

/** Begin of the transaction in microseconds, whatever the time zone is. */
const beganSql = "(EXTRACT(epoch FROM pg_catalog.now()) * 1000000)::pg_catalog.int8::pg_catalog.text";

/** @throws TenantError for an option that is not allowed */
export function beginSql(identity: Identity, options: BeginOptions): string {
  const { role, schema, tenantId, tier, tenant } = identity;
  const { actor, readOnly = false, isolation } = options;
  if (isolation !== undefined && !isolationLevels.includes(isolation)) {
    const given = JSON.stringify(isolation);
    throw new TenantError(tenant, "arguments", `isolation is ${given}; allowed: ${isolationLevels.join(", ")}`);
  }
  const settings = settingsOf(identity, options);
  const context =
    tier === "pool"
      ? `${identifier(schema)}.set_tenant_context(${literal(tenantId)}::pg_catalog.uuid, ${text(identity, actor)})`
      : `pg_catalog.set_config('app.user_id', ${text(identity, actor ?? "")}, true)`;
  const modes = [isolation === undefined ? "" : ` ISOLATION LEVEL ${isolation}`, readOnly ? " READ ONLY" : ""];
  return [
    `BEGIN${modes.join("")}`,
    // A silo has its own login: then there is nothing to take.
    ...(tier === "silo" ? [] : [`SET LOCAL ROLE ${identifier(role)}`]),
    `SET LOCAL search_path = ${identifier(schema)}, extensions, pg_catalog, pg_temp`,
    ...settings.map(([name, value]) => `SET LOCAL ${name} = ${value}`),
    `SELECT ${context}, pg_catalog.current_database() AS database, current_user::pg_catalog.text AS role, ` +
      `${beganSql} AS began, pg_catalog.current_setting('search_path') AS path`,
  ].join("; ");
}

function settingsOf({ tenant }: Identity, { statementTimeoutMs, vectors }: BeginOptions): [string, string][] {
  const within = (what: string, value: number, least: number, most: number): string => {
    if (Number.isInteger(value) && value >= least && value <= most) return integer(value);
    const allowed = `an integer from ${least} to ${most}`;
    throw new TenantError(tenant, "arguments", `${what} is ${JSON.stringify(value)}; allowed is ${allowed}`);
  };
  const found: [string, string][] = [];
  if (statementTimeoutMs !== undefined) {
    found.push(["statement_timeout", within("statementTimeoutMs", statementTimeoutMs, 1, 2147483647)]);
  }
  const { efSearch, iterativeScan } = vectors ?? {};
  if (efSearch !== undefined) found.push(["hnsw.ef_search", within("vectors.efSearch", efSearch, 1, 1000)]);
  if (iterativeScan !== undefined) found.push(["hnsw.iterative_scan", iterativeScan ? "strict_order" : "off"]);
  return found;
}

/** Begin of the text that the server cannot read as a number, and quotes in its error. */
export const leftMark = "tenancy: the transaction left its tenant: ";

/**
 * Commits if the transaction is the one that began, and works for the one that it began for: the transaction's time
 * stands for itself, the role and the context for whom. What a function set for the session, against all advice, ends
 * with the same message, so that nobody gets it with the connection.
 */
export function commitSql({ tier, role, tenantId }: Identity, { began, path }: Begun): string {
  const holds = [
    `current_user = ${literal(role)}::pg_catalog.name`,
    `pg_catalog.current_setting('search_path') = ${literal(path)}`,
    `${beganSql} = ${literal(began)}`,
    ...(tier === "pool" ? [`pg_catalog.current_setting('app.tenant_id', true) = ${literal(tenantId)}`] : []),
  ].join(" AND ");
  // The concatenation with current_user keeps the planner from reading the text before it is needed.
  return [
    `SELECT CASE WHEN ${holds} THEN 0 ELSE (${literal(leftMark)} || current_user)::pg_catalog.int4 END`,
    "COMMIT",
    "RESET ROLE",
    "RESET search_path",
    "SELECT pg_catalog.set_config('app.tenant_id', '', false), pg_catalog.set_config('app.user_id', '', false)",
  ].join("; ");
}

function text({ tenant }: Identity, value: string | undefined): string {
  if (value === undefined) return "NULL";
  try {
    return literal(value);
  } catch {
    throw new TenantError(tenant, "arguments", "actor holds the NUL character or is no valid Unicode");
  }
}
