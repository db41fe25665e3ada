/** System 2's own script: A inserts, B sees 0 rows, B inserts, B sees 1; by the tenants' logins, and by the trusted one. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type pg from "pg";
import type { PoolTenantInputs } from "../../provider/inputs.ts";
import { poolTenantHandler } from "../../provider/postgres/pool-tenant.ts";
import { context, stateOf, waiver } from "../provider/postgres/support.ts";
import { asTrusted, testPool, type TestPool } from "./pool-support.ts";
import { value } from "./template-support.ts";

/** One row of each table, in an order that their keys allow; `note` tells rows of two runs apart. */
const inserts: readonly (readonly [table: string, sql: string])[] = [
  ["users", "INSERT INTO users (email, name, role) VALUES ('jo@example.com', 'Jo', 'admin')"],
  [
    "api_keys",
    "INSERT INTO api_keys (user_id, name, key_prefix, key_hash, scopes) SELECT id, 'k', 'gf_1', sha256('k'), '{read}' FROM users",
  ],
  [
    "nodes_v2",
    "INSERT INTO nodes_v2 (kind, name, embedding_384) VALUES ('glyph', 'n', array_fill(0.5, ARRAY[384])::vector)",
  ],
  ["edges_v2", "INSERT INTO edges_v2 (edge_type, source_id, target_id) SELECT 'mentions', id, id FROM nodes_v2"],
  ["tags_v2", "INSERT INTO tags_v2 (slug, name) VALUES ('art', 'Art')"],
  ["node_tags_v2", "INSERT INTO node_tags_v2 (node_id, tag_id) SELECT n.id, t.id FROM nodes_v2 n, tags_v2 t"],
  ["glyphs_4d", "INSERT INTO glyphs_4d (node_id, x, y, z, t) SELECT id, 1, 2, 3, now() FROM nodes_v2"],
  [
    "embeddings_v2",
    "INSERT INTO embeddings_v2 (node_id, model, embedding_384) SELECT id, 'm', embedding_384 FROM nodes_v2",
  ],
  ["nodes_v2_history", "UPDATE nodes_v2 SET name = 'm'"],
  ["edges_v2_history", "UPDATE edges_v2 SET weight = 2"],
];
const tables = [...inserts.map(([table]) => table), "tenants"].sort();

type Run = <T>(tenant: PoolTenantInputs, work: (client: pg.Client) => Promise<T>) => Promise<T>;

describe.each([0, 4])("glyph-foundry in a pool with %i partitions", (partitions) => {
  let pool: TestPool;
  beforeAll(async () => {
    pool = await testPool("glyph-foundry", {}, partitions);
  }, 120_000);
  afterAll(() => pool.close());

  const byOwnLogin: Run = async (tenant, work) => {
    const client = await pool.direct(tenant);
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  };
  const byTrustedLogin: Run = (tenant, work) => asTrusted(pool, tenant, work);

  const countsOf = async (client: pg.Client) => {
    const counts: Record<string, number> = {};
    for (const table of tables) counts[table] = Number(await value(client, `SELECT count(*) FROM ${table}`));
    return counts;
  };
  const insertAll = async (client: pg.Client) => {
    for (const [, sql] of inserts) await client.query(sql);
  };
  const only = (tenants: number, others: number) =>
    Object.fromEntries(tables.map((table) => [table, table === "tenants" ? tenants : others]));

  test.each([
    ["their own logins", "own", byOwnLogin],
    ["the trusted login", "trusted", byTrustedLogin],
  ] as const)("two tenants by %s see their own rows of every table and no others", async (_way, name, run) => {
    const a = await pool.join(`${name}-a`);
    const b = await pool.join(`${name}-b`);
    await run(a, insertAll);
    expect(await run(b, countsOf)).toEqual(only(1, 0));
    await run(b, insertAll);
    expect(await run(b, countsOf)).toEqual(only(1, 1));
    expect(await run(a, countsOf)).toEqual(only(1, 1));
    expect(await run(b, (client) => value(client, "SELECT slug FROM tenants"))).toBe(b.tenant);
    expect(await run(b, (client) => value(client, "SELECT count(DISTINCT tenant_id)::int FROM audit_log"))).toBe(1);
    // Neither way changes, takes or points to the other's rows.
    const foreign = await run(a, (client) => value(client, "SELECT id FROM nodes_v2"));
    const attempts = async (client: pg.Client) => {
      const states: string[] = [];
      for (const sql of [
        `UPDATE nodes_v2 SET tenant_id = '${a.tenantId}'`,
        `INSERT INTO nodes_v2 (tenant_id, kind, name) VALUES ('${a.tenantId}', 'glyph', 'x')`,
        `INSERT INTO edges_v2 (edge_type, source_id, target_id) SELECT 'mentions', id, '${String(foreign)}' FROM nodes_v2`,
        "DELETE FROM nodes_v2_history",
        "UPDATE edges_v2_history SET version = '{}'",
        "TRUNCATE nodes_v2",
      ]) {
        await client.query("SAVEPOINT s").catch(() => undefined);
        states.push(await stateOf(client, sql));
        await client.query("ROLLBACK TO s").catch(() => undefined);
      }
      return states;
    };
    expect(await run(b, attempts)).toEqual(["42501", "42501", "23503", "42501", "42501", "42501"]);
    const away = `WITH gone AS (DELETE FROM nodes_v2 WHERE id = '${String(foreign)}' RETURNING 1) SELECT count(*)::int FROM gone`;
    expect(await run(b, (client) => value(client, away))).toBe(0);
    expect(await run(a, countsOf)).toEqual(only(1, 1));
  });

  test("the same e-mail, key, tag and vector may be two tenants', and the second learns nothing of the first", async () => {
    const a = await pool.join("same-a");
    const b = await pool.join("same-b");
    await byOwnLogin(a, insertAll);
    await expect(byOwnLogin(b, insertAll)).resolves.toBeUndefined();
  });

  test("the trusted login without a tenant sees nothing and writes nothing", async () => {
    const { trusted, inputs } = pool;
    await trusted.query(
      `BEGIN; SET LOCAL ROLE "${inputs.appRole}"; SET LOCAL search_path = "${inputs.schema}", extensions, pg_catalog`,
    );
    expect(await countsOf(trusted)).toEqual(only(0, 0));
    expect(await stateOf(trusted, "INSERT INTO tags_v2 (slug, name) VALUES ('x', 'X')")).toBe("42501");
    await trusted.query("ROLLBACK");
  });

  test("a removed tenant leaves no row in any table, its history included, and the other keeps all", async () => {
    const a = await pool.join("gone");
    const b = await pool.join("stays");
    await byOwnLogin(a, insertAll);
    await byOwnLogin(b, insertAll);
    const handler = poolTenantHandler(pool.deps);
    const leaving = { ...a, state: "offboarding" as const, backupWaiver: waiver };
    const told = context(a.tenant, { type: "tenancy:postgres:PoolTenant" });
    await handler.delete(told, "", await handler.update(told, "", a, leaving));
    for (const table of [...tables, "audit_log"]) {
      const left = await pool.admin<{ n: number }>(
        `SELECT count(*)::int AS n FROM "${pool.inputs.schema}"."${table}" WHERE tenant_id = $1`,
        [a.tenantId],
      );
      expect([table, left]).toEqual([table, [{ n: 0 }]]);
    }
    expect(await byOwnLogin(b, countsOf)).toEqual(only(1, 1));
  });
});
