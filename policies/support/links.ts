/** Which of a stack's resources belong together: a bucket and its policy, a namespace and what lies in it. */
import type { Resource } from "../rule.ts";
import { at, text, unknown, type Value } from "../values.ts";

/** Finds a target's companions in constant time: by the URN that a property comes from, else by its literal value. */
export class Companions {
  readonly #byUrn = new Map<string, Resource[]>();
  readonly #byName = new Map<string, Resource[]>();
  /** How many there are, and of how many nobody can tell yet whose they are. */
  readonly #count: number;
  #open = 0;

  /** @param property - of the companions, with dots, that names the target */
  constructor(companions: readonly Resource[], property: string) {
    const path = property.split(".");
    this.#count = companions.length;
    for (const companion of companions) {
      const value = at(companion.props, ...path);
      const references = companion.references[path[0] ?? ""] ?? [];
      if (value === unknown && references.length === 0) this.#open += 1;
      if (typeof value === "string") push(this.#byName, value, companion);
      for (const urn of references) push(this.#byUrn, urn, companion);
    }
  }

  /** @param names - what the property may hold literally */
  of(target: Resource, ...names: readonly (Value | undefined)[]): readonly Resource[] {
    const literal = names.flatMap((name) => (typeof name === "string" ? (this.#byName.get(name) ?? []) : []));
    return [...new Set([...(this.#byUrn.get(target.urn) ?? []), ...literal])];
  }

  /** Whether one may yet turn out to belong to a target that has none. */
  mayHave(...names: readonly (Value | undefined)[]): boolean {
    return this.#open > 0 || (names.includes(unknown) && this.#count > 0);
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
