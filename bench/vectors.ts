/**
 * `npm run bench -- vectors`: recall at 10, speed, build time and size of every way to search one tenant's vectors, side
 * by side. Options: --rows 20000 (of 384 dimensions; two fifths of it of 1536) --queries 100 --durable.
 */
import { readFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import pg from "pg";
import type { Platform } from "../provider/config.ts";
import type { CallContext } from "../provider/handler.ts";
import { baselineHandler } from "../provider/postgres/baseline.ts";
import { postgresDependencies } from "../provider/postgres/dependencies.ts";
import { clientConfig } from "../provider/postgres/pool.ts";
import { buildSettingsSql, createIndexSql } from "../provider/postgres/vector-sql.ts";
import { withServices } from "./services.ts";
import { printTable } from "./table.ts";

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "20000" },
    queries: { type: "string", default: "100" },
    durable: { type: "boolean", default: false },
  },
});
const projectDir = resolve(import.meta.dirname, "..");
const searchWidths = [40, 64, 100, 200] as const;
/** So many tenants share the table; the first one searches. */
const tenants = 10;
const clusters = 50;
const wanted = 10;
/** Of the comparison without pgvector, which takes a tenth of a second a query. */
const slowQueries = 20;
const [m, efConstruction] = [16, 64];
const queries = Number(values.queries);
const tenantId = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;

type Data = "clustered" | "uniform";
interface Measured {
  readonly cell: string;
}

const dir = mkdtempSync(join(tmpdir(), "tenancy-bench-"));
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const table: string[][] = [];
try {
  await withServices({ dir: join(dir, "services"), durable: values.durable }, async ({ platform }) => {
    const client = await prepare(platform);
    for (const dimensions of [384, 1536]) {
      const rows = Math.round(Number(values.rows) * (dimensions === 384 ? 1 : 0.4));
      for (const data of ["clustered", "uniform"] as const) {
        say(`${rows} vectors of ${dimensions} dimensions, ${data}`);
        await bench(client, dimensions, data, rows);
      }
    }
    await client.end();
  });
} finally {
  const widths = searchWidths.map((width) => `ef_search ${width}`);
  printTable(["dimensions", "data", "search", "build", "size", ...widths], table);
  rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
}
if (process.connected) process.disconnect();

/** The provisioner as an owner of tables on whom row-level security is forced, as on a pool's members. */
async function prepare(platform: Platform): Promise<pg.Client> {
  const server = platform.postgres.main;
  if (server === undefined) throw new Error("the benchmark's platform has a PostgreSQL server");
  const dependencies = postgresDependencies({ platform, templates: join(projectDir, "templates"), projectDir });
  const context: CallContext = {
    urn: "urn:pulumi:bench::tenancy::tenancy:postgres:Baseline::main",
    adopt: new Set<string>(),
    warn: () => undefined,
    status: () => undefined,
    signal: new AbortController().signal,
  };
  const inputs = { server: "main", extensions: ["vector"], provisionerPassword: "" };
  await baselineHandler(dependencies).create(context, inputs);
  await dependencies.pools.close();
  const client = new pg.Client(clientConfig(server, server.provisioner));
  await client.connect();
  await client.query(
    `CREATE ROLE bench_owner NOLOGIN; CREATE SCHEMA bench AUTHORIZATION bench_owner; SET ROLE bench_owner;
     SET search_path = bench, extensions, pg_catalog; SET app.tenant_id = '${tenantId(0)}';
     CREATE FUNCTION bench.current_tenant_id() RETURNS uuid LANGUAGE sql STABLE
       RETURN NULLIF(pg_catalog.current_setting('app.tenant_id', true), '')::uuid`,
  );
  const distance = readFileSync(join(projectDir, "templates", "ekn-exact", "0003-faster-distance.sql"), "utf8");
  await client.query(distance.replace("cosine_distance(", "bench.array_distance("));
  await client.query(buildSettingsSql({ lockTimeoutMs: 0, statementTimeoutMs: 0, memoryMb: 512, workers: 1 }));
  return client;
}

