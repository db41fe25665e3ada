/** Providers of a run: one process for each provider resource that is used. */
import type { Plugin } from "./plugin.ts";
import type { Provider } from "./provider.ts";
import { randomProvider } from "./random.ts";
import { packageOf, parseUrn, providerUrn } from "./resource.ts";
import type { Resource } from "./resource.ts";
import type { Properties } from "./values.ts";

/** Of the engine, not of the provider. */
const internalKey = "__internal";

export function configurationOf(inputs: Properties): Properties {
  return Object.fromEntries(Object.entries(inputs).filter(([key]) => key !== internalKey));
}

export class Providers {
  readonly #start: (name: string) => Promise<Plugin>;
  readonly #plugins = new Map<string, Promise<Plugin>>();
  readonly #started: Promise<Plugin>[] = [];

  constructor(start: (name: string) => Promise<Plugin>) {
    this.#start = start;
  }

  /** The process of a provider resource, not yet configured. */
  open(urn: string): Promise<Plugin> | undefined {
    const name = packageOf(parseUrn(urn).type);
    if (name === "random") return undefined;
    const running = this.#plugins.get(urn);
    if (running !== undefined) return running;
    const plugin = this.#start(name);
    this.#started.push(plugin);
    this.#plugins.set(urn, plugin);
    return plugin;
  }

  /** The provider that a resource of the last state was made with, configured as then where it is not in the program. */
  async of(resource: Resource, find: (urn: string) => Resource | undefined): Promise<Provider> {
    const owner = find(providerUrn(resource.provider));
    const urn = owner?.urn ?? providerUrn(resource.provider);
    const running = this.#plugins.get(urn);
    if (running !== undefined) return running;
    const opened = this.open(urn);
    if (opened === undefined) return randomProvider;
    if (owner === undefined) throw new Error(`its provider ${urn} is not in the state`);
    const configured = opened.then(async (plugin) => {
      await plugin.configure({ urn, id: owner.id, inputs: configurationOf(owner.inputs) });
      return plugin;
    });
    this.#plugins.set(urn, configured);
    return configured;
  }

  async cancel(): Promise<void> {
    await this.#each((plugin) => plugin.cancel());
  }

  async stop(): Promise<void> {
    await this.#each((plugin) => plugin.stop());
  }

  async #each(act: (plugin: Plugin) => Promise<void>): Promise<void> {
    const started = await Promise.allSettled(this.#started);
    await Promise.all(started.flatMap((result) => (result.status === "fulfilled" ? [act(result.value)] : [])));
  }
}
