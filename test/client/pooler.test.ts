import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Route, type TenantTransaction, withTenant } from "../../client/index.ts";
import { startTransactionPooler, type TransactionPooler } from "../support/transaction-pooler.ts";
import { makeWorld, type World } from "./world.ts";

const tenants = 500;
const tiers = ["bridge", "pool"] as const;
let world: World;
let pooler: TransactionPooler;

beforeAll(async () => {
  world = await makeWorld({ bridge: tenants, pool: tenants });
  pooler = await startTransactionPooler(world.config, 2);
}, 120_000);
afterAll(async () => {
  await world.end();
  await pooler.close();
}, 120_000);

/** An application's pool of its own, which reaches the server through the pooler. */
const application = (max: number) =>
  world.connections(max, { host: "127.0.0.1", port: pooler.port, ssl: false, connectionTimeoutMillis: 0 });
const bodies = async (tx: TenantTransaction) =>
  (await tx.query<{ body: string }>("SELECT body FROM notes WHERE id >= $1", [1])).rows.map(({ body }) => body);
const stateSql = `SELECT current_user AS role, coalesce(current_setting('app.tenant_id', true), '') AS tenant,
  coalesce(current_setting('app.user_id', true), '') AS actor, current_setting('search_path') AS path,
  current_setting('transaction_read_only') AS "readOnly", current_setting('statement_timeout') AS timeout`;

describe("through a pooler in transaction mode", () => {
  test("1,000 tenants over 5 connections on 2 of the server's, interleaved: each sees its row and no other", async () => {
    const pools = [application(2), application(2), application(1)];
    const routes: Route[] = [];
    for (let number = 1; number <= tenants; number += 1)
      for (const tier of tiers) routes.push(world.route(tier, number));
    const before = pooler.switches();
    const seen = await Promise.all(
      routes.map((route, index) =>
        withTenant(pools[index % pools.length] ?? application(1), route, async (tx) => {
          const { rows } = await tx.query<{ body: string }>(
            "UPDATE notes SET body = body WHERE id = $1 RETURNING body",
            [1],
          );
          return rows.map(({ body }) => body);
        }),
      ),
    );
    expect(seen).toEqual(routes.map(({ tenant }) => [tenant]));
    expect(pooler.switches() - before).toBeGreaterThan(100);
  }, 60_000);

  test("no statement has a name, which would stay in a connection that others use", () => {
    expect(pooler.parsed.length).toBeGreaterThanOrEqual(2 * tenants);
    expect(pooler.parsed.filter(({ name }) => name !== "")).toEqual([]);
  });

  test.each(tiers)(
    "nothing of a tenant of the tier %s is left for the next client, also after errors",
    async (tier) => {
      const [one, other] = [application(1), application(1)];
      const client = await other.connect();
      try {
        const look = async () => {
          const seen = new Set<string>();
          // Whoever had a connection last does not get it again while another waits.
          for (let count = 0; count < 4; count += 1) {
            const [row] = (await client.query<Record<string, string>>(stateSql)).rows;
            seen.add(JSON.stringify(row));
          }
          return [...seen].map((text) => JSON.parse(text) as unknown);
        };
        const clean = [
          {
            ...{ role: world.application.user, tenant: "", actor: "", path: '"$user", public' },
            ...{ readOnly: "off", timeout: "0" },
          },
        ];
        const options = { readOnly: true, statementTimeoutMs: 9000, actor: "somebody" };
        const route = world.route(tier, 1);
        for (const work of [
          bodies,
          () => Promise.reject(new Error("mine")),
          (tx: TenantTransaction) => tx.query("SELECT 1 / 0"),
          (tx: TenantTransaction) => tx.query("RESET ROLE"),
          (tx: TenantTransaction) => tx.query("SELECT set_config('role', current_user, false)"),
        ]) {
          await Promise.all(
            [1, 2, 3].map(() => withTenant(one, route, work as () => Promise<unknown>, options).catch(() => undefined)),
          );
          expect(await look()).toEqual(clean);
        }
      } finally {
        client.release();
      }
    },
  );

  test("control: a setting of the session, made without withTenant, does meet the next client", async () => {
    const [one, other] = [application(1), application(1)];
    const route = world.route("bridge", 1);
    const client = await one.connect();
    try {
      await client.query(`SET search_path = ${route.schema}`);
      await client.query(`SET ROLE ${route.user}`);
      const met: string[] = [];
      for (let count = 0; count < 4; count += 1) {
        const { rows } = await other.query<{ role: string; path: string }>(stateSql);
        met.push(`${rows[0]?.role ?? ""} ${rows[0]?.path ?? ""}`);
      }
      expect(met).toContain(`${route.user} ${route.schema}`);
      // It takes nothing of that over: its own role and path hold.
      const stranger = world.route("bridge", 2);
      for (let count = 0; count < 4; count += 1) {
        expect(await withTenant(other, stranger, bodies)).toEqual([stranger.tenant]);
      }
      expect((await other.query(stateSql)).rows[0]).toMatchObject({
        role: world.application.user,
        path: '"$user", public',
      });
    } finally {
      client.release();
    }
  });

  test("a client that goes within its transaction leaves nothing of it", async () => {
    const client = new pg.Client({ ...world.config, host: "127.0.0.1", port: pooler.port, ssl: false });
    client.on("error", () => undefined);
    await client.connect();
    const route = world.route("bridge", 3);
    await client.query(`BEGIN; SET LOCAL ROLE ${route.user}; DELETE FROM ${route.schema}.notes`);
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    expect(await withTenant(application(1), route, bodies)).toEqual([route.tenant]);
  });
});
