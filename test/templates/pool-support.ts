/** A pool of a template on the real server, by the real handlers, with two tenants and the trusted login. */
import { randomBytes, randomUUID } from "node:crypto";
import type pg from "pg";
import { poolNames, postgresNames } from "../../components/naming.ts";
import type { PostgresServer } from "../../provider/config.ts";
import type { PoolInputs, PoolTenantInputs, PoolTenantOutputs, TemplateVariables } from "../../provider/inputs.ts";
import { postgresDependencies, type PostgresDependencies } from "../../provider/postgres/dependencies.ts";
import { poolHandler } from "../../provider/postgres/pool-shared.ts";
import { poolTenantHandler } from "../../provider/postgres/pool-tenant.ts";
import { loadTemplate } from "../../templates/load.ts";
import { asAdmin, baseline, connect, context, projectDir, templates } from "../provider/postgres/support.ts";
import { services } from "../support/services.ts";
import { valuesOf } from "./template-support.ts";

export interface TestPool {
  readonly deps: PostgresDependencies;
  readonly server: PostgresServer;
  readonly inputs: PoolInputs;
  /** Statements as a superuser, whom no policy binds. */
  readonly admin: <R extends pg.QueryResultRow>(sql: string, values?: unknown[]) => Promise<R[]>;
  join(name: string): Promise<PoolTenantOutputs>;
  /** A tenant's own login. */
  direct(tenant: PoolTenantInputs): Promise<pg.Client>;
  /** The trusted login, which works for a tenant inside of `asTrusted`. */
  readonly trusted: pg.Client;
  close(): Promise<void>;
}

/** In a database of its own: other test files break and mend the shared one. */
export async function testPool(template: string, given: TemplateVariables = {}, partitions = 0): Promise<TestPool> {
  const random = randomBytes(4).toString("hex");
  const main = services().platform.postgres.main;
  if (main === undefined) throw new Error("the services have a PostgreSQL server");
  const database = `template_${random}`;
  const application = { user: `trusted_${random}`, password: randomBytes(16).toString("hex") };
  const server = { ...main, database, application };
  const deps = postgresDependencies({
    platform: { ...services().platform, postgres: { main: server } },
    templates,
    projectDir,
  });
  await baseline(deps);
  const admin = <R extends pg.QueryResultRow>(sql: string, values: unknown[] = []) => asAdmin<R>(sql, values, database);
  await admin(`CREATE ROLE "${application.user}" LOGIN NOINHERIT PASSWORD '${application.password}'`);
  await admin(`GRANT CONNECT ON DATABASE "${database}" TO "${application.user}"`);
  await admin(`GRANT "${application.user}" TO "${server.provisioner.user}" WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`);
  const pool = `t${random}`;
  const variables = valuesOf(template, given);
  const inputs: PoolInputs = {
    server: "main",
    pool,
    ...poolNames(pool),
    template,
    variables,
    templateFiles: loadTemplate(templates, template).files,
    partitions,
  };
  await poolHandler(deps).create(context(pool, { type: "tenancy:postgres:Pool" }), inputs);
  const trusted = await connect(application.user, application.password, database);
  return {
    deps,
    server,
    inputs,
    trusted,
    admin,
    async join(name) {
      const { appRole, readOnlyRole } = postgresNames("tenant", `${name}-${random}`);
      const tenantId = randomUUID();
      const tenant: PoolTenantInputs = {
        server: "main",
        tenant: `${name}-${random}`,
        state: "active",
        externalId: tenantId,
        displayName: `Tenant ${name}`,
        pool,
        schema: inputs.schema,
        ownerRole: inputs.ownerRole,
        poolAppRole: inputs.appRole,
        poolReadOnlyRole: inputs.readOnlyRole,
        tenantId,
        appRole,
        readOnlyRole,
        connectionLimit: 10,
        readOnlyConnectionLimit: 5,
        template,
        variables,
        password: randomBytes(16).toString("hex"),
        readOnlyPassword: randomBytes(16).toString("hex"),
      };
      const told = context(tenant.tenant, { type: "tenancy:postgres:PoolTenant" });
      return (await poolTenantHandler(deps).create(told, tenant)).outputs;
    },
    direct: (tenant) => connect(tenant.appRole, tenant.password, database),
    async close() {
      await trusted.end();
      await deps.pools.close();
      await asAdmin(`DROP DATABASE "${database}" WITH (FORCE)`, [], "postgres");
      const roles = await asAdmin<{ name: string }>(
        "SELECT rolname AS name FROM pg_roles WHERE rolname LIKE $1",
        [`%${random}%`],
        "postgres",
      );
      for (const { name } of roles) await asAdmin(`DROP ROLE "${name}"`, [], "postgres");
    },
  };
}

/** One transaction of the trusted login for a tenant. */
export async function asTrusted<T>(
  { trusted, inputs }: TestPool,
  tenant: PoolTenantInputs,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  await trusted.query(
    `BEGIN; SET LOCAL ROLE "${inputs.appRole}"; SET LOCAL search_path = "${inputs.schema}", extensions, pg_catalog`,
  );
  try {
    await trusted.query("SELECT set_tenant_context($1, 'the tests')", [tenant.tenantId]);
    const result = await work(trusted);
    await trusted.query("COMMIT");
    return result;
  } catch (error) {
    await trusted.query("ROLLBACK");
    throw error;
  }
}
