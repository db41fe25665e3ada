/**
 * What there is to attack of a tenant in a pool: tables that it shares with the attacker, and rows of its own. Looked up
 * with the tenant's own login, since nobody else sees its rows.
 */
import { identifier, literal } from "../../provider/postgres/quote.ts";
import { poolTables } from "../../provider/postgres/pool-sql.ts";
import { ProbeError } from "../attempt.ts";
import type { PoolPlace, PostgresParty } from "../party.ts";
import type { Lease } from "./connections.ts";
import { missingName } from "./scene.ts";

export interface PoolSide extends PoolPlace {
  /** The server's trusted login; `missingName` where the platform has none. */
  readonly application: string;
  /** Tables of the template, partitions left out. */
  readonly tables: readonly string[];
  /** The table that is written to. */
  readonly table: string;
  /** Its primary key without `tenant_id`. */
  readonly keys: readonly string[];
  /** Columns that a row is inserted with. */
  readonly columns: readonly string[];
  /** A row of the tenant's as JSON; empty where it has none, and always where it is no canary. */
  readonly row: string;
  /** A table with a foreign key to another of the pool, and a row of it; undefined where there is none. */
  readonly child: Written | undefined;
  readonly partition: string;
  readonly view: string;
  /** Whether the tenant has a row at all. */
  readonly filled: boolean;
}

export interface Written {
  readonly table: string;
  readonly columns: readonly string[];
  readonly row: string;
}

export interface PoolColumn {
  readonly name: string;
  /** Whether an INSERT may name it. */
  readonly insertable: boolean;
  /** NOT NULL, and nothing is written where it is left out. */
  readonly needed: boolean;
  readonly type: string;
  readonly category: string;
}

export interface PoolTable {
  readonly name: string;
  /** Whether the tenant's application may do everything with rows. */
  readonly writable: boolean;
  readonly columns: readonly PoolColumn[];
  /** Primary key without `tenant_id`. */
  readonly keys: readonly string[];
  /** Whether each of them gets a value by itself. */
  readonly keyDefaults: boolean;
  /** Foreign keys with more than `tenant_id`. */
  readonly references: readonly {
    readonly table: string;
    readonly pairs: readonly { readonly column: string; readonly to: string }[];
  }[];
}

interface Facts {
  readonly tables: readonly PoolTable[];
  readonly partition: string | null;
  readonly view: string | null;
}

const notTheTools = `c.relname NOT IN (${poolTables.map(literal).join(", ")})`;

function factsSql(schema: string): string {
  return `WITH n AS (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = ${literal(schema)}),
    t AS (SELECT c.* FROM pg_catalog.pg_class c, n WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p')
      AND NOT c.relispartition AND ${notTheTools})
  SELECT json_build_object(
    'tables', (SELECT coalesce(json_agg(json_build_object('name', t.relname,
        'writable', has_table_privilege(t.oid, 'SELECT') AND has_table_privilege(t.oid, 'INSERT')
          AND has_table_privilege(t.oid, 'UPDATE') AND has_table_privilege(t.oid, 'DELETE'),
        'columns', (SELECT json_agg(json_build_object('name', a.attname, 'insertable', a.attgenerated = '',
            'needed', a.attnotnull AND NOT a.atthasdef AND a.attidentity = '',
            'type', format_type(a.atttypid, a.atttypmod), 'category', y.typcategory) ORDER BY a.attnum)
          FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
          WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped),
        'keys', (SELECT coalesce(json_agg(a.attname ORDER BY a.attnum), '[]') FROM pg_catalog.pg_index i
          JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (i.indkey::int2[])
          WHERE i.indrelid = t.oid AND i.indisprimary AND a.attname <> 'tenant_id'),
        'keyDefaults', (SELECT coalesce(bool_and(a.atthasdef OR a.attidentity <> ''), true) FROM pg_catalog.pg_index i
          JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (i.indkey::int2[])
          WHERE i.indrelid = t.oid AND i.indisprimary AND a.attname <> 'tenant_id'),
        'references', (SELECT coalesce(json_agg(json_build_object('table', r.relname, 'pairs',
            (SELECT json_agg(json_build_object('column', x.attname, 'to', y.attname))
              FROM unnest(k.conkey, k.confkey) AS pair (own, other)
              JOIN pg_catalog.pg_attribute x ON x.attrelid = k.conrelid AND x.attnum = pair.own
              JOIN pg_catalog.pg_attribute y ON y.attrelid = k.confrelid AND y.attnum = pair.other
              WHERE x.attname <> 'tenant_id'))), '[]')
          FROM pg_catalog.pg_constraint k JOIN t r ON r.oid = k.confrelid
          WHERE k.conrelid = t.oid AND k.contype = 'f' AND EXISTS (SELECT FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = t.oid AND a.attnum = ANY (k.conkey) AND a.attname <> 'tenant_id')))
        ORDER BY t.relname), '[]') FROM t WHERE EXISTS (SELECT FROM pg_catalog.pg_attribute a
          WHERE a.attrelid = t.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)),
    'partition', (SELECT min(c.relname) FROM pg_catalog.pg_class c, n
      WHERE c.relnamespace = n.oid AND c.relispartition AND c.relkind = 'r'),
    'view', (SELECT min(c.relname) FROM pg_catalog.pg_class c, n WHERE c.relnamespace = n.oid AND c.relkind = 'v'))::text`;
}

