/** Registrations as a tree for people: parents above their children, and how many there are of each package. */
import type { Resource } from "../policies/rule.ts";

type Registered = Pick<Resource, "type" | "name" | "urn" | "parent" | "protect">;

/** Without the stack itself; children in the order of their registration. */
export function tree(resources: readonly Registered[]): string {
  const own = resources.filter(({ type }) => type !== "pulumi:pulumi:Stack");
  const known = new Set(own.map(({ urn }) => urn));
  const children = new Map<string, Registered[]>();
  for (const resource of own) {
    const parent = resource.parent !== undefined && known.has(resource.parent) ? resource.parent : "";
    children.set(parent, [...(children.get(parent) ?? []), resource]);
  }
  const lines: string[] = [];
  const add = (parent: string, depth: number): void => {
    for (const { type, name, urn, protect } of children.get(parent) ?? []) {
      lines.push(`${"  ".repeat(depth)}${type} ${name}${protect ? "  [protected]" : ""}`);
      add(urn, depth + 1);
    }
  };
  add("", 0);
  const packages = new Map<string, number>();
  for (const { type } of own) {
    const name = type.split(":")[type.startsWith("pulumi:providers:") ? 2 : 0] ?? "";
    packages.set(name, (packages.get(name) ?? 0) + 1);
  }
  const counts = [...packages].sort(([one], [other]) => (one < other ? -1 : 1)).map(([name, n]) => `${n} ${name}`);
  return [...lines, "", `${own.length} resources: ${counts.join(", ")}`].join("\n");
}
