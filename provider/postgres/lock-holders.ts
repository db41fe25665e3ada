/** Who keeps a change waiting: said by the name of its application and its role when a change gives up. */
import { ProviderError } from "../handler.ts";
import { codeOf } from "./faults.ts";
import type { Session } from "./pool.ts";

/** So many are named. */
const named = 3;

/** A lock that was not had in time, a deadlock that was broken, a snapshot that was too old. */
export function isLockFault(error: unknown): boolean {
  return ["55P03", "40P01", "40001"].includes(codeOf(error) ?? "");
}

/**
 * Other sessions that hold locks on what is in a schema; where there are none, those with a transaction in the database,
 * for which CREATE INDEX CONCURRENTLY waits.
 *
 * @returns as in `"billing" (role tenant_acme_app, process 4711)`
 */
export async function lockHolders(session: Session, schema: string): Promise<string[]> {
  const rows = await session.query<{ application: string; role: string | null; pid: number; near: boolean }>(
    `SELECT a.application_name AS application, pg_get_userbyid(a.usesysid) AS role, a.pid, bool_or(l.locktype = 'relation') AS near
     FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
     WHERE l.granted AND l.pid <> pg_backend_pid() AND a.datname = current_database() AND (l.locktype = 'virtualxid'
       OR (l.locktype = 'relation' AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
         AND l.relation IN (SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = $1)))
     GROUP BY 1, 2, 3 ORDER BY a.pid`,
    [schema],
  );
  const near = rows.filter((row) => row.near);
  return (near.length > 0 ? near : rows)
    .slice(0, named)
    .map(({ application, role, pid }) => `"${application}" (role ${role ?? "unknown"}, process ${pid})`);
}

/** Keeps who was seen to hold a lock, for the message when the last attempt has failed. */
export class Blockers {
  #seen: string[] = [];

  /** Runs a step; of a lock that it did not get it notes who holds it. */
  async watch<T>(session: Session, schema: string, step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      if (isLockFault(error)) {
        await session.query("ROLLBACK").catch(() => undefined);
        this.#seen = await lockHolders(session, schema).catch(() => []);
      }
      throw error;
    }
  }

  /** The error of the last attempt, with who was in the way. */
  explained(error: unknown): unknown {
    if (!(error instanceof ProviderError) || this.#seen.length === 0) return error;
    return new ProviderError(
      `${error.message} What it waited for was held by ${this.#seen.join(", ")}: end that transaction, or wait for it.`,
    );
  }
}
