import type { RosterEntry } from "../provider/inputs.ts";
import type { TenantRecord } from "../tenants/load.ts";
import { fixedOnRds, gibibytes } from "./aws/rds-plan.ts";
import { poolTenantId } from "./naming.ts";
import type { CloudServers } from "./platform-forms.ts";

/**
 * What the Roster watches over: of each tenant, whatever may not change, shrink or vanish by mistake.
 *
 * @param clouds - entries of the platform on which tenants have servers of their own
 */
export function rosterEntries(tenants: readonly TenantRecord[], clouds: CloudServers): Record<string, RosterEntry> {
  return Object.fromEntries(
    tenants.map((record) => {
      const { id, displayName, externalId, tier, state, region, prefix, placement, backupWaiver } = record;
      const entry = { displayName, externalId, tier, state, region, prefix, placement, backupWaiver };
      return [id, { ...entry, ...kept(record, clouds) }];
    }),
  );
}

/**
 * A server of the tenant's own is made anew by a change of some of its settings, and its storage only grows. A tenant's
 * rows in a pool are found by the pool and its `tenant_id`.
 */
function kept(record: TenantRecord, clouds: CloudServers): Pick<RosterEntry, "fixed" | "sizes"> {
  const fixed: Record<string, string> = {};
  const sizes: Record<string, number> = {};
  const { silo, neo4j, postgres } = record;
  if (postgres?.pool !== undefined) {
    fixed["postgres.pool"] = postgres.pool;
    fixed.tenant_id = poolTenantId(record.externalId);
  }
  const database = clouds.postgres[record.placement.postgres ?? ""];
  if (silo !== undefined && database !== undefined) {
    sizes["silo.storageSize"] = gibibytes(silo.storageSize) ?? 0;
    if (database.kind === "rds") {
      for (const [key, value] of Object.entries(fixedOnRds(silo, database))) fixed[`silo.${key}`] = value;
    } else {
      fixed["silo.cluster"] = database.cluster;
      fixed["silo.storageClass"] = silo.storageClass ?? "the cluster's default";
      // Only read once, and the names inside follow from it.
      const { recoverFrom } = silo;
      fixed["silo.recoverFrom"] = recoverFrom === undefined ? "none" : `${recoverFrom.tenant} at ${recoverFrom.time}`;
    }
  }
  const graph = clouds.neo4j[record.placement.neo4j ?? ""];
  if (neo4j !== undefined && graph !== undefined) {
    sizes["neo4j.storageSize"] = gibibytes(neo4j.storageSize) ?? 0;
    fixed["neo4j.cluster"] = graph.cluster;
  }
  return {
    ...(Object.keys(fixed).length === 0 && Object.keys(sizes).length === 0 ? {} : { fixed }),
    ...(Object.keys(sizes).length === 0 ? {} : { sizes }),
  };
}
