/** Tables of vectors for the tests: a tenant's schema, and a schema as of a pool. */
import type pg from "pg";
import type { PostgresServer } from "../../../provider/config.ts";
import type { VectorPlace, WantedColumn } from "../../../provider/postgres/vector-look.ts";
import { services } from "../../support/services.ts";
import { connect, tenantId } from "./support.ts";

export function wanted(over: Partial<WantedColumn> = {}): WantedColumn {
  return {
    tenant: "acme",
    table: "notes",
    column: "embedding",
    distance: "cosine",
    threshold: 100,
    m: 8,
    efConstruction: 32,
    exact: false,
    ...over,
  };
}

export function mainServer(): PostgresServer {
  const server = services().platform.postgres.main;
  if (server === undefined) throw new Error("the services have a PostgreSQL server");
  return server;
}

/** Vectors of three dimensions, all different. */
export function rowsSql(count: number, tenant?: string): string {
  const [columns, value] = tenant === undefined ? ["", ""] : ["tenant_id, ", `'${tenant}', `];
  return (
    `INSERT INTO notes (${columns}embedding) SELECT ${value}` +
    `ARRAY[i, i * i % 97 + 1, 1]::extensions.vector FROM generate_series(1, ${count}) i`
  );
}

export interface PoolLike {
  readonly place: VectorPlace;
  readonly login: string;
  readonly ids: readonly [string, string];
  /** As the application, with the context of a tenant. */
  connect(): Promise<pg.Client>;
}

/** A schema with the parts of a pool's that searches and builds depend on; its login has the tenant of the setting. */
export async function makePool(owner: pg.Client, partitions: number): Promise<PoolLike> {
  const schema = `pool_${tenantId("v").replaceAll("-", "_")}`;
  const { provisioner } = mainServer();
  const [ownerRole, login] = [`${schema}_owner`, `${schema}_app`];
  const parts = Array.from(
    { length: partitions },
    (_, part) =>
      `CREATE TABLE ${schema}.notes_p${part} PARTITION OF ${schema}.notes FOR VALUES WITH (MODULUS ${partitions}, REMAINDER ${part});`,
  );
  await owner.query(`BEGIN; SELECT pg_catalog.pg_advisory_xact_lock(7305804385);
    CREATE ROLE ${ownerRole} NOLOGIN; CREATE ROLE ${login} LOGIN PASSWORD 'word';
    GRANT ${ownerRole} TO ${provisioner.user} WITH SET TRUE, INHERIT FALSE;
    GRANT CONNECT ON DATABASE tenants TO ${login};
    CREATE SCHEMA ${schema} AUTHORIZATION ${ownerRole}; SET LOCAL ROLE ${ownerRole};
    GRANT USAGE ON SCHEMA ${schema} TO ${login};
    CREATE FUNCTION ${schema}.current_tenant_id() RETURNS uuid LANGUAGE sql STABLE
      RETURN NULLIF(pg_catalog.current_setting('app.tenant_id', true), '')::uuid;
    CREATE TABLE ${schema}.notes (id bigint GENERATED ALWAYS AS IDENTITY, tenant_id uuid NOT NULL,
      embedding extensions.vector(3), PRIMARY KEY (tenant_id, id)) ${partitions > 0 ? "PARTITION BY HASH (tenant_id)" : ""};
    ${parts.join("\n")}
    GRANT SELECT, INSERT, DELETE ON ${schema}.notes TO ${login}; GRANT EXECUTE ON FUNCTION ${schema}.current_tenant_id() TO ${login};
    ALTER TABLE ${schema}.notes ENABLE ROW LEVEL SECURITY; ALTER TABLE ${schema}.notes FORCE ROW LEVEL SECURITY;
    CREATE POLICY tenant_isolation ON ${schema}.notes USING (tenant_id = (SELECT ${schema}.current_tenant_id()))
      WITH CHECK (tenant_id = (SELECT ${schema}.current_tenant_id())); COMMIT`);
  return {
    place: { database: "main", schema, ownerRole },
    login,
    ids: ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"],
    connect: async () => {
      const client = await connect(login, "word");
      await client.query(`SET search_path = ${schema}, extensions, pg_catalog`);
      return client;
    },
  };
}

/** A tenant's rows, written by the application in the tenant's context. */
export async function fill(pool: PoolLike, tenant: string, count: number): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("SELECT set_config('app.tenant_id', $1, false)", [tenant]);
    await client.query(rowsSql(count, tenant));
  } finally {
    await client.end();
  }
}
