/** What the tests of a pool's tenants share: a pool on the real server, and the inputs of tenants in it. */
import { randomBytes, randomUUID } from "node:crypto";
import { join } from "node:path";
import type pg from "pg";
import { poolNames } from "../../../components/naming.ts";
import type { Login, PostgresServer } from "../../../provider/config.ts";
import type { PoolInputs, PoolTenantInputs, PoolTenantOutputs } from "../../../provider/inputs.ts";
import type { PostgresDependencies } from "../../../provider/postgres/dependencies.ts";
import { PostgresPools } from "../../../provider/postgres/pool.ts";
import { poolHandler } from "../../../provider/postgres/pool-shared.ts";
import { poolTenantHandler } from "../../../provider/postgres/pool-tenant.ts";
import { loadTemplate } from "../../../templates/load.ts";
import { services } from "../../support/services.ts";
import { asAdmin, baseline, connect, context, projectDir, type Recorded, stateOf, tenantId } from "./support.ts";

export const templates = join(import.meta.dirname, "fixture");

/** The login that works for every tenant of a test file's pool. */
export const trusted: Login = {
  user: `trusted_${randomBytes(4).toString("hex")}`,
  password: randomBytes(16).toString("hex"),
};

export function server(): PostgresServer {
  const { main } = services().platform.postgres;
  if (main === undefined) throw new Error("the services have a PostgreSQL server");
  return { ...main, application: trusted };
}

/** @param Pools - connections that a test looks into */
export function poolDependencies(Pools: typeof PostgresPools = PostgresPools): PostgresDependencies {
  return { pools: new Pools({ postgres: { main: server() } }), templates, projectDir };
}

export interface TestPool {
  readonly inputs: PoolInputs;
  tenant(name: string, over?: Partial<PoolTenantInputs>): PoolTenantInputs;
}

/** Baseline, trusted login and a pool of the template `library`. */
export async function makePool(deps: PostgresDependencies, partitions = 0): Promise<TestPool> {
  await baseline(deps);
  await asAdmin(`CREATE ROLE "${trusted.user}" LOGIN NOINHERIT NOBYPASSRLS PASSWORD '${trusted.password}'`);
  await asAdmin(`GRANT CONNECT ON DATABASE "${server().database}" TO "${trusted.user}"`);
  await asAdmin(`GRANT "${trusted.user}" TO "${server().provisioner.user}" WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`);
  const pool = `p-${randomBytes(4).toString("hex")}`;
  const template = loadTemplate(templates, "library");
  const inputs: PoolInputs = {
    server: "main",
    pool,
    ...poolNames(pool),
    template: template.name,
    variables: {},
    templateFiles: template.files,
    partitions,
  };
  await poolHandler(deps).create(context(pool, { type: "tenancy:postgres:Pool" }), inputs);
  return { inputs, tenant: (name, over) => poolTenantInputs(inputs, tenantId(name), over) };
}

function poolTenantInputs(pool: PoolInputs, id: string, over: Partial<PoolTenantInputs> = {}): PoolTenantInputs {
  const base = `tenant_${id.replaceAll("-", "__")}`;
  const external = randomUUID();
  return {
    server: "main",
    tenant: id,
    state: "active",
    externalId: external,
    displayName: `Library of ${id}`,
    pool: pool.pool,
    schema: pool.schema,
    ownerRole: pool.ownerRole,
    poolAppRole: pool.appRole,
    poolReadOnlyRole: pool.readOnlyRole,
    tenantId: external,
    appRole: `${base}_app`,
    readOnlyRole: `${base}_ro`,
    connectionLimit: 10,
    readOnlyConnectionLimit: 5,
    template: pool.template,
    variables: {},
    password: randomBytes(16).toString("hex"),
    readOnlyPassword: randomBytes(16).toString("hex"),
    ...over,
  };
}

export function poolContext(
  inputs: { readonly tenant: string },
  options: Parameters<typeof context>[1] = {},
): Recorded {
  return context(inputs.tenant, { type: "tenancy:postgres:PoolTenant", ...options });
}

export async function joinPool(deps: PostgresDependencies, inputs: PoolTenantInputs): Promise<PoolTenantOutputs> {
  return (await poolTenantHandler(deps).create(poolContext(inputs), inputs)).outputs;
}

/** Runs `work` as the application of a tenant. */
export async function asApp<T>(inputs: PoolTenantInputs, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connect(inputs.appRole, inputs.password);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Titles or names, sorted, of what a login sees. */
export async function seen(client: pg.Client, sql: string): Promise<unknown[]> {
  const { rows } = await client.query<{ value: unknown }>(sql);
  return rows.map(({ value }) => value).sort();
}

/** How many rows of each table carry a tenant_id, by a superuser whom no policy binds; tables without one are left out. */
export async function rowsOf(pool: PoolInputs, id: string): Promise<Record<string, number>> {
  const tables = ["authors", "books", "rooms", "wings", "a_history", "audit_log"];
  const counts = tables.map(
    (table) =>
      `SELECT '${table}' AS name, count(*)::int AS n FROM "${pool.schema}"."${table}" WHERE tenant_id = '${id}'`,
  );
  const rows = await asAdmin<{ name: string; n: number }>(counts.join(" UNION ALL "));
  return Object.fromEntries(rows.filter(({ n }) => n > 0).map(({ name, n }) => [name, n]));
}

/** Roles, members and bonds that are left of a tenant. */
export async function leftOf(inputs: PoolTenantInputs): Promise<unknown[]> {
  const roles = await asAdmin<{ name: string }>("SELECT rolname AS name FROM pg_roles WHERE rolname = ANY ($1)", [
    [inputs.appRole, inputs.readOnlyRole],
  ]);
  const rows = await asAdmin<{ name: string }>(
    `SELECT tenant AS name FROM "${inputs.schema}".tenancy_members WHERE tenant_id = '${inputs.tenantId}'
     UNION ALL SELECT login FROM "${inputs.schema}".tenancy_logins WHERE login = ANY ($1)
     UNION ALL SELECT name FROM platform.applied_files WHERE schema_name = $2`,
    [[inputs.appRole, inputs.readOnlyRole], `${inputs.schema}/${inputs.tenant}`],
  );
  return [...roles, ...rows].map(({ name }) => name);
}

/** A client of the trusted login that works for a tenant in one transaction, which the caller ends. */
export async function beginTrusted(client: pg.Client, inputs: PoolTenantInputs, mode = ""): Promise<string> {
  await client.query(
    `BEGIN ${mode}; SET LOCAL ROLE "${inputs.poolAppRole}"; SET LOCAL search_path = "${inputs.schema}"`,
  );
  return stateOf(client, `SELECT set_tenant_context('${inputs.tenantId}', 'someone')`);
}
