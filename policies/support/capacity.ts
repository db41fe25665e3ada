/** Limits of servers and services: warned early, refused past the end, before anything is made. */
import type { Finding, Setting } from "../rule.ts";

export const warnAt = 0.8;

export const warnAtSetting: Setting<number> = {
  description: "Share of the limit from which on it warns.",
  schema: { type: "number", minimum: 0, maximum: 1 },
  fallback: warnAt,
};

export function limitSetting(description: string, fallback: number): Setting<number> {
  return { description, schema: { type: "integer", minimum: 0 }, fallback };
}

/** Limits of servers by name, where they differ. */
export function perServerSetting(description: string): Setting<Readonly<Record<string, number>>> {
  return { description, schema: { type: "object", additionalProperties: { type: "integer" } }, fallback: {} };
}

/**
 * @param what - as in `PostgreSQL server main: connections`
 * @param wayOut - said with a warning, where the rule's remediation comes too early
 */
export function* measure(used: number, limit: number, what: string, share: number = warnAt): Iterable<Finding> {
  const text = `${what}: ${format(used)} of ${format(limit)}`;
  if (used > limit) yield { message: `${text}, ${format(used - limit)} too many` };
  else if (used >= limit * share) {
    yield { kind: "warning", message: `${text}, ${Math.floor((used / limit) * 100)} %` };
  }
}

/** Counts by key. */
export function tally<T>(
  items: Iterable<T>,
  keyOf: (item: T) => string | undefined,
  weight: (item: T) => number = () => 1,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) {
    const key = keyOf(item);
    if (key !== undefined) counts.set(key, (counts.get(key) ?? 0) + weight(item));
  }
  return counts;
}

function format(count: number): string {
  return Number.isInteger(count) ? count.toString() : count.toFixed(1);
}
