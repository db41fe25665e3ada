import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { schemaHandler } from "../../provider/postgres/schema.ts";
import { baseline, context, dependencies, stateOf } from "../provider/postgres/support.ts";
import { inSchema, type InSchema, value } from "./template-support.ts";

const deps = dependencies();
const handler = schemaHandler(deps);
let tenant: InSchema;
beforeAll(async () => {
  await baseline(deps);
  tenant = await inSchema(deps, "kato");
}, 120_000);
afterAll(async () => {
  await tenant.app.end();
  await deps.pools.close();
});

describe("kato's identifiers", () => {
  const other = "00000000-0000-4000-8000-00000000000b";

  test.each([
    "user:u1",
    "user:jo.miller@example.com",
    "org:o1:dept:d-2:user:u3",
    "team:shared:shared",
    "app:a:ctx:c:user:u",
    "session:0a-1",
    "processor:main",
    "kb:main",
  ])("%s is nested under the tenant, and only under that one", async (scope) => {
    const { app, id } = tenant;
    const identifier = await value(app, "SELECT identifier_of($1, $2)", [id, scope]);
    expect(identifier).toBe(`tenant:${id}:${scope}`);
    expect(await value(app, "SELECT is_identifier($1, $2)", [id, identifier])).toBe(true);
    expect(await value(app, "SELECT is_identifier($1, $2)", [other, identifier])).toBe(false);
  });

  test.each([
    "",
    "user",
    "user:",
    "user:a:b",
    "user:a\n",
    "user:%",
    "user:a_b",
    "user:*",
    "user:{a}",
    "user:-a",
    `user:${"a".repeat(64)}`,
    "org:o:user:u",
    "org:o:dept:d",
    "team:t",
    "team:shared",
    "team:t:shared:x",
    "app:a:ctx:c",
    "tenant:b:user:u",
    "Session:s",
    "user:ä",
  ])("%j is refused, and so are the rows that carry it", async (scope) => {
    const { app, id } = tenant;
    expect(await value(app, "SELECT is_scope($1)", [scope])).toBe(false);
    await expect(app.query("SELECT identifier_of($1, $2)", [id, scope])).rejects.toMatchObject({ code: "23514" });
    const log = "INSERT INTO access_log (actor, action, resource, allowed) VALUES ($1, 'read', 'x', true)";
    await expect(app.query(log, [scope])).rejects.toMatchObject({ code: "23514" });
  });

  test("another form of prefix is no identifier", async () => {
    const { app, id } = tenant;
    for (const text of [`tenant_${id}:user:u`, `tenant:${id}user:u`, `xtenant:${id}:user:u`, `tenant:${id}:`, null]) {
      expect([text, await value(app, "SELECT is_identifier($1, $2)", [id, text])]).toEqual([text, false]);
    }
    await expect(app.query("SELECT identifier_of(NULL, 'user:u')")).rejects.toMatchObject({ code: "23514" });
  });
});

