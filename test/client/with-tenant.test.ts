import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  Resolver,
  type Route,
  TenantError,
  Tenants,
  type TenantTransaction,
  withTenant,
  type WithTenantOptions,
} from "../../client/index.ts";
import { asAdmin } from "../provider/postgres/support.ts";
import { makeWorld, type World } from "./world.ts";

let world: World;
let pool: pg.Pool;
/** The connection that the last function had. */
let last: pg.PoolClient | undefined;

beforeAll(async () => {
  world = await makeWorld({ bridge: 3, pool: 3 });
  pool = world.connections(1);
  pool.on("acquire", (client) => {
    last = client;
  });
}, 60_000);
afterAll(() => world.end());

async function faultOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => "done",
    (reason: unknown) => reason,
  );
  return error instanceof TenantError
    ? error.fault
    : error instanceof pg.DatabaseError
      ? (error.code ?? "")
      : String(error);
}

const raw = async (sql: string) => {
  if (last === undefined) throw new Error("no connection was used");
  return (await last.query<Record<string, string>>(sql)).rows;
};
/** What the connection is when nobody works with it. */
const leftover = async () => {
  const client = await pool.connect();
  try {
    const { rows } = await client.query<Record<string, string>>(
      `SELECT current_user AS role, coalesce(current_setting('app.tenant_id', true), '') AS tenant,
         coalesce(current_setting('app.user_id', true), '') AS actor, current_setting('search_path') AS path`,
    );
    return rows[0];
  } finally {
    client.release();
  }
};
const clean = () => ({ role: world.application.user, tenant: "", actor: "", path: '"$user", public' });
const bodies = async (tx: TenantTransaction) =>
  (await tx.query<{ body: string }>("SELECT body FROM notes ORDER BY id")).rows.map(({ body }) => body);

