/** System 2's five queries, with the targets that its team set; vectors of both lengths. */
import type pg from "pg";
import { community, epoch, nodeId, type Size } from "./fill.ts";

export interface Query {
  readonly name: string;
  /** Milliseconds. */
  readonly target: number;
  readonly text: string;
  /** A statement's values for a tenant of this size; `random` gives a number below its argument. */
  values(tenantId: string, size: Size, random: (below: number) => number): unknown[];
  /** Rows that an answer has at least: a fast answer that is empty is no answer. */
  readonly rows: number;
}

const moment = (minutes: number): string => new Date(Date.parse(epoch) + minutes * 60_000).toISOString();

function vector(dimensions: number, random: (below: number) => number): string {
  return `[${Array.from({ length: dimensions }, () => (random(2001) / 2000 - 0.5).toFixed(4)).join(",")}]`;
}

export function queries(search: "pgvector" | "exact"): readonly Query[] {
  const nearest = (dimensions: 384 | 1536): Query => {
    const column = `embedding_${dimensions}`;
    const distance = search === "pgvector" ? `${column} <=> $2::vector` : `cosine_distance(${column}, $2::real[])`;
    return {
      name: `top 10 of ${dimensions} dimensions`,
      target: 50,
      text: `SELECT id, node_id, ${distance} AS distance FROM embeddings_v2
        WHERE tenant_id = $1 AND ${column} IS NOT NULL ORDER BY ${distance} LIMIT 10`,
      values: (tenantId, _size, random) => {
        const text = vector(dimensions, random);
        return [tenantId, search === "pgvector" ? text : `{${text.slice(1, -1)}}`];
      },
      rows: 10,
    };
  };
  return [
    {
      name: "node by id",
      target: 10,
      text: `SELECT id, kind, name, properties, created_at, updated_at FROM nodes_v2
        WHERE tenant_id = $1 AND id = ${nodeId("$2::text")}`,
      values: (tenantId, { nodes }, random) => [tenantId, String(random(nodes))],
      rows: 1,
    },
    {
      name: "graph of 300 nodes and 1,500 edges",
      target: 100,
      text: `WITH shown AS MATERIALIZED (
          SELECT id, kind, name FROM nodes_v2 WHERE tenant_id = $1 AND created_at >= $2
          ORDER BY created_at LIMIT ${community})
        SELECT 'node' AS what, id, kind::text AS label, name, NULL::uuid AS source_id, NULL::uuid AS target_id FROM shown
        UNION ALL
        SELECT 'edge', e.id, e.edge_type::text, NULL, e.source_id, e.target_id FROM shown s
          JOIN edges_v2 e ON e.tenant_id = $1 AND e.source_id = s.id WHERE e.target_id IN (SELECT id FROM shown)`,
      values: (tenantId, { nodes }, random) => [
        tenantId,
        moment(random(Math.max(1, Math.floor(nodes / community))) * community * 5),
      ],
      rows: community * 6,
    },
    nearest(384),
    nearest(1536),
    {
      name: "glyphs of one day",
      target: 30,
      text: `SELECT id, x, y, z, t, glyph_type, node_id FROM glyphs_4d
        WHERE tenant_id = $1 AND t >= $2::timestamptz AND t < $2::timestamptz + interval '1 day' ORDER BY t`,
      values: (tenantId, _size, random) => [tenantId, moment(random(364) * 1440)],
      rows: 4,
    },
    {
      name: "one hop",
      target: 20,
      text: `SELECT e.id, e.edge_type, e.target_id AS neighbour, n.kind, n.name FROM edges_v2 e
          JOIN nodes_v2 n ON n.tenant_id = e.tenant_id AND n.id = e.target_id
          WHERE e.tenant_id = $1 AND e.source_id = ${nodeId("$2::text")}
        UNION ALL
        SELECT e.id, e.edge_type, e.source_id, n.kind, n.name FROM edges_v2 e
          JOIN nodes_v2 n ON n.tenant_id = e.tenant_id AND n.id = e.source_id
          WHERE e.tenant_id = $1 AND e.target_id = ${nodeId("$2::text")}`,
      values: (tenantId, { nodes }, random) => [tenantId, String(random(nodes - community))],
      rows: 5,
    },
  ];
}

/** Numbers that are the same in each tier and each run. */
export function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    // https://doi.org/10.18637/jss.v008.i14 (xorshift), 32 bits.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

export interface Timing {
  readonly p50: number;
  readonly p99: number;
}

export function timingOf(samples: readonly number[]): Timing {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

export type Ask = (text: string, values: unknown[]) => Promise<pg.QueryResult>;

/**
 * Milliseconds of each of so many runs, as the application sees them. The first tenth warms up and is left out.
 *
 * @throws Error when an answer has too few rows.
 */
export async function time(query: Query, ask: Ask, tenantId: string, size: Size, runs: number): Promise<number[]> {
  const random = generator(20_260_101);
  const samples: number[] = [];
  for (let run = -Math.ceil(runs / 10); run < runs; run += 1) {
    const values = query.values(tenantId, size, random);
    const started = performance.now();
    const { rowCount } = await ask(query.text, values);
    if (run >= 0) samples.push(performance.now() - started);
    if ((rowCount ?? 0) < query.rows) {
      throw new Error(`${query.name}: ${String(rowCount)} rows instead of ${query.rows} and more`);
    }
  }
  return samples;
}
