/** A noisy neighbour: what one tenant under full load does to the answers of another on the same server. */
import type { Query, Timing } from "./queries.ts";
import { generator, time, timingOf } from "./queries.ts";
import type { Size } from "./fill.ts";
import { connect, type Place } from "./world.ts";

export interface NeighbourResult {
  readonly quiet: Timing;
  readonly loaded: Timing;
  /** Statements of the neighbour, a second. */
  readonly load: number;
}

/** Connections that the neighbour keeps busy: all that the default connectionLimit gives it. */
const connections = 10;

export async function neighbour(
  query: Query,
  quietPlace: Place,
  quietSize: Size,
  noisy: { readonly place: Place; readonly size: Size; readonly queries: readonly Query[] },
  runs: number,
): Promise<NeighbourResult> {
  const client = await connect(quietPlace);
  const ask = (text: string, values: unknown[]) => client.query(text, values);
  const once = async () => timingOf(await time(query, ask, quietPlace.tenantId, quietSize, runs));
  try {
    const quiet = await once();
    let running = true;
    let done = 0;
    const started = performance.now();
    const load = Array.from({ length: connections }, async (_, index) => {
      const other = await connect(noisy.place);
      const random = generator(index + 1);
      try {
        while (running) {
          const next = noisy.queries[random(noisy.queries.length)];
          if (next === undefined) return;
          await other.query(next.text, next.values(noisy.place.tenantId, noisy.size, random));
          done += 1;
        }
      } finally {
        await other.end();
      }
    });
    const loaded = await once().finally(() => (running = false));
    const seconds = (performance.now() - started) / 1000;
    await Promise.all(load);
    return { quiet, loaded, load: done / seconds };
  } finally {
    await client.end();
  }
}
