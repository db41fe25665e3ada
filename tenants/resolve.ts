/** Makes records of tenants out of what their files, profiles and the defaults say. */
import type { BackupWaiver, StoreName, TenantState } from "../provider/inputs.ts";
import { storeNames } from "../provider/inputs.ts";
import { checkVariables } from "../templates/values.ts";
import { type FaultText, quote } from "./faults.ts";
import { type Draft, Layers, type ProfileLayer, type SettingsLayer, type TenantLayer, nodeAt } from "./layers.ts";
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
import { type Templates, type Tell, didYouMean, variableText } from "./written.ts";

/** Isolation model in PostgreSQL. */
export type Tier = "bridge" | "silo";

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
  readonly state: TenantState;
  readonly backupWaiver?: BackupWaiver;
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
  const placement: Partial<Record<StoreName, string>> = {};
  for (const store of has) {
    const server = required(["placement", store], (settings) => settings.placement?.[store], "main");
    if (server !== undefined) placement[store] = server;
  }
  const pickedTier = layers.pick(["tier"], (settings) => settings.tier);
  const tier = pickedTier.kind === "value" ? pickedTier.value : builtIn.tier;
  if (stores !== undefined && pickedTier.kind !== "unclear") checkTier(tenant, tier, has, tell);
  const postgres = has.includes("postgres") ? resolvePostgres(tenant, layers, around) : undefined;
  const waiver = values.backupWaiver;
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
    state,
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

function resolvePostgres(tenant: TenantLayer, layers: Layers, around: Surroundings): TenantPostgres | undefined {
  const picked = layers.pick(["postgres", "template"], (settings) => settings.postgres?.template);
  if (picked.kind === "missing")
    around.tell(tenant, ["postgres", "template"], missing(["postgres", "template"], "knowledge-graph"));
  if (picked.kind !== "value") return undefined;
  const template = around.templates.get(picked.value);
  const read = (settings: Draft<Settings>) => settings.postgres?.variables;
  if (template === undefined || template instanceof Error || !layers.isClear(["postgres", "variables"], read))
    return undefined;
  const { values: given, from } = layers.merge(read);
  const { values: variables, faults } = checkVariables(template, given);
  for (const { variable, message, allowed } of faults) {
    const keys = ["postgres", "variables", variable];
    const layer = from.get(variable);
    if (layer !== undefined)
      around.tell(layer, keys, variableText(template, variable, given[variable], message, allowed));
    else {
      around.tell(tenant, keys, {
        message: `the template ${quote(template.name)} needs a value: ${variable} ${message}`,
        found: "no such key",
        allowed,
        fix: `add it below postgres.variables of the tenant, its profile or the defaults`,
      });
    }
  }
  if (faults.length > 0) return undefined;
  return {
    template: template.name,
    variables: { ...variables },
    connectionLimit: layers.first((settings) => settings.postgres?.connectionLimit) ?? builtIn.connectionLimit,
    readOnlyConnectionLimit:
      layers.first((settings) => settings.postgres?.readOnlyConnectionLimit) ?? builtIn.readOnlyConnectionLimit,
    additionalSql: [...(layers.first((settings) => settings.postgres?.additionalSql) ?? [])],
    rotation: layers.first((settings) => settings.postgres?.rotation) ?? builtIn.rotation,
  };
}

/** A database of its own is in PostgreSQL; its settings in a record of another tier are probably a mistake. */
function checkTier(
  tenant: TenantLayer,
  tier: Tier,
  stores: readonly StoreName[],
  tell: (keys: readonly string[], text: FaultText) => void,
): void {
  if (tier === "silo" && !stores.includes("postgres")) {
    tell(["tier"], {
      message: "a silo is a database in PostgreSQL, and the tenant has no place there",
      found: `stores: ${stores.join(", ")}`,
      allowed: "tier: silo with postgres among the stores",
      fix: "add postgres to the tenant's stores, or write tier: bridge",
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

function missing(keys: readonly string[], example: string): FaultText {
  const key = keys.join(".");
  return {
    message: `the setting "${key}" is missing`,
    found: "it stands neither in the tenant, nor in its profile, nor in the defaults",
    allowed: "in any of the three",
    fix: `add \`${keys.join(": { ")}: ${example}${" }".repeat(keys.length - 1)}\``,
  };
}

/** Whether the state is left out or legal: a wrong one was told already. */
function isClearState({ node, values }: TenantLayer): boolean {
  return values.state !== undefined || nodeAt(node, ["state"]) === undefined;
}
