/** One driver to one Neo4j server, made when first needed; statements are repeated after a lost connection. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import neo4j, { type Config, type Driver, type SessionConfig } from "neo4j-driver";
import { ProviderError } from "../handler.ts";
import type { Statement } from "./cypher.ts";
import { explain, isRefusedLogin, isTransient } from "./errors.ts";

export type Row = Readonly<Record<string, unknown>>;

export interface Login {
  readonly user: string;
  readonly password: string;
}

export interface BoltServer extends Login {
  /** `bolt+s://…` or `neo4j+s://…` */
  readonly uri: string;
  /** PEM text. */
  readonly ca?: string | undefined;
}

export interface RunOptions {
  readonly signal?: AbortSignal;
  /** Whether a lost connection is made anew for a while. @default true */
  readonly retry?: boolean;
}

/** What the handler needs of a server. */
export interface Neo4jClient {
  readonly uri: string;
  /**
   * Runs one statement, on the database `system` unless another is named. Repeated after a lost connection, so it
   * must be one that may run twice.
   *
   * @throws ProviderError naming server and kind of statement; its cause is the server's error
   */
  run(statement: Statement, options?: RunOptions & { readonly database?: string }): Promise<readonly Row[]>;
  /** Whether the server lets this login in and onto the database. */
  accepts(login: Login, database: string, signal?: AbortSignal): Promise<boolean>;
  close(): Promise<void>;
}

export interface ConnectOptions {
  /** How long lost connections are tried again. @default 20000 */
  readonly retryForMs?: number;
}

export function connectServer(server: BoltServer, { retryForMs = 20_000 }: ConnectOptions = {}): Neo4jClient {
  const { uri } = server;
  let opened: { driver: Driver; remove: () => void } | undefined;
  let closed = false;
  const bookmarkManager = neo4j.bookmarkManager();

  function open(): Driver {
    opened ??= openDriver(server);
    return opened.driver;
  }

  async function retried<T>(what: string, { signal, retry = true }: RunOptions, attempt: () => Promise<T>): Promise<T> {
    const deadline = Date.now() + (retry ? retryForMs : 0);
    for (let delay = 100; ; delay = Math.min(delay * 2, 2_000)) {
      if (closed || signal?.aborted === true) throw new ProviderError(`Neo4j at ${uri}: ${what} was cancelled.`);
      try {
        return await attempt();
      } catch (error) {
        if (!isTransient(error) || Date.now() + delay > deadline) throw explain(error, uri, what);
        await sleep(delay, undefined, { signal }).catch(() => {
          throw new ProviderError(`Neo4j at ${uri}: ${what} was cancelled.`);
        });
      }
    }
  }

  return {
    uri,
    run: ({ what, text, params }, { database = "system", ...options } = {}) =>
      retried(what, options, async () => {
        // What one server of a cluster was told, the next one knows: the sessions share their bookmarks.
        const config: Pick<SessionConfig, "database" | "bookmarkManager"> = { database, bookmarkManager };
        const session = open().session(config);
        try {
          const { records } = await session.run(text, params);
          return records.map((record): Row => record.toObject());
        } finally {
          await session.close();
        }
      }),
    accepts: (login, database, signal) =>
      retried("login of the tenant", { signal }, async () => {
        // A driver of its own: verifyAuthentication does not log a pooled connection in again that did nothing since
        // its last login, and so takes an old password for a right one.
        const own = openDriver({ ...login, uri, ca: server.ca });
        try {
          const config: Pick<SessionConfig, "database"> = { database };
          await own.driver.session(config).run("RETURN 1 AS found");
          return true;
        } catch (error) {
          if (isRefusedLogin(error)) return false;
          throw error;
        } finally {
          await own.driver.close();
          own.remove();
        }
      }),
    async close() {
      closed = true;
      await opened?.driver.close();
      opened?.remove();
      opened = undefined;
    },
  };
}

/**
 * The driver takes an authority as a file only, and none at all beside a scheme that says what it trusts.
 *
 * @param server without `user` nobody is logged in
 * @returns `remove` is to be called after the driver is closed
 */
export function openDriver({ uri, user, password, ca }: Omit<BoltServer, "user"> & { readonly user?: string }): {
  driver: Driver;
  remove: () => void;
} {
  const folder = ca === undefined ? undefined : mkdtempSync(join(tmpdir(), "tenancy-neo4j-"));
  const file = folder === undefined ? undefined : join(folder, "ca.pem");
  if (file !== undefined) writeFileSync(file, ca ?? "", { mode: 0o600 });
  const trust: Pick<Config, "trust" | "trustedCertificates"> =
    file === undefined
      ? { trust: "TRUST_SYSTEM_CA_SIGNED_CERTIFICATES" }
      : { trust: "TRUST_CUSTOM_CA_SIGNED_CERTIFICATES", trustedCertificates: [file] };
  const config: Omit<Config, "logging"> = {
    ...trust,
    encrypted: "ENCRYPTION_ON",
    userAgent: "tenancy",
    telemetryDisabled: true,
    disableLosslessIntegers: true,
    maxConnectionPoolSize: 8,
    connectionTimeout: 5_000,
    connectionAcquisitionTimeout: 30_000,
  };
  const token = user === undefined ? { scheme: "none", credentials: "" } : neo4j.auth.basic(user, password);
  const driver = neo4j.driver(uri.replace("+s://", "://"), token, config);
  return {
    driver,
    remove() {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}
