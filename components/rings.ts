/** Tenants ring by ring: each ring waits for one barrier, the end of the one before (docs/decisions/rings.md). */
import type * as pulumi from "@pulumi/pulumi";
import pLimit from "p-limit";
import { rings } from "../provider/inputs.ts";
import { Ring } from "../provider/resources.ts";
import type { TenantRecord } from "../tenants/load.ts";
import type { TenantOptions } from "./tenant-stores.ts";

/** So many tenants are under way at once: a registration that waits holds memory in each of three processes. */
const tenantsAtOnce = 64;

interface InRing {
  /** Every custom resource of the tenant's that another has to wait for. */
  readonly resources: readonly pulumi.Resource[];
  /** Resolves when the engine has taken every resource of the tenant. */
  registered(): Promise<void>;
}

/**
 * Makes every tenant: first those of the ring `canary`, then `early`, then `all`; in a ring clones after the others. A
 * ring without tenants makes no resource, nor does the last one, which nothing waits for.
 *
 * @param make - `options.dependsOn` has the barrier beside what all tenants wait for; `made` has the tenants until now
 */
export async function ringByRing<T extends InRing>(
  records: readonly TenantRecord[],
  options: TenantOptions,
  make: (record: TenantRecord, options: TenantOptions, made: ReadonlyMap<string, T>) => Promise<T>,
): Promise<ReadonlyMap<string, T>> {
  const limit = pLimit(tenantsAtOnce);
  const made = new Map<string, T>();
  const inUse = rings.filter((ring) => records.some((record) => record.ring === ring));
  let barrier: Ring[] = [];
  for (const ring of inUse) {
    const own = records.filter((record) => record.ring === ring);
    const waiting = { ...options, dependsOn: [...options.dependsOn, ...barrier] };
    for (const areClones of [false, true]) {
      const batch = own.filter(({ clone }) => (clone !== undefined) === areClones);
      const tenants = await limit.map(batch, async (record) => {
        const tenant = await make(record, waiting, made);
        await tenant.registered();
        return [record.id, tenant] as const;
      });
      for (const [id, tenant] of tenants) made.set(id, tenant);
    }
    if (ring === inUse.at(-1)) break;
    const ends = own.flatMap(({ id }) => made.get(id)?.resources ?? []);
    barrier = [new Ring(ring, { ring }, { provider: options.provider, dependsOn: ends })];
  }
  return made;
}
