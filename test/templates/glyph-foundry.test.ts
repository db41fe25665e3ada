import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { schemaHandler } from "../../provider/postgres/schema.ts";
import { extensionsOf, loadTemplate } from "../../templates/load.ts";
import { asAdmin, baseline, context, dependencies, stateOf, templates } from "../provider/postgres/support.ts";
import { inSchema, type InSchema, value, valuesOf } from "./template-support.ts";

const deps = dependencies();
const handler = schemaHandler(deps);
let tenant: InSchema;
beforeAll(async () => {
  await baseline(deps);
  tenant = await inSchema(deps, "glyph-foundry");
}, 120_000);
afterAll(async () => {
  await tenant.app.end();
  await deps.pools.close();
});

describe("glyph-foundry in a schema of its own", () => {
  test("has every table and enum of its design, and nothing differs from the template after its seed", async () => {
    const { app, inputs, outputs } = tenant;
    const { rows } = await app.query<{ name: string }>(
      "SELECT relname AS name FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind IN ('r', 'p') UNION ALL " +
        "SELECT typname FROM pg_type WHERE typnamespace = $1::regnamespace AND typtype = 'e' ORDER BY name",
      [inputs.schema],
    );
    expect(rows.map(({ name }) => name)).toEqual([
      "api_keys",
      "edge_type_enum",
      "edges_v2",
      "edges_v2_history",
      "embeddings_v2",
      "glyph_type_enum",
      "glyphs_4d",
      "node_kind_enum",
      "node_tags_v2",
      "nodes_v2",
      "nodes_v2_history",
      "tag_category_enum",
      "tags_v2",
      "tenants",
      "user_role_enum",
      "users",
    ]);
    const found = await handler.read(context(inputs.tenant), inputs.schema, inputs, outputs);
    expect(found?.inputs.drift ?? []).toEqual([]);
  });

  test("a pinned function that is led to another schema is drift", async () => {
    const { inputs, outputs } = tenant;
    const lead = (schema: string) =>
      asAdmin(`ALTER FUNCTION ${inputs.schema}.place_tag() SET search_path = ${schema}, extensions, pg_catalog`);
    const drift = async () => {
      const found = await handler.read(context(inputs.tenant), inputs.schema, inputs, outputs);
      return found?.inputs.drift ?? [];
    };
    await lead("public");
    expect(await drift()).toEqual([expect.stringContaining("place_tag()")]);
    await lead(inputs.schema);
    expect(await drift()).toEqual([]);
  });

  test("a row without tenant_id gets the tenant's, and one with another's is refused", async () => {
    const { app, id, inputs } = tenant;
    expect((await app.query("SELECT tenant_id, slug, name FROM tenants")).rows).toEqual([
      { tenant_id: id, slug: inputs.tenant, name: `Tenant ${inputs.tenant}` },
    ]);
    expect(await value(app, "INSERT INTO nodes_v2 (kind, name) VALUES ('glyph', 'a') RETURNING tenant_id")).toBe(id);
    const other = "gen_random_uuid()";
    for (const sql of [
      `INSERT INTO nodes_v2 (tenant_id, kind, name) VALUES (${other}, 'glyph', 'b')`,
      `INSERT INTO users (tenant_id, email, name) VALUES (${other}, 'b@example.com', 'b')`,
      `INSERT INTO tags_v2 (tenant_id, slug, name) VALUES (${other}, 'b', 'b')`,
      `INSERT INTO glyphs_4d (tenant_id, x, y, z, t) VALUES (${other}, 0, 0, 0, now())`,
      `INSERT INTO edges_v2 (tenant_id, edge_type, source_id, target_id) SELECT ${other}, 'mentions', id, id FROM nodes_v2`,
      `UPDATE nodes_v2 SET tenant_id = ${other}`,
      "DELETE FROM tenants",
    ]) {
      expect([sql, await stateOf(app, sql)]).toEqual([sql, "23503"]);
    }
  });

  test("an API key is its hash, its owner exists, and goes with it", async () => {
    const { app } = tenant;
    const user = await value(app, "INSERT INTO users (email, name) VALUES ('jo@example.com', 'Jo') RETURNING id");
    const add = (hash: string, owner: unknown = user) =>
      app.query(
        "INSERT INTO api_keys (user_id, name, key_prefix, key_hash, scopes) " +
          `VALUES ($1, 'k', 'gf_ab', ${hash}, '{read,write}')`,
        [owner],
      );
    await add("sha256('secret')");
    await expect(add("sha256('secret')")).rejects.toMatchObject({ code: "23505" });
    await expect(add("'secret'")).rejects.toMatchObject({ code: "23514" });
    await expect(add("sha256('b')", "00000000-0000-4000-8000-000000000001")).rejects.toMatchObject({ code: "23503" });
    expect(await stateOf(app, "INSERT INTO users (email, name) VALUES ('Jo@example.com', 'Jo')")).toBe("23514");
    await app.query("DELETE FROM users");
    expect(await value(app, "SELECT count(*)::int FROM api_keys")).toBe(0);
  });

  test("versions of nodes and edges are kept without their vectors, whatever search_path the change comes with", async () => {
    const { app, inputs } = tenant;
    const schema = `"${inputs.schema}"`;
    await app.query("DELETE FROM nodes_v2; DELETE FROM nodes_v2_history");
    await app.query(
      "INSERT INTO nodes_v2 (kind, name, embedding_384) " +
        "VALUES ('document', 'first', array_fill(1, ARRAY[384])::vector), ('document', 'other', NULL)",
    );
    await app.query(
      "INSERT INTO edges_v2 (edge_type, source_id, target_id) " +
        "SELECT 'mentions', a.id, b.id FROM nodes_v2 a, nodes_v2 b WHERE a.name = 'first' AND b.name = 'other'",
    );
    await app.query("BEGIN; SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL app.user_id = 'jo'");
    await app.query(`UPDATE ${schema}.nodes_v2 SET name = 'second' WHERE name = 'first'`);
    await app.query(`DELETE FROM ${schema}.nodes_v2 WHERE name = 'second'`);
    await app.query("COMMIT");
    const history = (table: string) =>
      app.query(
        `SELECT action, version - 'created_at' - 'source_id' - 'target_id' AS version, changed_by FROM ${table} ` +
          "ORDER BY action DESC",
      );
    expect((await history("nodes_v2_history")).rows).toEqual([
      { action: "UPDATE", version: { kind: "document", name: "first", properties: {} }, changed_by: "jo" },
      { action: "DELETE", version: { kind: "document", name: "second", properties: {} }, changed_by: "jo" },
    ]);
    expect((await history("edges_v2_history")).rows).toEqual([
      { action: "DELETE", version: { edge_type: "mentions", weight: 1, properties: {} }, changed_by: "jo" },
    ]);
    expect(await value(app, "SELECT count(*)::int FROM edges_v2")).toBe(0);
  });

  test("a tag's path follows its parents, and a tag never becomes its own ancestor", async () => {
    const { app } = tenant;
    await app.query("INSERT INTO tags_v2 (slug, name, path) VALUES ('art', 'Art', 'made.up')");
    const below = (slug: string, parent: string) =>
      `INSERT INTO tags_v2 (slug, name, parent_id) SELECT '${slug}', '${slug}', id FROM tags_v2 WHERE slug = '${parent}'`;
    await app.query(below("painting", "art"));
    await app.query(below("oil", "painting"));
    const paths = async () =>
      (await app.query<{ path: string }>("SELECT path FROM tags_v2 ORDER BY path")).rows.map(({ path }) => path);
    expect(await paths()).toEqual(["art", "art.painting", "art.painting.oil"]);
    await app.query("UPDATE tags_v2 SET slug = 'arts' WHERE slug = 'art'");
    expect(await paths()).toEqual(["arts", "arts.painting", "arts.painting.oil"]);
    const under = (slug: string, parent: string) =>
      `UPDATE tags_v2 SET parent_id = (SELECT id FROM tags_v2 WHERE slug = '${parent}') WHERE slug = '${slug}'`;
    expect(await stateOf(app, under("arts", "oil"))).toBe("23514");
    expect(await stateOf(app, under("painting", "painting"))).toBe("23514");
    expect(await stateOf(app, below("oil", "painting"))).toBe("23505");
    expect(await stateOf(app, "INSERT INTO tags_v2 (slug, name) VALUES ('a_b', 'x')")).toBe("23514");
    expect(await stateOf(app, "INSERT INTO tags_v2 (slug, name, parent_id) VALUES ('x', 'x', gen_random_uuid())")).toBe(
      "23503",
    );
    await app.query("DELETE FROM tags_v2 WHERE slug = 'arts'");
    expect(await paths()).toEqual([]);
  });

  test("a vector has one length and one owner, once a model", async () => {
    const { app } = tenant;
    const node = await value(app, "INSERT INTO nodes_v2 (kind, name) VALUES ('concept', 'v') RETURNING id");
    const add = (columns: string, values: string) =>
      stateOf(app, `INSERT INTO embeddings_v2 (model, ${columns}) VALUES ('m', ${values})`);
    const small = "array_fill(1, ARRAY[384])::vector";
    const large = "array_fill(1, ARRAY[1536])::vector";
    expect(await add("node_id, embedding_384", `'${String(node)}', ${small}`)).toBe("done");
    expect(await add("node_id, embedding_1536", `'${String(node)}', ${large}`)).toBe("23505");
    expect(await add("node_id, embedding_384, embedding_1536", `'${String(node)}', ${small}, ${large}`)).toBe("23514");
    expect(await add("embedding_384", small)).toBe("23514");
    expect(await add("node_id, embedding_384", `'${String(node)}', ${large}`)).toBe("22000");
  });
});

