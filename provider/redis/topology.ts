/**
 * The nodes of a Redis server as they are now: named by the configuration, asked of a cluster's nodes, or asked of the
 * sentinels. A rule is set on each, because ACLs are not replicated; a key is written on the primary of its slot.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { RedisServer } from "../config.ts";
import { ProviderError } from "../handler.ts";
import { type Command, type ConnectOptions, connectNode, type RedisNode } from "./client.ts";
import { slotOf } from "./slot.ts";

export type Address = RedisServer["nodes"][number];

/** What there is of a server at one moment. */
export interface Layout {
  readonly nodes: readonly RedisNode[];
  /** Those that hold the keys, each of them once. */
  readonly primaries: readonly RedisNode[];
  /** @throws ProviderError for a slot that no node serves */
  ownerOf(key: string): RedisNode;
}

/** How long what was seen is taken for true; what is wrong by then shows as MOVED or READONLY. */
const freshMs = 2_000;
const movedTries = 5;

export class RedisTopology {
  readonly #name: string;
  readonly #server: RedisServer;
  readonly #open: (node: Address, server?: RedisServer) => RedisNode;
  readonly #connected = new Map<string, RedisNode>();
  #seen: { readonly at: number; readonly layout: Promise<Layout> } | undefined;

  constructor(
    name: string,
    server: RedisServer,
    connect: typeof connectNode = connectNode,
    connection?: ConnectOptions,
  ) {
    this.#name = name;
    this.#server = server;
    this.#open = (node, as = server) => connect(as, node, connection);
  }

