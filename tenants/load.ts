/** Reads `registry.yaml` and `registry.d/`, and gives the tenants or every fault of all files at once. */
import {
  type Fault,
  RegistryError,
  type Spot,
  faultAt,
  faultOfFile,
  inOrder,
  quote,
  shownPath,
  under,
} from "./faults.ts";
import { readSource, tenantFiles } from "./files.ts";
import { type Draft, type ProfileLayer, type SettingsLayer, type TenantLayer, spotOf } from "./layers.ts";
import { type TenantRecord, resolveTenant } from "./resolve.ts";
import { type RegistryFile, metaOf, registrySchema, tenantIdSchema, tenantSchema } from "./schema.ts";
import { builtIn } from "./text-forms.ts";
import { type Named, caseFaults, externalIdFaults, nameFaults, where } from "./unique.ts";
import { validate } from "./validate.ts";
import { type Placed, type Servers, checkPlacement } from "./placement.ts";
import { type Tell, Templates, checkLayerVariables, checkWritten } from "./written.ts";
import { type Entry, type MapNode, type Node, parseYaml } from "./yaml.ts";

export { RegistryError, type Fault } from "./faults.ts";
export type { TenantRecord, Tier } from "./resolve.ts";
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
  for (const layer of [main.defaults, ...main.profiles.values(), ...tenants]) {
    if (layer !== undefined) checkWritten(layer, templates, context.servers, path, tell);
  }
  for (const profile of main.profiles.values()) {
    const name = profile.values.postgres?.template ?? main.defaults?.values.postgres?.template;
    const template = name === undefined ? undefined : templates.get(name);
    if (template !== undefined && !(template instanceof Error)) checkLayerVariables(profile, template, tell);
  }
  const placed = tenants.flatMap((layer): Placed[] => {
    const record = resolveTenant(layer, { ...main, templates, tell });
    return record === undefined ? [] : [{ record, layer }];
  });
  if (context.servers !== undefined) checkPlacement(placed, context.servers, tell);
  reading.faults.push(...externalIdFaults(tenants), ...nameFaults(named(tenants, main.profiles)));
  if (reading.faults.length > 0) {
    throw new RegistryError(inOrder(reading.faults, [...reading.files]), reading.tenantCount);
  }
  const maxDeletes = main.maxDeletes ?? builtIn.maxDeletes;
  return { path, maxDeletes, tenants: placed.map(({ record }) => record).sort((a, b) => (a.id < b.id ? -1 : 1)) };
}

interface Main {
  readonly maxDeletes: number | undefined;
  readonly defaults: SettingsLayer | undefined;
  readonly profiles: ReadonlyMap<string, ProfileLayer>;
  /** Whether all profiles and defaults could be read. */
  readonly complete: boolean;
}

interface Written {
  readonly id: string;
  readonly at: Spot;
  readonly path: string;
  readonly node: Node;
  readonly values: TenantLayer["values"] | undefined;
}

/** The files of one registry, and what is wrong with them. */
class Reading {
  readonly faults: Fault[] = [];
  /** In the order in which faults are told. */
  readonly files = new Set<string>();
  readonly #path: string;
  #written: Written[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  get tenantCount(): number {
    return new Set(this.#written.map(({ id }) => id)).size;
  }

  main(): Main {
    const parsed = this.#read(this.#path, "");
    const none: Main = { maxDeletes: undefined, defaults: undefined, profiles: new Map(), complete: false };
    if (parsed?.root === undefined) return none;
    const { root, source, damaged } = parsed;
    const start = { source, offset: 0 };
    const values = validate(registrySchema, root, start, "", { faults: this.faults, damaged }) as
      Draft<RegistryFile> | undefined;
    if (values === undefined || root.kind !== "map") return none;
    for (const { key, at, value } of entriesOf(root, "tenants")) {
      this.#written.push({ id: key, at, path: under("tenants", key), node: value, values: values.tenants?.[key] });
    }
    const profiles = new Map<string, ProfileLayer>();
    for (const { key, at, value } of entriesOf(root, "profiles")) {
      const profile = values.profiles?.[key];
      if (profile !== undefined) profiles.set(key, { path: under("profiles", key), at, node: value, values: profile });
    }
    const entry = root.entries.get("defaults");
    const defaults =
      entry === undefined || values.defaults === undefined
        ? undefined
        : { path: "defaults", at: entry.at, node: entry.value, values: values.defaults };
    const complete = !damaged && isReadable(root, "profiles") && isReadable(root, "defaults");
    return { maxDeletes: values.maxDeletes, defaults, profiles, complete };
  }

