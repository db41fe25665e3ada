/** The resources of a run: what is finished, and what is still as the last run left it. */
import { providerUrn, references } from "./resource.ts";
import type { Resource } from "./resource.ts";

export class Snapshot {
  readonly #last: ReadonlyMap<string, Resource>;
  /** In the order in which they finished, so that everything stands after what it refers to. */
  readonly #finished = new Map<string, Resource>();
  /** What no registration has asked for yet, and what was replaced. */
  #left: Set<Resource>;
  /** Old URN to new one, of resources that go by another name now. */
  readonly #renamed = new Map<string, string>();

  constructor(resources: readonly Resource[]) {
    this.#last = new Map(resources.filter((resource) => !resource.delete).map((resource) => [resource.urn, resource]));
    this.#left = new Set(resources);
  }

  /** The resource as the last run left it. */
  last(urn: string): Resource | undefined {
    return this.#last.get(urn);
  }

  finished(urn: string): Resource | undefined {
    return this.#finished.get(urn);
  }

  finish(resource: Resource, old: Resource | undefined): void {
    this.#finished.set(resource.urn, resource);
    if (old === undefined) return;
    this.#left.delete(old);
    if (old.urn !== resource.urn) this.#renamed.set(old.urn, resource.urn);
  }

  /** Keeps a replaced resource until it is deleted. */
  condemn(old: Resource): void {
    this.#left.delete(old);
    this.#left.add({ ...old, delete: true });
  }

  remove(resource: Resource): void {
    this.#left.delete(resource);
  }

  leftovers(): readonly Resource[] {
    return [...this.#left];
  }

  /** Puts these in place of all leftovers. */
  refresh(resources: readonly Resource[]): void {
    this.#left = new Set(resources);
  }

  /** In dependency order, without a reference to what is gone: the CLI refuses a state that has one. */
  list(): Resource[] {
    const all = [...this.#finished.values(), ...this.#left];
    const urns = new Set(all.map(({ urn }) => urn));
    const now = (urn: string): string[] => {
      const current = this.#renamed.get(urn) ?? urn;
      return urns.has(current) ? [current] : [];
    };
    return all.map((resource) => {
      if (references(resource).every((urn) => urns.has(urn))) return resource;
      const owner = providerUrn(resource.provider);
      return {
        ...resource,
        parent: now(resource.parent)[0] ?? "",
        dependencies: resource.dependencies.flatMap(now),
        provider: `${now(owner)[0] ?? owner}${resource.provider.slice(owner.length)}`,
      };
    });
  }
}