test("the five queries of the design use the indexes that are meant for them", async () => {
  const { app, id, inputs } = await inSchema(deps, "glyph-foundry");
  try {
    await app.query(
      "INSERT INTO nodes_v2 (kind, name, created_at) " +
        "SELECT 'message', 'n' || i, now() - make_interval(mins => i) FROM generate_series(1, 3000) i",
    );
    await app.query(
      "INSERT INTO edges_v2 (edge_type, source_id, target_id) SELECT 'replies_to', a.id, b.id FROM " +
        "(SELECT id, row_number() OVER (ORDER BY id) AS n FROM nodes_v2) a JOIN " +
        "(SELECT id, row_number() OVER (ORDER BY id) AS n FROM nodes_v2) b ON b.n BETWEEN a.n + 1 AND a.n + 5",
    );
    await app.query(
      "INSERT INTO glyphs_4d (x, y, z, t) SELECT i, i, i, now() - make_interval(hours => i) FROM generate_series(1, 9000) i",
    );
    // An index alone answers only where the visibility map tells that every row is there for all.
    for (const table of ["nodes_v2", "edges_v2", "glyphs_4d"])
      await asAdmin(`VACUUM ANALYZE ${inputs.schema}.${table}`);
    const plan = async (sql: string) => {
      const { rows } = await app.query<{ "QUERY PLAN": string }>(`EXPLAIN ${sql.replaceAll("$1", `'${id}'`)}`);
      return rows.map((row) => row["QUERY PLAN"]).join("\n");
    };
    const node = "(SELECT id FROM nodes_v2 LIMIT 1)";
    expect(await plan(`SELECT * FROM nodes_v2 WHERE tenant_id = $1 AND id = ${node}`)).toContain("using nodes_v2_pkey");
    expect(
      await plan("SELECT id, kind, name FROM nodes_v2 WHERE tenant_id = $1 ORDER BY created_at DESC LIMIT 300"),
    ).toContain("Index Only Scan using nodes_v2_recent");
    expect(
      await plan(`SELECT target_id, edge_type, weight FROM edges_v2 WHERE tenant_id = $1 AND source_id = ${node}`),
    ).toContain("Index Only Scan using edges_v2_out");
    expect(
      await plan(`SELECT source_id, edge_type, weight FROM edges_v2 WHERE tenant_id = $1 AND target_id = ${node}`),
    ).toContain("Index Only Scan using edges_v2_in");
    expect(
      await plan(
        "SELECT id, x, y, z, t FROM glyphs_4d WHERE tenant_id = $1 AND t >= now() - interval '1 day' AND t < now()",
      ),
    ).toContain("Index Only Scan using glyphs_4d_time");
  } finally {
    await app.end();
  }
});

