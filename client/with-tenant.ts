/**
 * Work for one tenant in one transaction, on connections that many tenants share. docs/applications.md.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import type { Route } from "./resolve.ts";
import { VerifiedToken } from "./token.ts";
import { codeOf, Transaction, type TenantTransaction } from "./transaction.ts";
import { type BeginOptions, beginSql, type Identity, identityOf } from "./transaction-sql.ts";

export type { TenantTransaction } from "./transaction.ts";

export interface WithTenantOptions extends BeginOptions {
  /** A token that was checked: it has to name the tenant. Its subject is the actor, where none is given. */
  readonly token?: VerifiedToken;
  /**
   * Whether the function may be run again from its begin, after a serialization failure or a deadlock.
   * @default false
   */
  readonly idempotent?: boolean;
  /**
   * How often an idempotent function is run at most.
   * @default 5
   */
  readonly attempts?: number;
}

/** Serialization failure and deadlock: nothing of the transaction was kept. */
const retried = new Set(["40001", "40P01"]);

/**
 * Runs a function for one tenant: begins a transaction with the tenant's role, search_path and context, and commits it
 * when the function returns. An error rolls it back.
 *
 * @param pool - of the server's trusted login; for a silo, of the tenant's own login
 * @param route - the tenant's, from a Resolver
 * @throws TenantError, or what the function throws
 * @example
 * const open = await withTenant(pool, await resolver.resolve("acme"), async (tx) => {
 *   const { rows } = await tx.query<{ n: number }>("SELECT count(*)::int AS n FROM orders WHERE state = $1", ["open"]);
 *   return rows[0]?.n ?? 0;
 * });
 */
export async function withTenant<T>(
  pool: pg.Pool,
  route: Route,
  work: (tx: TenantTransaction) => Promise<T>,
  options: WithTenantOptions = {},
): Promise<T> {
  const identity = identityOf(route);
  const { token, idempotent = false, attempts = 5 } = options;
  if (token !== undefined) VerifiedToken.assertFor(token, route);
  const begin = beginSql(identity, { ...options, actor: options.actor ?? token?.subject });
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await once(pool, identity, begin, work);
    } catch (error) {
      if (!idempotent || attempt >= attempts || !retried.has(codeOf(error) ?? "")) throw error;
      await sleep(Math.min(5 * 2 ** attempt, 500) * (0.5 + Math.random() / 2));
    }
  }
}

async function once<T>(
  pool: pg.Pool,
  identity: Identity,
  begin: string,
  work: (tx: TenantTransaction) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  const transaction = new Transaction(client, identity);
  // Without a listener, a connection that is lost between two statements would end the process.
  const onError = (): void => {
    transaction.lose();
  };
  client.on("error", onError);
  try {
    await transaction.begin(begin);
    const result = await work(transaction.handle);
    await transaction.commit();
    return result;
  } catch (error) {
    throw (await transaction.rollback()) ?? error;
  } finally {
    client.off("error", onError);
    // Only a connection that surely is in no transaction goes to the next one who works.
    client.release(!transaction.isClean);
  }
}
