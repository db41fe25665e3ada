/** The resources of a run: what is finished, what is still as it was, and what waits for its deletion. */
import { mapReferences, references } from "./resource.ts";
import type { Resource } from "./resource.ts";

export class Snapshot {
  /** In the order in which they finished, so that everything stands after what it refers to. */
  readonly #finished = new Map<string, Resource>();
  readonly #olds = new Map<string, Resource>();
  /** Replaced resources whose deletion comes last. */
  readonly #replaced = new Set<Resource>();
  /** Old URN to new one, of resources that go by another name now. */
  readonly #renamed = new Map<string, string>();
  #removedSome = false;

  constructor(resources: readonly Resource[]) {
    for (const resource of resources) {
      if (resource.delete) this.#replaced.add(resource);
      else this.#olds.set(resource.urn, resource);
    }
  }

  old(urn: string): Resource | undefined {
    return this.#olds.get(urn);
  }

  /** The resource as it is now. */
  get(urn: string): Resource | undefined {
    return this.#finished.get(urn) ?? this.#olds.get(urn);
  }

  /** The resource as it is now, also by the URN that it had before. */
  now(urn: string): Resource | undefined {
    return this.get(this.#renamed.get(urn) ?? urn);
  }

  finish(resource: Resource, old: Resource | undefined): void {
    this.#finished.set(resource.urn, resource);
    if (old === undefined) return;
    this.#olds.delete(old.urn);
    if (old.urn !== resource.urn) this.#renamed.set(old.urn, resource.urn);
  }

  /** The same resource with other properties, in its place. */
  replaceInPlace(resource: Resource): void {
    (this.#finished.has(resource.urn) ? this.#finished : this.#olds).set(resource.urn, resource);
  }

  /** Keeps a replaced resource until it is deleted. */
  condemn(old: Resource): void {
    this.#replaced.add({ ...old, delete: true });
  }

  remove(resource: Resource): void {
    this.#removedSome = true;
    if (resource.delete) this.#replaced.delete(resource);
    else this.#olds.delete(resource.urn);
  }

  /** What no registration asked for, and what was replaced. */
  leftovers(): Resource[] {
    return [...this.#olds.values(), ...this.#replaced];
  }

  /** In dependency order, without a reference to what is gone. */
  list(): Resource[] {
    const all = [...this.#finished.values(), ...this.leftovers()];
    if (this.#renamed.size === 0 && !this.#removedSome) return all;
    const urns = new Set(all.map((resource) => resource.urn));
    const now = (urn: string): string | undefined => {
      if (urns.has(urn)) return urn;
      const renamed = this.#renamed.get(urn);
      return renamed !== undefined && urns.has(renamed) ? renamed : undefined;
    };
    return all.map((resource) => {
      const stale = [...references(resource)].some((urn) => !urns.has(urn));
      return stale ? mapReferences(resource, now) : resource;
    });
  }
}