describe("kato in a schema of its own", () => {
  test("nothing differs from the template after its seed", async () => {
    const { inputs, outputs } = tenant;
    const found = await handler.read(context(inputs.tenant), inputs.schema, inputs, outputs);
    expect(found?.inputs.drift ?? []).toEqual([]);
  });

  test("the instance's names hold the whole tenant_id, and nobody can write others", async () => {
    const { app, id } = tenant;
    expect((await app.query("SELECT processor, kb, api_host, api_port FROM application_instances")).rows).toEqual([
      { processor: `tenant:${id}:processor:main`, kb: `tenant:${id}:kb:main`, api_host: `kato-${id}`, api_port: 8000 },
    ]);
    expect(await stateOf(app, "UPDATE application_instances SET kb = 'tenant:other:kb:main'")).toBe("428C9");
    const add = (processor: string, kb: string, port: number) =>
      stateOf(
        app,
        `INSERT INTO application_instances (processor_id, kb_id, api_port) VALUES ('${processor}', '${kb}', ${port})`,
      );
    expect(await add("main", "second", 8001)).toBe("23505");
    expect(await add("second", "main", 8001)).toBe("23505");
    expect(await add("second", "second", 8000)).toBe("23505");
    expect(await add("second", "se_cond", 8001)).toBe("23514");
    expect(await add("second", "second", 80)).toBe("23514");
  });

  test("the newest patterns of a knowledge base come from its index alone", async () => {
    const { app } = tenant;
    await app.query(
      "INSERT INTO patterns (kb_id, name, length, created_at) " +
        "SELECT 'main', 'p' || i, i, now() - make_interval(hours => i) FROM generate_series(1, 2000) i",
    );
    const newest =
      "SELECT name, length, observation_count, created_at FROM patterns " +
      "WHERE tenant_id = own_tenant_id() AND kb_id = 'main' ORDER BY created_at DESC LIMIT 3";
    expect((await app.query<{ name: string }>(newest)).rows.map(({ name }) => name)).toEqual(["p1", "p2", "p3"]);
    const { rows } = await app.query<{ "QUERY PLAN": string }>(`EXPLAIN ${newest}`);
    expect(rows.map((row) => row["QUERY PLAN"]).join("\n")).toContain("Index Only Scan using patterns_newest");
    expect(await stateOf(app, "INSERT INTO patterns (kb_id, name, length) VALUES ('none', 'x', 1)")).toBe("23503");
    await app.query("DELETE FROM patterns");
  });

  test("what has expired is counted, then deleted in batches, and nothing else goes", async () => {
    const { app } = tenant;
    await app.query(
      "INSERT INTO sessions (session, scope, created_at, expires_at) SELECT 's' || i, 'user:u', now() - interval '2 days', " +
        "CASE WHEN i <= 25 THEN now() - interval '1 second' ELSE now() + interval '1 hour' END FROM generate_series(1, 30) i",
    );
    await app.query(
      "INSERT INTO observations (kb_id, session_id, scope, content, observed_at) SELECT 'main', id, 'user:u', '{}', " +
        "CASE WHEN expires_at < now() THEN now() ELSE now() - interval '91 days' END FROM sessions",
    );
    await app.query(
      "INSERT INTO patterns (kb_id, name, length, last_observed_at) VALUES ('main', 'old', 1, now() - interval '366 days'), ('main', 'new', 1, now())",
    );
    await app.query(
      "INSERT INTO memory_vectors (kb_id, pattern_id, model, embedding) SELECT 'main', id, 'm', array_fill(1, ARRAY[768])::vector FROM patterns",
    );
    const counts = async (call: string) =>
      Object.fromEntries(
        (await app.query<{ table_name: string; expired: string }>(`SELECT * FROM ${call}`)).rows.map((row) => [
          row.table_name,
          Number(row.expired),
        ]),
      );
    const due = { sessions: 25, observations: 5, patterns: 1, memory_vectors: 0 };
    expect(await counts("retention_due()")).toEqual(due);
    expect(await counts("retention_delete(10)")).toEqual({ ...due, sessions: 10 });
    expect(await counts("retention_delete(10)")).toEqual({
      sessions: 10,
      observations: 0,
      patterns: 0,
      memory_vectors: 0,
    });
    expect(await counts("retention_delete(10)")).toEqual({
      sessions: 5,
      observations: 0,
      patterns: 0,
      memory_vectors: 0,
    });
    expect(await counts("retention_delete(10)")).toEqual({
      sessions: 0,
      observations: 0,
      patterns: 0,
      memory_vectors: 0,
    });
    expect(await value(app, "SELECT count(*)::int FROM sessions WHERE expires_at > now()")).toBe(5);
    expect(await value(app, "SELECT count(*)::int FROM observations WHERE session_id IS NULL")).toBe(25);
    expect(
      (await app.query("SELECT p.name FROM memory_vectors v JOIN patterns p ON p.id = v.pattern_id")).rows,
    ).toEqual([{ name: "new" }]);
    await app.query("DELETE FROM retention_policies");
    expect(await counts("retention_due()")).toEqual({ sessions: 0, observations: 0, patterns: 0, memory_vectors: 0 });
  });
});

test("kato without pgvector: an exact search finds the nearest, and another length is refused", async () => {
  const { app } = await inSchema(deps, "kato", { search: "exact", dimensions: 3 });
  try {
    await app.query(
      "INSERT INTO memory_vectors (kb_id, model, embedding) VALUES ('main', 'a', '{1,0,0}'), ('main', 'b', '{0,1,0}')",
    );
    expect(
      await value(app, "SELECT model FROM memory_vectors ORDER BY cosine_distance(embedding, '{0.1,1,0}') LIMIT 1"),
    ).toBe("b");
    expect(await value(app, "SELECT cosine_distance('{1,0,0}'::real[], '{0,1,0}'::real[])")).toBe(1);
    expect(
      await stateOf(app, "INSERT INTO memory_vectors (kb_id, model, embedding) VALUES ('main', 'c', '{1,0}')"),
    ).toBe("23514");
    expect(await stateOf(app, "INSERT INTO memory_vectors (kb_id, model) VALUES ('main', 'c')")).toBe("23514");
  } finally {
    await app.end();
  }
});
