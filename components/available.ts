import type { StoreName } from "../provider/inputs.ts";
import type { TenantRecord } from "../tenants/load.ts";
import type { PlatformConfig } from "./platform.ts";

/**
 * The records without the stores whose server cannot be had on this machine now. The Roster refuses it for a tenant
 * that has its place there already.
 *
 * @param warn - told of each store that is left out, with what to do
 */
export function availableStores(
  tenants: readonly TenantRecord[],
  { unavailable }: Pick<PlatformConfig, "unavailable">,
  warn: (message: string) => void,
): readonly TenantRecord[] {
  if (Object.keys(unavailable).length === 0) return tenants;
  return tenants.map((record) => {
    const reasonOf = (store: StoreName) => unavailable[`${store}/${record.placement[store] ?? ""}`];
    const missing = record.stores.filter((store) => reasonOf(store) !== undefined);
    for (const store of missing) warn(`tenant ${record.id}: goes without ${store}: ${reasonOf(store) ?? ""}`);
    if (missing.length === 0) return record;
    const without = (entry: [string, unknown]) => !missing.some((store) => store === entry[0]);
    return {
      ...(Object.fromEntries(Object.entries(record).filter(without)) as unknown as TenantRecord),
      stores: record.stores.filter((store) => !missing.includes(store)),
      placement: Object.fromEntries(Object.entries(record.placement).filter(without)),
    };
  });
}