  /** The tenants of `registry.yaml`, then those that have a file of their own. */
  tenants(): TenantLayer[] {
    const { files, faults } = tenantFiles(this.#path);
    const inMain = new Map(this.#written.map((tenant) => [tenant.id, tenant]));
    for (const { id, path } of files) {
      const inside = under("tenants", id);
      const parsed = this.#read(path, inside);
      const file = shownPath(path);
      if (!tenantIdSchema.safeParse(id).success) this.faults.push(faultOfFile(file, badFileName(id)));
      const other = inMain.get(id);
      if (other !== undefined) {
        this.faults.push({
          ...faultOfFile(file, {
            message: `the tenant ${quote(id)} stands in two places`,
            found: `${file} and ${where(other.at)}`,
            allowed: "one place for each tenant",
            fix: "remove one of the two",
          }),
          path: inside,
        });
      }
      if (parsed?.root === undefined) continue;
      const at = { source: parsed.source, offset: 0 };
      const context = { faults: this.faults, damaged: parsed.damaged };
      const values = validate(tenantSchema, parsed.root, at, inside, context) as Written["values"];
      if (other === undefined) this.#written.push({ id, at, path: inside, node: parsed.root, values });
    }
    for (const { file } of faults) this.files.add(file);
    this.faults.push(...faults, ...caseFaults(this.#written));
    return this.#written.flatMap(({ values, ...tenant }) => (values === undefined ? [] : [{ ...tenant, values }]));
  }

  #read(path: string, inside: string) {
    this.files.add(shownPath(path));
    const { source, faults } = readSource(path);
    this.faults.push(...faults);
    if (source === undefined) return undefined;
    const parsed = parseYaml(source, inside);
    this.faults.push(...parsed.faults);
    if (parsed.root === undefined && parsed.faults.length === 0) {
      this.faults.push(faultOfFile(source.file, inside === "" ? emptyRegistry : emptyTenant));
    }
    return { ...parsed, source };
  }
}

const emptyRegistry = {
  message: "the file is empty",
  found: "no content",
  allowed: "a registry",
  fix: "write at least `tenants: {}`, which is a registry without tenants; an example is in tenants/examples",
};
const emptyTenant = {
  message: "the file is empty",
  found: "no content",
  allowed: "the record of one tenant",
  fix: "write its displayName, externalId, owner and profile, or remove the file",
};

function badFileName(id: string) {
  return {
    message: `the file's name gives ${quote(id)}, which is no tenant id`,
    found: quote(`${id}.yaml`),
    allowed: metaOf(tenantIdSchema).allowed ?? "",
    fix: "name the file <tenant id>.yaml",
  };
}

function entriesOf(root: MapNode, key: string): readonly Entry[] {
  const value = root.entries.get(key)?.value;
  return value?.kind === "map" ? [...value.entries.values()] : [];
}

function isReadable(root: MapNode, key: string): boolean {
  const value = root.entries.get(key)?.value;
  return value === undefined || value.kind === "map";
}

/** Tenants whose physical names are certain. */
function named(tenants: readonly TenantLayer[], profiles: ReadonlyMap<string, ProfileLayer>): Named[] {
  return tenants.flatMap(({ id, at, path, values }) => {
    const prefix = values.profile === undefined ? undefined : profiles.get(values.profile)?.values.prefix;
    return prefix === undefined || !tenantIdSchema.safeParse(id).success ? [] : [{ id, prefix, at, path }];
  });
}
