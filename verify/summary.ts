/** What a run found, counted: the data behind every kind of report. */
import { type StoreName, storeNames } from "../provider/inputs.ts";
import { type Result, type Verdict, verdicts } from "./assault.ts";
import type { Attempt, Residue } from "./attempt.ts";
import type { Sight } from "./run.ts";

export interface ServerLine {
  readonly store: StoreName;
  readonly name: string;
  readonly address: string;
  readonly embedded: boolean;
}

/** Everything that reports tell. Holds no secret: `scrub` went over each text that came from a server. */
export interface Report {
  readonly version: string;
  readonly project: string;
  readonly stack: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly seconds: number;
  readonly victim: { readonly kind: "canary" | "tenant"; readonly id: string };
  readonly tenants: readonly string[];
  readonly stores: readonly StoreName[];
  readonly servers: readonly ServerLine[];
  /** The catalogue of the chosen stores. */
  readonly attempts: readonly Attempt[];
  readonly results: readonly Result[];
  readonly sights: readonly Sight[];
  /** Why something could not be told. */
  readonly faults: readonly string[];
  /** What a reader should know and what changes no verdict. */
  readonly notes: readonly string[];
  /** Why the run ended before its end. */
  readonly stopped?: string;
}

export type Overall = "isolated" | "leak" | "could not tell";

export const exitCodes: Readonly<Record<Overall, number>> = { isolated: 0, leak: 1, "could not tell": 2 };

export function overall(report: Report): Overall {
  const found = count(report.results);
  if (found.LEAK > 0 || report.sights.some(({ grown }) => grown.length > 0)) return "leak";
  const unknown = found["denied differently"] + found["could not run"] > 0;
  if (unknown || report.faults.length > 0 || report.stopped !== undefined) return "could not tell";
  return found["denied as expected"] > 0 && cells(report).every(({ verdict }) => verdict === "isolated")
    ? "isolated"
    : "could not tell";
}

export type Counts = Record<Verdict, number>;

export function count(results: readonly Result[]): Counts {
  const counts = Object.fromEntries(verdicts.map((verdict) => [verdict, 0])) as Counts;
  for (const { verdict } of results) counts[verdict] += 1;
  return counts;
}

/** Attempts that were made, in either form. */
export function made(counts: Counts): number {
  return verdicts.reduce((sum, verdict) => (verdict === "not made" ? sum : sum + counts[verdict]), 0);
}

export interface Cell {
  readonly tenant: string;
  readonly store: StoreName;
  readonly counts: Counts;
  readonly results: readonly Result[];
  readonly verdict: Overall;
}

/** One a tenant and store, in the order of the report's tenants. */
export function cells({ results, tenants, stores, victim }: Report): Cell[] {
  const byCell = new Map<string, Result[]>();
  for (const result of results) {
    const tenant = result.attacker === victim.id ? result.victim : result.attacker;
    const key = `${tenant} ${result.attempt.store}`;
    const list = byCell.get(key) ?? [];
    if (list.length === 0) byCell.set(key, list);
    list.push(result);
  }
  return tenants.flatMap((tenant) =>
    storeNames.flatMap((store): Cell[] => {
      const own = byCell.get(`${tenant} ${store}`);
      if (own === undefined || !stores.includes(store)) return [];
      const counts = count(own);
      return [{ tenant, store, counts, results: own, verdict: verdictOf(counts) }];
    }),
  );
}

function verdictOf(counts: Counts): Overall {
  if (counts.LEAK > 0) return "leak";
  const clean = counts["denied differently"] === 0 && counts["could not run"] === 0;
  return clean && counts["denied as expected"] > 0 ? "isolated" : "could not tell";
}

/** The same answer of the same attempt, for all pairs that got it. */
export interface Finding {
  readonly verdict: Verdict;
  readonly store: StoreName;
  readonly attempts: readonly Attempt[];
  readonly detail: string;
  readonly dry: boolean;
  readonly pairs: readonly { readonly attacker: string; readonly victim: string }[];
}

/**
 * Leaks first, then other deviations, each group once however many pairs there are. What could not run is grouped by
 * its reason: a login that does not get in is one finding and not a hundred.
 */
