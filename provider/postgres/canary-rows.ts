/** What the catalogue keeps of canaries: nothing, once they are removed. Tenants' rows stay as tombstones for ever. */
import type { PoolNames } from "../../components/naming.ts";
import type { Task } from "./faults.ts";
import type { PostgresPools } from "./pool.ts";
import { membersTable, within } from "./pool-sql.ts";
import { setRole } from "./script.ts";

/**
 * Deletes the row and the events of a canary that has been removed.
 *
 * @param schema - its own, or its pool's
 */
export async function forgetCanary(pools: PostgresPools, server: string, id: string, schema: string): Promise<void> {
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
           UNION SELECT regexp_replace(rolname::text, '_(owner|app|ro)$', '') FROM pg_catalog.pg_roles r
             WHERE rolname ~ '^canary_.*_(owner|app|ro)$'
             -- A member of a pool has no schema: readPoolCanaries finds it.
             AND NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
               WHERE m.member = r.oid AND g.rolname ~ '^pool_.*_(app|ro)$')
           UNION SELECT schema_name FROM platform.tenants WHERE schema_name LIKE 'canary\\_%') names
         LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = names.schema
         GROUP BY names.schema ORDER BY names.schema`,
      ),
    { retryMilliseconds: 5_000 },
  );
}

export interface LivePoolCanary {
  readonly tenant: string;
  /** False where only a row of the catalogue is left. */
  readonly there: boolean;
  readonly mark: string | null;
}

/** Members of a pool, and rows of the catalogue that name it, with an id of a canary's form: the caller knows which. */
export function readPoolCanaries(pools: PostgresPools, server: string, place: PoolNames): Promise<LivePoolCanary[]> {
  const task: Task = { subject: "canaries", doing: `looking for what an earlier run left in ${place.schema}` };
  const table = within(place, membersTable);
  return pools.run(
    server,
    task,
    async (session) => {
      const [known] = await session.query<{ there: boolean }>(
        `SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = $1 AND c.relname = '${membersTable}') AS there`,
        [place.schema],
      );
      let members: { tenant: string; mark: string }[] = [];
      if (known?.there === true) {
        await session.script(`BEGIN; ${setRole(place.ownerRole)}`);
        members = await session.query<{ tenant: string; mark: string }>(
          `SELECT tenant, mark FROM ${table} WHERE tenant ~ '^[0-9a-z]{4,8}-[0-9a-z]{8}$' ORDER BY tenant`,
        );
        await session.query("ROLLBACK");
      }
      const rows = await session.query<{ tenant: string }>(
        "SELECT id AS tenant FROM platform.tenants WHERE schema_name = $1 AND external_id = 'canary-' || id ORDER BY id",
        [place.schema],
      );
      const there = new Set(members.map(({ tenant }) => tenant));
      return [
        ...members.map(({ tenant, mark }) => ({ tenant, there: true, mark })),
        ...rows.filter(({ tenant }) => !there.has(tenant)).map(({ tenant }) => ({ tenant, there: false, mark: null })),
      ];
    },
    { retryMilliseconds: 5_000 },
  );
}
