/** The stack: every tenant of the registry in every store, as one declarative diff. */
import "./components/quiet-sdk.ts";
import { dirname, relative, resolve } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import pLimit from "p-limit";
import { refuseOrphans } from "./components/adoptable-only.ts";
import { availableStores } from "./components/available.ts";
import { loadClouds } from "./components/clouds.ts";
import { nativePostgres, readPlatform } from "./components/platform.ts";
import { rosterEntries } from "./components/roster-entries.ts";
import { TenantSources } from "./components/tenant-sources.ts";
import { Tenant } from "./components/tenant.ts";
import { withUserFaults } from "./components/user-faults.ts";
import { Baseline, Roster, Routes, TenancyProvider } from "./provider/resources.ts";
import { loadRegistry, type TenantRecord } from "./tenants/load.ts";

/** So many tenants are under way at once: a registration that waits holds memory in each of three processes. */
const tenantsAtOnce = 64;

function secretly(password: string | undefined): pulumi.Output<string> | undefined {
  return password === undefined ? undefined : pulumi.secret(password);
}

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
  const loaded = loadRegistry(registryPath, { templates: templatesDir, servers: platform.infos });
  const warn = (message: string) => void pulumi.log.warn(message);
  const registry = { ...loaded, tenants: availableStores(loaded.tenants, platform, warn) };
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
          resolverPassword: secretly(platform.servers.postgres[server]?.resolver?.password),
          applicationPassword: secretly(platform.servers.postgres[server]?.application?.password),
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
      tenants: rosterEntries(registry.tenants, platform.clouds),
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
  const tenants = await pLimit(tenantsAtOnce).map(registry.tenants, async (record) => {
    const files = {
      templateFiles: sources.templateFiles(record),
      additionalFiles: sources.additionalFiles(record),
      additionalRoot: relative(projectDir, dirname(registryPath)),
      extensions: sources.extensionsOf(record),
      migrationFiles: clouds.kubernetes?.appliesFiles(record) === true ? await sources.migrationFiles(record) : [],
    };
    const tenant = new Tenant(record, { platform, secret, catalogue, clouds, ...files }, { provider, dependsOn });
    await tenant.registered();
    return [record.id, tenant] as const;
  });
  const routes = tenants.flatMap(([id, { route }]) => (route === undefined ? [] : [[id, route] as const]));
  new Routes(
    "tenants",
    { catalogue, routes: Object.fromEntries(routes) },
    { provider, dependsOn: [roster, ...tenants.flatMap(([, { resources }]) => resources)] },
  );
  return Object.fromEntries(tenants.map(([id, { connections }]) => [id, connections]));
});
