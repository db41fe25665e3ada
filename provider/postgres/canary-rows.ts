/** What the catalogue keeps of canaries: nothing, once they are removed. Tenants' rows stay as tombstones for ever. */
import { canaryPrefix, postgresNames } from "../../components/naming.ts";
import type { Task } from "./faults.ts";
import type { PostgresPools } from "./pool.ts";

/**
 * Deletes the row and the events of a canary whose schema has been removed.
 *
 * @throws Error for an id that is no canary's
 */
export async function forgetCanary(pools: PostgresPools, server: string, id: string): Promise<void> {
  const { schema } = postgresNames(canaryPrefix, id);
  const task: Task = { subject: `canary ${id}`, doing: "deleting its row of the catalogue" };
  await pools.run(server, task, async (session) => {
    await session.query(
      `WITH gone AS (DELETE FROM platform.tenants WHERE id = $1 AND schema_name = $2 AND status IN ('removing', 'removed')
         RETURNING id)
       DELETE FROM platform.events WHERE tenant IN (SELECT id FROM gone)`,
      [id, schema],
    );
  });
}

export interface LiveCanary {
  readonly schema: string;
  /** False where only roles or a row of the catalogue are left. */
  readonly there: boolean;
  /** Comment on the schema. */
  readonly comment: string | null;
}

/** Schemas, roles and rows of the catalogue that carry a canary's name. */
export function readCanaries(pools: PostgresPools, server: string): Promise<LiveCanary[]> {
  const task: Task = { subject: "canaries", doing: "looking for what an earlier run left" };
  return pools.run(
    server,
    task,
    (session) =>
      session.query<LiveCanary>(
        `SELECT names.schema, count(n.oid) > 0 AS there, max(obj_description(n.oid, 'pg_namespace')) AS comment FROM (
           SELECT nspname::text AS schema FROM pg_catalog.pg_namespace WHERE nspname LIKE 'canary\\_%'
           UNION SELECT regexp_replace(rolname::text, '_(owner|app|ro)$', '') FROM pg_catalog.pg_roles
             WHERE rolname ~ '^canary_.*_(owner|app|ro)$'
           UNION SELECT schema_name FROM platform.tenants WHERE schema_name LIKE 'canary\\_%') names
         LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = names.schema
         GROUP BY names.schema ORDER BY names.schema`,
      ),
    { retryMilliseconds: 5_000 },
  );
}
