/** Looks at all places, and carries out what is to be done there. */
import pLimit from "p-limit";
import { vectorIndexName } from "../../components/naming.ts";
import { ProviderError } from "../../provider/handler.ts";
import type { PostgresPools } from "../../provider/postgres/pool.ts";
import { lookAtVectors, type Seen, type SeenIndex } from "../../provider/postgres/vector-look.ts";
import { decide, type VectorAction, type Verdict } from "../../provider/postgres/vector-plan.ts";
import type { VectorBuilder } from "../../provider/postgres/vector-run.ts";
import type { PlaceOfVectors, Places } from "./places.ts";
import type { VectorLine, VectorReport } from "./report.ts";

/** So many schemas are looked at at once. */
const concurrency = 4;

interface Found {
  readonly at: PlaceOfVectors;
  readonly seen: Seen;
  readonly verdict: Verdict;
}

export interface Survey {
  readonly found: readonly Found[];
  readonly others: readonly { readonly at: PlaceOfVectors; readonly index: SeenIndex }[];
  readonly notes: readonly string[];
  readonly faults: readonly string[];
}

export async function survey(pools: PostgresPools, places: Places, step: () => void): Promise<Survey> {
  const limit = pLimit(concurrency);
  const notes = [...places.notes];
  const faults = [...places.faults];
  const found: Found[] = [];
  const others: Survey["others"][number][] = [];
  const look = async (at: PlaceOfVectors): Promise<void> => {
    try {
      const seen = await lookAtVectors(pools, at.place, at.wanted);
      if (!seen.there) {
        notes.push(`schema ${at.place.schema}: it is not there yet: run \`npm run up\` first`);
        return;
      }
      for (const one of seen.columns) {
        const verdict = decide(one, at.open.has(one.wanted.tenant));
        if (verdict.fault !== undefined) faults.push(`tenant ${one.wanted.tenant}: ${verdict.fault}`);
        found.push({ at, seen: one, verdict });
      }
      if (at.whole) others.push(...seen.others.filter(({ building }) => !building).map((index) => ({ at, index })));
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      faults.push(error.message);
    } finally {
      step();
    }
  };
  await Promise.all(places.places.map((at) => limit(() => look(at))));
  const key = ({ seen: { wanted } }: Found) => `${wanted.tenant} ${wanted.table} ${wanted.column}`;
  return { found: found.sort((one, other) => (key(one) < key(other) ? -1 : 1)), others, notes, faults };
}

export function reportOf({ found, others, notes, faults }: Survey): VectorReport {
  return {
    lines: found.map((one) => lineOf(one)),
    others: others.map(({ at: { server, place }, index }) => ({ server, schema: place.schema, index })),
    notes,
    faults,
  };
}

/** What became of an action. */
interface Outcome {
  readonly outcome: NonNullable<VectorLine["outcome"]>;
  /** Of the index that is there then. */
  readonly bytes: number;
}

function lineOf({ at, seen, verdict }: Found, became?: Outcome): VectorLine {
  const { wanted, rows, index } = seen;
  const name = vectorIndexName(wanted.table, wanted.column, wanted.tenantId);
  const there = became?.outcome === "done" ? (became.bytes > 0 ? { name, bytes: became.bytes } : undefined) : index;
  const state = became?.outcome === "done" ? (there === undefined ? "none" : "valid") : verdict.state;
  return {
    tenant: wanted.tenant,
    server: at.server,
    schema: at.place.schema,
    column: `${wanted.table}.${wanted.column}`,
    rows,
    threshold: wanted.threshold,
    index: there === undefined ? undefined : { name: there.name, bytes: there.bytes },
    state,
    action: verdict.action,
    reason: verdict.reason,
    ...(became === undefined ? {} : { outcome: became.outcome }),
  };
}

const carriedOut: readonly VectorAction[] = ["build", "rebuild", "drop"];

/** How many builds and drops a survey asks for. */
export function dueIn({ found, others }: Survey): number {
  return found.filter(({ verdict }) => carriedOut.includes(verdict.action)).length + others.length;
}

/**
 * One after the other, the smallest first: many tenants are served before a large one takes its time.
 *
 * @param tell - takes what is being done
 */
export async function carryOut(
  survey: Survey,
  builder: VectorBuilder,
  tell: (text: string) => void,
): Promise<VectorReport> {
  const due = survey.found
    .filter(({ verdict }) => carriedOut.includes(verdict.action))
    .sort((one, other) => one.seen.rows.count - other.seen.rows.count);
  const faults = [...survey.faults];
  const outcomes = new Map<Found, Outcome>();
  const left: Survey["others"][number][] = [];
  const attempt = async (work: () => Promise<number>): Promise<Outcome> => {
    if (builder.over) return { outcome: "left", bytes: 0 };
    try {
      return { outcome: "done", bytes: await work() };
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      faults.push(error.message);
      return { outcome: "failed", bytes: 0 };
    }
  };
  const servers = new Set([...due.map(({ at }) => at.server), ...survey.others.map(({ at }) => at.server)]);
  for (const server of servers) {
    const locked = await attempt(() =>
      builder.alone(server, async () => {
        for (const one of due.filter(({ at }) => at.server === server)) {
          const { wanted } = one.seen;
          tell(`${one.verdict.action} ${wanted.tenant} ${wanted.table}.${wanted.column}`);
          const { action } = one.verdict;
          outcomes.set(one, await attempt(() => builder.carryOut(server, one.at.place, one.seen, action)));
        }
        for (const other of survey.others.filter(({ at }) => at.server === server)) {
          tell(`drop ${other.index.name}`);
          const { outcome } = await attempt(() => builder.dropOther(server, other.at.place, other.index));
          if (outcome !== "done") left.push(other);
        }
        return 0;
      }),
    );
    if (locked.outcome === "done") continue;
    for (const one of due.filter(({ at }) => at.server === server)) if (!outcomes.has(one)) outcomes.set(one, locked);
  }
  return {
    lines: survey.found.map((one) => lineOf(one, outcomes.get(one))),
    others: left.map(({ at: { server, place }, index }) => ({ server, schema: place.schema, index })),
    notes: survey.notes,
    faults,
  };
}
