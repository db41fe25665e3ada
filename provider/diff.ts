/** What changed between two sets of inputs, and what that asks of the engine. */
import { isDeepStrictEqual } from "node:util";
import { isUnknown } from "./handler.ts";

export type PropertyChange = "add" | "delete" | "update";

export interface InputDiff {
  /** Changed top-level inputs and how. */
  readonly changes: ReadonlyMap<string, PropertyChange>;
  /** Those of them that need a new object. */
  readonly replaces: readonly string[];
}

type Properties = Readonly<Record<string, unknown>>;

/** An unknown of a preview counts as a change: nobody can say that it will be equal. */
export function diffInputs(
  olds: Properties,
  news: Properties,
  replaceOn: readonly string[],
  ignore: readonly string[] = [],
): InputDiff {
  const changes = new Map<string, PropertyChange>();
  for (const name of new Set([...Object.keys(olds), ...Object.keys(news)])) {
    if (ignore.includes(name)) continue;
    const before = olds[name];
    const after = news[name];
    if (before === undefined && after === undefined) continue;
    if (before === undefined) changes.set(name, "add");
    else if (after === undefined) changes.set(name, "delete");
    else if (containsUnknown(after) || !isDeepStrictEqual(before, after)) changes.set(name, "update");
  }
  return { changes, replaces: replaceOn.filter((name) => changes.has(name)) };
}

export function containsUnknown(value: unknown): boolean {
  if (isUnknown(value)) return true;
  if (Array.isArray(value)) return value.some(containsUnknown);
  return typeof value === "object" && value !== null && Object.values(value).some(containsUnknown);
}
