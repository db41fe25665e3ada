/** What a change does to the registry's pools, and in which order its tenants come. */
import { poolNames } from "../../components/naming.ts";
import { type Ring, rings } from "../../provider/inputs.ts";
import type { PoolRecord, TenantRecord } from "../../tenants/load.ts";
import { type FieldChange, fieldChanges } from "./records.ts";
import { say, type Text } from "./text.ts";

export interface PoolChange {
  readonly name: string;
  readonly kind: "added" | "changed" | "removed";
  /** Every field of a pool that is added or removed. */
  readonly fields: readonly FieldChange[];
}

/** Sorted by name. */
export function poolChanges(before: readonly PoolRecord[], after: readonly PoolRecord[]): PoolChange[] {
  const [olds, news] = [before, after].map((pools) => new Map(pools.map((pool) => [pool.name, pool])));
  return [...new Set([...before, ...after].map(({ name }) => name))].sort().flatMap((name): PoolChange[] => {
    const [was, is] = [olds?.get(name), news?.get(name)];
    const fields = fieldChanges(was ?? {}, is ?? {}).filter(({ path }) => path !== "name");
    const kind = was === undefined ? "added" : is === undefined ? "removed" : "changed";
    return fields.length === 0 ? [] : [{ name, kind, fields }];
  });
}

/** What is fixed once a pool is made, and what goes with it. */
export function poolDangers({ name, kind, fields }: PoolChange): Text[] {
  const what = { strong: `pool ${name}` };
  if (kind === "removed") return [[what, ...say`: removed, and with it the schema ${poolNames(name).schema}`]];
  if (kind === "added") return [];
  return fields.map(({ path, before, after }) => [
    what,
    ...say`: ${path}, which is fixed once it is made: ${before ?? "none"} → ${after ?? "none"}`,
  ]);
}

/** How many tenants of a change each ring has, in the order in which the update comes to them. */
export interface RingShare {
  readonly ring: Ring;
  readonly tenants: number;
}

/** Empty where the update comes to all of them at once. */
export function ringOrder(changes: readonly { readonly after?: TenantRecord }[]): RingShare[] {
  const shares = rings.map((ring) => ({ ring, tenants: changes.filter(({ after }) => after?.ring === ring).length }));
  const used = shares.filter(({ tenants }) => tenants > 0);
  return used.length < 2 && (used[0]?.ring ?? "all") === "all" ? [] : used;
}

/** As in `canary 1, then all 3`. */
export function ringText(order: readonly RingShare[]): string {
  return order.map(({ ring, tenants }) => `${ring} ${tenants}`).join(", then ");
}