/** @throws ProbeError when the server does not answer */
export async function poolFacts(lease: Lease, schema: string): Promise<Facts> {
  const text = await one(lease, factsSql(schema), `the catalogs of the pool ${schema} cannot be read`);
  return JSON.parse(text ?? "{}") as Facts;
}

/**
 * @param lease - of the tenant's own application
 * @throws ProbeError when the server does not answer
 */
export async function findPoolSide(lease: Lease, party: PostgresParty, isCanary: boolean): Promise<PoolSide> {
  const { pool, names, server } = party;
  if (pool === undefined) throw new ProbeError(`${names.appRole} is no login of a pool`);
  const { tables, partition, view } = await poolFacts(lease, names.schema);
  const filled = new Set(await filledTables(lease, names.schema, tables));
  const place = { ...pool, application: server.application?.user ?? missingName };
  const word = canaryWord(pool.tenantId);
  const rank = (table: PoolTable) =>
    (filled.has(table.name) ? 0 : 100) + (table.keyDefaults ? 0 : 10) + table.references.length;
  const keyed = tables
    .filter(({ writable, keys }) => writable && keys.length > 0)
    .sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
  const rows = new Map<string, string>();
  for (const { name } of isCanary ? keyed : []) rows.set(name, await rowOf(lease, names.schema, name, word));
  // What a seed writes, every member has: only a row of its own tells whose key is taken.
  const isOwn = ({ name }: PoolTable) => rows.get(name)?.includes(word) === true;
  const main = keyed.find(isOwn) ?? keyed[0];
  const makesKey = (name: string, column: string) =>
    tables.some((table) => table.name === name && table.keyDefaults && table.keys.includes(column));
  const children = keyed.filter(
    (table) =>
      table.references.length > 0 &&
      refersTo(table, rows.get(table.name)) &&
      table.references.every(
        (to) => to.table !== table.name && (isOwn(table) || to.pairs.every((pair) => makesKey(to.table, pair.to))),
      ),
  );
  const child = children.find(({ keyDefaults }) => keyDefaults) ?? children[0];
  return {
    ...place,
    tables: tables.map(({ name }) => name),
    table: main?.name ?? missingName,
    keys: main?.keys ?? [missingName],
    columns: main?.columns.filter(({ insertable }) => insertable).map(({ name }) => name) ?? [missingName],
    row: rows.get(main?.name ?? "") ?? "",
    child: isCanary && child !== undefined ? written(child, rows.get(child.name) ?? "") : undefined,
    partition: partition ?? missingName,
    view: view ?? missingName,
    filled: filled.size > 0,
  };
}

/** What stands in the texts of a canary's own rows, and in no other member's. */
export function canaryWord(tenantId: string): string {
  return `canary-${tenantId.slice(0, 8)}`;
}

/** A foreign key of which a part is NULL asks for nothing. */
function refersTo({ references }: PoolTable, row: string | undefined): boolean {
  if (row === undefined || row === "") return false;
  const values = JSON.parse(row) as Readonly<Record<string, unknown>>;
  return references.every(({ pairs }) => pairs.every(({ column }) => (values[column] ?? null) !== null));
}

/** A row of a child under a new key of its own, where the table makes one. */
function written(child: PoolTable, row: string): Written {
  const referring = new Set(child.references.flatMap(({ pairs }) => pairs.map(({ column }) => column)));
  const isNewKey = (name: string) => child.keyDefaults && child.keys.includes(name) && !referring.has(name);
  const columns = child.columns.filter(({ name, insertable }) => insertable && !isNewKey(name)).map(({ name }) => name);
  return { table: child.name, columns, row };
}

async function filledTables(lease: Lease, schema: string, tables: readonly PoolTable[]): Promise<string[]> {
  if (tables.length === 0) return [];
  const asked = tables.map(
    ({ name }) =>
      `SELECT ${literal(name)} AS name WHERE EXISTS (SELECT FROM ${identifier(schema)}.${identifier(name)})`,
  );
  const sql = `SELECT coalesce(json_agg(name), '[]')::text FROM (${asked.join(" UNION ALL ")}) AS filled`;
  const text = await one(lease, sql, `the tenant's rows in ${schema} cannot be looked for`);
  return JSON.parse(text ?? "[]") as string[];
}

/** One that has the word, where there is one. A column may have the name of a shorter alias. */
async function rowOf(lease: Lease, schema: string, table: string, word: string): Promise<string> {
  const order = `to_jsonb(tenancy_row)::text LIKE ${literal(`%${word}%`)} DESC`;
  const sql = `SELECT (SELECT to_jsonb(tenancy_row)::text FROM ${identifier(schema)}.${identifier(table)} tenancy_row ORDER BY ${order} LIMIT 1)`;
  return (await one(lease, sql, `no row of ${schema}.${table} can be read`)) ?? "";
}

async function one(lease: Lease, sql: string, fault: string): Promise<string | undefined> {
  const answer = await lease.send(sql);
  if (answer.kind !== "done") {
    throw new ProbeError(`${fault} (${answer.kind === "refused" ? `SQLSTATE ${answer.code}` : answer.reason})`);
  }
  const value = answer.results[0]?.rows[0]?.[0];
  return typeof value === "string" ? value : undefined;
}
