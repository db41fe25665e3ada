/** Room that is left: tenants on each server of the platform, and every limit that the pack's capacity rules count. */
import { type Configuration, merge } from "../../policies/configuration.ts";
import { evaluate } from "../../policies/evaluate.ts";
import type { Resource, Rule } from "../../policies/rule.ts";
import { storeNames } from "../../provider/inputs.ts";
import type { Servers, TenantRecord } from "../../tenants/load.ts";

export interface Room {
  /** As in `postgres server main: tenants`. */
  readonly what: string;
  readonly before: number;
  readonly after: number;
  /** Undefined where the platform names none. */
  readonly limit?: number;
}

/** Rows that the change moves, or that are nearly full, come with `changed`; the rest can be folded. */
export function roomOf(
  servers: Servers | undefined,
  [before, after]: readonly [readonly TenantRecord[], readonly TenantRecord[]],
  measured: readonly [ReadonlyMap<string, Measure>, ReadonlyMap<string, Measure>],
): Room[] {
  const placed = storeNames.flatMap((store): Room[] => {
    const count = (records: readonly TenantRecord[], name: string): number =>
      records.filter(({ placement }) => placement[store] === name).length;
    const known = servers?.[store].map(({ name, capacity }) => ({ name, capacity }));
    const used = [...new Set([...before, ...after].flatMap(({ placement }) => placement[store] ?? []))].sort();
    return (known ?? used.map((name) => ({ name, capacity: undefined }))).map(({ name, capacity }) => ({
      what: `${store} server ${name}: tenants`,
      before: count(before, name),
      after: count(after, name),
      ...(capacity === undefined ? {} : { limit: capacity }),
    }));
  });
  const [was, is] = measured;
  const told = new Set(placed.map(({ what }) => what));
  const others = [...is].flatMap(([what, { used, limit }]): Room[] =>
    told.has(what) ? [] : [{ what, before: was.get(what)?.used ?? 0, after: used, limit }],
  );
  return [...placed, ...others];
}

export interface Measure {
  readonly used: number;
  readonly limit: number;
}

/** The pack's capacity rules say how much is used only where it is much: here they are made to say it always. */
export function measures(
  rules: readonly Rule[],
  resources: readonly Resource[],
  configuration: Configuration,
  stack: string,
): Map<string, Measure> {
  const counting = rules.filter(({ subject, settings }) => subject === "capacity" && settings !== undefined);
  const talkative = Object.fromEntries(counting.map(({ name }) => [name, { warnAt: 0 }]));
  const verdicts = evaluate(counting, resources, merge(configuration, talkative), { stack, now: new Date(0) });
  return new Map(
    verdicts.flatMap(({ message }) => {
      const found = /^(.+?): ([\d.]+) of ([\d.]+), [\d.]+ (?:%|too many)\. /.exec(message);
      if (found === null) return [];
      const [, what = "", used, limit] = found;
      return [[what, { used: Number(used), limit: Number(limit) }] as const];
    }),
  );
}
