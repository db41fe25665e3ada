/** The pools of the registry, each of which its tenants wait for. */
import type * as pulumi from "@pulumi/pulumi";
import { Pool } from "../provider/resources.ts";
import type { Registry } from "../tenants/load.ts";
import { poolNames } from "./naming.ts";
import type { TenantSources } from "./tenant-sources.ts";

export interface PoolsOptions {
  /** The native provider. */
  readonly provider: pulumi.ProviderResource;
  /** The Roster, which agrees to what leaves, and with it the Baselines. */
  readonly dependsOn: pulumi.Resource[];
}

/** By name. A pool is protected while the registry has a tenant in it, and may go with the update after the last. */
export function makePools(
  { pools, tenants }: Pick<Registry, "pools" | "tenants">,
  sources: TenantSources,
  { provider, dependsOn }: PoolsOptions,
): ReadonlyMap<string, Pool> {
  const used = new Set(tenants.flatMap(({ postgres }) => postgres?.pool ?? []));
  return new Map(
    pools.map(({ name, server, template, variables, partitions }) => {
      const inputs = {
        ...{ server, pool: name, ...poolNames(name), template, variables, partitions },
        templateFiles: sources.template(template).files,
      };
      return [name, new Pool(name, inputs, { provider, dependsOn, protect: used.has(name) })] as const;
    }),
  );
}
