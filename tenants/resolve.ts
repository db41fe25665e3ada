/** Makes records of tenants out of what their files, profiles and the defaults say. */
import type { BackupWaiver, Ring, StoreName, TenantState } from "../provider/inputs.ts";
import { storeNames } from "../provider/inputs.ts";
import { type FaultText, quote } from "./faults.ts";
import { type Draft, Layers, type ProfileLayer, type SettingsLayer, type TenantLayer, nodeAt } from "./layers.ts";
import type { PoolRecord } from "./pools.ts";
import { poolOf, resolvePostgres } from "./resolve-postgres.ts";
import {
  neo4jOf,
  redisOf,
  siloOf,
  storageOf,
  type TenantNeo4j,
  type TenantPostgres,
  type TenantRedis,
  type TenantSilo,
  type TenantStorage,
} from "./resolve-stores.ts";
import type { Settings } from "./schema.ts";
import { builtIn } from "./text-forms.ts";
import { type Templates, type Tell, didYouMean, missing } from "./written.ts";

/** Isolation model in PostgreSQL. */
export type Tier = "pool" | "bridge" | "silo";

/** The tenant that another is made like. */
export interface CloneOf {
  readonly of: string;
  /** Whether its rows are copied, too. */
  readonly data: boolean;
}

/** One tenant with everything that its profile and the defaults give it. */
export interface TenantRecord {
  readonly id: string;
  readonly displayName: string;
  readonly externalId: string;
  readonly owner: string;
  readonly profile: string;
  /** Naming prefix of the profile. */
  readonly prefix: string;
  readonly tier: Tier;
  /** When an update comes to it. */
  readonly ring: Ring;
  readonly state: TenantState;
  readonly backupWaiver?: BackupWaiver;
  readonly clone?: CloneOf;
  readonly region: string;
  /** Server of each store that the tenant has. */
  readonly placement: Readonly<Partial<Record<StoreName, string>>>;
  /** In the order postgres, redis, storage, neo4j. */
  readonly stores: readonly StoreName[];
  readonly postgres?: TenantPostgres;
  /** There with the tier `silo` only. */
  readonly silo?: TenantSilo;
  readonly redis?: TenantRedis;
  readonly storage?: TenantStorage;
  readonly neo4j?: TenantNeo4j;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Surroundings {
  readonly defaults: SettingsLayer | undefined;
  readonly profiles: ReadonlyMap<string, ProfileLayer>;
  /** Whether all profiles and defaults could be read. */
  readonly complete: boolean;
  readonly templates: Templates;
  /** By name; one with a fault is not there. */
  readonly pools: ReadonlyMap<string, PoolRecord>;
  /** Tenants that are no clones, by id. */
  readonly sources: ReadonlyMap<string, TenantRecord>;
  readonly tell: Tell;
}

/** Undefined where a fault stands in the way: told here, or earlier. */
export function resolveTenant(tenant: TenantLayer, around: Surroundings): TenantRecord | undefined {
  const { values } = tenant;
  const tell = (keys: readonly string[], text: FaultText) => {
    around.tell(tenant, keys, text);
  };
  const profile = profileOf(tenant, around);
  const layers = new Layers(
    // Without its profile, nothing but the record itself is certain.
    [tenant, profile, profile && around.defaults].filter((layer) => layer !== undefined),
    profile !== undefined && around.complete,
  );
  const required = <T>(
    keys: readonly string[],
    read: (settings: Draft<Settings>) => T | undefined,
    example: string,
  ) => {
    const picked = layers.pick(keys, read);
    if (picked.kind === "missing") tell(keys, missing(keys, example));
    return picked.kind === "value" ? picked.value : undefined;
  };
  const state = values.state ?? builtIn.state;
  if (values.backupWaiver !== undefined && state !== "offboarding" && isClearState(tenant)) {
    tell(["backupWaiver"], {
      message: "a waiver of the backup is only for a tenant that is leaving",
      found: `state: ${state}`,
      allowed: "backupWaiver beside state: offboarding",
      fix: "remove it, or write state: offboarding if the tenant is to leave",
    });
  }
  const region = required(["region"], (settings) => settings.region, "eu-central-1");
  const stores = required(["stores"], (settings) => settings.stores, "[postgres, redis, storage]");
  if (stores !== undefined) checkStoresOf(tenant, stores, tell);
  const has = storeNames.filter((store) => stores?.includes(store));
  const pickedTier = layers.pick(["tier"], (settings) => settings.tier);
  const tier = pickedTier.kind === "value" ? pickedTier.value : builtIn.tier;
  if (stores !== undefined && pickedTier.kind !== "unclear") checkTier(tenant, tier, has, tell);
  const isClear = has.includes("postgres") && pickedTier.kind !== "unclear";
  const pool = isClear ? poolOf(tenant, tier, layers, around) : undefined;
  const placement: Partial<Record<StoreName, string>> = {};
  for (const store of has) {
    const read = (settings: Draft<Settings>) => settings.placement?.[store];
    // A tenant of a pool lies where its pool does.
    const inPool = store === "postgres" && tier === "pool";
    const server = inPool ? pool?.server : required(["placement", store], read, "main");
    if (server !== undefined) placement[store] = server;
  }
  const postgres = isClear ? resolvePostgres(tenant, { tier, layers, pool }, around) : undefined;
  const { backupWaiver: waiver, clone } = values;
  const { displayName, externalId, owner } = values;
  if (
    displayName === undefined ||
    externalId === undefined ||
    owner === undefined ||
    region === undefined ||
    stores === undefined ||
    profile?.values.prefix === undefined ||
    values.profile === undefined ||
    (has.includes("postgres") && postgres === undefined)
  ) {
    return undefined;
  }
  return {
    id: tenant.id,
    displayName,
    externalId,
    owner,
    profile: values.profile,
    prefix: profile.values.prefix,
    tier,
    ring: layers.first((settings) => settings.ring) ?? builtIn.ring,
    state,
    ...(clone?.of === undefined ? {} : { clone: { of: clone.of, data: clone.data ?? builtIn.cloneData } }),
    ...(waiver?.reason !== undefined && waiver.name !== undefined
      ? { backupWaiver: { reason: waiver.reason, name: waiver.name } }
      : {}),
    region,
    placement,
    stores: has,
    ...(postgres === undefined ? {} : { postgres }),
    ...(tier === "silo" ? { silo: siloOf(layers) } : {}),
    ...(has.includes("redis") ? { redis: redisOf(layers) } : {}),
    ...(has.includes("storage") ? { storage: storageOf(layers) } : {}),
    ...(has.includes("neo4j") ? { neo4j: neo4jOf(layers) } : {}),
    labels: { ...layers.merge((settings) => settings.labels).values },
  };
}

function profileOf(tenant: TenantLayer, around: Surroundings): ProfileLayer | undefined {
  const name = tenant.values.profile;
  if (name === undefined) return undefined;
  const profile = around.profiles.get(name);
  if (profile === undefined && around.complete) {
    const names = [...around.profiles.keys()];
    around.tell(tenant, ["profile"], {
      message: `there is no profile ${quote(name)}`,
      found: quote(name),
      allowed: names.length === 0 ? "there is no profile" : names.join(", "),
      fix: didYouMean(name, names, `add ${quote(name)} to the profiles of the registry, or name another`),
    });
  }
  return profile;
}

/** Pools and databases are in PostgreSQL; settings in a record of another tier are probably a mistake. */
function checkTier(
  tenant: TenantLayer,
  tier: Tier,
  stores: readonly StoreName[],
  tell: (keys: readonly string[], text: FaultText) => void,
): void {
  if (tier !== "bridge" && !stores.includes("postgres")) {
    tell(["tier"], {
      message: `a ${tier} is ${tier === "silo" ? "a database" : "tables"} in PostgreSQL, and the tenant has no place there`,
      found: `stores: ${stores.join(", ")}`,
      allowed: `tier: ${tier} with postgres among the stores`,
      fix: "add postgres to the tenant's stores, or write tier: bridge",
    });
  }
  if (nodeAt(tenant.node, ["clone"]) !== undefined && (tier === "pool" || !stores.includes("postgres"))) {
    tell(["clone"], {
      message: "a clone has a schema in PostgreSQL like another tenant's, and this tenant has none of its own",
      found: tier === "pool" ? "tier: pool" : `stores: ${stores.join(", ")}`,
      allowed: "clone with postgres among the stores and tier: bridge or silo",
      fix: "remove it, or give the tenant a schema or a database",
    });
  }
  if (tier !== "silo" && nodeAt(tenant.node, ["silo"]) !== undefined) {
    tell(["silo"], {
      message: "these settings are for a database of the tenant's own, which its tier does not give",
      found: `tier: ${tier}`,
      allowed: "silo beside tier: silo",
      fix: "write tier: silo in the tenant or its profile, or remove this",
    });
  }
}

/** Settings in the record itself for a store that the tenant does not have: probably the list is wrong. */
function checkStoresOf(
  tenant: TenantLayer,
  stores: readonly StoreName[],
  tell: (keys: readonly string[], text: FaultText) => void,
): void {
  for (const store of storeNames.filter((name) => !stores.includes(name))) {
    for (const keys of [[store], ["placement", store]]) {
      if (nodeAt(tenant.node, keys) === undefined) continue;
      tell(keys, {
        message: `the tenant has no store ${quote(store)} that this could be for`,
        found: `stores: ${stores.join(", ")}`,
        allowed: "settings of the stores that the tenant has",
        fix: `add ${store} to the tenant's stores, or remove this`,
      });
    }
  }
}

/** Whether the state is left out or legal: a wrong one was told already. */
function isClearState({ node, values }: TenantLayer): boolean {
  return values.state !== undefined || nodeAt(node, ["state"]) === undefined;
}
