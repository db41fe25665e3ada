import type { RosterEntry } from "../provider/inputs.ts";
import type { TenantRecord } from "../tenants/load.ts";

/** What the Roster watches over: of each tenant, whatever may not change or vanish by mistake. */
export function rosterEntries(tenants: readonly TenantRecord[]): Record<string, RosterEntry> {
  return Object.fromEntries(
    tenants.map(({ id, displayName, externalId, tier, state, region, prefix, placement, backupWaiver }) => [
      id,
      { displayName, externalId, tier, state, region, prefix, placement, backupWaiver },
    ]),
  );
}
