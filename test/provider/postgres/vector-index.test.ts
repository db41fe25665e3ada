import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { vectorIndexName } from "../../../components/naming.ts";
import type { SchemaOutputs } from "../../../provider/inputs.ts";
import { PostgresPools } from "../../../provider/postgres/pool.ts";
import { schemaHandler } from "../../../provider/postgres/schema.ts";
import {
  lookAtVectors,
  type Seen,
  type VectorPlace,
  type WantedColumn,
} from "../../../provider/postgres/vector-look.ts";
import { decide, type Verdict } from "../../../provider/postgres/vector-plan.ts";
import { type BuildOptions, VectorBuilder } from "../../../provider/postgres/vector-run.ts";
import { services } from "../../support/services.ts";
import { asAdmin, baseline, connect, context, createTenant, dependencies, schemaInputs, tenantId } from "./support.ts";
import { fill, makePool, type PoolLike, rowsSql, wanted } from "./vector-support.ts";

const deps = dependencies();
const pools = new PostgresPools(services().platform);
const id = tenantId("vectors");
const inputs = schemaInputs(id, { template: "ekn", variables: { dimensions: 3, m: 8, ef_construction: 32 } });
const place: VectorPlace = { database: "main", schema: inputs.schema, ownerRole: inputs.ownerRole };
const column = wanted({ tenant: id, table: "embeddings" });
const index = vectorIndexName("embeddings", "embedding");
let outputs: SchemaOutputs;
let app: pg.Client;
let admin: pg.Client;

async function look(at: VectorPlace, one: WantedColumn): Promise<Seen & Verdict> {
  const { columns } = await lookAtVectors(pools, at, [one]);
  const [seen] = columns;
  if (seen === undefined) throw new Error("the schema is there");
  return { ...seen, ...decide(seen, true) };
}

/** Carries out what is to be done, and looks again. */
async function run(at: VectorPlace, one: WantedColumn, options: BuildOptions = {}): Promise<Seen & Verdict> {
  const found = await look(at, one);
  await new VectorBuilder(pools, options).carryOut("main", at, found, found.action);
  return look(at, one);
}

const insert = (count: number) =>
  app.query(
    `INSERT INTO embeddings (entity_id, entity_type, embedding)
     SELECT 'e', 't', ARRAY[i, i * i % 97 + 1, 1]::vector FROM generate_series(1, ${count}) i`,
  );

