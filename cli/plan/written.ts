/** Tenants' own records as they are written, to tell a change of a record from one of its profile. */
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