describe.each(["bridge", "pool"] as const)("a tenant of the tier %s", (tier) => {
  const route = (number = 1): Route => world.route(tier, number);
  const run = <T>(work: (tx: TenantTransaction) => Promise<T>, options?: WithTenantOptions) =>
    withTenant(pool, route(), work, options);
  const rows = (number = 1) => withTenant(pool, route(number), bodies);

  test("it reads and writes its own rows, and no other tenant's, on one connection", async () => {
    const pids = new Set<string>();
    for (const number of [1, 2, 3, 1]) {
      await withTenant(pool, route(number), async (tx) => {
        expect(await bodies(tx)).toEqual([route(number).tenant]);
        expect(tx.tenant).toBe(route(number).tenant);
        await tx.query("INSERT INTO notes (id, body) VALUES ($1, $2)", [2, "own"]);
        pids.add((await tx.query<{ pid: string }>("SELECT pg_backend_pid() AS pid")).rows[0]?.pid ?? "");
      });
      expect(await rows(number)).toEqual([route(number).tenant, "own"]);
      await withTenant(pool, route(number), (tx) => tx.query("DELETE FROM notes WHERE id = 2"));
    }
    expect(pids.size).toBe(1);
    expect(await leftover()).toEqual(clean());
  });

  test("another tenant's tables, rows and functions are out of reach", async () => {
    const other = route(2);
    if (tier === "bridge") {
      expect(await faultOf(run((tx) => tx.query(`SELECT FROM ${other.schema}.notes`)))).toBe("42501");
    } else {
      const values = [other.tenantId, "spoofed"];
      expect(
        await run(async (tx) => (await tx.query("SELECT FROM notes WHERE tenant_id = $1", [other.tenantId])).rowCount),
      ).toBe(0);
      expect(await faultOf(run((tx) => tx.query("INSERT INTO notes VALUES ($1, 9, $2)", values)))).toBe("42501");
    }
    expect(await faultOf(run((tx) => tx.query("SELECT FROM platform.tenants")))).toBe("42501");
  });

  test("an error of the function rolls everything back and comes out as it is", async () => {
    const mine = new Error("mine");
    const failing = run(async (tx) => {
      await tx.query("INSERT INTO notes (id, body) VALUES (5, 'x')");
      throw mine;
    });
    await expect(failing).rejects.toBe(mine);
    expect(await rows()).toEqual([route().tenant]);
    expect(await leftover()).toEqual(clean());
    expect(pool.totalCount).toBe(1);
  });

  test.each([
    "COMMIT",
    "ROLLBACK",
    "RESET ROLE",
    "SET ROLE postgres",
    "SET LOCAL ROLE postgres",
    "SET SESSION AUTHORIZATION DEFAULT",
    "SET search_path = public",
    "/* a /* b */ */ -- c\n ; end",
    "SET LOCAL app.tenant_id = 'x'",
    "DISCARD ALL",
  ])("%s is not sent, and nothing of the function is kept, also where it goes on", async (statement) => {
    const hostile = run(async (tx) => {
      await tx.query("INSERT INTO notes (id, body) VALUES (6, 'x')");
      await tx.query(statement).catch(() => undefined);
      return tx.query("SELECT 1").catch(() => undefined);
    });
    expect(await faultOf(hostile)).toBe("statement");
    expect(await rows()).toEqual([route().tenant]);
    expect(await leftover()).toEqual(clean());
  });

  test("a second statement in one text is refused by the server, so that an injected one changes nothing", async () => {
    expect(await faultOf(run((tx) => tx.query("SELECT 1; RESET ROLE")))).toBe("42601");
    expect(await faultOf(run((tx) => tx.query("SELECT 1; COMMIT")))).toBe("42601");
    expect(await leftover()).toEqual(clean());
  });

  test("a function that changes its tenant by a call is found out before anything is kept", async () => {
    const other = route(2);
    const calls = [
      `SELECT set_config('role', '${world.route("bridge", 2).user}', true)`,
      "SELECT set_config('role', 'none', false)",
      `SELECT set_config('search_path', '${other.schema}x', false)`,
      ...(tier === "pool"
        ? [`SELECT set_tenant_context('${other.tenantId ?? ""}')`, "SELECT set_config('app.tenant_id', '', true)"]
        : []),
    ];
    for (const call of calls) {
      const hostile = run(async (tx) => {
        await tx.query("INSERT INTO notes (id, body) VALUES (7, 'x')");
        await tx.query(call);
      });
      expect([call, await faultOf(hostile)]).toEqual([call, "left"]);
      expect(await rows()).toEqual([route().tenant]);
      expect(await leftover()).toEqual(clean());
    }
  });

  test("a role that a function sets for the session, where it is the tenant's own, ends with the transaction", async () => {
    const role = tier === "pool" ? world.pool.appRole : route().user;
    await run((tx) => tx.query("SELECT set_config('role', $1, false), set_config('app.user_id', 'x', false)", [role]));
    expect(await leftover()).toEqual(clean());
  });

  test("a transaction that was ended behind its back, or ended and begun anew, is found out", async () => {
    const role = tier === "pool" ? world.pool.appRole : route().user;
    expect(await faultOf(run(() => raw("COMMIT")))).toBe("left");
    expect(await faultOf(run(() => raw("ROLLBACK")))).toBe("left");
    const again = async () => {
      const [row] = await raw(
        "SELECT current_setting('search_path') AS path, current_setting('app.tenant_id', true) AS tenant",
      );
      await raw("COMMIT");
      await raw("BEGIN");
      await raw(`SET LOCAL ROLE "${role}"`);
      await raw(`SET LOCAL search_path = ${row?.path ?? ""}`);
      await raw(`SET LOCAL app.tenant_id = '${row?.tenant ?? ""}'`);
    };
    expect(await faultOf(run(again))).toBe("left");
    expect(await leftover()).toEqual(clean());
    expect(pool.totalCount).toBe(1);
  });

  test("a function that goes on after a failed statement keeps nothing; a savepoint is the way", async () => {
    const careless = run(async (tx) => {
      await tx.query("INSERT INTO notes (id, body) VALUES (8, 'x')");
      await tx.query("SELECT 1 / 0").catch(() => undefined);
    });
    expect(await faultOf(careless)).toBe("aborted");
    expect(await rows()).toEqual([route().tenant]);
    await run(async (tx) => {
      await tx.query("SAVEPOINT part");
      await tx.query("SELECT 1 / 0").catch(() => tx.query("ROLLBACK TO SAVEPOINT part"));
      await tx.query("UPDATE notes SET body = body");
    });
  });

  test("a connection that is lost gives an error, keeps nothing, and goes to nobody else", async () => {
    const before = last;
    const lost = run(async (tx) => {
      const { rows: found } = await tx.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
      await tx.query("INSERT INTO notes (id, body) VALUES (9, 'x')");
      await asAdmin("SELECT pg_terminate_backend($1, 5000)", [found[0]?.pid]);
    });
    expect(await faultOf(lost)).toBe("aborted");
    expect(await rows()).toEqual([route().tenant]);
    expect(last).not.toBe(before);
    expect(pool.totalCount).toBe(1);
  });

  test("a connection that is lost within the COMMIT is told as an unknown outcome", async () => {
    const cut = run(async (tx) => {
      await tx.query("SELECT 1");
      const client = last as unknown as {
        query: (sql: string) => unknown;
        connection: { stream: { destroy(): void } };
      };
      const send = client.query.bind(client);
      client.query = (sql) => {
        client.connection.stream.destroy();
        return send(sql);
      };
    });
    expect(await faultOf(cut)).toBe("outcome unknown");
    expect(await rows()).toEqual([route().tenant]);
  });

  test("options hold for the transaction alone", async () => {
    const insert = (tx: TenantTransaction) => tx.query("INSERT INTO notes (id, body) VALUES (10, 'x')");
    expect(await faultOf(run(insert, { readOnly: true }))).toBe("25006");
    expect(await faultOf(run((tx) => tx.query("SELECT pg_sleep(5)"), { statementTimeoutMs: 20 }))).toBe("57014");
    const seen = await run(
      async (tx) =>
        (
          await tx.query(
            `SELECT current_setting('transaction_isolation') AS isolation, current_setting('hnsw.ef_search') AS ef,
               current_setting('hnsw.iterative_scan') AS scan, current_setting('app.user_id') AS actor`,
          )
        ).rows[0] as unknown,
      { isolation: "serializable", vectors: { efSearch: 200, iterativeScan: true }, actor: "o'hara \\ '); --" },
    );
    expect(seen).toEqual({ isolation: "serializable", ef: "200", scan: "strict_order", actor: "o'hara \\ '); --" });
    expect(await leftover()).toEqual(clean());
  });

  test("only an idempotent function is run again, after a serialization failure or a deadlock alone", async () => {
    const failing = (code: string, times: number) => {
      let runs = 0;
      const work = async (tx: TenantTransaction) => {
        runs += 1;
        if (runs <= times) await tx.query(`DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '${code}'; END $$`);
        return runs;
      };
      return { work, runs: () => runs };
    };
    for (const code of ["40001", "40P01"]) {
      expect(await run(failing(code, 2).work, { idempotent: true })).toBe(3);
      const once = failing(code, 1);
      expect(await faultOf(run(once.work))).toBe(code);
      expect(once.runs()).toBe(1);
      const always = failing(code, 99);
      expect(await faultOf(run(always.work, { idempotent: true, attempts: 3 }))).toBe(code);
      expect(always.runs()).toBe(3);
    }
    const other = failing("23505", 1);
    expect(await faultOf(run(other.work, { idempotent: true }))).toBe("23505");
    expect(other.runs()).toBe(1);
  });

  test("statements at once run one after another; one after the function's end is refused", async () => {
    let kept: TenantTransaction | undefined;
    const sums = await run((tx) => {
      kept = tx;
      return Promise.all(
        [1, 2, 3].map(async (n) => (await tx.query<{ n: number }>("SELECT $1::int AS n", [n])).rows[0]?.n),
      );
    });
    expect(sums).toEqual([1, 2, 3]);
    expect(await faultOf(kept?.query("SELECT 1") ?? Promise.resolve())).toBe("closed");
  });

  test("a tenant whose role or membership was taken is refused, and its route is asked for anew", async () => {
    let asked = 0;
    const { tenant: id, externalId, region, tier: of, ...place } = route(3);
    const catalogue = {
      query: () => {
        asked += 1;
        return Promise.resolve({
          rows: [{ id, external_id: externalId, tier: of, region, status: "ready", route: place }],
        });
      },
    };
    const tenants = new Tenants({ resolver: new Resolver({ catalogue }), pool: () => pool });
    expect(await tenants.with(id, bodies)).toEqual([id]);
    expect(await tenants.with(id, bodies)).toEqual([id]);
    expect(asked).toBe(1);
    const { schema } = world.pool;
    await asAdmin(
      tier === "pool"
        ? `UPDATE ${schema}.tenancy_members SET active = false WHERE tenant = '${id}'`
        : `REVOKE ${place.user} FROM ${world.application.user}`,
    );
    expect(await faultOf(tenants.with(id, bodies))).toBe("refused");
    expect(await faultOf(tenants.with(id, bodies))).toBe("refused");
    expect(asked).toBe(2);
    expect(await leftover()).toEqual(clean());
  });
});