async function bench(client: pg.Client, dimensions: number, data: Data, rows: number): Promise<void> {
  const own = Math.round(rows / tenants);
  await client.query(dataSql(dimensions, data, rows));
  const { rows: drawn } = await client.query<{ v: string }>(`SELECT v::text AS v FROM questions ORDER BY id`);
  const questions = drawn.map(({ v }) => v);
  const add = (search: string, build: string, size: string, cells: readonly Measured[]): void => {
    const row = [`${dimensions}`, data, search, build, size, ...cells.map(({ cell }) => cell)];
    table.push(row);
    say(`  ${row.slice(2).join(" | ")}`);
  };
  const inTable = "SELECT id FROM shared WHERE tenant_id = $1 ORDER BY v <=> $2::vector LIMIT 10";
  const inSchema = "SELECT id FROM own WHERE $1::uuid IS NOT NULL ORDER BY v <=> $2::vector LIMIT 10";
  const truth: string[][] = [];
  const measure = async (sql: string, asked = questions): Promise<Measured> => {
    const times: number[] = [];
    let [found, right] = [0, 0];
    for (const [index, question] of asked.entries()) {
      const started = performance.now();
      const answer = await client.query<{ id: string }>(sql, [tenantId(0), question]);
      times.push(performance.now() - started);
      const ids = answer.rows.map(({ id }) => id);
      truth[index] ??= ids;
      found += ids.length;
      right += ids.filter((id) => truth[index]?.includes(id)).length;
    }
    times.sort((one, other) => one - other);
    const at = (part: number) => (times[Math.ceil(times.length * part) - 1] ?? 0).toFixed(1);
    const average = found / asked.length;
    const few = average < wanted ? ` of ${average.toFixed(1)} rows` : "";
    return { cell: `${(right / asked.length / wanted).toFixed(2)}${few}, ${at(0.5)} / ${at(0.99)} ms` };
  };
  const each = async (sql: string, settings = ""): Promise<Measured[]> => {
    const cells: Measured[] = [];
    for (const width of searchWidths) {
      await client.query(`SET hnsw.ef_search = ${width}; ${settings}`);
      cells.push(await measure(sql));
    }
    return cells;
  };
  const build = async (name: string, on: string, tenant?: string): Promise<[string, string]> => {
    const sql = createIndexSql(name, {
      schema: "bench",
      table: on,
      column: "v",
      extensionSchema: "extensions",
      operatorClass: "vector_cosine_ops",
      m,
      efConstruction,
      ...(tenant === undefined ? {} : { tenantId: tenant }),
    });
    const started = performance.now();
    await client.query(sql);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    const { rows: sizes } = await client.query<{ size: string }>(
      `SELECT round(pg_relation_size('bench.${name}') / 1048576.0, 1)::text AS size`,
    );
    return [`${seconds} s`, `${sizes[0]?.size ?? ""} MB`];
  };

  await measure(inTable, questions.slice(0, 5));
  add(`exact, ${own} of ${rows} rows`, "", "", [await measure(inTable)]);
  const arrays =
    "SELECT id FROM arrays WHERE $1::uuid IS NOT NULL ORDER BY array_distance(v, $2::vector::real[]) LIMIT 10";
  add(`exact on real[], ${own} rows`, "", "", [await measure(arrays, questions.slice(0, slowQueries))]);
  // Only the index gives rows in order: without these the planner takes the exact search, which is right, for a tenant of this size.
  await client.query("SET enable_sort = off; SET enable_seqscan = off; SET enable_bitmapscan = off");
  const shared = await build("shared_index", "shared");
  await client.query("ANALYZE shared; ANALYZE own");
  add("shared index", ...shared, await each(inTable, "SET hnsw.iterative_scan = off"));
  for (const order of ["relaxed_order", "strict_order"]) {
    add(`shared index, ${order}`, "", "", await each(inTable, `SET hnsw.iterative_scan = ${order}`));
  }
  await client.query("SET hnsw.iterative_scan = off; DROP INDEX shared_index");
  add("partial index", ...(await build("partial_index", "shared", tenantId(0))), await each(inTable));
  add("index in a schema", ...(await build("own_index", "own")), await each(inSchema));
  await client.query("RESET enable_sort; RESET enable_seqscan; RESET enable_bitmapscan");
}

function dataSql(dimensions: number, data: Data, rows: number): string {
  const draw =
    data === "uniform"
      ? `(SELECT array_agg(random() * 2 - 1) FROM generate_series(1, ${dimensions}) WHERE i >= 0)`
      : `(SELECT array_agg(x + random_normal() * 0.5) FROM unnest(c.v) x WHERE i >= 0)`;
  const from = (count: number) =>
    `generate_series(0, ${count - 1}) i JOIN centres c ON c.id = (hashint4(i) & 2147483647) % ${clusters}`;
  return `SELECT setseed(0.42);
    DROP TABLE IF EXISTS shared, own, arrays, questions, centres;
    CREATE TABLE centres AS SELECT i AS id,
      (SELECT array_agg(random_normal()) FROM generate_series(1, ${dimensions}) WHERE i >= 0) AS v
      FROM generate_series(0, ${clusters - 1}) i;
    CREATE TABLE shared (tenant_id uuid NOT NULL, id int NOT NULL, v vector(${dimensions}) NOT NULL, PRIMARY KEY (tenant_id, id));
    INSERT INTO shared SELECT ('00000000-0000-4000-8000-' || lpad((i % ${tenants})::text, 12, '0'))::uuid, i,
      ${draw}::vector FROM ${from(rows)};
    CREATE TABLE own AS SELECT id, v FROM shared WHERE tenant_id = '${tenantId(0)}';
    CREATE TABLE arrays AS SELECT id, v::real[] AS v FROM own;
    CREATE TABLE questions AS SELECT i AS id, ${draw}::vector AS v FROM ${from(queries)};
    ANALYZE shared; ANALYZE own; ANALYZE arrays;
    ALTER TABLE shared ENABLE ROW LEVEL SECURITY; ALTER TABLE shared FORCE ROW LEVEL SECURITY;
    CREATE POLICY tenant_isolation ON shared USING (tenant_id = (SELECT bench.current_tenant_id()))`;
}
