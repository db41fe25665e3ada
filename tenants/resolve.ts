/** Makes records of tenants out of what their files, profiles and the defaults say. */
import type { BackupWaiver, StoreName, TemplateVariables, TenantState } from "../provider/inputs.ts";
import { storeNames } from "../provider/inputs.ts";
import { checkVariables } from "../templates/load.ts";
import { type FaultText, quote } from "./faults.ts";
import { type Draft, Layers, type ProfileLayer, type SettingsLayer, type TenantLayer, nodeAt } from "./layers.ts";
import type { Settings } from "./schema.ts";
import { builtIn } from "./settings.ts";
import { type Templates, type Tell, didYouMean, variableText } from "./written.ts";

export interface TenantPostgres {
  readonly template: string;
  /** With the template's defaults. */
  readonly variables: TemplateVariables;
  readonly connectionLimit: number;
  readonly readOnlyConnectionLimit: number;
  /** Paths from the registry's folder. */
  readonly additionalSql: readonly string[];
  readonly rotation: number;
}

export interface TenantRedis {
  readonly defaultTtlSeconds: number;
  readonly rotation: number;
}

export interface TenantStorage {
  readonly folders: readonly string[];
  readonly rotation: number;
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
  readonly tier: "bridge";
  readonly state: TenantState;
  readonly backupWaiver?: BackupWaiver;
  readonly region: string;
  /** Server of each store that the tenant has. */
  readonly placement: Readonly<Partial<Record<StoreName, string>>>;
  /** In the order postgres, redis, storage. */
  readonly stores: readonly StoreName[];
  readonly postgres?: TenantPostgres;
  readonly redis?: TenantRedis;
  readonly storage?: TenantStorage;
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
    tier: layers.first((settings) => settings.tier) ?? builtIn.tier,
    state,
    ...(waiver?.reason !== undefined && waiver.name !== undefined
      ? { backupWaiver: { reason: waiver.reason, name: waiver.name } }
      : {}),
    region,
    placement,
    stores: has,
    ...(postgres === undefined ? {} : { postgres }),
    ...(has.includes("redis")
      ? {
          redis: {
            defaultTtlSeconds:
              layers.first((settings) => settings.redis?.defaultTtlSeconds) ?? builtIn.defaultTtlSeconds,
            rotation: layers.first((settings) => settings.redis?.rotation) ?? builtIn.rotation,
          },
        }
      : {}),
    ...(has.includes("storage")
      ? {
          storage: {
            folders: [...(layers.first((settings) => settings.storage?.folders) ?? builtIn.folders)],
            rotation: layers.first((settings) => settings.storage?.rotation) ?? builtIn.rotation,
          },
        }
      : {}),
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
