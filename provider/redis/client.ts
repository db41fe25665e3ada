/** One connection to one node, made when first needed and made anew when lost. */
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import type { RedisServer } from "../config.ts";
import { ProviderError } from "../handler.ts";
import { parseServer, type RedisServerInfo } from "./acl-rule.ts";
import { describe, isTransient } from "./errors.ts";

export type Command = readonly [string, ...(string | number)[]];

/** An error that the server answered to one command, or the answer. */
export type Reply = { readonly value: unknown; readonly error?: undefined } | { readonly error: Error };

/** What the handler needs of a node. */
export interface RedisNode {
  /** `host:port`, for messages. */
  readonly address: string;
  /**
   * Sends commands in one go and gives the answers in order. Repeated after a lost connection, so every command
   * must be one that may run twice.
   *
   * @param what kind of command, for messages
   * @throws ProviderError naming the node, when it cannot be reached or a command fails
   */
  run(what: string, commands: readonly Command[], signal?: AbortSignal): Promise<readonly unknown[]>;
  /** As `run`, with errors of single commands as answers. */
  tryRun(what: string, commands: readonly Command[], signal?: AbortSignal): Promise<readonly Reply[]>;
  info(signal?: AbortSignal): Promise<RedisServerInfo>;
  close(): void;
}

export interface ConnectOptions {
  /** How long lost connections are tried again. @default 20000 */
  readonly retryForMs?: number;
}

export function connectNode(
  server: RedisServer,
  { host, port }: RedisServer["nodes"][number],
  { retryForMs = 20_000 }: ConnectOptions = {},
): RedisNode {
  const address = `${host}:${String(port)}`;
  let connection: Promise<Redis> | undefined;
  let info: Promise<RedisServerInfo> | undefined;
  let closed = false;

  async function open(): Promise<Redis> {
    const redis = new Redis({
      host,
      port,
      username: server.username,
      password: server.password,
      protocol: 2,
      tls: {
        ...(server.ca === undefined ? {} : { ca: server.ca }),
        ...(/[a-z]/i.test(host) ? { servername: host } : {}),
      },
      lazyConnect: true,
      enableOfflineQueue: false,
      enableReadyCheck: true,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      disableClientInfo: true,
      connectionName: "tenancy",
      connectTimeout: 5_000,
      // A save of 10,000 users blocks the server for 6 seconds.
      commandTimeout: 60_000,
      retryStrategy: () => null,
    });
    // ioredis rejects connect() with "Connection is closed" and tells the reason by this event only.
    let reason: Error | undefined;
    redis.on("error", (error: Error) => {
      reason ??= error;
    });
    redis.on("end", () => {
      connection = undefined;
      // What answers next at this address may be another version.
      info = undefined;
    });
    try {
      await redis.connect();
      // Wrong passwords are told by event although connect() may already have resolved.
      if (reason !== undefined) throw reason;
      return redis;
    } catch (error) {
      connection = undefined;
      redis.disconnect();
      throw reason ?? toError(error);
    }
  }

  async function attempt(commands: readonly Command[]): Promise<readonly Reply[]> {
    connection ??= open();
    const redis = await connection;
    const pipeline = redis.pipeline();
    for (const [name, ...args] of commands) pipeline.call(name, ...args);
    const results = (await pipeline.exec()) ?? [];
    const replies = results.map(([error, value]): Reply => (error === null ? { value } : { error }));
    const lost = replies.find((reply) => reply.error !== undefined && isTransient(reply.error));
    if (lost?.error !== undefined) throw lost.error;
    return replies;
  }

  async function tryRun(what: string, commands: readonly Command[], signal?: AbortSignal): Promise<readonly Reply[]> {
    const deadline = Date.now() + retryForMs;
    for (let delay = 100; ; delay = Math.min(delay * 2, 2_000)) {
      if (closed) throw new ProviderError(`Redis node ${address}: ${what} was cancelled.`);
      try {
        return await attempt(commands);
      } catch (thrown) {
        const error = toError(thrown);
        if (!isTransient(error) || Date.now() + delay > deadline) throw describe(error, address, what);
        await sleep(delay, undefined, { signal }).catch(() => {
          throw new ProviderError(`Redis node ${address}: ${what} was cancelled.`);
        });
      }
    }
  }

  const node: RedisNode = {
    address,
    tryRun,
    async run(what, commands, signal) {
      const replies = await tryRun(what, commands, signal);
      return replies.map((reply) => {
        if (reply.error !== undefined) throw describe(reply.error, address, what);
        return reply.value;
      });
    },
    async info(signal) {
      info ??= node.run("INFO", [["INFO", "server"]], signal).then(([text]) => parseServer(String(text), address));
      try {
        return await info;
      } catch (error) {
        info = undefined;
        throw error;
      }
    },
    close() {
      closed = true;
      void connection?.then(
        (redis) => {
          redis.disconnect();
        },
        () => undefined,
      );
    },
  };
  return node;
}

function toError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value));
}