test("without pgvector an exact search finds the nearest by each of the three distances", async () => {
  const template = loadTemplate(templates, "glyph-foundry");
  expect(extensionsOf(template, valuesOf("glyph-foundry", {}))).toEqual(["vector"]);
  const given = { search: "exact", dimensions_small: 3 };
  expect(extensionsOf(template, valuesOf("glyph-foundry", given))).toEqual([]);
  const { app } = await inSchema(deps, "glyph-foundry", given);
  try {
    await app.query(
      "INSERT INTO nodes_v2 (kind, name, embedding_384) " +
        "VALUES ('glyph', 'near', '{1,1,0}'), ('glyph', 'long', '{9,9,0}'), ('glyph', 'side', '{0,0,1}')",
    );
    const order = async (by: string) =>
      (await app.query<{ name: string }>(`SELECT name FROM nodes_v2 ORDER BY ${by}, name`)).rows.map(
        ({ name }) => name,
      );
    expect(await order("cosine_distance(embedding_384, '{1,0.9,0}')")).toEqual(["long", "near", "side"]);
    expect(await order("l2_distance(embedding_384, '{1,0.9,0}')")).toEqual(["near", "side", "long"]);
    expect(await order("-inner_product(embedding_384, '{1,0.9,0}')")).toEqual(["long", "near", "side"]);
    expect(await stateOf(app, "INSERT INTO nodes_v2 (kind, name, embedding_384) VALUES ('glyph', 'x', '{1,0}')")).toBe(
      "23514",
    );
  } finally {
    await app.end();
  }
});
