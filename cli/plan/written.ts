/** What stands in a registry's files as it is written, before profiles and defaults are put together. */
import { type StoreName, storeNames } from "../../provider/inputs.ts";
import { readSource, tenantFiles } from "../../tenants/files.ts";
import { type Node, parseYaml } from "../../tenants/yaml.ts";

/** By id; what cannot be read is left out, since the loader tells of it. */
export function writtenRecords(registry: string): Map<string, unknown> {
  const records = new Map<string, unknown>();
  const root = read(registry);
  const tenants = root?.kind === "map" ? root.entries.get("tenants")?.value : undefined;
  if (tenants?.kind === "map") {
    for (const { key, value } of tenants.entries.values()) records.set(key, plain(value));
  }
  for (const { id, path } of tenantFiles(registry).files) {
    const record = read(path);
    if (record !== undefined) records.set(id, plain(record));
  }
  return records;
}

export type ServerNames = Readonly<Record<StoreName, ReadonlySet<string>>>;

/** Servers that any placement or pool names, also one of the defaults that no tenant takes. */
export function writtenServers(registries: readonly string[]): ServerNames {
  const names = {
    postgres: new Set<string>(),
    redis: new Set<string>(),
    storage: new Set<string>(),
    neo4j: new Set<string>(),
  };
  const take = (settings: Node | undefined): void => {
    const placement = settings?.kind === "map" ? settings.entries.get("placement")?.value : undefined;
    for (const store of storeNames) {
      const server = placement?.kind === "map" ? placement.entries.get(store)?.value : undefined;
      if (server?.kind === "scalar" && typeof server.value === "string") names[store].add(server.value);
    }
  };
  for (const registry of registries) {
    const root = read(registry);
    const at = (key: string): Node | undefined => (root?.kind === "map" ? root.entries.get(key)?.value : undefined);
    take(at("defaults"));
    const pools = at("pools");
    for (const { value } of pools?.kind === "map" ? pools.entries.values() : []) {
      const server = value.kind === "map" ? value.entries.get("server")?.value : undefined;
      if (server?.kind === "scalar" && typeof server.value === "string") names.postgres.add(server.value);
    }
    for (const map of [at("profiles"), at("tenants")]) {
      if (map?.kind === "map") for (const { value } of map.entries.values()) take(value);
    }
    for (const { path } of tenantFiles(registry).files) take(read(path));
  }
  return names;
}

function read(path: string): Node | undefined {
  const { source } = readSource(path);
  return source === undefined ? undefined : parseYaml(source, "").root;
}

function plain(node: Node): unknown {
  if (node.kind === "map")
    return Object.fromEntries([...node.entries.values()].map(({ key, value }) => [key, plain(value)]));
  if (node.kind === "list") return node.items.map(plain);
  return node.kind === "scalar" ? node.value : null;
}