describe("what is refused before anything is sent", () => {
  const silent = { connect: () => Promise.reject(new Error("something was sent")) } as unknown as pg.Pool;
  const nothing = () => Promise.resolve();

  test.each<[string, Partial<Route>]>([
    ["a hostile id", { tenant: "a'; DROP SCHEMA x; --" }],
    ["a hostile schema", { schema: 'a"; RESET ROLE; --', user: 'a"; RESET ROLE; --_app' }],
    ["a schema of the system", { schema: "pg_catalog", user: "pg_catalog_app" }],
    ["a login of another schema", { user: "world_other_app" }],
    ["a name that is too long", { schema: "a".repeat(64), user: `${"a".repeat(64)}_app` }],
    ["a pool's schema in the tier bridge", { schema: "pool_x", user: "pool_x_app" }],
    ["a pool without tenantId", { tier: "pool", schema: "pool_x" }],
    ["a hostile tenantId", { tier: "pool", schema: "pool_x", tenantId: "x'::uuid); --" }],
    ["a tier that is none", { tier: "lake" as "pool" }],
  ])("%s", async (_what, over) => {
    expect(await faultOf(withTenant(silent, { ...world.route("bridge", 1), ...over }, nothing))).toBe("arguments");
  });

  test.each<[string, WithTenantOptions]>([
    ["isolation", { isolation: "serializable; COMMIT" as "serializable" }],
    ["statementTimeoutMs", { statementTimeoutMs: 0 }],
    ["statementTimeoutMs that is text", { statementTimeoutMs: "1; COMMIT" as unknown as number }],
    ["vectors.efSearch", { vectors: { efSearch: 1001 } }],
    ["actor with NUL", { actor: "a\0b" }],
    ["token that was not checked", { token: { tenant: "acme" } as never }],
  ])("%s", async (_what, options) => {
    expect(await faultOf(withTenant(silent, world.route("bridge", 1), nothing, options))).toMatch(
      /^(arguments|token)$/,
    );
  });
});

