/**
 * Rows for a tenant of the template `glyph-foundry`. Ids follow from numbers, so that a query can name a row without
 * asking for it. Written by the superuser without triggers: what an application's inserts cost is not what is measured.
 */
import type pg from "pg";
import { identifier, literal } from "../../provider/postgres/quote.ts";
import { connect, type Place } from "./world.ts";

export interface Size {
  readonly nodes: number;
  readonly edgesPerNode: number;
  /** Vectors of 384 dimensions, one a node. */
  readonly small: number;
  /** Vectors of 1536 dimensions, one a node. */
  readonly large: number;
  /** Glyphs over one year. */
  readonly glyphs: number;
}

/** Of system 2's load: 500,000 edges, and a glyph a minute for a year. */
export const largeSize: Size = { nodes: 100_000, edgesPerNode: 5, small: 100_000, large: 20_000, glyphs: 525_600 };
export const smallSize: Size = { nodes: 300, edgesPerNode: 5, small: 300, large: 50, glyphs: 1_500 };

/** Nodes that are shown as one graph: edges stay among them. */
export const community = 300;
/** First moment of the year of glyphs, and of the nodes' creation. */
export const epoch = "2026-01-01T00:00:00Z";
/** Different directions that vectors are mixed from: neighbours are near, and no two are equal. */
const directions = 320;

export const nodeId = (number: string): string => `md5('node ' || ${number})::uuid`;

export async function fill(place: Place, size: Size, search: "pgvector" | "exact"): Promise<void> {
  const client = await connect(place, true);
  try {
    await client.query(
      `SET session_replication_role = replica; SET synchronous_commit = off; SET jit = off;
       SET search_path = ${identifier(place.schema)}, extensions, pg_catalog`,
    );
    await fillGraph(client, place.tenantId, size);
    await fillVectors(client, place.tenantId, size, search);
  } finally {
    await client.end();
  }
}

async function fillGraph(client: pg.Client, tenantId: string, size: Size): Promise<void> {
  const tenant = `${literal(tenantId)}::uuid`;
  await client.query(
    `INSERT INTO nodes_v2 (tenant_id, id, kind, name, properties, created_at)
       SELECT ${tenant}, ${nodeId("i")}, (enum_range(NULL::node_kind_enum))[1 + i % 11], 'node ' || i,
         jsonb_build_object('rank', i % 100, 'text', repeat('word ', 8)), timestamptz '${epoch}' + i * interval '5 minutes'
       FROM generate_series(0, $1::int - 1) i`,
    [size.nodes],
  );
  await client.query(
    `INSERT INTO edges_v2 (tenant_id, id, edge_type, source_id, target_id, weight)
       SELECT ${tenant}, gen_random_uuid(), (enum_range(NULL::edge_type_enum))[1 + (i + e) % 10], ${nodeId("i")},
         ${nodeId(`(i / ${community}) * ${community} + (i + 1 + e * 37) % ${community}`)}, random()
       FROM generate_series(0, $1::int - 1) i, generate_series(1, $2::int) e
       WHERE (i / ${community}) * ${community} + (i + 1 + e * 37) % ${community} < $1::int`,
    [size.nodes, size.edgesPerNode],
  );
  await client.query(
    `INSERT INTO glyphs_4d (tenant_id, id, glyph_type, node_id, x, y, z, t)
       SELECT ${tenant}, gen_random_uuid(), (enum_range(NULL::glyph_type_enum))[1 + i % 6], ${nodeId("i % $2::int")},
         random(), random(), random(), timestamptz '${epoch}' + i * (interval '365 days' / $1::int)
       FROM generate_series(0, $1::int - 1) i`,
    [size.glyphs, size.nodes],
  );
}

async function fillVectors(
  client: pg.Client,
  tenantId: string,
  size: Size,
  search: "pgvector" | "exact",
): Promise<void> {
  const tenant = `${literal(tenantId)}::uuid`;
  const type = search === "pgvector" ? "vector" : "real[]";
  for (const [dimensions, rows] of [
    [384, size.small],
    [1536, size.large],
  ] as const) {
    await client.query(
      `CREATE TEMP TABLE direction AS SELECT d, array_agg((random() - 0.5)::real ORDER BY k) AS v
         FROM generate_series(0, ${2 * directions - 1}) d, generate_series(1, ${dimensions}) k GROUP BY d`,
    );
    // One direction in full and one in part: rows of one first direction are a cluster.
    const mixed =
      search === "pgvector"
        ? "(a.v::vector + b.v::vector)"
        : "(SELECT array_agg((x + y)::real ORDER BY n) FROM unnest(a.v, b.v) WITH ORDINALITY AS p (x, y, n))";
    await client.query(
      `INSERT INTO embeddings_v2 (tenant_id, id, node_id, model, embedding_${dimensions})
         SELECT ${tenant}, gen_random_uuid(), ${nodeId("i")}, 'bench-${dimensions}', ${mixed}::${type}
         FROM generate_series(0, $1::int - 1) i JOIN direction a ON a.d = i % ${directions}
           JOIN direction b ON b.d = ${directions} + (i / ${directions}) % ${directions}`,
      [rows],
    );
    await client.query("DROP TABLE direction");
  }
}

/** As autovacuum would: the planner's statistics, and the visibility that index-only scans need. */
export async function settle(place: Place): Promise<void> {
  const client = await connect(place, true);
  try {
    for (const table of ["nodes_v2", "edges_v2", "glyphs_4d", "embeddings_v2"]) {
      await client.query(`VACUUM (ANALYZE) ${identifier(place.schema)}.${identifier(table)}`);
    }
  } finally {
    await client.end();
  }
}
