/** The five queries in every tier, side by side: tables of p50 and p99, and the plan of whatever misses its target. */
import { vectorIndexName } from "../../components/naming.ts";
import type { Services } from "../../dev/services/index.ts";
import { identifier } from "../../provider/postgres/quote.ts";
import { createIndexSql } from "../../provider/postgres/vector-sql.ts";
import { printTable } from "../table.ts";
import { fill, largeSize, settle, type Size, smallSize } from "./fill.ts";
import { neighbour } from "./neighbour.ts";
import { generator, queries, type Query, time, timingOf, type Timing } from "./queries.ts";
import { connect, makeWorld, type Place, type TierName, tierNames, type World } from "./world.ts";

export interface BenchOptions {
  readonly search: "pgvector" | "exact";
  readonly tenants: number;
  /** Share of the large tenant's rows. */
  readonly scale: number;
  readonly runs: number;
  readonly neighbour: boolean;
  readonly say: (line: string) => void;
}

export async function benchQueries(services: Services, options: BenchOptions): Promise<void> {
  const { search, scale, say } = options;
  const world = await makeWorld(services, options.tenants, { search, say });
  const large: Size = {
    ...largeSize,
    nodes: Math.ceil(largeSize.nodes * scale),
    small: Math.ceil(largeSize.small * scale),
    large: Math.ceil(largeSize.large * scale),
  };
  await fillAll(world, large, options);
  const all = queries(search);
  const timings = new Map<Query, Record<TierName, Timing>>();
  for (const query of all) timings.set(query, await byTier(query, world, large, options));
  console.log(
    `\nSystem 2's queries, ${options.tenants} tenants a tier, search: ${search}, over TLS, each tenant's own login, ` +
      `p50 / p99 of ${options.runs} runs\n`,
  );
  printTable(
    ["query", "target", ...tierNames, "row-level security against a schema"],
    [...timings].map(([{ name, target }, tiers]) => [
      name,
      `${target} ms`,
      ...tierNames.map((tier) => `${ms(tiers[tier].p50)} / ${ms(tiers[tier].p99)}`),
      percent(tiers.pool.p50 / tiers.bridge.p50 - 1),
    ]),
  );
  console.log(`\nCreation of a tenant: ${tierNames.map((t) => `${t} ${ms(world.creation[t])}`).join(", ")}`);
  for (const [query, tiers] of timings) {
    for (const tier of tierNames) {
      if (tiers[tier].p99 > query.target) await explain(query, world.places[tier][0], large);
    }
  }
  if (options.neighbour) await benchNeighbours(world, large, all, options);
}

async function byTier(
  query: Query,
  world: World,
  size: Size,
  { runs, say }: BenchOptions,
): Promise<Record<TierName, Timing>> {
  say(query.name);
  const samples = {} as Record<TierName, number[]>;
  for (const tier of tierNames) {
    const [place] = world.places[tier];
    const client = await connect(place);
    // What an application sets in the transaction of a search; withTenant does it.
    await client.query("SELECT set_config('hnsw.iterative_scan', 'strict_order', false)").catch(() => undefined);
    const ask = (text: string, values: unknown[]) => client.query(text, values);
    samples[tier] = await time(query, ask, place.tenantId, size, runs);
    await client.end();
  }
  return Object.fromEntries(tierNames.map((tier) => [tier, timingOf(samples[tier])])) as Record<TierName, Timing>;
}

async function fillAll(world: World, large: Size, { search, say }: BenchOptions): Promise<void> {
  for (const tier of tierNames) {
    say(`filling the tier ${tier}`);
    const [big, ...others] = world.places[tier];
    for (const place of others) await fill(place, smallSize, search);
    await fill(big, large, search);
    if (search === "pgvector") await buildIndexes(big, say);
    for (const place of tier === "pool" ? [big] : [big, ...others]) await settle(place);
  }
}

/** As `tenancy vectors --build` does for a tenant above the threshold. */
async function buildIndexes(place: Place, say: (line: string) => void): Promise<void> {
  const client = await connect(place, true);
  try {
    await client.query(`SET ROLE ${identifier(place.ownerRole)}; SET maintenance_work_mem = '1GB'`);
    for (const column of ["embedding_384", "embedding_1536"]) {
      const started = performance.now();
      const tenantId = place.tier === "pool" ? place.tenantId : undefined;
      await client.query(
        createIndexSql(vectorIndexName("embeddings_v2", column, tenantId), {
          schema: place.schema,
          table: "embeddings_v2",
          column,
          extensionSchema: "extensions",
          operatorClass: "vector_cosine_ops",
          m: 16,
          efConstruction: 64,
          tenantId,
        }),
      );
      say(`  HNSW on ${column}: ${((performance.now() - started) / 1000).toFixed(0)} s`);
    }
  } finally {
    await client.end();
  }
}

async function explain(query: Query, place: Place, size: Size): Promise<void> {
  const client = await connect(place);
  try {
    const { rows } = await client.query<{ "QUERY PLAN": string }>(
      `EXPLAIN (ANALYZE, BUFFERS, SETTINGS) ${query.text}`,
      query.values(place.tenantId, size, generator(1)),
    );
    console.log(`\n${query.name}, tier ${place.tier}: p99 above ${query.target} ms. Its plan:\n`);
    // A vector in a plan is thousands of characters.
    for (const row of rows) console.log(`    ${row["QUERY PLAN"].replace(/\[[-\d.,]{200,}\]/g, "[…]").slice(0, 200)}`);
  } finally {
    await client.end();
  }
}

async function benchNeighbours(
  world: World,
  large: Size,
  all: readonly Query[],
  { runs, say }: BenchOptions,
): Promise<void> {
  const rows: string[][] = [];
  const [byId, graph] = all;
  if (byId === undefined || graph === undefined) return;
  for (const tier of tierNames) {
    say(`a noisy neighbour, tier ${tier}`);
    const [big, quiet] = world.places[tier];
    const noisy = { place: big, size: large, queries: all };
    for (const query of [byId, graph]) {
      const result = await neighbour(query, quiet, smallSize, noisy, runs);
      rows.push([
        query.name,
        `${query.target} ms`,
        tier,
        `${ms(result.quiet.p50)} / ${ms(result.quiet.p99)}`,
        `${ms(result.loaded.p50)} / ${ms(result.loaded.p99)}`,
        `${result.load.toFixed(0)} a second`,
      ]);
    }
  }
  console.log("\nA small tenant beside one under full load (10 connections, all queries), p50 / p99\n");
  printTable(["query", "target", "tier", "alone", "beside the load", "the neighbour's statements"], rows);
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 1)} ms`;
}

function percent(share: number): string {
  return `${share >= 0 ? "+" : ""}${(share * 100).toFixed(0)} %`;
}
