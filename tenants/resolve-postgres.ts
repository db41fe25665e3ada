/** What a tenant has in PostgreSQL: a template of its own, a pool's, or the one of the tenant that it is a clone of. */
import type { TemplateVariables } from "../provider/inputs.ts";
import { checkVariables, type Template } from "../templates/load.ts";
import { quote } from "./faults.ts";
import { type Draft, type Layers, type SettingsLayer, type TenantLayer, nodeAt } from "./layers.ts";
import type { PoolRecord } from "./pools.ts";
import type { Surroundings, Tier } from "./resolve.ts";
import type { TenantPostgres } from "./resolve-stores.ts";
import type { Settings } from "./schema.ts";
import { builtIn } from "./text-forms.ts";
import { missing, tierText, variableText } from "./written.ts";

type Content = Pick<TenantPostgres, "template" | "variables" | "additionalSql">;

/** Keys that say what is inside of a schema: a pool, or the tenant that one is a clone of, says it instead. */
export const contentKeys = ["template", "variables", "additionalSql"] as const;

/** Undefined where a fault stands in the way: told here, or earlier. */
export function resolvePostgres(
  tenant: TenantLayer,
  { tier, layers, pool }: { readonly tier: Tier; readonly layers: Layers; readonly pool: PoolRecord | undefined },
  around: Surroundings,
): TenantPostgres | undefined {
  const content = contentOf();
  if (content === undefined) return undefined;
  return {
    ...(pool === undefined ? {} : { pool: pool.name }),
    ...content,
    connectionLimit: layers.first((settings) => settings.postgres?.connectionLimit) ?? builtIn.connectionLimit,
    readOnlyConnectionLimit:
      layers.first((settings) => settings.postgres?.readOnlyConnectionLimit) ?? builtIn.readOnlyConnectionLimit,
    rotation: layers.first((settings) => settings.postgres?.rotation) ?? builtIn.rotation,
  };

  function contentOf(): Content | undefined {
    if (tier === "pool") {
      return pool === undefined ? undefined : { template: pool.template, variables: pool.variables, additionalSql: [] };
    }
    if (nodeAt(tenant.node, ["clone"]) === undefined) return ownContent(tenant, tier, layers, around);
    const source = around.sources.get(tenant.values.clone?.of ?? "");
    if (source?.postgres === undefined) return undefined;
    const { template, variables, additionalSql } = source.postgres;
    return { template, variables, additionalSql };
  }
}

function ownContent(tenant: TenantLayer, tier: Tier, layers: Layers, around: Surroundings): Content | undefined {
  const keys = ["postgres", "template"];
  const picked = layers.pick(keys, (settings) => settings.postgres?.template);
  if (picked.kind === "missing") around.tell(tenant, keys, missing(keys, "knowledge-graph"));
  if (picked.kind !== "value") return undefined;
  const template = around.templates.get(picked.value);
  if (template === undefined || template instanceof Error) return undefined;
  const fits = template.tiers.includes(tier);
  if (!fits) around.tell(picked.layer, keys, tierText(template, tier, around.templates));
  const variables = ownVariables(tenant, template, layers, around);
  if (!fits || variables === undefined) return undefined;
  const additionalSql = layers.first((settings) => settings.postgres?.additionalSql) ?? [];
  return { template: template.name, variables, additionalSql: [...additionalSql] };
}

function ownVariables(
  tenant: TenantLayer,
  template: Template,
  layers: Layers,
  around: Surroundings,
): TemplateVariables | undefined {
  const read = (settings: Draft<Settings>) => settings.postgres?.variables;
  if (!layers.isClear(["postgres", "variables"], read)) return undefined;
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
  return faults.length > 0 ? undefined : { ...variables };
}

/** The pool of a tenant of the tier `pool`; tells where tier and pool do not fit, and what stands beside the pool. */
export function poolOf(tenant: TenantLayer, tier: Tier, layers: Layers, around: Surroundings): PoolRecord | undefined {
  const keys = ["postgres", "pool"];
  const picked = layers.pick(keys, (settings) => settings.postgres?.pool);
  if (tier !== "pool") {
    if (picked.kind !== "value") return undefined;
    around.tell(picked.layer, keys, {
      message: "a pool is for tenants of the tier pool only, and one of another tier takes it from here",
      found: `${quote(picked.value)}, and tier: ${tier}`,
      allowed: "postgres.pool with tier: pool",
      fix: "write tier: pool beside it, or move it to the profile or record of tenants that are in the pool",
    });
    return undefined;
  }
  if (picked.kind === "missing") {
    const names = [...around.pools.keys()];
    around.tell(tenant, keys, {
      ...missing(keys, names[0] ?? "shared"),
      message: "a tenant of the tier pool needs a pool",
      allowed: names.length === 0 ? "a pool of the registry; there is none" : names.join(", "),
    });
  }
  if (picked.kind !== "value") return undefined;
  const pool = around.pools.get(picked.value);
  if (pool !== undefined) checkBeside(layers.upTo(picked.layer), pool, around);
  return pool;
}

/** What a more general place says, as the defaults do, gives way to the pool. */
function checkBeside(layers: readonly SettingsLayer[], pool: PoolRecord, around: Surroundings): void {
  for (const layer of layers) {
    for (const key of contentKeys) {
      if (nodeAt(layer.node, ["postgres", key]) === undefined) continue;
      around.tell(layer, ["postgres", key], {
        message: `this stands beside postgres.pool, and a tenant of a pool has no ${key} of its own`,
        found: `${quote(key)}, and pool: ${pool.name}`,
        allowed: key === "additionalSql" ? "additionalSql with the tiers bridge and silo" : `${key} in the pool itself`,
        fix:
          key === "additionalSql" ? "remove it" : `remove it; pools.${pool.name}.${key} holds for all of its tenants`,
      });
    }
    const server = layer.values.placement?.postgres;
    if (server === undefined || server === pool.server) continue;
    around.tell(layer, ["placement", "postgres"], {
      message: "the tenant's pool lies on another server",
      found: `${quote(server)}, and the pool ${quote(pool.name)} on ${quote(pool.server)}`,
      allowed: `${pool.server}, or no key`,
      fix: "remove it: a tenant of a pool lies where its pool does",
    });
  }
}
