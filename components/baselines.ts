/** What every PostgreSQL server of the platform has before the first tenant: one Baseline each. */
import * as pulumi from "@pulumi/pulumi";
import type { Login } from "../provider/config.ts";
import { Baseline } from "../provider/resources.ts";
import type { Registry, TenantRecord } from "../tenants/load.ts";
import { nativePostgres, type PlatformConfig } from "./platform.ts";
import type { TenantSources } from "./tenant-sources.ts";

/** In the order of the servers' names. */
export function makeBaselines(
  platform: PlatformConfig,
  registry: Pick<Registry, "pools" | "tenants">,
  sources: TenantSources,
  provider: pulumi.ProviderResource,
): Baseline[] {
  return nativePostgres(platform).map((server) => {
    const { provisioner, resolver, application } = platform.servers.postgres[server] ?? {};
    const inputs = {
      server,
      extensions: sources.extensions(registry, server),
      // Left out where there is none: a server without silos needs no right to make databases.
      databases: registry.tenants.some((record) => isSiloOn(record, server)) ? true : undefined,
      provisionerPassword: pulumi.secret(provisioner?.password ?? ""),
      resolverPassword: secretly(resolver),
      applicationPassword: secretly(application),
    };
    return new Baseline(server, inputs, { provider });
  });
}

function secretly(login: Login | undefined): pulumi.Output<string> | undefined {
  return login === undefined ? undefined : pulumi.secret(login.password);
}

function isSiloOn({ tier, placement }: TenantRecord, server: string): boolean {
  return tier === "silo" && placement.postgres === server;
}
