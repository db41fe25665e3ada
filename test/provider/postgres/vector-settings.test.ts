/** What docs/vectors.md says of the settings of a search: each sentence run on the server. */
import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { services } from "../../support/services.ts";
import { baseline, connect, dependencies, stateOf } from "./support.ts";
import { makePool, type PoolLike } from "./vector-support.ts";

let pool: PoolLike;
let client: pg.Client;
const deps = dependencies();

/** One row of a hundred is the tenant's. */
beforeAll(async () => {
  await baseline(deps);
  const { provisioner } = services().platform.postgres.main ?? {};
  const owner = await connect(provisioner?.user ?? "", provisioner?.password ?? "");
  pool = await makePool(owner, 0);
  await owner.query(`SET ROLE ${pool.place.ownerRole}; SET search_path = ${pool.place.schema}, extensions, pg_catalog`);
  for (const [tenant, count] of [
    [pool.ids[1], 3960],
    [pool.ids[0], 40],
  ] as const) {
    await owner.query("SELECT setseed(0.5), set_config('app.tenant_id', $1, false)", [tenant]);
    await owner.query(
      `INSERT INTO notes (tenant_id, embedding) SELECT '${tenant}', ARRAY[random(), random(), random()]::vector FROM generate_series(1, ${count})`,
    );
  }
  await owner.query("CREATE INDEX everybody ON notes USING hnsw (embedding vector_cosine_ops)");
  await owner.end();
  client = await pool.connect();
  // The planner would search this few rows exactly.
  await client.query("SET enable_sort = off; SET enable_seqscan = off; SET enable_bitmapscan = off");
  await client.query("SELECT set_config('app.tenant_id', $1, false)", [pool.ids[0]]);
}, 60_000);
afterAll(async () => {
  await client.end();
  await deps.pools.close();
});

async function found(settings: string): Promise<number> {
  await client.query(`BEGIN; ${settings}`);
  const { rows } = await client.query(
    "SELECT id FROM notes WHERE tenant_id = $1 ORDER BY embedding <=> '[0.5, 0.5, 0.5]' LIMIT 10",
    [pool.ids[0]],
  );
  await client.query("COMMIT");
  return rows.length;
}

test("an index that tenants share gives one of them too few rows, and all with an iterative scan", async () => {
  expect(await found("SET LOCAL hnsw.iterative_scan = off")).toBeLessThan(5);
  expect(await found("SET LOCAL hnsw.iterative_scan = strict_order")).toBe(10);
  expect(await found("SET LOCAL hnsw.iterative_scan = relaxed_order")).toBe(10);
});

test("hnsw.max_scan_tuples ends an iterative scan early, and the answer is short again", async () => {
  expect(await found("SET LOCAL hnsw.iterative_scan = relaxed_order; SET LOCAL hnsw.max_scan_tuples = 1")).toBeLessThan(
    10,
  );
});

test("vector.hnsw.ef_search is taken and does nothing; hnsw.ef_search is the setting, and it ends with the transaction", async () => {
  const without = await found("SET LOCAL hnsw.iterative_scan = off");
  expect(await found("SET LOCAL vector.hnsw.ef_search = 1000")).toBe(without);
  expect(await found("SET LOCAL hnsw.ef_search = 1000")).toBeGreaterThan(without);
  expect(await stateOf(client, "SET hnsw.ef_search = 1001")).toBe("22023");
  expect(await stateOf(client, "SET vector.hnsw.ef_search = 100000")).toBe("done");
  const { rows } = await client.query("SHOW hnsw.ef_search");
  expect(rows).toEqual([{ "hnsw.ef_search": "40" }]);
});
