/**
 * One kept connection for each login, shared by all sessions of a run and closed when none has used it for a moment:
 * a new one for every pair of tenants would cost more than the attempts.
 */
import pLimit from "p-limit";
import pg from "pg";
import type { PostgresServer } from "../../provider/config.ts";
import { codeOf } from "../../provider/postgres/faults.ts";
import { clientConfig } from "../../provider/postgres/pool.ts";
import { ProbeError } from "../attempt.ts";
import { messageOf } from "../../provider/message.ts";

/** Shown in pg_stat_activity. */
const applicationName = "tenancy verify";

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** What came of one message; without its text where it failed, since a message can quote values. */
export type Answer =
  | {
      readonly kind: "done";
      /** Of each statement: its command and rows. */
      readonly results: readonly { readonly command: string; readonly rows: readonly (readonly unknown[])[] }[];
      /** SQLSTATE of each warning. */
      readonly warnings: readonly string[];
    }
  | { readonly kind: "refused"; readonly code: string }
  | { readonly kind: "lost"; readonly reason: string };

/** A place on a shared connection. */
export interface Lease {
  /**
   * Sends one message of any number of statements. What several of them do is undone where one fails: they are one
   * transaction even without BEGIN.
   */
  send(text: string): Promise<Answer>;
  /** Process id of the server's backend. */
  pid(): Promise<number>;
  release(): void;
}

/**
 * A victim never waits longer for a lock than this, and no attempt runs on. Warnings are kept: for some statements
 * they are the refusal.
 */
const settings = "SET lock_timeout = '100ms'; SET statement_timeout = '2s'; SET client_min_messages = warning";

/** ROLLBACK outside of a transaction block: what was meant has happened. */
const noTransaction = "25P01";

export class Connections {
  readonly #known = new Map<string, Connection>();
  readonly #keep: number;

  /** @param keep - milliseconds for which an unused connection is kept */
  constructor(keep: number) {
    this.#keep = keep;
  }

  /**
   * @param purpose - a connection of its own for other ends than attempts
   * @throws ProbeError when the login does not get in
   */
  async acquire(server: PostgresServer, credentials: Credentials, purpose = ""): Promise<Lease> {
    const key = JSON.stringify([server.host, server.port, server.database, credentials, purpose]);
    const connection = this.#known.get(key) ?? new Connection(server, credentials);
    this.#known.set(key, connection);
    connection.users += 1;
    let released = false;
    const release = () => {
      if (released) return;
      released = true;
      connection.users -= 1;
      if (connection.users > 0) return;
      connection.idle = setTimeout(() => {
        if (connection.users > 0) return;
        this.#known.delete(key);
        connection.close();
      }, this.#keep);
    };
    clearTimeout(connection.idle);
    try {
      await connection.open();
    } catch (error) {
      release();
      throw refusal(error, server, credentials);
    }
    return { send: (text) => connection.send(text), pid: () => connection.pid(), release };
  }
}

class Connection {
  users = 0;
  idle: NodeJS.Timeout | undefined;
  readonly #server: PostgresServer;
  readonly #credentials: Credentials;
  readonly #options: string | undefined;
  readonly #single = pLimit(1);
  #client: Promise<pg.Client> | undefined;
  /** The client that `#client` gives or is going to give. */
  #current: pg.Client | undefined;
  #warnings: string[] = [];

  constructor(server: PostgresServer, credentials: Credentials, options?: string) {
    this.#server = server;
    this.#credentials = credentials;
    this.#options = options;
  }

  open(): Promise<pg.Client> {
    this.#client ??= this.#connect();
    return this.#client;
  }

  async pid(): Promise<number> {
    const answer = await this.send("SELECT pg_backend_pid()");
    const value = answer.kind === "done" ? answer.results[0]?.rows[0]?.[0] : undefined;
    if (typeof value !== "number") throw new ProbeError("the victim's session does not answer");
    return value;
  }

  send(text: string): Promise<Answer> {
    return this.#single(async () => {
      try {
        const client = await this.open();
        this.#warnings = [];
        const answer: unknown = await client.query({ text, rowMode: "array" });
        const list = (Array.isArray(answer) ? answer : [answer]) as pg.QueryArrayResult[];
        const results = list.map(({ command, rows }) => ({ command, rows }));
        return { kind: "done", results, warnings: this.#warnings };
      } catch (error) {
        const code = codeOf(error);
        // Only what the server says is a refusal; 57P0x ends the connection.
        if (error instanceof pg.DatabaseError && code !== undefined && !/^(08|57P)/.test(code)) {
          return { kind: "refused", code };
        }
        this.close();
        return { kind: "lost", reason: `the connection was lost (${code ?? messageOf(error)})` };
      }
    });
  }

  close(): void {
    const client = this.#client;
    this.#client = undefined;
    // A connection that never came has nothing to close.
    void client?.then((open) => open.end()).catch(() => undefined);
  }

  async #connect(): Promise<pg.Client> {
    const config = clientConfig(this.#server, this.#credentials, applicationName);
    const client = new pg.Client({ ...config, ...(this.#options === undefined ? {} : { options: this.#options }) });
    this.#current = client;
    const forget = () => {
      if (this.#current === client) this.#client = undefined;
    };
    client.on("error", forget);
    client.on("end", forget);
    client.on("notice", ({ code, severity }) => {
      if (severity === "WARNING" && code !== undefined && code !== noTransaction) this.#warnings.push(code);
    });
    try {
      await client.connect();
      await client.query(settings);
      return client;
    } catch (error) {
      forget();
      await client.end().catch(() => undefined);
      throw error;
    }
  }
}

/** One login to another database, and out again. */
export async function tryDatabase(server: PostgresServer, credentials: Credentials, database: string): Promise<Answer> {
  const client = new pg.Client(clientConfig(server, { ...credentials, database }, applicationName));
  client.on("error", () => undefined);
  try {
    await client.connect();
    return { kind: "done", results: [], warnings: [] };
  } catch (error) {
    const code = codeOf(error);
    if (error instanceof pg.DatabaseError && code !== undefined) return { kind: "refused", code };
    return { kind: "lost", reason: `no connection (${code ?? messageOf(error)})` };
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** One message on a connection of its own, with options in its startup message as in PGOPTIONS. */
export async function tryOptions(
  server: PostgresServer,
  credentials: Credentials,
  options: string,
  text: string,
): Promise<Answer> {
  const connection = new Connection(server, credentials, options);
  try {
    return await connection.send(text);
  } finally {
    connection.close();
  }
}

function refusal(error: unknown, server: PostgresServer, { user }: Credentials): ProbeError {
  const code = codeOf(error);
  return new ProbeError(
    `the login ${user} does not get in to PostgreSQL at ${server.host}:${server.port}, database "${server.database}" ` +
      `(${code ?? messageOf(error)}). Check that the tenant is active, and that the state holds its password.`,
  );
}