export function findings(results: readonly Result[]): Finding[] {
  const order: readonly Verdict[] = ["LEAK", "denied differently", "could not run"];
  const groups = new Map<string, Result[]>();
  for (const result of results.filter(({ verdict }) => order.includes(verdict))) {
    const { verdict, attempt, detail, form } = result;
    const what = verdict === "could not run" ? attempt.store : attempt.id;
    const key = [verdict, what, detail, verdict === "could not run" ? "" : form].join("\0");
    const list = groups.get(key) ?? [];
    if (list.length === 0) groups.set(key, list);
    list.push(result);
  }
  return [...groups.values()]
    .flatMap((group) => {
      const [first] = group;
      if (first === undefined) return [];
      const pairs = new Map(group.map(({ attacker, victim }) => [`${attacker} ${victim}`, { attacker, victim }]));
      const attempts = new Map(group.map(({ attempt }) => [attempt.id, attempt]));
      const { verdict, detail, attempt, form } = first;
      return [
        {
          verdict,
          store: attempt.store,
          attempts: [...attempts.values()],
          detail,
          dry: form === "dry",
          pairs: [...pairs.values()],
        },
      ];
    })
    .sort((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict) || (a.store < b.store ? -1 : 1));
}

/** Ids of attempts that were made in their dry form only. */
export function madeDry(results: readonly Result[]): string[] {
  const real = new Set(idsOf(results, "real"));
  return [...new Set(idsOf(results, "dry"))].filter((id) => !real.has(id)).sort();
}

function idsOf(results: readonly Result[], form: "dry" | "real"): string[] {
  return results.filter((one) => one.form === form && one.verdict !== "not made").map(({ attempt }) => attempt.id);
}

/** Attempts that were not made, with the reason and against how many victims. */
export function notMade(results: readonly Result[]): { reason: string; ids: string[]; victims: number }[] {
  const reasons = new Map<string, { ids: Set<string>; victims: Set<string> }>();
  for (const { verdict, detail, attempt, victim } of results) {
    if (verdict !== "not made") continue;
    const entry = reasons.get(detail) ?? { ids: new Set(), victims: new Set() };
    reasons.set(detail, entry);
    entry.ids.add(attempt.id);
    entry.victims.add(victim);
  }
  return [...reasons].map(([reason, { ids, victims }]) => ({ reason, ids: [...ids].sort(), victims: victims.size }));
}

export interface ResidueGroup {
  readonly what: string;
  readonly document: string;
  readonly places: readonly string[];
}

/** Places that show the same belong together. */
export function residueGroups(all: readonly Residue[]): ResidueGroup[] {
  const groups = new Map<string, ResidueGroup>();
  for (const { what, document, place } of all) {
    const key = `${what} ${document}`;
    const group = groups.get(key) ?? { what, document, places: [] };
    groups.set(key, { ...group, places: [...group.places, place] });
  }
  return [...groups.values()];
}

/** How many controls of each kind stand behind the results, each counted once for a victim. */
export function controlCounts(results: readonly Result[]): Record<"proven" | "impossible" | "failed", number> {
  const seen = new Set<string>();
  const counts = { proven: 0, impossible: 0, failed: 0 };
  for (const { control, victim, attempt } of results) {
    const key = `${victim} ${attempt.id}`;
    if (control === undefined || seen.has(key)) continue;
    seen.add(key);
    counts[control.kind] += 1;
  }
  return counts;
}

/** Puts `[secret]` in the place of each secret, also where it stands quoted or encoded. */
export function scrubber(secrets: readonly string[]): (text: string) => string {
  const forms = new Set(
    secrets.flatMap((secret) => [
      secret,
      encodeURIComponent(secret),
      JSON.stringify(secret).slice(1, -1),
      Buffer.from(secret).toString("base64"),
    ]),
  );
  const known = [...forms].filter((form) => form.length >= 6).sort((a, b) => b.length - a.length);
  return (text) => known.reduce((rest, form) => rest.replaceAll(form, "[secret]"), text);
}
