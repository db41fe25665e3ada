/** What a tenant has in its stores, by the names that a person finds there. */
import {
  neo4jNames,
  poolNames,
  poolTenantId,
  postgresNames,
  redisNames,
  storageNames,
} from "../../components/naming.ts";
import type { TenantRecord } from "../../tenants/load.ts";

/** As in `schema tenant_acme`, one of each store. */
export function placesOf({ id, prefix, tier, stores, postgres, externalId }: TenantRecord): string[] {
  return stores.map((store) => {
    switch (store) {
      case "postgres":
        if (postgres?.pool !== undefined) {
          return `rows of ${poolTenantId(externalId)} in ${poolNames(postgres.pool).schema}`;
        }
        return `${tier === "silo" ? "database" : "schema"} ${postgresNames(prefix, id).schema}`;
      case "redis":
        return `keys ${redisNames(prefix, id).keyPrefix}*`;
      case "storage":
        return `objects ${storageNames(prefix, id).prefix}`;
      case "neo4j":
        return `graph ${neo4jNames(prefix, id).database}`;
    }
  });
}
