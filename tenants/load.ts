/** Reads `registry.yaml` and `registry.d/`, and gives the tenants or every fault of all files at once. */
import { checkClone, checkCloned, isClone } from "./clones.ts";
import { RegistryError, faultAt, inOrder, under } from "./faults.ts";
import { type ProfileLayer, type TenantLayer, spotOf } from "./layers.ts";
import { type Placed, type Servers, checkPlacement } from "./placement.ts";
import { type PoolRecord, resolvePool } from "./pools.ts";
import { Reading } from "./reading.ts";
import { type Surroundings, type TenantRecord, resolveTenant } from "./resolve.ts";
import { tenantIdSchema } from "./schema.ts";
import { builtIn } from "./text-forms.ts";
import { type Named, externalIdFaults, nameFaults } from "./unique.ts";
import { type Tell, Templates, checkLayerVariables, checkWritten } from "./written.ts";

export { RegistryError, type Fault } from "./faults.ts";
export type { PoolRecord } from "./pools.ts";
export type { CloneOf, TenantRecord, Tier } from "./resolve.ts";
export type {
  EncryptionKey,
  TenantNeo4j,
  TenantPostgres,
  TenantRedis,
  TenantSilo,
  TenantStorage,
} from "./resolve-stores.ts";
export type { ServerInfo, Servers } from "./placement.ts";

export interface Registry {
  /** As given. */
  readonly path: string;
  /** How many tenants may leave in one update. */
  readonly maxDeletes: number;
  /** Sorted by name. */
  readonly pools: readonly PoolRecord[];
  /** Sorted by id. */
  readonly tenants: readonly TenantRecord[];
}

export interface LoadContext {
  /** Folder of the templates. */
  readonly templates: string;
  /** The platform's servers, where they are known: placement is checked against them. */
  readonly servers?: Servers;
}

/**
 * @param path - The registry's file; `registry.d` is looked for beside it.
 * @throws RegistryError with every fault of all files.
 */
export function loadRegistry(path: string, context: LoadContext): Registry {
  const reading = new Reading(path);
  const main = reading.main();
  const tenants = reading.tenants();
  const templates = new Templates(context.templates);
  const tell: Tell = (layer, keys, text) => {
    reading.faults.push(faultAt(spotOf(layer, keys), keys.reduce<string>(under, layer.path), text));
  };
  const known = { templates, servers: context.servers, pools: main.arePoolsClear ? [...main.pools.keys()] : undefined };
  for (const layer of [main.defaults, ...main.profiles.values(), ...tenants]) {
    if (layer !== undefined) checkWritten(layer, known, path, tell);
  }
  for (const profile of main.profiles.values()) {
    const name = profile.values.postgres?.template ?? main.defaults?.values.postgres?.template;
    const template = name === undefined ? undefined : templates.get(name);
    if (template !== undefined && !(template instanceof Error)) checkLayerVariables(profile, template, tell);
  }
  const pools = [...main.pools.values()].flatMap((layer): PoolRecord[] => {
    const pool = resolvePool(layer, { templates, servers: context.servers, tell });
    return pool === undefined ? [] : [pool];
  });
  const placed = resolveAll(tenants, {
    ...main,
    templates,
    pools: new Map(pools.map((pool) => [pool.name, pool])),
    tell,
  });
  if (context.servers !== undefined) checkPlacement(placed, context.servers, tell);
  reading.faults.push(...externalIdFaults(tenants), ...nameFaults(named(tenants, main.profiles)));
  if (reading.faults.length > 0) {
    throw new RegistryError(inOrder(reading.faults, [...reading.files]), reading.tenantCount);
  }
  const maxDeletes = main.maxDeletes ?? builtIn.maxDeletes;
  const records = placed.map(({ record }) => record);
  return {
    path,
    maxDeletes,
    pools: pools.sort((a, b) => (a.name < b.name ? -1 : 1)),
    tenants: records.sort((a, b) => (a.id < b.id ? -1 : 1)),
  };
}

/** Clones after the tenants that they are made like. */
function resolveAll(tenants: readonly TenantLayer[], around: Omit<Surroundings, "sources">): Placed[] {
  const sources = new Map<string, TenantRecord>();
  const resolve = (layer: TenantLayer): Placed[] => {
    const record = resolveTenant(layer, { ...around, sources });
    return record === undefined ? [] : [{ record, layer }];
  };
  const own = tenants.filter((layer) => !isClone(layer)).flatMap(resolve);
  for (const { record } of own) sources.set(record.id, record);
  const clones = tenants.filter(isClone).flatMap((layer) => {
    checkClone(layer, tenants, { ...around, sources });
    return resolve(layer);
  });
  for (const { record, layer } of clones) {
    const source = sources.get(record.clone?.of ?? "");
    if (source !== undefined) checkCloned(record, source, layer, { ...around, sources });
  }
  return [...own, ...clones];
}

/** Tenants whose physical names are certain. */
function named(tenants: readonly TenantLayer[], profiles: ReadonlyMap<string, ProfileLayer>): Named[] {
  return tenants.flatMap(({ id, at, path, values }) => {
    const prefix = values.profile === undefined ? undefined : profiles.get(values.profile)?.values.prefix;
    return prefix === undefined || !tenantIdSchema.safeParse(id).success ? [] : [{ id, prefix, at, path }];
  });
}
