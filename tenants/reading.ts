/** The files of one registry as layers of settings, and what is wrong with them. */
import { type Fault, type Spot, faultOfFile, quote, shownPath, under } from "./faults.ts";
import { readSource, tenantFiles } from "./files.ts";
import type { Draft, PoolLayer, ProfileLayer, SettingsLayer, TenantLayer } from "./layers.ts";
import { type RegistryFile, metaOf, registrySchema, tenantIdSchema, tenantSchema } from "./schema.ts";
import { caseFaults, where } from "./unique.ts";
import { validate } from "./validate.ts";
import { type Entry, type MapNode, type Node, parseYaml } from "./yaml.ts";

export interface Main {
  readonly maxDeletes: number | undefined;
  readonly defaults: SettingsLayer | undefined;
  readonly profiles: ReadonlyMap<string, ProfileLayer>;
  readonly pools: ReadonlyMap<string, PoolLayer>;
  /** Whether all pools could be read. */
  readonly arePoolsClear: boolean;
  /** Whether all profiles and defaults could be read. */
  readonly complete: boolean;
}

interface Found {
  readonly id: string;
  readonly at: Spot;
  readonly path: string;
  readonly node: Node;
  readonly values: TenantLayer["values"] | undefined;
}

export class Reading {
  readonly faults: Fault[] = [];
  /** In the order in which faults are told. */
  readonly files = new Set<string>();
  readonly #path: string;
  #written: Found[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  get tenantCount(): number {
    return new Set(this.#written.map(({ id }) => id)).size;
  }

  main(): Main {
    const parsed = this.#read(this.#path, "");
    const none: Main = {
      ...{ maxDeletes: undefined, defaults: undefined, profiles: new Map(), pools: new Map() },
      ...{ arePoolsClear: false, complete: false },
    };
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
    const pools = new Map<string, PoolLayer>();
    for (const { key: name, at, value } of entriesOf(root, "pools")) {
      // One with a bad name is no pool, and its name was told.
      pools.set(name, { name, path: under("pools", name), at, node: value, values: values.pools?.[name] ?? {} });
    }
    const entry = root.entries.get("defaults");
    const defaults =
      entry === undefined || values.defaults === undefined
        ? undefined
        : { path: "defaults", at: entry.at, node: entry.value, values: values.defaults };
    const complete = !damaged && isReadable(root, "profiles") && isReadable(root, "defaults");
    const arePoolsClear = !damaged && isReadable(root, "pools");
    return { maxDeletes: values.maxDeletes, defaults, profiles, pools, arePoolsClear, complete };
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
      const values = validate(tenantSchema, parsed.root, at, inside, context) as Found["values"];
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
