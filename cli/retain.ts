/** Deletes what has expired of one tenant, with the tenant's own login: it reaches no row that the application does not. */
import { readFileSync } from "node:fs";
import pg from "pg";
import type { PostgresConnection } from "./connections.ts";

/** So long may one batch take: it holds locks on the rows that it deletes. */
const batchLimitMs = 60_000;

export interface RetainOptions {
  /** Count, and delete nothing. */
  readonly dryRun: boolean;
  /** Rows of each table in one transaction. */
  readonly batch: number;
  readonly signal?: AbortSignal;
}

/** Expired rows by table: deleted, or with `dryRun` only counted. */
export type Retained = Readonly<Record<string, number>>;

/** What was deleted before a fault is deleted: each batch is a transaction. */
export class RetentionError extends Error {
  override readonly name = "RetentionError";
  readonly deleted: Retained;

  constructor(message: string, deleted: Retained) {
    super(message);
    this.deleted = deleted;
  }
}

/** @throws RetentionError with what was deleted until then. */
export async function retain(connection: PostgresConnection, options: RetainOptions): Promise<Retained> {
  const { host, port, database, user, password, caFile, ca } = connection;
  const found: Record<string, number> = {};
  if (password === undefined) {
    throw new RetentionError(
      "its logins go by tokens of IAM, which this command does not ask for: let its application call " +
        "retention_delete(5000) until it tells 0",
      found,
    );
  }
  const trusted = caFile === undefined ? ca : readFileSync(caFile, "utf8");
  const client = new pg.Client({
    host,
    port,
    database,
    user,
    password,
    ssl: { rejectUnauthorized: true, ...(trusted === undefined ? {} : { ca: trusted }) },
    connectionTimeoutMillis: 10_000,
    query_timeout: batchLimitMs,
    statement_timeout: batchLimitMs,
    application_name: "tenancy retention",
  });
  // A server that closes the session later has its error told by the query.
  client.on("error", () => undefined);
  try {
    await client.connect();
    const call = options.dryRun ? "SELECT * FROM retention_due()" : "SELECT * FROM retention_delete($1)";
    for (;;) {
      const { rows } = await client.query<{ table_name: string; expired: string }>(
        call,
        options.dryRun ? [] : [options.batch],
      );
      for (const { table_name: table, expired } of rows) found[table] = (found[table] ?? 0) + Number(expired);
      const more = rows.some(({ expired }) => Number(expired) >= options.batch);
      if (options.dryRun || !more || options.signal?.aborted === true) return found;
    }
  } catch (error) {
    throw new RetentionError(reasonOf(error), found);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** A message of the server names no row's value for these statements, but may name the login, which is no secret. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = error instanceof pg.DatabaseError ? (error.code ?? "") : "";
  if (code === "42883") {
    return "has no retention functions (42883): its template has them since a later version; run `npm run up` first";
  }
  if (code === "57014") return `a batch took longer than ${batchLimitMs / 1000} s (57014): give a smaller --batch`;
  return code === "" ? error.message : `${error.message} (${code})`;
}
