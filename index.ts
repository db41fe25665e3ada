/** The stack: every tenant of the registry in every store, as one declarative diff. */
import "./components/quiet-sdk.ts";
import { dirname, relative, resolve } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import pLimit from "p-limit";
import { refuseOrphans } from "./components/adoptable-only.ts";
import { loadClouds } from "./components/load-clouds.ts";
import { nativePostgres, readPlatform } from "./components/platform.ts";
import { rosterEntries } from "./components/roster-entries.ts";
import { TenantSources } from "./components/tenant-sources.ts";
import { Tenant } from "./components/tenant.ts";
import { withUserFaults } from "./components/user-faults.ts";
import { Baseline, Roster, TenancyProvider } from "./provider/resources.ts";
import { loadRegistry, type TenantRecord } from "./tenants/load.ts";

/** So many tenants are under way at once: a registration that waits holds memory in each of three processes. */
const tenantsAtOnce = 64;

function isSiloOn({ tier, placement }: TenantRecord, server: string): boolean {
  return tier === "silo" && placement.postgres === server;
}

export const tenants = await withUserFaults(async () => {
  refuseOrphans();
  const projectDir = import.meta.dirname;
  const config = new pulumi.Config("tenancy");
  const templates = config.get("templates") ?? "templates";
  const templatesDir = resolve(projectDir, templates);
  const platform = readPlatform(config, projectDir);
  const registryPath = resolve(projectDir, config.get("registry") ?? "tenants/registry.yaml");
  const registry = loadRegistry(registryPath, { templates: templatesDir, servers: platform.infos });
  const sources = new TenantSources(templatesDir, dirname(registryPath));

  const provider = new TenancyProvider("platform", {
    config: JSON.stringify({ platform: platform.servers, templates }),
  });
  const baselines = nativePostgres(platform).map(
    (server) =>
      new Baseline(
        server,
        {
          server,
          extensions: sources.extensions(registry.tenants, server),
          // Left out where there is none: a server without silos needs no right to make databases.
          databases: registry.tenants.some((record) => isSiloOn(record, server)) ? true : undefined,
          provisionerPassword: pulumi.secret(platform.servers.postgres[server]?.provisioner.password ?? ""),
        },
        { provider },
      ),
  );
  const catalogue = config.get("catalogue") ?? nativePostgres(platform)[0] ?? "";
  const live = registry.tenants.some(({ state }) => state !== "offboarding");
  const roster = new Roster(
    "tenants",
    {
      catalogue,
      maxDeletes: registry.maxDeletes,
      tenants: rosterEntries(registry.tenants),
    },
    { provider, dependsOn: baselines, protect: live },
  );

  const { result: secret } = new random.RandomPassword(
    "passwords",
    { length: 64, special: false },
    { dependsOn: roster, protect: live },
  );

  const dependsOn = [roster];
  const clouds = await loadClouds({ platform, secret, tenants: registry.tenants, provider, dependsOn });
  const connections = await pLimit(tenantsAtOnce).map(registry.tenants, async (record) => {
    const files = {
      templateFiles: sources.templateFiles(record),
      additionalFiles: sources.additionalFiles(record),
      additionalRoot: relative(projectDir, dirname(registryPath)),
      extensions: sources.extensionsOf(record),
      migrationFiles: clouds?.appliesFiles(record) === true ? await sources.migrationFiles(record) : [],
    };
    const tenant = new Tenant(record, { platform, secret, catalogue, clouds, ...files }, { provider, dependsOn });
    await tenant.registered();
    return [record.id, tenant.connections] as const;
  });
  return Object.fromEntries(connections);
});
