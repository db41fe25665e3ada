/** Which of a stack's resources belong together: a bucket and its policy, a namespace and what lies in it. */
import type { Resource } from "../rule.ts";
import { at, text, unknown, type Value } from "../values.ts";

/** Finds a target's companions in constant time: by the URN that a property comes from, else by its literal value. */
export class Companions {
  readonly #byUrn = new Map<string, Resource[]>();
  readonly #byName = new Map<string, Resource[]>();

  /** @param property - of the companions, with dots, that names the target */
  constructor(companions: readonly Resource[], property: string) {
    const path = property.split(".");
    for (const companion of companions) {
      const value = at(companion.props, ...path);
      if (typeof value === "string") push(this.#byName, value, companion);
      for (const urn of companion.references[path[0] ?? ""] ?? []) push(this.#byUrn, urn, companion);
    }
  }

  /** @param names - what the property may hold literally */
  of(target: Resource, ...names: readonly (Value | undefined)[]): readonly Resource[] {
    const literal = names.flatMap((name) => (typeof name === "string" ? (this.#byName.get(name) ?? []) : []));
    return [...new Set([...(this.#byUrn.get(target.urn) ?? []), ...literal])];
  }
}

function push(map: Map<string, Resource[]>, key: string, resource: Resource): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [resource]);
  else known.push(resource);
}

export function ofType(resources: readonly Resource[], ...types: readonly string[]): Resource[] {
  return resources.filter(({ type }) => types.includes(type));
}

/** Name of an object of Kubernetes; undefined where the provider makes one up. */
export function objectName(resource: Resource): string | undefined {
  const name = at(resource.props, "metadata", "name");
  return name === unknown ? undefined : text(name);
}
