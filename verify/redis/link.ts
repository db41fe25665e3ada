/**
 * Kept connections, one for each login and node. Sessions share them, so that a hundred assaults by the same canary
 * are one connection a node.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { createSecureContext, type SecureContext } from "node:tls";
import { Redis } from "ioredis";
import type { RedisServer } from "../../provider/config.ts";
import type { Command, Reply } from "../../provider/redis/client.ts";
import { isTransient } from "../../provider/redis/errors.ts";
import { ProbeError } from "../attempt.ts";
import type { Login } from "./attempt.ts";

export type Node = RedisServer["nodes"][number];

const limitMs = 10_000;

export function addressOf({ host, port }: Node): string {
  return `${host}:${String(port)}`;
}

export class Link {
  readonly address: string;
  readonly #node: Node;
  readonly #login: Login | undefined;
  readonly #secureContext: SecureContext;
  #connection: Promise<Redis> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** @param login undefined for a connection that logs nobody in */
  constructor(node: Node, login: Login | undefined, secureContext: SecureContext) {
    this.address = addressOf(node);
    this.#node = node;
    this.#login = login;
    this.#secureContext = secureContext;
  }

  /**
   * Sends commands in one go, so that nobody else's come between them, and gives the answers in order.
   *
   * @throws ProbeError when the node cannot be reached or refuses the login
   */
  send(commands: readonly Command[]): Promise<readonly Reply[]> {
    // One at a time: while a subscription is being left, the client refuses other commands.
    const sent = this.#last.then(() => this.#exchange(commands));
    this.#last = sent.catch(() => undefined);
    return sent;
  }

  /** @throws ProbeError as `send` */
  async open(): Promise<void> {
    await (this.#connection ??= this.#connect());
  }

  close(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    void connection?.then(
      (redis) => {
        redis.disconnect();
      },
      () => undefined,
    );
  }

  async #exchange(commands: readonly Command[]): Promise<readonly Reply[]> {
    const wasOpen = this.#connection !== undefined;
    const replies = await this.#once(commands);
    const lost = replies.some(({ error }) => error !== undefined && isTransient(error));
    // The server may have ended a kept connection long ago, as it does when a user gets a new password.
    return lost && wasOpen && this.#connection === undefined ? this.#once(commands) : replies;
  }

  async #once(commands: readonly Command[]): Promise<readonly Reply[]> {
    const redis = await (this.#connection ??= this.#connect());
    const pipeline = redis.pipeline();
    // In lower case: ioredis 6 knows subscriptions by these names only.
    for (const [name, ...args] of commands) pipeline.call(name.toLowerCase(), ...args);
    const results = (await pipeline.exec()) ?? [];
    return results.map(([error, value]): Reply => (error === null ? { value } : { error }));
  }

  async #connect(): Promise<Redis> {
    const { host, port } = this.#node;
    const redis = new Redis({
      host,
      port,
      ...(this.#login ?? {}),
      protocol: 2,
      tls: { secureContext: this.#secureContext, ...(/[a-z]/i.test(host) ? { servername: host } : {}) },
      lazyConnect: true,
      enableOfflineQueue: false,
      // It would ask for INFO, which no tenant may.
      enableReadyCheck: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      disableClientInfo: true,
      connectTimeout: limitMs,
      commandTimeout: limitMs,
      retryStrategy: () => null,
    });
    // A refused login and the reason of a lost connection are told by this event only.
    let reason: Error | undefined;
    redis.on("error", (error: Error) => {
      reason ??= error;
    });
    redis.on("end", () => {
      this.#connection = undefined;
    });
    try {
      await redis.connect();
      // The answer to the login comes after `connect` has resolved; the one to this comes after it.
      if (this.#login !== undefined) await redis.ping();
      if (reason !== undefined) throw reason;
      return redis;
    } catch (error) {
      this.#connection = undefined;
      redis.disconnect();
      const told = reason ?? (error instanceof Error ? error : new Error(String(error)));
      const who = this.#login === undefined ? "" : `, login ${this.#login.username}`;
      throw new ProbeError(`Redis node ${this.address}${who}: ${told.message.slice(0, 200)}`);
    }
  }
}

export interface Lease {
  readonly link: Link;
  readonly release: () => void;
}

/** How long a connection that nobody uses stays open: the next assault by the same login is about to begin. */
const lingerMs = 200;

export class Links {
  readonly #kept = new Map<string, { readonly link: Link; users: number }>();
  /** Reading the authority's certificate takes milliseconds: once a server. */
  readonly #contexts = new Map<string | undefined, SecureContext>();

  lease(server: RedisServer, node: Node, login: Login | undefined): Lease {
    const key = JSON.stringify([node.host, node.port, login?.username, login?.password]);
    const kept = this.#kept.get(key) ?? { link: new Link(node, login, this.#context(server)), users: 0 };
    this.#kept.set(key, kept);
    kept.users += 1;
    let released = false;
    return {
      link: kept.link,
      release: () => {
        if (released) return;
        released = true;
        kept.users -= 1;
        void this.#closeLater(key, kept);
      },
    };
  }

  #context({ ca }: RedisServer): SecureContext {
    const context = this.#contexts.get(ca) ?? createSecureContext(ca === undefined ? {} : { ca });
    this.#contexts.set(ca, context);
    return context;
  }

  async #closeLater(key: string, kept: { readonly link: Link; users: number }): Promise<void> {
    if (kept.users > 0) return;
    await sleep(lingerMs);
    if (kept.users > 0 || this.#kept.get(key) !== kept) return;
    this.#kept.delete(key);
    kept.link.close();
  }
}