  /** @param fresh asks anew although the last answer is young */
  async layout(fresh = false, signal?: AbortSignal): Promise<Layout> {
    const seen = this.#seen;
    const { topology = "replicated" } = this.#server;
    if (seen !== undefined && (topology === "replicated" || (!fresh && Date.now() - seen.at < freshMs))) {
      return seen.layout;
    }
    const layout =
      topology === "cluster" ? this.#cluster(signal) : topology === "sentinel" ? this.#sentinel(signal) : this.#named();
    const now = { at: Date.now(), layout };
    this.#seen = now;
    layout.catch(() => {
      if (this.#seen === now) this.#seen = undefined;
    });
    return layout;
  }

  /**
   * Runs a step on every node, and on those that appeared meanwhile: after a failover or while a cluster grows.
   *
   * @param step may run twice on a node
   */
  async onEvery(step: (nodes: readonly RedisNode[]) => Promise<unknown>, signal?: AbortSignal): Promise<void> {
    const done = new Set<RedisNode>();
    for (let round = 0; round < 5; round++) {
      const { nodes } = await this.layout(round > 0, signal);
      const left = nodes.filter((node) => !done.has(node));
      if (left.length === 0) return;
      await step(left);
      for (const node of left) done.add(node);
    }
    throw new ProviderError(
      `nodes of Redis server ${this.#name} keep changing. Run the update again when it is at rest.`,
    );
  }

  /** Runs commands on the primary of the key, wherever that moves meanwhile; each must be one that may run twice. */
  async onOwner(
    key: string,
    what: string,
    commands: readonly Command[],
    signal?: AbortSignal,
  ): Promise<readonly unknown[]> {
    const moves = (this.#server.topology ?? "replicated") !== "replicated";
    for (let tried = 1; moves && tried < movedTries; tried++) {
      const owner = (await this.layout(tried > 1, signal)).ownerOf(key);
      const replies = await owner.tryRun(what, commands, signal);
      const faults = replies.flatMap(({ error }) => (error === undefined ? [] : [error.message]));
      if (faults.length === 0) return replies.map((reply) => (reply.error === undefined ? reply.value : undefined));
      if (!faults.some((fault) => /^(MOVED|ASK|READONLY|CLUSTERDOWN) /.test(fault))) break;
      await sleep(200 * tried, undefined, { signal }).catch(() => {
        throw new ProviderError(`Redis server ${this.#name}: ${what} was cancelled.`);
      });
    }
    return (await this.layout(false, signal)).ownerOf(key).run(what, commands, signal);
  }

  close(): void {
    for (const node of this.#connected.values()) node.close();
    this.#connected.clear();
  }

  #node(address: Address): RedisNode {
    const key = `${address.host}:${String(address.port)}`;
    const known = this.#connected.get(key);
    if (known !== undefined) return known;
    const made = this.#open(address);
    this.#connected.set(key, made);
    return made;
  }

  #named(): Promise<Layout> {
    const nodes = this.#server.nodes.map((address) => this.#node(address));
    const [primary] = nodes;
    if (primary === undefined) throw new ProviderError(`Redis server ${this.#name} has no nodes.`);
    return Promise.resolve({ nodes, primaries: [primary], ownerOf: () => primary });
  }

  async #cluster(signal?: AbortSignal): Promise<Layout> {
    const shards = await this.#first("CLUSTER SHARDS", [["CLUSTER", "SHARDS"]], signal, parseShards);
    const all = shards.flatMap(({ nodes }) => nodes);
    const failed = all.filter(({ health }) => health === "fail");
    if (failed.length > 0) {
      // Without it, a rule that was taken away would come back with the node.
      throw new ProviderError(
        `nodes ${failed.map(({ address: { host, port } }) => `${host}:${String(port)}`).join(", ")} of the Redis cluster ` +
          `${this.#name} are down. Start them, or remove them by CLUSTER FORGET, then run the update again.`,
      );
    }
    const owners = shards.flatMap(({ slots, nodes }) => {
      const primary = nodes.find(({ role }) => role === "master");
      return primary === undefined || slots.length === 0 ? [] : [{ slots, node: this.#node(primary.address) }];
    });
    return {
      nodes: all.map(({ address }) => this.#node(address)),
      primaries: owners.map(({ node }) => node),
      ownerOf: (key) => {
        const slot = slotOf(key);
        const owner = owners.find(({ slots }) => slots.some(([from, to]) => from <= slot && slot <= to));
        if (owner !== undefined) return owner.node;
        throw new ProviderError(
          `no node of the Redis cluster ${this.#name} serves slot ${slot}. Mend the cluster (CLUSTER INFO), then run the update again.`,
        );
      },
    };
  }

  /** Asks the nodes that are known, one after the other, for what one is enough to tell. */
  async #first<T>(
    what: string,
    commands: readonly Command[],
    signal: AbortSignal | undefined,
    read: (reply: unknown) => T,
  ): Promise<T> {
    const faults = new Set<string>();
    for (const address of this.#server.nodes) {
      try {
        const [reply] = await this.#node(address).run(what, commands, signal);
        return read(reply);
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error;
        faults.add(error.message);
      }
    }
    throw new ProviderError([...faults].join("\n"));
  }

  async #sentinel(signal?: AbortSignal): Promise<Layout> {
    const { sentinel } = this.#server;
    if (sentinel === undefined) throw new ProviderError(missingSentinel(this.#name));
    const { name, username = this.#server.username, password = this.#server.password } = sentinel;
    const faults = new Set<string>();
    for (const address of this.#server.nodes) {
      const node = this.#open(address, { ...this.#server, username, password });
      try {
        const [master, replicas] = await node.run(
          "SENTINEL MASTER",
          [
            ["SENTINEL", "MASTER", name],
            ["SENTINEL", "REPLICAS", name],
          ],
          signal,
        );
        const primary = this.#node(addressIn(fields(master), node.address));
        const others = (Array.isArray(replicas) ? (replicas as unknown[]) : []).map((replica) =>
          this.#node(addressIn(fields(replica), node.address)),
        );
        return { nodes: [primary, ...others], primaries: [primary], ownerOf: () => primary };
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error;
        faults.add(error.message);
      } finally {
        node.close();
      }
    }
    throw new ProviderError([...faults].join("\n"));
  }
}

export function missingSentinel(name: string): string {
  return `Redis server ${name} has \`topology: sentinel\` and no \`sentinel\`: set the name of the primary there, as the sentinels know it.`;
}

interface Shard {
  readonly slots: readonly (readonly [from: number, to: number])[];
  readonly nodes: readonly { readonly address: Address; readonly role: string; readonly health: string }[];
}

function parseShards(reply: unknown): readonly Shard[] {
  return (Array.isArray(reply) ? (reply as unknown[]) : []).map((shard) => {
    const { slots, nodes } = fields(shard);
    const bounds = (Array.isArray(slots) ? (slots as unknown[]) : []).map(Number);
    return {
      slots: bounds.flatMap((from, index) => (index % 2 === 0 ? [[from, bounds[index + 1] ?? from] as const] : [])),
      nodes: (Array.isArray(nodes) ? (nodes as unknown[]) : []).map((node) => {
        const { endpoint, ip, port, "tls-port": tlsPort, role, health } = fields(node);
        // The endpoint is what the cluster announces; it is "?" or empty where it shall be the one that was asked.
        const host = [endpoint, ip]
          .map((value) => (typeof value === "string" ? value : ""))
          .find((text) => text !== "" && text !== "?");
        return {
          address: { host: host ?? "", port: Number(tlsPort ?? port) },
          role: String(role),
          health: String(health),
        };
      }),
    };
  });
}

function addressIn({ ip, port }: Readonly<Record<string, unknown>>, sentinel: string): Address {
  if (typeof ip === "string" && ip !== "" && Number(port) > 0) return { host: ip, port: Number(port) };
  throw new ProviderError(`sentinel ${sentinel} tells no address of a node.`);
}

/** Names and values in turn, as an object. */
function fields(reply: unknown): Readonly<Record<string, unknown>> {
  const flat = Array.isArray(reply) ? (reply as unknown[]) : [];
  return Object.fromEntries(flat.flatMap((name, index) => (index % 2 === 0 ? [[String(name), flat[index + 1]]] : [])));
}