/** Waits until a build of the schema waits for an older transaction; its session. */
async function waitingBuild(schema: string): Promise<number> {
  const limit = Date.now() + 60_000;
  while (Date.now() < limit) {
    const { rows } = await admin.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_progress_create_index p JOIN pg_class c ON c.oid = p.relid
       WHERE c.relnamespace = $1::regnamespace AND p.phase LIKE 'waiting for%' AND p.current_locker_pid > 0`,
      [schema],
    );
    if (rows[0] !== undefined) return rows[0].pid;
  }
  throw new Error(`no build of ${schema} waits`);
}

/** A transaction that wrote a row, and that no build may overtake. */
async function olderTransaction(): Promise<pg.Client> {
  const client = await connect(inputs.appRole, inputs.password);
  await client.query("BEGIN; INSERT INTO embeddings (entity_id, entity_type) VALUES ('older', 't')");
  return client;
}

async function drift(): Promise<readonly string[]> {
  const read = await schemaHandler(deps).read(context(id), id, outputs, outputs);
  return (read?.inputs as { drift?: readonly string[] } | undefined)?.drift ?? [];
}

beforeAll(async () => {
  await baseline(deps);
  outputs = await createTenant(deps, inputs);
  app = await connect(inputs.appRole, inputs.password);
  const login = services().platform.postgres.main?.admin;
  admin = await connect(login?.user ?? "", login?.password ?? "");
}, 60_000);
afterAll(async () => {
  await app.end();
  await admin.end();
  await pools.close();
  await deps.pools.close();
});

describe("in a schema of its own", () => {
  test("an index comes with the row of the threshold, stays down to a half of it, and goes below", async () => {
    await insert(99);
    const below = await look(place, column);
    expect([below.rows, below.action, below.state]).toEqual([{ count: 99, precision: "exact" }, "none", "none"]);
    await insert(1);
    const built = await run(place, column);
    expect([built.action, built.state, built.index?.name]).toEqual(["none", "valid", index]);
    await app.query("DELETE FROM embeddings WHERE id IN (SELECT id FROM embeddings LIMIT 50)");
    expect((await look(place, column)).action).toBe("none");
    await app.query("DELETE FROM embeddings WHERE id IN (SELECT id FROM embeddings LIMIT 1)");
    const dropped = await run(place, column);
    expect([dropped.rows.count, dropped.state, dropped.index]).toEqual([49, "none", undefined]);
  });

  test("rows without a vector do not count", async () => {
    await app.query("DELETE FROM embeddings");
    await insert(99);
    await app.query("INSERT INTO embeddings (entity_id, entity_type) SELECT 'e', 't' FROM generate_series(1, 50)");
    expect((await look(place, column)).action).toBe("none");
  });

  test("far above the threshold the server's estimate is believed, and nobody counts", async () => {
    await admin.query(`ANALYZE ${place.schema}.embeddings`);
    const { rows } = await look(place, { ...column, threshold: 10 });
    expect(rows.precision).toBe("about");
    expect(rows.count).toBeGreaterThanOrEqual(95);
    expect(rows.count).toBeLessThanOrEqual(103);
  });

  test("writers and readers are not kept waiting by a build that waits for an older transaction", async () => {
    await app.query("DELETE FROM embeddings");
    await insert(100);
    const older = await olderTransaction();
    const told: string[] = [];
    const build = run(place, column, { onProgress: (text) => told.push(text) });
    await waitingBuild(place.schema);
    await app.query("SET statement_timeout = '5s'");
    await app.query("INSERT INTO embeddings (entity_id, entity_type, embedding) VALUES ('during', 't', '[-1,-2,-3]')");
    const { rows } = await app.query("SELECT entity_id FROM embeddings ORDER BY embedding <=> '[-1,-2,-3]' LIMIT 1");
    expect(rows).toEqual([{ entity_id: "during" }]);
    await older.query("COMMIT");
    await older.end();
    expect((await build).state).toBe("valid");
    await app.query("BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off");
    const plan = await app.query("EXPLAIN SELECT id FROM embeddings ORDER BY embedding <=> '[-1,-2,-3]' LIMIT 1");
    const found = await app.query("SELECT entity_id FROM embeddings ORDER BY embedding <=> '[-1,-2,-3]' LIMIT 1");
    await app.query("ROLLBACK; RESET statement_timeout");
    expect(JSON.stringify(plan.rows)).toMatch(index);
    expect(found.rows).toEqual([{ entity_id: "during" }]);
  });

  test("drift leaves the index alone and tells an invalid one, with the way out", async () => {
    const before = await drift();
    expect(before.filter((sentence) => sentence.includes(index))).toEqual([]);
    await asAdmin(`UPDATE pg_index SET indisvalid = false WHERE indexrelid = '${place.schema}.${index}'::regclass`);
    expect((await drift()).filter((sentence) => sentence.includes(index))).toEqual([
      expect.stringMatching(`the index ${index} of the table embeddings is invalid: its build was interrupted`),
    ]);
    const mended = await run(place, column);
    expect([mended.action, mended.state]).toEqual(["none", "valid"]);
  });

  test("other parameters: the old index serves until the new one has its name", async () => {
    const other = { ...column, distance: "l2", m: 12 } as const;
    const found = await look(place, other);
    expect([found.action, found.reason]).toEqual([
      "rebuild",
      "it has vector_cosine_ops, m 8, ef_construction 32; wanted is vector_l2_ops, m 12, ef_construction 32",
    ]);
    const older = await olderTransaction();
    const build = run(place, other);
    await waitingBuild(place.schema);
    const during = await look(place, other);
    expect([during.action, during.index?.valid]).toEqual(["wait", true]);
    await older.query("ROLLBACK");
    await older.end();
    const { state, index: made, next } = await build;
    expect([state, made?.operatorClass, made?.m, next]).toEqual(["valid", "vector_l2_ops", 12, undefined]);
    await run(place, column);
  });

  test("a build whose session dies begins again by itself", async () => {
    await admin.query(`DROP INDEX ${place.schema}.${index}`);
    const older = await olderTransaction();
    const build = run(place, column);
    await admin.query("SELECT pg_terminate_backend($1)", [await waitingBuild(place.schema)]);
    await older.query("ROLLBACK");
    await older.end();
    expect((await build).state).toBe("valid");
  });

  test("a build that is given up tells why, and the next run takes its invalid index away", async () => {
    await admin.query(`DROP INDEX ${place.schema}.${index}`);
    const older = await olderTransaction();
    await expect(run(place, column, { lockTimeoutMs: 300 })).rejects.toThrow(
      `tenant ${id}: the build of the index ${index} was given up: a transaction that was open before the build did not ` +
        "end within 0.3 s. Its unfinished index could not be dropped now",
    );
    const left = await look(place, column);
    expect([left.action, left.state, left.reason]).toEqual(["rebuild", "invalid", "its build was interrupted"]);
    await older.query("ROLLBACK");
    await older.end();
    expect((await run(place, column)).state).toBe("valid");
  });

  test("a deadline cancels what has not ended, and the next run goes on", async () => {
    await admin.query(`DROP INDEX ${place.schema}.${index}`);
    const older = await olderTransaction();
    const build = run(place, column, { deadline: Date.now() + 700, lockTimeoutMs: 60_000 });
    await expect(build).rejects.toThrow("was given up: it had not ended by the deadline.");
    await older.query("ROLLBACK");
    await older.end();
    expect((await run(place, column)).state).toBe("valid");
    const late = run(place, { ...column, m: 10 }, { deadline: Date.now() - 1 });
    await expect(late).rejects.toThrow("was not begun: the deadline is there");
  });

  test("a run that is ended cancels its build", async () => {
    await admin.query(`DROP INDEX ${place.schema}.${index}`);
    const older = await olderTransaction();
    const abort = new AbortController();
    const build = run(place, column, { signal: abort.signal });
    await waitingBuild(place.schema);
    abort.abort();
    await expect(build).rejects.toThrow(
      "was given up: the run was ended. Its unfinished index could not be dropped now",
    );
    await older.query("ROLLBACK");
    await older.end();
  });

  test("two runs on one server do not build at once", async () => {
    const [one, other] = [new VectorBuilder(pools, {}), new VectorBuilder(new PostgresPools(services().platform), {})];
    await one.alone("main", async () => {
      await expect(other.alone("main", () => Promise.resolve())).rejects.toThrow(
        "server main: another run of `tenancy vectors --build` works there.",
      );
    });
    expect(await other.alone("main", () => Promise.resolve(7))).toBe(7);
  });
});

describe.each([0, 4])("in a pool with %i partitions", (partitions) => {
  let pool: PoolLike;
  let one: WantedColumn;
  let two: WantedColumn;
  let client: pg.Client;

  beforeAll(async () => {
    const { provisioner } = services().platform.postgres.main ?? {};
    const owner = await connect(provisioner?.user ?? "", provisioner?.password ?? "");
    pool = await makePool(owner, partitions);
    await owner.end();
    one = wanted({ tenant: "one", tenantId: pool.ids[0], threshold: 2000 });
    two = wanted({ tenant: "two", tenantId: pool.ids[1], threshold: 2000 });
    await fill(pool, pool.ids[0], 4000);
    await fill(pool, pool.ids[1], 900);
    client = await pool.connect();
  }, 60_000);
  afterAll(async () => {
    await client.end();
  });

  /** As the application asks: the tenant as a parameter beside the policy. */
  async function plan(tenant: string): Promise<string> {
    await client.query("BEGIN");
    await client.query("SELECT set_config('app.tenant_id', $1, true)", [tenant]);
    const { rows } = await client.query(
      "EXPLAIN SELECT id FROM notes WHERE tenant_id = $1 ORDER BY embedding <=> $2::vector LIMIT 10",
      [tenant, "[1,2,3]"],
    );
    await client.query("ROLLBACK");
    return rows.map((row) => String(Object.values(row as object)[0])).join("\n");
  }

  test("only the tenant with enough rows gets an index, and its parameter is what chooses it under row-level security", async () => {
    expect((await look(pool.place, two)).rows).toEqual({ count: 900, precision: "exact" });
    const built = await run(pool.place, one);
    expect([built.state, built.rows]).toEqual(["valid", { count: 4000, precision: "exact" }]);
    expect(built.index?.name).toBe(vectorIndexName("notes", "embedding", pool.ids[0]));
    expect(built.index?.predicate).toBe(`(tenant_id = '${pool.ids[0]}'::uuid)`);
    expect(built.index?.parent).toBe(partitions > 0 ? "notes" : null);
    expect((await look(pool.place, two)).action).toBe("none");
    expect(await plan(pool.ids[0])).toContain(`Index Scan using ${built.index?.name ?? ""}`);
    expect(await plan(pool.ids[1])).not.toContain("tenancy_hnsw_");
  });

  test("the other tenant's rows are neither counted nor searched", async () => {
    await client.query("BEGIN");
    await client.query("SELECT set_config('app.tenant_id', $1, true)", [pool.ids[0]]);
    const { rows } = await client.query(
      "SELECT DISTINCT tenant_id FROM (SELECT tenant_id FROM notes WHERE tenant_id = $1 ORDER BY embedding <=> $2::vector LIMIT 40) s",
      [pool.ids[0], "[1,2,3]"],
    );
    await client.query("ROLLBACK");
    expect(rows).toEqual([{ tenant_id: pool.ids[0] }]);
  });

  test("below half of the threshold the tenant's index goes, and nobody else's", async () => {
    await fill(pool, pool.ids[1], 1200);
    expect((await run(pool.place, two)).state).toBe("valid");
    await client.query("SELECT set_config('app.tenant_id', $1, false)", [pool.ids[0]]);
    await client.query("DELETE FROM notes WHERE id IN (SELECT id FROM notes LIMIT 3001)");
    expect((await run(pool.place, one)).index).toBeUndefined();
    expect((await look(pool.place, two)).state).toBe("valid");
  });
});

test("a pool that does not know the provisioner is told, and not taken for empty", async () => {
  const { provisioner } = services().platform.postgres.main ?? {};
  const owner = await connect(provisioner?.user ?? "", provisioner?.password ?? "");
  const pool = await makePool(owner, 0);
  await owner.query(
    `BEGIN; SET LOCAL ROLE ${pool.place.ownerRole}; CREATE OR REPLACE FUNCTION ${pool.place.schema}.current_tenant_id()
     RETURNS uuid LANGUAGE sql STABLE RETURN NULL::uuid; COMMIT`,
  );
  await owner.end();
  await expect(look(pool.place, wanted({ tenantId: pool.ids[0] }))).rejects.toThrow(
    `tenant acme: the pool's schema ${pool.place.schema} does not let the provisioner count the tenant's rows`,
  );
  expect(rowsSql(1)).not.toContain("tenant_id");
});
