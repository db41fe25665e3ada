/** A transaction on a connection of a pool that works for one tenant, from its begin to its end. */
import type pg from "pg";
import { refusalOf } from "./statement-guard.ts";
import { TenantError } from "./tenant-error.ts";
import { type Begun, commitSql, type Identity, leftMark } from "./transaction-sql.ts";

/** A transaction that works for one tenant. It ends when the function that it was given to returns. */
export interface TenantTransaction {
  /** The tenant's id in the registry. */
  readonly tenant: string;
  /** What the tenant's rows in a pool carry as `tenant_id`; the same uuid in every tier. */
  readonly tenantId: string;
  /**
   * One statement, never named: it is prepared, run and forgotten in one message. Several at once run one after another.
   *
   * @throws TenantError for a statement that would end the transaction or change whom it works for
   * @throws pg.DatabaseError as the server gives it
   */
  query<R extends pg.QueryResultRow = pg.QueryResultRow>(
    text: string,
    values?: readonly unknown[],
  ): Promise<pg.QueryResult<R>>;
}

/** No right to take the role, no such role, schema or function: the tenant is not there for this login. */
const refusedCodes = new Set(["42501", "22023", "42704", "3F000", "42883"]);

/** The extended protocol takes one statement a message; the client's types do not know the word. */
interface ExtendedQuery extends pg.QueryConfig {
  readonly queryMode: "extended";
}

export class Transaction {
  readonly handle: TenantTransaction;
  readonly #client: pg.PoolClient;
  readonly #identity: Identity;
  #begun: Begun | undefined;
  #open = true;
  /** The end of the statements so far: the client takes them one after another. */
  #last: Promise<unknown> = Promise.resolve();
  /** The first statement that was refused: also where the function went on, nothing is kept. */
  #refused: TenantError | undefined;
  /** Whether an answer is missing, so that nobody knows what the connection is doing. */
  #uncertain = false;

  constructor(client: pg.PoolClient, identity: Identity) {
    this.#client = client;
    this.#identity = identity;
    const { tenant, tenantId } = identity;
    this.handle = { tenant, tenantId, query: (text, values) => this.#query(text, values) };
  }

  get isClean(): boolean {
    return !this.#uncertain && this.#client.getTransactionStatus() === "I";
  }

  /** The connection is gone. */
  lose(): void {
    this.#uncertain = true;
  }

  async begin(sql: string): Promise<void> {
    const { tenant, database, role } = this.#identity;
    if (this.#client.getTransactionStatus() !== "I") {
      // Whoever began it may go on with it.
      this.#uncertain = true;
      throw this.#error("left", "the pool gave a connection that is in a transaction: somebody released it too early");
    }
    try {
      this.#begun = await this.#send<Begun>(sql);
    } catch (error) {
      if (!refusedCodes.has(codeOf(error) ?? "")) throw error;
      const message = `the server does not let this login work for it now (${messageOf(error)}): it is suspended, leaving, or not of this server`;
      throw new TenantError(tenant, "refused", message, error);
    }
    if (this.#begun.database === database && this.#begun.role === role) return;
    throw this.#error(
      "refused",
      `its data is in the database ${database} for ${role}, and the pool is in ${this.#begun.database} as ` +
        `${this.#begun.role}: give the pool of the tenant's server; a silo needs one with the tenant's own login`,
    );
  }

  async #query<R extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<pg.QueryResult<R>> {
    if (!this.#open) throw this.#error("closed", "its transaction is over; a statement came after the function's end");
    const reason = refusalOf(text);
    if (reason !== undefined) {
      this.#refused ??= this.#error("statement", `${reason}. The transaction was rolled back`);
      throw this.#refused;
    }
    const query: ExtendedQuery = { text, values: [...values], queryMode: "extended" };
    const answer = this.#last.then(() => {
      if (this.#refused !== undefined) throw this.#refused;
      return this.#certain(this.#client.query<R>(query));
    });
    // The next one waits for the end of this one, and whoever asked hears of its error.
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  async commit(): Promise<void> {
    await this.#close();
    if (this.#refused !== undefined) throw this.#refused;
    if (this.#isLost()) throw this.#error("aborted", "the connection was lost before it committed: nothing was kept");
    const status = this.#client.getTransactionStatus();
    if (status === "E") {
      throw this.#error(
        "aborted",
        "a statement failed and the function went on: nothing was kept. Use a SAVEPOINT for it",
      );
    }
    if (status !== "T" || this.#begun === undefined) throw this.#left("it was ended by a statement of the function");
    try {
      await this.#send(commitSql(this.#identity, this.#begun));
    } catch (error) {
      if (messageOf(error).includes(leftMark))
        throw this.#left(`it works as ${messageOf(error).split(leftMark)[1] ?? ""}`);
      if (!this.#isLost()) throw error;
      const message =
        "the connection was lost while it committed: look whether the work was kept before it is done again";
      throw new TenantError(this.#identity.tenant, "outcome unknown", message, error);
    }
  }

  /** Ends the transaction if it is still there. What cannot be rolled back is left to the end of the connection. */
  async rollback(): Promise<TenantError | undefined> {
    await this.#close();
    if (!this.#uncertain && this.#client.getTransactionStatus() !== "I") {
      await this.#send("ROLLBACK").catch(() => {
        this.#uncertain = true;
      });
    }
    return this.#refused;
  }

  async #close(): Promise<void> {
    this.#open = false;
    await this.#last;
  }

  /** A message of many statements; the first row that one of them gives. */
  async #send<R extends object>(sql: string): Promise<R> {
    const results = await this.#certain(this.#client.query(sql) as Promise<unknown>);
    const rows = (results as pg.QueryResult<R>[]).flatMap(({ rows: found }) => found);
    const [row] = rows;
    if (row === undefined) throw new Error("the server gave no row");
    return row;
  }

  /** An answer of the server, also an error, leaves the connection where it is known to be; anything else does not. */
  async #certain<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      const code = codeOf(error);
      if (code === undefined || !/^[0-9A-Z]{5}$/.test(code) || /^(08|57P)/.test(code)) this.#uncertain = true;
      throw error;
    }
  }

  #isLost(): boolean {
    return this.#uncertain;
  }

  #error(fault: TenantError["fault"], message: string): TenantError {
    return new TenantError(this.#identity.tenant, fault, message);
  }

  #left(how: string): TenantError {
    return this.#error(
      "left",
      `the transaction is not the tenant's any more: ${how}. What was not committed was rolled back`,
    );
  }
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
