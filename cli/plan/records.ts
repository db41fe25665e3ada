/** What differs between the records of two registries: after profiles and defaults, field by field. */
import { isDeepStrictEqual } from "node:util";
import type { TenantRecord } from "../../tenants/load.ts";
import { under } from "../../tenants/faults.ts";

export type ChangeKind = "removed" | "offboarded" | "suspended" | "resumed" | "changed" | "added";

/** In the order in which they are told: what takes something away first. */
export const changeKinds: readonly ChangeKind[] = ["removed", "offboarded", "suspended", "resumed", "changed", "added"];

export interface FieldChange {
  /** As in `postgres.connectionLimit`. */
  readonly path: string;
  /** As YAML would show it; undefined where it was, or is, not there. */
  readonly before?: string;
  readonly after?: string;
}

export interface RecordChange {
  readonly id: string;
  readonly kind: ChangeKind;
  readonly before?: TenantRecord;
  readonly after?: TenantRecord;
  /** Of a tenant that stays. */
  readonly fields: readonly FieldChange[];
}

/** Sorted by id. */
export function recordChanges(before: readonly TenantRecord[], after: readonly TenantRecord[]): RecordChange[] {
  const olds = new Map(before.map((record) => [record.id, record]));
  const news = new Map(after.map((record) => [record.id, record]));
  return [...new Set([...olds.keys(), ...news.keys()])].sort().flatMap((id): RecordChange[] => {
    const [was, is] = [olds.get(id), news.get(id)];
    if (was === undefined || is === undefined) {
      return [{ id, kind: is === undefined ? "removed" : "added", before: was, after: is, fields: [] }];
    }
    const fields = fieldChanges(was, is);
    return fields.length === 0 ? [] : [{ id, kind: kindOf(was, is), before: was, after: is, fields }];
  });
}

function kindOf(before: TenantRecord, after: TenantRecord): ChangeKind {
  if (before.state === after.state) return "changed";
  return ({ offboarding: "offboarded", suspended: "suspended", active: "resumed" } as const)[after.state];
}

export function fieldChanges(before: object, after: object): FieldChange[] {
  const [olds, news] = [new Map(leaves(before, "")), new Map(leaves(after, ""))];
  return [...new Set([...olds.keys(), ...news.keys()])].flatMap((path): FieldChange[] => {
    const [was, is] = [olds.get(path), news.get(path)];
    return was === is ? [] : [{ path, before: was, after: is }];
  });
}

/** Every value of a record; a list is one value, since its order counts. */
function* leaves(value: unknown, path: string): Generator<readonly [string, string]> {
  if (value === undefined) return;
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    const entries = Object.entries(value);
    for (const [key, inner] of entries) yield* leaves(inner, path === "" ? under("", key) : under(path, key));
    if (entries.length > 0 || path === "") return;
  }
  yield [path, shownValue(value)];
}

/** Text stands as it is, lists as YAML writes them in a line. */
export function shownValue(value: unknown): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return `[${value.map(shownValue).join(", ")}]`;
  return JSON.stringify(value);
}

/** Tenants that change in exactly the same way are one group. */
export interface Group<T extends RecordChange = RecordChange> {
  readonly kind: ChangeKind;
  /** Sorted by id; at least one. */
  readonly members: readonly T[];
}

/** @param signature - what has to be equal beside kind and fields */
export function grouped<T extends RecordChange>(changes: readonly T[], signature: (change: T) => unknown): Group<T>[] {
  const groups = new Map<string, T[]>();
  for (const change of changes) {
    // Each added and each removed tenant is one by itself: its name is what matters.
    const own = change.kind === "added" || change.kind === "removed" ? change.id : "";
    const key = JSON.stringify([change.kind, change.fields, signature(change), own]);
    const known = groups.get(key);
    if (known === undefined) groups.set(key, [change]);
    else known.push(change);
  }
  return [...groups.values()].flatMap((members) => {
    const [first] = members;
    return first === undefined ? [] : [{ kind: first.kind, members }];
  });
}

/** Whether what stands in a tenant's own record is the same on both sides: then a profile or the defaults changed. */
export function isUntouched(before: unknown, after: unknown): boolean {
  return isDeepStrictEqual(before, after);
}
