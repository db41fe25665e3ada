/**
 * Batched saves of ACLs. `ACL SAVE` writes all users and blocks the server while it does (5.8 s at 10,000 users), so
 * calls that come close together share one; each resolves only after a save that began after the call.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ProviderError } from "../handler.ts";
import type { RedisNode } from "./client.ts";

export class AclSaver {
  readonly #nodes: () => Promise<readonly RedisNode[]>;
  readonly #waitMs: number;
  #next: Promise<void> | undefined;
  #running: Promise<unknown> = Promise.resolve();

  /**
   * @param nodes asked at each save
   * @param waitMs how long a save waits for others to join. @default 20
   */
  constructor(nodes: () => Promise<readonly RedisNode[]>, waitMs = 20) {
    this.#nodes = nodes;
    this.#waitMs = waitMs;
  }

  /** Resolves when every node has written its users to disk. */
  save(): Promise<void> {
    this.#next ??= this.#begin();
    return this.#next;
  }

  async #begin(): Promise<void> {
    await this.#running;
    await sleep(this.#waitMs);
    // Whoever calls from here on may have changed a user that this save no longer sees.
    this.#next = undefined;
    const saved = this.#nodes().then((nodes) => onAll(nodes, saveNode));
    this.#running = saved.catch(() => undefined);
    await saved;
  }
}

async function saveNode(node: RedisNode): Promise<void> {
  const [aclFile] = await node.run("CONFIG GET aclfile", [["CONFIG", "GET", "aclfile"]]);
  if (Array.isArray(aclFile) && typeof aclFile[1] === "string" && aclFile[1] !== "") {
    await node.run("ACL SAVE", [["ACL", "SAVE"]]);
    return;
  }
  const [reply] = await node.tryRun("CONFIG REWRITE", [["CONFIG", "REWRITE"]]);
  if (reply?.error !== undefined) {
    throw new ProviderError(
      `Redis node ${node.address}: users cannot be saved and would be lost at its next start (${reply.error.message}). ` +
        `Set \`aclfile\` in its configuration, or start it with a configuration file.`,
    );
  }
}

/**
 * Runs one step on every node at once.
 *
 * @throws ProviderError with the faults of all nodes that failed
 */
export async function onAll<T>(nodes: readonly RedisNode[], step: (node: RedisNode) => Promise<T>): Promise<T[]> {
  const results = await Promise.allSettled(nodes.map(step));
  const faults = results.flatMap((result): unknown[] => (result.status === "rejected" ? [result.reason] : []));
  const messages = new Set<string>();
  for (const fault of faults) {
    if (!(fault instanceof ProviderError)) throw fault instanceof Error ? fault : new Error(String(fault));
    messages.add(fault.message);
  }
  if (messages.size > 0) throw new ProviderError([...messages].join("\n"));
  return results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
}
