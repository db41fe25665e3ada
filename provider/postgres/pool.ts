/**
 * Connections to the platform's PostgreSQL servers: at most eight of one provider process, however many tenants there
 * are. One of them is for the administrator and for proofs of a tenant's login, the others are the provisioner's.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { checkServerIdentity } from "node:tls";
import pLimit from "p-limit";
import pg from "pg";
import type { Platform, PostgresServer } from "../config.ts";
import { ProviderError } from "../handler.ts";
import { breaksConnection, codeOf, explain, isTransient, type Task } from "./faults.ts";

/** Connections of the provisioner in one process; the eighth is the administrator's. */
const provisionerConnections = 7;

export interface Session {
  /** One statement with parameters; its rows. */
  query<R extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<R[]>;
  /** Any number of statements in one message, without parameters. Carries its own BEGIN and COMMIT. */
  script(text: string): Promise<void>;
}

export interface RunOptions {
  /**
   * For how long transient faults are retried.
   *
   * @default 20000 ms
   */
  readonly retryMilliseconds?: number;
  /**
   * One such task at a time and server: changes of roles and of the database's privileges exclude each other anyway,
   * and one connection that does them all keeps its caches warm.
   *
   * @default false
   */
  readonly exclusive?: boolean;
  /**
   * The connection is closed afterwards: the work changes what stays with a session.
   *
   * @default false
   */
  readonly closeAfter?: boolean;
  readonly signal?: AbortSignal;
}

interface Entry {
  /** Undefined for a database that only `within` knows. */
  readonly pool: pg.Pool | undefined;
  readonly exclusive: ReturnType<typeof pLimit>;
}

export class PostgresPools {
  readonly #servers: Readonly<Record<string, PostgresServer>>;
  /** Databases beside the shared ones, by the key that handlers name them by. */
  readonly #within = new Map<string, PostgresServer>();
  readonly #entries = new Map<string, Entry>();
  readonly #limit = pLimit(provisionerConnections);
  readonly #single = pLimit(1);

  constructor(platform: Pick<Platform, "postgres">) {
    this.#servers = platform.postgres;
  }

  names(): string[] {
    return Object.keys(this.#servers);
  }

  /**
   * Makes another database known under a key, which is then a name like a server's. Each task there has a connection of
   * its own, closed after it: idle ones of a hundred databases would be a hundred.
   */
  within(key: string, server: PostgresServer): string {
    this.#within.set(key, server);
    return key;
  }

  /** @throws ProviderError for a name that the platform does not have. */
  server(name: string): PostgresServer {
    const server = this.#within.get(name) ?? this.#servers[name];
    if (server === undefined) {
      throw new ProviderError(
        `the platform has no PostgreSQL server "${name}"; it has: ${this.names().join(", ") || "none"}`,
      );
    }
    return server;
  }

  /**
   * Runs `work` as the provisioner in the shared database. After a transient fault `work` runs again from its begin,
   * so it has to look at what is there first: a lost COMMIT may have happened or not.
   *
   * @throws ProviderError with the way out.
   */
  async run<T>(name: string, task: Task, work: (session: Session) => Promise<T>, options: RunOptions = {}): Promise<T> {
    const entry = this.#entry(name);
    const { pool } = entry;
    const server = this.server(name);
    const attempt = () =>
      this.#limit(() =>
        pool === undefined
          ? withClient(clientConfig(server, server.provisioner), work, prepare)
          : withPooled(pool, work, options.closeAfter === true),
      );
    const all = () => retry(attempt, server, task, options);
    return options.exclusive === true ? entry.exclusive(all) : all();
  }

  /**
   * Runs `work` on one connection of any login, closed afterwards.
   *
   * @throws ProviderError with the way out.
   */
  async runAs<T>(
    name: string,
    login: { readonly user: string; readonly password: string; readonly database?: string },
    task: Task,
    work: (session: Session) => Promise<T>,
    options: RunOptions = {},
  ): Promise<T> {
    const server = this.server(name);
    const attempt = () => this.#single(() => withClient(clientConfig(server, login), work));
    return retry(attempt, server, task, options);
  }

