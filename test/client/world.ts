/** Tenants of the tiers pool and bridge with a table each of the same form, and a trusted login for all of them. */
import { randomBytes } from "node:crypto";
import pg from "pg";
import type { Route } from "../../client/resolve.ts";
import { poolTenantId } from "../../components/naming.ts";
import { clientConfig } from "../../provider/postgres/pool.ts";
import { infrastructureSql, loginSql, memberSql, type PoolPlace } from "../../provider/postgres/pool-sql.ts";
import { identifier, literal } from "../../provider/postgres/quote.ts";
import { asAdmin, baseline, dependencies } from "../provider/postgres/support.ts";
import { services } from "../support/services.ts";

export interface World {
  readonly application: { readonly user: string; readonly password: string };
  /** Of the trusted login, and how it connects. */
  readonly config: pg.ClientConfig;
  readonly pool: PoolPlace;
  route(tier: "pool" | "bridge", number: number): Route;
  /** A pool of the trusted login, which ends with the world. */
  connections(max: number, over?: pg.PoolConfig): pg.Pool;
  end(): Promise<void>;
}

/** Each tenant has one row in `notes`, whose body is the tenant's id. */
export async function makeWorld(count: { readonly bridge: number; readonly pool: number }): Promise<World> {
  const server = services().platform.postgres.main;
  if (server === undefined) throw new Error("the services have a PostgreSQL server");
  const deps = dependencies();
  await baseline(deps);
  await deps.pools.close();
  const key = randomBytes(4).toString("hex");
  const application = { user: `application_${key}`, password: randomBytes(12).toString("hex") };
  const app = identifier(application.user);
  const prefix = `world_${key}_`;
  const schema = `pool_${key}`;
  const pool: PoolPlace = {
    ...{ schema, ownerRole: `${schema}_owner`, appRole: `${schema}_app`, readOnlyRole: `${schema}_ro` },
  };
  const [owner, group, readers] = [pool.ownerRole, pool.appRole, pool.readOnlyRole].map(identifier);
  const idOf = (tier: string, number: number) => `${tier}-${key}-${String(number)}`;
  await asAdmin(`CREATE ROLE ${app} LOGIN NOINHERIT PASSWORD ${literal(application.password)}`);
  await asAdmin(`GRANT CONNECT ON DATABASE ${identifier(server.database)} TO ${app}`);
  for (let first = 1; first <= count.bridge; first += 250) {
    await asAdmin(bridgeSql(prefix, application.user, `bridge-${key}-`, first, Math.min(first + 249, count.bridge)));
  }
  const members = Array.from({ length: count.pool }, (_, index) => {
    const tenant = idOf("pool", index + 1);
    return { tenantId: poolTenantId(`org_${tenant}`), tenant, active: true, mark: "{}" };
  });
  await asAdmin(
    [
      `CREATE ROLE ${String(owner)} NOLOGIN; CREATE ROLE ${String(group)} NOLOGIN; CREATE ROLE ${String(readers)} NOLOGIN;`,
      `GRANT ${String(group)} TO ${app} WITH INHERIT FALSE, SET TRUE;`,
      `CREATE SCHEMA ${schema} AUTHORIZATION ${String(owner)}; GRANT USAGE ON SCHEMA ${schema} TO ${String(group)};`,
      `SET ROLE ${String(owner)};`,
      ...infrastructureSql(pool),
      loginSql(pool, application.user, { kind: "application" }),
      ...members.map((member) => memberSql(pool, member)),
      `CREATE TABLE ${schema}.notes (tenant_id uuid NOT NULL DEFAULT ${schema}.current_tenant_id(), id int,
         body text NOT NULL, PRIMARY KEY (tenant_id, id));`,
      `INSERT INTO ${schema}.notes SELECT tenant_id, 1, tenant FROM ${schema}.tenancy_members;`,
      `ALTER TABLE ${schema}.notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;`,
      `CREATE POLICY tenant_isolation ON ${schema}.notes USING (tenant_id = (SELECT ${schema}.current_tenant_id()))
         WITH CHECK (tenant_id = (SELECT ${schema}.current_tenant_id()));`,
      `GRANT SELECT, INSERT, UPDATE, DELETE ON ${schema}.notes TO ${String(group)};`,
    ].join("\n"),
  );
  const { host, port, database } = server;
  const config = clientConfig(server, application);
  const pools: pg.Pool[] = [];
  return {
    ...{ application, config, pool },
    route(tier, number) {
      const tenant = idOf(tier, number);
      const place = { host, port, database, region: "eu", tenant, externalId: `org_${tenant}` };
      if (tier === "pool") {
        const tenantId = poolTenantId(place.externalId);
        return { ...place, tier, schema, user: `world_pool_${String(number)}_app`, tenantId };
      }
      return { ...place, tier, schema: `${prefix}${String(number)}`, user: `${prefix}${String(number)}_app` };
    },
    connections(max, over = {}) {
      const made = new pg.Pool({ ...config, max, ...over });
      made.on("error", () => undefined);
      pools.push(made);
      return made;
    },
    async end() {
      await Promise.all(pools.map((one) => one.end()));
      await asAdmin(`DROP SCHEMA ${schema} CASCADE; DROP ROLE ${String(owner)}, ${String(group)}, ${String(readers)}`);
      for (let first = 1; first <= count.bridge; first += 250) {
        await asAdmin(dropSql(prefix, first, Math.min(first + 249, count.bridge)));
      }
      await asAdmin(`REVOKE ALL ON DATABASE ${identifier(server.database)} FROM ${app}`);
      await asAdmin(`DROP ROLE ${app}`);
    },
  };
}

function bridgeSql(prefix: string, application: string, id: string, first: number, last: number): string {
  return `DO $$ BEGIN FOR i IN ${String(first)}..${String(last)} LOOP
    EXECUTE format('CREATE ROLE %I NOLOGIN', '${prefix}' || i || '_app');
    EXECUTE format('GRANT %I TO %I WITH INHERIT FALSE, SET TRUE', '${prefix}' || i || '_app', '${application}');
    EXECUTE format('CREATE SCHEMA %I CREATE TABLE notes (id int PRIMARY KEY, body text NOT NULL)', '${prefix}' || i);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', '${prefix}' || i, '${prefix}' || i || '_app');
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I.notes TO %I', '${prefix}' || i, '${prefix}' || i || '_app');
    EXECUTE format('INSERT INTO %I.notes VALUES (1, %L)', '${prefix}' || i, '${id}' || i);
  END LOOP; END $$`;
}

function dropSql(prefix: string, first: number, last: number): string {
  return `DO $$ BEGIN FOR i IN ${String(first)}..${String(last)} LOOP
    EXECUTE format('DROP SCHEMA %I CASCADE', '${prefix}' || i);
    EXECUTE format('DROP ROLE %I', '${prefix}' || i || '_app');
  END LOOP; END $$`;
}
