/** Which tenants have keys, and how a tenant's keys are deleted. The connection stays in database 0. */
import { ProviderError } from "../handler.ts";
import type { RedisNode } from "./client.ts";

const page = 1_000;

async function scan(node: RedisNode, cursor: string, match: string | undefined, signal?: AbortSignal) {
  const [reply] = await node.run(
    "SCAN",
    [["SCAN", cursor, ...(match === undefined ? [] : ["MATCH", match]), "COUNT", page]],
    signal,
  );
  if (!Array.isArray(reply)) throw new ProviderError(`Redis node ${node.address}: SCAN gave no list of keys.`);
  const [next, keys] = reply as [unknown, unknown[]];
  return { next: String(next), keys: keys.map(String) };
}

/**
 * Names of users (`<prefix>:<id>`) that have keys on the primaries, from one pass over the whole keyspace that creates
 * share: a pass each would take tenants × keys. A pass serves for 60 seconds when no such user exists, because then
 * nobody but an administrator can have written a key since.
 */
export class KeyIndex {
  readonly #primaries: () => Promise<readonly RedisNode[]>;
  readonly #maxAgeMs: number;
  #pass: { readonly at: number; readonly names: Promise<ReadonlySet<string>>; running: boolean } | undefined;
  #queued: Promise<ReadonlySet<string>> | undefined;

  /** @param primaries asked at each pass */
  constructor(primaries: () => Promise<readonly RedisNode[]>, maxAgeMs = 60_000) {
    this.#primaries = primaries;
    this.#maxAgeMs = maxAgeMs;
  }

  /** Whether the user has keys. */
  async has(username: string): Promise<boolean> {
    const pass = this.#pass;
    const recent = pass !== undefined && Date.now() - pass.at < this.#maxAgeMs;
    const names = await (recent ? pass.names : this.#start());
    // An old pass may name keys that have been deleted since.
    return names.has(username) && (!recent || (await this.hasNow(username)));
  }

  /** As `has`, from a pass that began after this call. */
  async hasNow(username: string): Promise<boolean> {
    const pass = this.#pass;
    this.#queued ??= (async () => {
      if (pass?.running === true) await pass.names.catch(() => undefined);
      // Calls of the same moment join before the pass begins.
      await Promise.resolve();
      this.#queued = undefined;
      return this.#start();
    })();
    return (await this.#queued).has(username);
  }

  #start(): Promise<ReadonlySet<string>> {
    const pass = { at: Date.now(), names: this.#names(), running: true };
    this.#pass = pass;
    pass.names.then(
      () => {
        pass.running = false;
      },
      () => {
        if (this.#pass === pass) this.#pass = undefined;
      },
    );
    return pass.names;
  }

  async #names(): Promise<ReadonlySet<string>> {
    const names = new Set<string>();
    for (const node of await this.#primaries()) {
      let cursor = "0";
      do {
        const { next, keys } = await scan(node, cursor, undefined);
        for (const key of keys) {
          const name = usernameIn(key);
          if (name !== undefined) names.add(name);
        }
        cursor = next;
      } while (cursor !== "0");
    }
    return names;
  }
}

/** `tenant:acme` of `tenant:acme:key`, and of `tenant:{acme}:key` in a cluster. */
export function usernameIn(key: string): string | undefined {
  const end = key.indexOf(":", key.indexOf(":") + 1);
  return end > 0 ? key.slice(0, end).replace(/^([^:{}]*:)\{([^{}]*)\}$/, "$1$2") : undefined;
}

/**
 * Deletes every key under a prefix and scans again until a whole pass finds none.
 *
 * @param prefix validated: it goes into a glob
 * @returns how many keys there were
 */
export async function deleteKeys(
  node: RedisNode,
  prefix: string,
  status: (message: string) => void,
  signal: AbortSignal,
): Promise<number> {
  let deleted = 0;
  for (let pass = 1; pass <= 10; pass++) {
    let found = 0;
    let cursor = "0";
    do {
      const { next, keys } = await scan(node, cursor, `${prefix}*`, signal);
      const own = keys.filter((key) => key.startsWith(prefix));
      if (own.length > 0) {
        await node.run("UNLINK", [["UNLINK", ...own]], signal);
        found += own.length;
        status(`deleted ${String(deleted + found)} keys`);
      }
      cursor = next;
      if (signal.aborted) throw new ProviderError(`deletion of keys was cancelled; run it again to finish`);
    } while (cursor !== "0");
    deleted += found;
    if (found === 0) return deleted;
  }
  throw new ProviderError(
    `keys under ${prefix} keep appearing on Redis node ${node.address}: something other than the tenant writes them. Stop it, then run the update again.`,
  );
}
