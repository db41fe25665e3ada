/** Deleting one tenant's rows of a pool, a transaction at a time, while all others go on writing. */
import type { PoolTenantInputs } from "../inputs.ts";
import { erasingSql, loginsTable, within } from "./pool-sql.ts";
import { asOwnerOf } from "./pool-tenant-rows.ts";
import type { Session } from "./pool.ts";
import { identifier, literal } from "./quote.ts";
import { grantSelf, setRole } from "./script.ts";

/** So few that a transaction is short, and so many that the round trips do not count. */
export const batchRows = 5_000;

/** A batch that waits longer for a lock gives way and is tried again. */
const lockTimeout = "SET LOCAL lock_timeout = '2s';";

function beginErasing(inputs: PoolTenantInputs): string {
  return [
    `BEGIN; ${lockTimeout} ${erasingSql}`,
    asOwnerOf(inputs),
    // Triggers of the template's tables find their own tables by it.
    `SET LOCAL search_path = ${identifier(inputs.schema)}, extensions, pg_catalog, pg_temp;`,
  ].join("\n");
}

/** Deletes some rows of the tenant. `more` tells whether there may be others. */
export async function deleteBatch(
  session: Session,
  inputs: PoolTenantInputs,
  table: string,
): Promise<{ rows: number; more: boolean }> {
  const name = within(inputs, table);
  // The second condition keeps to the tenant's partition, where a place (ctid) means one row.
  const mine = `tenant_id = ${literal(inputs.tenantId)}`;
  await session.script(beginErasing(inputs));
  const gone = await session.query(
    `DELETE FROM ${name} WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${name} WHERE ${mine} LIMIT ${batchRows})) ` +
      `AND ${mine} RETURNING 1`,
  );
  // What is checked late, and what it starts, has to run as the owner and not at COMMIT as the provisioner.
  await session.script("SET CONSTRAINTS ALL IMMEDIATE; COMMIT;");
  return { rows: gone.length, more: gone.length >= batchRows };
}

/**
 * Deletes all rows of the tenant in tables that refer to each other in a circle, where the foreign keys are checked at
 * the end. In one transaction, which blocks nobody else: its locks are on the tenant's own rows.
 */
export async function deleteTogether(
  session: Session,
  inputs: PoolTenantInputs,
  tables: readonly string[],
): Promise<number> {
  await session.script(`${beginErasing(inputs)} SET CONSTRAINTS ALL DEFERRED;`);
  let rows = 0;
  for (const table of tables) {
    const [gone] = await session.query<{ rows: string }>(
      `WITH gone AS (DELETE FROM ${within(inputs, table)} WHERE tenant_id = ${literal(inputs.tenantId)} RETURNING 1)
       SELECT count(*)::text AS rows FROM gone`,
    );
    rows += Number(gone?.rows ?? 0);
  }
  await session.script("SET CONSTRAINTS ALL IMMEDIATE; COMMIT;");
  return rows;
}

export interface OpenTransaction {
  /** Virtual id: every transaction has one from its begin on. */
  readonly id: string;
  readonly pid: number;
  readonly user: string;
}

/**
 * Transactions of logins that may write the tenant's rows.
 *
 * @param only - ids that are asked for; left out: all that are open now
 */
export async function openTransactions(
  session: Session,
  inputs: PoolTenantInputs,
  only?: readonly string[],
): Promise<OpenTransaction[]> {
  await session.script(`BEGIN; ${setRole(inputs.ownerRole)}`);
  const trusted = await session.query<{ login: string }>(
    `SELECT login FROM ${within(inputs, loginsTable)} WHERE kind = 'application' ORDER BY 1`,
  );
  await session.query("ROLLBACK");
  return session.query<OpenTransaction & Record<string, unknown>>(
    `SELECT l.virtualxid AS id, a.pid, a.usename AS user
     FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'virtualxid' AND l.virtualxid = l.virtualtransaction AND l.granted
       AND a.datname = current_database() AND a.usename = ANY ($1)
       AND ($2::text[] IS NULL OR l.virtualxid = ANY ($2)) ORDER BY a.pid`,
    [[inputs.appRole, inputs.readOnlyRole, ...trusted.map(({ login }) => login)], only ?? null],
  );
}

/** Drops the indexes that hold the tenant's vectors alone, without a lock that others would wait for. */
export async function dropVectorIndexes(session: Session, inputs: PoolTenantInputs): Promise<void> {
  const indexes = await session.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND starts_with(c.relname, 'tenancy_hnsw_')
       AND strpos(pg_catalog.pg_get_expr(i.indpred, i.indrelid), $2) > 0 ORDER BY 1`,
    [inputs.schema, literal(inputs.tenantId)],
  );
  if (indexes.length === 0) return;
  // CONCURRENTLY runs in no transaction, so role and limit are the session's and have to be put back. A drop that gave up
  // leaves an index that nobody uses, and is tried again.
  await session.script(grantSelf(inputs.ownerRole));
  await session.script(`SET ROLE ${identifier(inputs.ownerRole)}; SET lock_timeout = '10s';`);
  try {
    for (const { name } of indexes) await session.query(`DROP INDEX CONCURRENTLY IF EXISTS ${within(inputs, name)}`);
  } finally {
    await session.script("RESET ROLE; RESET lock_timeout;");
  }
}
