/** The tenants of the data plane's benchmark, made by the handlers themselves: so many in each tier. */
import { join, resolve } from "node:path";
import pLimit from "p-limit";
import pg from "pg";
import { poolNames, poolTenantId, postgresNames } from "../../components/naming.ts";
import type { PostgresServer } from "../../provider/config.ts";
import type { CallContext } from "../../provider/handler.ts";
import type { SchemaInputs } from "../../provider/inputs.ts";
import { baselineHandler } from "../../provider/postgres/baseline.ts";
import { databaseHandler } from "../../provider/postgres/database.ts";
import { postgresDependencies } from "../../provider/postgres/dependencies.ts";
import { clientConfig } from "../../provider/postgres/pool.ts";
import { poolHandler } from "../../provider/postgres/pool-shared.ts";
import { poolTenantHandler } from "../../provider/postgres/pool-tenant.ts";
import { schemaHandler } from "../../provider/postgres/schema.ts";
import { loadTemplate } from "../../templates/load.ts";
import { checkVariables } from "../../templates/values.ts";
import type { Services } from "../../dev/services/index.ts";

export const tierNames = ["pool", "bridge", "silo"] as const;
export type TierName = (typeof tierNames)[number];

/** One tenant as its application reaches it. */
export interface Place {
  readonly tier: TierName;
  readonly tenant: string;
  readonly tenantId: string;
  readonly server: PostgresServer;
  readonly database: string;
  readonly schema: string;
  readonly user: string;
  readonly password: string;
  /** Owns the tables. */
  readonly ownerRole: string;
}

export interface World {
  /** By tier; the first of each is the large one, the second its neighbour. */
  readonly places: Readonly<Record<TierName, readonly [Place, Place, ...Place[]]>>;
  /** Milliseconds that one tenant took, a mean over the tier. */
  readonly creation: Readonly<Record<TierName, number>>;
}

const projectDir = resolve(import.meta.dirname, "..", "..");
const password = "a-password-of-the-benchmark";
const poolName = "bench";

export function contextOf(type: string, name: string): CallContext {
  return {
    urn: `urn:pulumi:bench::tenancy::${type}::${name}`,
    adopt: new Set<string>(),
    warn: () => undefined,
    status: () => undefined,
    signal: new AbortController().signal,
  };
}

/** A connection to a tenant's database; `superuser` for what only the benchmark does. */
export async function connect(place: Place, superuser = false): Promise<pg.Client> {
  const { server, database, user } = place;
  const login = superuser ? server.admin : { user, password: place.password };
  if (login === undefined) throw new Error("the benchmark's server has an administrator");
  const client = new pg.Client(clientConfig(server, { ...login, database }, "tenancy bench"));
  await client.connect();
  return client;
}

/** @param count - tenants in each tier */
export async function makeWorld(
  { platform }: Services,
  count: number,
  options: { readonly search: "pgvector" | "exact"; readonly say: (line: string) => void },
): Promise<World> {
  const server = platform.postgres.main;
  if (server === undefined) throw new Error("the benchmark's platform has a PostgreSQL server");
  const templates = join(projectDir, "templates");
  const dependencies = postgresDependencies({ platform, templates, projectDir });
  const template = loadTemplate(templates, "glyph-foundry");
  const { values: variables, faults } = checkVariables(template, { search: options.search });
  if (faults.length > 0) throw new Error(`the variables of glyph-foundry: ${JSON.stringify(faults)}`);
  const extensions = options.search === "pgvector" ? ["vector"] : [];
  const content = { template: template.name, variables, templateFiles: template.files };
  await baselineHandler(dependencies).create(contextOf("tenancy:postgres:Baseline", "main"), {
    server: "main",
    extensions,
    databases: true,
    provisionerPassword: "",
  });
  const pool = { ...poolNames(poolName), server: "main", pool: poolName, ...content, partitions: 0 };
  await poolHandler(dependencies).create(contextOf("tenancy:postgres:Pool", poolName), pool);

  const logins = { connectionLimit: 20, readOnlyConnectionLimit: 5, password, readOnlyPassword: password };
  const tenant = (tier: TierName, index: number) => {
    const id = `${tier}-${index}`;
    const own = { server: "main", tenant: id, externalId: `org_${id}`, state: "active" as const };
    return { id, own, names: postgresNames("bench", id), tenantId: poolTenantId(own.externalId) };
  };
  const schemaOf = (tier: TierName, index: number): SchemaInputs => {
    const { own, names } = tenant(tier, index);
    return { ...own, ...names, ...logins, ...content, additionalFiles: [], additionalRoot: "tenants" };
  };
  const make: Record<TierName, (index: number) => Promise<unknown>> = {
    pool: (index) => {
      const { id, own, names, tenantId } = tenant("pool", index);
      return poolTenantHandler(dependencies).create(contextOf("tenancy:postgres:PoolTenant", id), {
        ...own,
        displayName: id,
        pool: poolName,
        schema: pool.schema,
        ownerRole: pool.ownerRole,
        poolAppRole: pool.appRole,
        poolReadOnlyRole: pool.readOnlyRole,
        tenantId,
        appRole: names.appRole,
        readOnlyRole: names.readOnlyRole,
        template: template.name,
        variables,
        ...logins,
      });
    },
    bridge: (index) => {
      const inputs = schemaOf("bridge", index);
      return schemaHandler(dependencies).create(contextOf("tenancy:postgres:Schema", inputs.tenant), inputs);
    },
    silo: (index) => {
      const inputs = schemaOf("silo", index);
      return databaseHandler(dependencies).create(contextOf("tenancy:postgres:Database", inputs.tenant), {
        ...inputs,
        database: inputs.schema,
        extensions,
        catalogue: "main",
      });
    },
  };
  const places = {} as Record<TierName, [Place, Place, ...Place[]]>;
  const creation = {} as Record<TierName, number>;
  for (const tier of tierNames) {
    options.say(`making ${count} tenants of the tier ${tier}`);
    const started = performance.now();
    await pLimit(8).map(
      Array.from({ length: count }, (_, index) => index),
      make[tier],
    );
    creation[tier] = (performance.now() - started) / count;
    places[tier] = Array.from({ length: count }, (_, index): Place => {
      const { id, names, tenantId } = tenant(tier, index);
      return {
        tier,
        tenant: id,
        tenantId,
        server,
        database: tier === "silo" ? names.schema : server.database,
        schema: tier === "pool" ? pool.schema : names.schema,
        user: names.appRole,
        password,
        ownerRole: tier === "pool" ? pool.ownerRole : names.ownerRole,
      };
    }) as [Place, Place, ...Place[]];
  }
  await dependencies.pools.close();
  return { places, creation };
}
