/** Servers of a test's own, which it may damage, and tenants on them made by the real handler. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { redisNames } from "../../components/naming.ts";
import { startServices } from "../../dev/services/index.ts";
import type { Platform, RedisServer } from "../../provider/config.ts";
import type { CallContext } from "../../provider/handler.ts";
import type { AclUserInputs, AclUserOutputs } from "../../provider/inputs.ts";
import { aclUserHandler } from "../../provider/redis/acl-user.ts";
import { type Command, connectNode, type RedisNode } from "../../provider/redis/client.ts";
import { assault, Controls, type Result } from "../../verify/assault.ts";
import type { Party, RedisParty } from "../../verify/party.ts";
import { redisProbe } from "../../verify/redis/probe.ts";
import { pythonDir } from "../support/global-setup.ts";

export interface RedisPartyOf extends Party {
  readonly redis: RedisParty;
}

export class RedisWorld {
  readonly platform: Platform;
  readonly server: RedisServer;
  /** The administrator's connections. */
  readonly nodes: readonly RedisNode[];
  readonly #stop: () => Promise<void>;
  readonly #handler;
  readonly #made = new Map<string, AclUserOutputs>();

  constructor(platform: Platform, stop: () => Promise<void>) {
    const server = platform.redis.main;
    if (server === undefined) throw new Error("the services have no Redis server");
    this.platform = platform;
    this.server = server;
    this.nodes = server.nodes.map((node) => connectNode(server, node));
    this.#handler = aclUserHandler({ platform });
    this.#stop = stop;
  }

  async tenant(id: string, changes: { canary?: boolean; embedded?: boolean } = {}): Promise<RedisPartyOf> {
    const names = redisNames("tenant", id);
    const password = randomBytes(18).toString("base64url");
    const inputs: AclUserInputs = { server: "main", tenant: id, state: "active", ...names, password };
    const { outputs } = await this.#handler.create(contextOf(id), inputs);
    this.#made.set(id, outputs);
    const embedded = changes.embedded ?? true;
    return {
      id,
      canary: changes.canary ?? false,
      redis: { name: "main", server: this.server, embedded, names, password },
    };
  }

  /** Does the same to every node, or to one. */
  async damage(commands: readonly Command[], node?: number): Promise<void> {
    const nodes = node === undefined ? this.nodes : this.nodes.slice(node, node + 1);
    await Promise.all(nodes.map((one) => one.run("damage", commands)));
  }

  /** Puts the tenants' rules back by the handler, and the server's own users as the services made them. */
  async repair(): Promise<void> {
    const { username, password } = this.server;
    await this.damage([
      ["ACL", "SETUSER", "default", "reset", "off"],
      ["ACL", "SETUSER", username, "resetpass", `>${password}`],
    ]);
    for (const [id, outputs] of this.#made) {
      await this.#handler.update(contextOf(id), `main/${outputs.username}`, outputs, outputs);
    }
  }

  /** Keys of one node, by an administrator. */
  async keys(node: number, pattern = "*"): Promise<string[]> {
    const [keys] = (await this.nodes[node]?.run("KEYS", [["KEYS", pattern]])) ?? [];
    return (keys as string[]).toSorted();
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) node.close();
    await this.#handler.close?.();
    await this.#stop();
  }
}

export async function startRedisWorld(): Promise<RedisWorld> {
  const dir = await mkdtemp(join(tmpdir(), "tenancy-"));
  const remove = (): Promise<void> => rm(dir, { recursive: true, force: true });
  try {
    const services = await startServices({
      dir,
      pythonDir,
      mode: "attached",
      redisNodes: 2,
      durable: false,
      progress: () => undefined,
    });
    return new RedisWorld(services.platform, async () => {
      await services.stop();
      await remove();
    });
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Every attempt of one tenant against another, with the controls that belong to it. */
export async function assaultOn(attacker: Party, victim: Party): Promise<Result[]> {
  const probe = redisProbe();
  if (victim.canary) await probe.furnish(victim);
  const controls = new Controls(probe, victim);
  const results: Result[] = [];
  await assault(probe, attacker, victim, controls, (result) => results.push(result));
  await controls.close();
  return results;
}

/** Ids, without the store, of the results with a verdict. */
export function idsOf(results: readonly Result[], verdict: Result["verdict"]): string[] {
  return results.filter((result) => result.verdict === verdict).map(({ attempt }) => attempt.id.slice("redis/".length));
}

function contextOf(id: string): CallContext {
  return {
    urn: `urn:pulumi:test::tenancy::tenancy:redis:AclUser::${id}`,
    adopt: new Set(),
    warn: () => undefined,
    status: () => undefined,
    signal: new AbortController().signal,
  };
}
