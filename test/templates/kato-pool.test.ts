import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type pg from "pg";
import { retain } from "../../cli/retain.ts";
import type { PoolTenantOutputs } from "../../provider/inputs.ts";
import { stateOf } from "../provider/postgres/support.ts";
import { asTrusted, testPool, type TestPool } from "./pool-support.ts";
import { value } from "./template-support.ts";

let pool: TestPool;
let a: PoolTenantOutputs;
let b: PoolTenantOutputs;
let ofA: pg.Client;
let ofB: pg.Client;
beforeAll(async () => {
  // Without pgvector: the functions of the template itself have to be open to its members, too.
  pool = await testPool("kato", { search: "exact", dimensions: 3 }, 2);
  a = await pool.join("a");
  b = await pool.join("b");
  ofA = await pool.direct(a);
  ofB = await pool.direct(b);
}, 120_000);
afterAll(async () => {
  await ofA.end();
  await ofB.end();
  await pool.close();
});

describe("kato in a pool", () => {
  test("each tenant has its own instance, whose names are below its own tenant_id", async () => {
    for (const [client, { tenantId }] of [[ofA, a] as const, [ofB, b] as const]) {
      expect((await client.query("SELECT processor, kb, api_host, api_port FROM application_instances")).rows).toEqual([
        {
          processor: `tenant:${tenantId}:processor:main`,
          kb: `tenant:${tenantId}:kb:main`,
          api_host: `kato-${tenantId}`,
          api_port: 8000,
        },
      ]);
    }
  });

  test("A inserts, B sees 0 rows, B inserts, B sees 1; also by the trusted login", async () => {
    const insert = async (client: pg.Client) => {
      await client.query(
        "INSERT INTO sessions (session, scope, expires_at) VALUES ('same', 'user:jo', now() + interval '1 hour')",
      );
      await client.query("INSERT INTO patterns (kb_id, name, length) VALUES ('main', 'same', 3)");
      await client.query("INSERT INTO memory_vectors (kb_id, model, embedding) VALUES ('main', 'm', '{1,2,3}')");
    };
    const count = (client: pg.Client) =>
      value(
        client,
        "SELECT (SELECT count(*) FROM sessions) || ',' || (SELECT count(*) FROM patterns) || ',' || (SELECT count(*) FROM memory_vectors)",
      );
    await insert(ofA);
    expect(await count(ofB)).toBe("0,0,0");
    expect(await asTrusted(pool, b, count)).toBe("0,0,0");
    await asTrusted(pool, b, insert);
    expect(await count(ofB)).toBe("1,1,1");
    expect(await count(ofA)).toBe("1,1,1");
    expect(await value(ofB, "SELECT identifier FROM sessions")).toBe(`tenant:${b.tenantId}:session:same`);
    expect(
      await value(ofB, "SELECT model FROM memory_vectors ORDER BY cosine_distance(embedding, '{1,2,3}') LIMIT 1"),
    ).toBe("m");
    expect(
      await stateOf(
        ofB,
        "INSERT INTO access_log (actor, action, resource, allowed) VALUES ('user:%', 'read', 'x', true)",
      ),
    ).toBe("23514");
  });

  test("the access log takes rows and gives none back", async () => {
    await ofA.query("INSERT INTO access_log (actor, action, resource, allowed) VALUES ('user:jo', 'read', 'x', false)");
    expect(await stateOf(ofA, "DELETE FROM access_log")).toBe("42501");
    expect(await stateOf(ofA, "UPDATE access_log SET allowed = true")).toBe("42501");
    expect(await value(ofB, "SELECT count(*)::int FROM access_log")).toBe(0);
  });

  test("retention of one tenant deletes its own expired rows, and none of another's", async () => {
    const expire = (client: pg.Client, rows: number) =>
      client.query(
        "INSERT INTO sessions (session, scope, created_at, expires_at) SELECT 'old' || i, 'user:jo', " +
          `now() - interval '2 hours', now() - interval '1 hour' FROM generate_series(1, ${rows}) i`,
      );
    await expire(ofA, 25);
    await expire(ofB, 7);
    const { host, port, database, ca } = pool.server;
    const connection = {
      ...{ host, port, database, ca, schema: pool.inputs.schema },
      ...{ user: a.appRole, password: a.password, readOnlyUser: a.readOnlyRole },
    };
    const none = { sessions: 0, observations: 0, patterns: 0, memory_vectors: 0 };
    expect(await retain(connection, { dryRun: true, batch: 10 })).toEqual({ ...none, sessions: 25 });
    expect(await retain(connection, { dryRun: false, batch: 10 })).toEqual({ ...none, sessions: 25 });
    expect(await retain(connection, { dryRun: true, batch: 10 })).toEqual(none);
    expect(await value(ofB, "SELECT count(*)::int FROM sessions WHERE session LIKE 'old%'")).toBe(7);
    // The deletion is a change like any other.
    expect(
      await value(ofA, "SELECT count(*)::int FROM audit_log WHERE action = 'DELETE' AND table_name = 'sessions'"),
    ).toBe(25);
  });
});
