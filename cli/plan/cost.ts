/** What a registry's tenants cost a month by the price file: an estimate, for the difference more than for the sum. */
import { storeNames } from "../../provider/inputs.ts";
import type { TenantRecord } from "../../tenants/load.ts";
import type { Prices } from "./prices.ts";

export interface Cost {
  readonly currency: string;
  readonly before: number;
  readonly after: number;
  /** As in `postgres main`: servers that a tenant lies on and that have no price. */
  readonly unpriced: readonly string[];
  /** GB of objects that each tenant is taken to hold. */
  readonly assumedGb: number | undefined;
  /** Tenants whose own cost differs, by id; what servers cost as a whole is not in it. */
  readonly tenants: ReadonlyMap<string, number>;
  /** Servers that the change begins or ceases to use, as in `redis two`. */
  readonly servers: ReadonlyMap<string, number>;
}

export function costOf(prices: Prices, before: readonly TenantRecord[], after: readonly TenantRecord[]): Cost {
  const [was, is] = [sideOf(prices, before), sideOf(prices, after)];
  return {
    currency: prices.currency,
    before: was.sum,
    after: is.sum,
    unpriced: [...is.unpriced].sort(),
    assumedGb: prices.objectStorage?.assumedGb,
    tenants: differences(was.tenants, is.tenants),
    servers: differences(was.servers, is.servers),
  };
}

interface Side {
  readonly sum: number;
  readonly tenants: ReadonlyMap<string, number>;
  readonly servers: ReadonlyMap<string, number>;
  readonly unpriced: ReadonlySet<string>;
}

function sideOf(prices: Prices, records: readonly TenantRecord[]): Side {
  const tenants = new Map<string, number>();
  const servers = new Map<string, number>();
  const unpriced = new Set<string>();
  for (const record of records) {
    let own = tierCost(prices, record);
    if (record.stores.includes("storage")) {
      const { perGb = 0, assumedGb = 0 } = prices.objectStorage ?? {};
      own += perGb * assumedGb;
    }
    for (const store of storeNames) {
      const name = record.placement[store];
      if (name === undefined) continue;
      const named = prices.servers?.[store];
      const price = named?.[name] ?? named?.default;
      if (price === undefined) {
        unpriced.add(`${store} ${name}`);
        continue;
      }
      own += price.perTenant ?? 0;
      servers.set(`${store} ${name}`, price.fixed ?? 0);
    }
    tenants.set(record.id, own);
  }
  const sum = [...tenants.values(), ...servers.values()].reduce((total, value) => total + value, 0);
  return { sum, tenants, servers, unpriced };
}

function tierCost({ tiers }: Prices, { tier, silo }: TenantRecord): number {
  const price = tiers?.[tier];
  if (price === undefined) return 0;
  const fixed = price.fixed ?? 0;
  if (silo === undefined) return fixed;
  const copies = 1 + (silo.replicas ?? 0);
  const byClass = silo.instanceClass === undefined ? undefined : price.instances?.[silo.instanceClass];
  const size = byClass ?? cpus(silo.cpu) * (price.cpu ?? 0) + gibibytes(silo.memory) * (price.memoryGb ?? 0);
  return fixed + copies * (size + gibibytes(silo.storageSize) * (price.storageGb ?? 0));
}

/** As in `2` or `500m`. */
function cpus(text: string): number {
  return text.endsWith("m") ? Number(text.slice(0, -1)) / 1000 : Number(text);
}

/** As in `512Mi`, `10Gi` or `1Ti`. */
function gibibytes(text: string): number {
  const [, number = "0", unit = "Gi"] = /^([\d.]+)([KMGT]i)$/.exec(text) ?? [];
  const factors: Readonly<Record<string, number>> = { Ki: 1 / 1024 ** 2, Mi: 1 / 1024, Gi: 1, Ti: 1024 };
  return Number(number) * (factors[unit] ?? 1);
}

function differences(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): Map<string, number> {
  const keys = [...new Set([...before.keys(), ...after.keys()])].sort();
  const all = keys.map((key) => [key, (after.get(key) ?? 0) - (before.get(key) ?? 0)] as const);
  return new Map(all.filter(([, difference]) => Math.abs(difference) >= 0.0005));
}
