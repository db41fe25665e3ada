/** SQL text of HNSW indexes: made and dropped without blocking, and looked at. */
import type { Distance } from "../../templates/vectors.ts";
import { identifier, integer, literal } from "./quote.ts";

/** Key of the advisory lock that a run of builds holds: one at a time on a server. */
export const vectorLock = "pg_catalog.pg_advisory_xact_lock(7305804386)";

/** An index that is to be. */
export interface VectorIndex {
  readonly schema: string;
  /** Or, in a pool with partitions, the one with the tenant's rows: a partitioned table takes no CONCURRENTLY. */
  readonly table: string;
  readonly column: string;
  /** Schema of the extension. */
  readonly extensionSchema: string;
  /** As in `vector_cosine_ops`. */
  readonly operatorClass: string;
  readonly m: number;
  readonly efConstruction: number;
  /** Of a tenant in a pool: the index is partial. */
  readonly tenantId?: string;
}

/** Types of pgvector that have an HNSW index, with their most dimensions: https://github.com/pgvector/pgvector#hnsw */
export const indexableTypes: Readonly<Record<string, number>> = { vector: 2000, halfvec: 4000 };

export function operatorClass(type: string, distance: Distance): string {
  return `${type}_${distance}_ops`;
}

/** The condition of a partial index, as `pg_get_expr` writes it. */
export function predicateText(tenantId: string): string {
  return `(tenant_id = ${literal(tenantId)}::uuid)`;
}

/** Cannot run inside of a transaction. */
export function createIndexSql(name: string, index: VectorIndex): string {
  const { schema, table, column, extensionSchema, m, efConstruction, tenantId } = index;
  const where = tenantId === undefined ? "" : ` WHERE tenant_id = ${literal(tenantId)}::uuid`;
  return (
    `CREATE INDEX CONCURRENTLY ${identifier(name)} ON ${identifier(schema)}.${identifier(table)} ` +
    `USING hnsw (${identifier(column)} ${identifier(extensionSchema)}.${identifier(index.operatorClass)}) ` +
    `WITH (m = ${integer(m)}, ef_construction = ${integer(efConstruction)})${where}`
  );
}

/** Cannot run inside of a transaction. */
export function dropIndexSql(schema: string, name: string): string {
  return `DROP INDEX CONCURRENTLY IF EXISTS ${identifier(schema)}.${identifier(name)}`;
}

export function renameIndexSql(schema: string, from: string, to: string): string {
  return `ALTER INDEX ${identifier(schema)}.${identifier(from)} RENAME TO ${identifier(to)}`;
}

export interface BuildSettings {
  /** For how long one lock, or one older transaction, is waited for. */
  readonly lockTimeoutMs: number;
  /** For how long one statement may run; 0: without an end. */
  readonly statementTimeoutMs: number;
  readonly memoryMb: number;
  /** Processes beside the session's own. */
  readonly workers: number;
}

export function buildSettingsSql({ lockTimeoutMs, statementTimeoutMs, memoryMb, workers }: BuildSettings): string {
  return [
    `SET lock_timeout = ${integer(lockTimeoutMs)};`,
    `SET statement_timeout = ${integer(statementTimeoutMs)};`,
    `SET maintenance_work_mem = ${literal(`${integer(memoryMb)}MB`)};`,
    `SET max_parallel_maintenance_workers = ${integer(workers)};`,
    // A build ends with the command that began it: the next run must not meet one that nobody waits for.
    "SET client_connection_check_interval = '5s';",
  ].join(" ");
}

/** What a graph takes in memory while it is built; a larger one is continued on disk, many times slower. */
export function graphMegabytes(rows: number, dimensions: number, m: number): number {
  const row = 4 * dimensions + 2 * m * 24 + 256;
  return Math.ceil((rows * row * 1.15) / 2 ** 20);
}

/**
 * Vectors of a table, or of one tenant in it, as far as `limit`: beyond it the number decides nothing. `part` is a
 * partition that has rows of them.
 */
export function countSql(
  { schema, table, column, tenantId }: Pick<VectorIndex, "schema" | "table" | "column" | "tenantId">,
  limit: number,
): string {
  const tenant = tenantId === undefined ? "" : ` AND tenant_id = ${literal(tenantId)}::uuid`;
  return (
    `SELECT count(*)::integer AS rows, (SELECT c.relname FROM pg_catalog.pg_class c WHERE c.oid = max(s.part)) AS part ` +
    `FROM (SELECT tableoid AS part FROM ${identifier(schema)}.${identifier(table)} ` +
    `WHERE ${identifier(column)} IS NOT NULL${tenant} LIMIT ${integer(limit)}) s`
  );
}

/** Columns ($2: `table.column`) of a schema ($1), as its owner: only it sees how many of the values are null. */
export const columnsSql = `SELECT c.relname AS "table", a.attname AS "column", t.typname AS type, tn.nspname AS "typeSchema",
    a.atttypmod AS dimensions,
    CASE WHEN p.pages = 0 THEN 0 WHEN c.relkind = 'p' OR c.reltuples < 0 OR c.relpages = 0 THEN NULL
      ELSE c.reltuples / c.relpages * p.pages * (1 - coalesce(s.null_frac, 0)) END AS estimate
  FROM pg_catalog.pg_namespace n
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p')
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
    LEFT JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname
      AND NOT s.inherited
    CROSS JOIN LATERAL (SELECT CASE c.relkind WHEN 'r' THEN pg_catalog.pg_relation_size(c.oid)
      / pg_catalog.current_setting('block_size')::bigint ELSE -1 END AS pages) p
  WHERE n.nspname = $1 AND c.relname || '.' || a.attname = ANY ($2)`;

/** Our indexes of a schema ($1, $2: the begin of their names), as the provisioner: it sees its own builds. */
export const indexesSql = `SELECT i.relname AS name, t.relname AS "table", parent.relname AS parent, a.attname AS "column",
    x.indisvalid AND x.indisready AS valid, o.opcname AS "operatorClass", coalesce(i.reloptions, '{}') AS options,
    pg_catalog.pg_get_expr(x.indpred, x.indrelid) AS predicate, pg_catalog.pg_relation_size(i.oid)::float8 AS bytes,
    EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index b WHERE b.index_relid = i.oid) AS building
  FROM pg_catalog.pg_namespace n
    JOIN pg_catalog.pg_class i ON i.relnamespace = n.oid AND i.relkind = 'i' AND pg_catalog.starts_with(i.relname, $2)
    JOIN pg_catalog.pg_am m ON m.oid = i.relam AND m.amname = 'hnsw'
    JOIN pg_catalog.pg_index x ON x.indexrelid = i.oid JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
    JOIN pg_catalog.pg_opclass o ON o.oid = x.indclass[0]
    LEFT JOIN pg_catalog.pg_inherits h ON h.inhrelid = t.oid LEFT JOIN pg_catalog.pg_class parent ON parent.oid = h.inhparent
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0]
  WHERE n.nspname = $1 ORDER BY i.relname`;

/** How far the build of a session ($1) is. */
export const progressSql = `SELECT phase, blocks_done::float8 AS "blocksDone", blocks_total::float8 AS "blocksTotal",
    tuples_done::float8 AS "tuplesDone", lockers_total::float8 AS lockers, current_locker_pid AS locker
  FROM pg_catalog.pg_stat_progress_create_index WHERE pid = $1`;
