import { randomBytes } from "node:crypto";
import { Redis } from "ioredis";
import { aclUserHandler } from "../../../provider/redis/acl-user.ts";
import type { RedisServer } from "../../../provider/config.ts";
import type { CallContext } from "../../../provider/handler.ts";
import type { AclUserInputs } from "../../../provider/inputs.ts";
import { services } from "../../support/services.ts";

export const { platform } = services();

export function redisServer(): RedisServer {
  const server = platform.redis.main;
  if (server === undefined) throw new Error("the test services have no Redis server");
  return server;
}

export function nodeAt(index: number): RedisServer["nodes"][number] {
  const node = redisServer().nodes[index];
  if (node === undefined) throw new Error(`the test services have no Redis node ${String(index)}`);
  return node;
}

/** Ids of one test, unlike those of every other. */
export function newTenant(changes: Partial<AclUserInputs> = {}): AclUserInputs {
  const tenant = changes.tenant ?? `t${randomBytes(6).toString("hex")}`;
  return {
    server: "main",
    tenant,
    state: "active",
    username: `tenant:${tenant}`,
    keyPrefix: `tenant:${tenant}:`,
    password: randomBytes(18).toString("base64url"),
    ...changes,
  };
}

export function newContext(tenant: string, changes: Partial<CallContext> = {}) {
  const warnings: string[] = [];
  const context: CallContext = {
    urn: `urn:pulumi:test::tenancy::tenancy:redis:AclUser::${tenant}`,
    adopt: new Set(),
    warn: (message) => warnings.push(message),
    status: () => undefined,
    signal: new AbortController().signal,
    ...changes,
  };
  return { context, warnings };
}

export const newHandler = () => aclUserHandler({ platform });

const open: Redis[] = [];

/** A connection that never reconnects; `closeAll` ends it. */
export async function connect(username: string, password: string, node = 0): Promise<Redis> {
  const { ca } = redisServer();
  const redis = new Redis({
    ...nodeAt(node),
    username,
    password,
    tls: ca === undefined ? {} : { ca },
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  });
  let reason: Error | undefined;
  redis.on("error", (error) => {
    reason = error;
  });
  open.push(redis);
  try {
    await redis.connect();
    await redis.ping();
  } catch (error) {
    throw reason ?? error;
  }
  return redis;
}

export const connectAdmin = (node = 0) => connect(redisServer().username, redisServer().password, node);

export function closeAll(): void {
  for (const redis of open.splice(0)) redis.disconnect();
}

/** The server's answer, or the text of its error. */
export async function answer(redis: Redis, line: string): Promise<unknown> {
  const [name = "", ...args] = line.split(" ");
  try {
    return await redis.call(name, ...args);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export const waiver = { reason: "test data", name: "test" };
