/** The stack: every tenant of the registry in every store, as one declarative diff. */
import "./components/quiet-sdk.ts";
import { dirname, relative, resolve } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { refuseOrphans } from "./components/adoptable-only.ts";
import { availableStores } from "./components/available.ts";
import { makeBaselines } from "./components/baselines.ts";
import { loadClouds } from "./components/clouds.ts";
import { copyOf } from "./components/copies.ts";
import { nativePostgres, readPlatform } from "./components/platform.ts";
import { makePools } from "./components/pools.ts";
import { ringByRing } from "./components/rings.ts";
import { rosterEntries } from "./components/roster-entries.ts";
import { TenantSources } from "./components/tenant-sources.ts";
import { Tenant } from "./components/tenant.ts";
import { withUserFaults } from "./components/user-faults.ts";
import { Roster, Routes, TenancyProvider } from "./provider/resources.ts";
import { loadRegistry } from "./tenants/load.ts";

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
  const catalogue = config.get("catalogue") ?? nativePostgres(platform)[0] ?? "";
  const live = registry.tenants.some(({ state }) => state !== "offboarding");
  const roster = new Roster(
    "tenants",
    {
      catalogue,
      maxDeletes: registry.maxDeletes,
      tenants: rosterEntries(registry.tenants, platform.clouds),
    },
    { provider, dependsOn: makeBaselines(platform, registry, sources, provider), protect: live },
  );
  const { result: secret } = new random.RandomPassword(
    "passwords",
    { length: 64, special: false },
    { dependsOn: roster, protect: live },
  );

  const options = { provider, dependsOn: [roster] };
  const clouds = await loadClouds({ platform, secret, tenants: registry.tenants, ...options });
  const pools = makePools(registry, sources, options);
  const made = await ringByRing(
    registry.tenants,
    options,
    async (record, inRing, earlier: ReadonlyMap<string, Tenant>) => {
      const files = {
        templateFiles: sources.templateFiles(record),
        additionalFiles: sources.additionalFiles(record),
        additionalRoot: relative(projectDir, dirname(registryPath)),
        extensions: sources.extensionsOf(record),
        migrationFiles: clouds.kubernetes?.appliesFiles(record) === true ? await sources.migrationFiles(record) : [],
      };
      const pool = pools.get(record.postgres?.pool ?? "");
      const copy = copyOf(record, registry.tenants, earlier);
      return new Tenant(record, { platform, secret, catalogue, clouds, ...files, pool, copy }, inRing);
    },
  );

  const tenants = registry.tenants.flatMap(({ id }) => made.get(id) ?? []);
  const routes = [...made].flatMap(([id, { route }]) => (route === undefined ? [] : [[id, route] as const]));
  new Routes(
    "tenants",
    { catalogue, routes: Object.fromEntries(routes) },
    { provider, dependsOn: [roster, ...tenants.flatMap(({ resources }) => resources)] },
  );
  return Object.fromEntries(registry.tenants.map(({ id }) => [id, made.get(id)?.connections]));
});