  /**
   * Whether a login's password is right, by logging in: the provisioner cannot read verifiers. A login that is
   * refused after its password was taken (connection limit, no CONNECT) has the right one.
   *
   * @throws ProviderError when the server cannot be asked.
   */
  async canLogIn(
    name: string,
    login: { readonly user: string; readonly password: string },
    task: Task,
  ): Promise<boolean> {
    const server = this.server(name);
    const attempt = async () => {
      try {
        await this.#single(() => withClient(clientConfig(server, login), () => Promise.resolve()));
        return true;
      } catch (error) {
        const code = codeOf(error);
        if (code === "28P01" || code === "28000") return false;
        if (code === "53300" || code === "42501") return true;
        throw error;
      }
    };
    return retry(attempt, server, task, {});
  }

  async close(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    await Promise.all(entries.map(async (entry) => entry.pool?.end()));
  }

  #entry(name: string): Entry {
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    const server = this.server(name);
    if (this.#within.has(name)) {
      const entry = { pool: undefined, exclusive: pLimit(1) };
      this.#entries.set(name, entry);
      return entry;
    }
    const share = Math.max(1, Math.floor(provisionerConnections / this.names().length));
    const pool = new pg.Pool({
      ...clientConfig(server, server.provisioner),
      max: share,
      // Long-lived backends keep a cache of everything they touched.
      idleTimeoutMillis: 10_000,
      maxLifetimeSeconds: 300,
      allowExitOnIdle: true,
    });
    // A connection that is lost while idle is replaced at the next use.
    pool.on("error", () => undefined);
    const entry = { pool, exclusive: pLimit(1) };
    this.#entries.set(name, entry);
    return entry;
  }
}

/** How every connection is made: TLS verified in full, ten seconds at most. */
export function clientConfig(
  server: PostgresServer,
  login: { readonly user: string; readonly password: string; readonly database?: string },
  applicationName = "tenancy",
): pg.ClientConfig {
  return {
    host: server.host,
    port: server.port,
    database: login.database ?? server.database,
    user: login.user,
    password: login.password,
    application_name: applicationName,
    ssl: {
      ...(server.ca === undefined ? {} : { ca: server.ca }),
      rejectUnauthorized: true,
      minVersion: "TLSv1.2",
      // The client leaves an address out of the check of names; the certificate has to name it as well.
      checkServerIdentity: (_host, certificate) => checkServerIdentity(server.host, certificate),
    },
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  };
}

async function withPooled<T>(pool: pg.Pool, work: (session: Session) => Promise<T>, closeAfter: boolean): Promise<T> {
  const client = await pool.connect();
  let broken = closeAfter;
  const onError = () => {
    broken = true;
  };
  client.on("error", onError);
  try {
    await prepare(client);
    return await work(sessionOf(client));
  } catch (error) {
    broken ||= breaksConnection(error) && !(error instanceof ProviderError);
    if (!broken) await client.query("ROLLBACK").catch(onError);
    throw error;
  } finally {
    client.off("error", onError);
    client.release(broken);
  }
}

/** Settings of every connection of the provisioner: names of a tenant's schema are never looked up by accident. */
const prepared = new WeakSet<pg.ClientBase>();
async function prepare(client: pg.ClientBase): Promise<void> {
  if (prepared.has(client)) return;
  await client.query(
    "SET search_path = pg_catalog, pg_temp; " +
      "SET client_min_messages = warning; SET idle_in_transaction_session_timeout = '60s'",
  );
  prepared.add(client);
}

async function withClient<T>(
  config: pg.ClientConfig,
  work: (session: Session) => Promise<T>,
  begin?: (client: pg.ClientBase) => Promise<void>,
): Promise<T> {
  const client = new pg.Client(config);
  client.on("error", () => undefined);
  try {
    await client.connect();
    await begin?.(client);
    return await work(sessionOf(client));
  } finally {
    await client.end().catch(() => undefined);
  }
}

function sessionOf(client: pg.ClientBase): Session {
  return {
    async query<R extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<R[]> {
      return (await client.query<R>(text, [...values])).rows;
    },
    async script(text) {
      await client.query(text);
    },
  };
}

async function retry<T>(
  attempt: () => Promise<T>,
  server: PostgresServer,
  task: Task,
  options: RunOptions,
): Promise<T> {
  const limit = Date.now() + (options.retryMilliseconds ?? 20_000);
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await attempt();
    } catch (error) {
      // Half of the wait is random, so that many tenants do not come back at the same moment.
      const wait = Math.min(100 * 2 ** (attempts - 1), 3_000) * (0.5 + Math.random() / 2);
      if (!isTransient(error) || Date.now() + wait > limit || options.signal?.aborted === true) {
        throw explain(error, server, task, attempts);
      }
      await sleep(wait);
    }
  }
}