describe("pools that are not the tenant's", () => {
  test("a silo is worked for by its own login, and not by the trusted one", async () => {
    const { user, ...place } = world.route("bridge", 1);
    const silo: Route = { ...place, user, tier: "silo" };
    expect(await faultOf(withTenant(pool, silo, bodies))).toBe("refused");
    await asAdmin(`ALTER ROLE ${user} LOGIN PASSWORD 'own'; GRANT CONNECT ON DATABASE ${place.database} TO ${user}`);
    try {
      const own = world.connections(1, { user, password: "own" });
      expect(await withTenant(own, silo, bodies)).toEqual([silo.tenant]);
      expect(await faultOf(withTenant(own, world.route("bridge", 2), bodies))).toBe("refused");
    } finally {
      await asAdmin(`ALTER ROLE ${user} NOLOGIN; REVOKE CONNECT ON DATABASE ${place.database} FROM ${user}`);
    }
  });

  test("a pool of another database is refused", async () => {
    expect(await faultOf(withTenant(pool, { ...world.route("bridge", 1), database: "elsewhere" }, bodies))).toBe(
      "refused",
    );
  });

  test("a connection that is within somebody's transaction is not used, and is ended", async () => {
    const own = world.connections(1);
    const client = await own.connect();
    await client.query("BEGIN");
    client.release();
    expect(await faultOf(withTenant(own, world.route("bridge", 1), bodies))).toBe("left");
    expect(own.totalCount).toBe(0);
    expect(await withTenant(own, world.route("bridge", 1), bodies)).toEqual([world.route("bridge", 1).tenant]);
  });
});
