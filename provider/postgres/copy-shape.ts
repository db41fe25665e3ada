/** What of two schemas matters for a copy of rows: tables with their columns and foreign keys, and sequences. */
import type { Session } from "./pool.ts";
import { identifier } from "./quote.ts";

export interface CopyColumn {
  readonly name: string;
  /** With the schema's own name left out of it. */
  readonly type: string;
  /** Computed by the server: it has no value of its own to copy. */
  readonly generated: boolean;
  /** Its type lies in the schema, where the other schema has one of the same name: the value goes over as text. */
  readonly own: boolean;
}

export interface CopyTable {
  readonly name: string;
  readonly columns: readonly CopyColumn[];
  /** Tables that its foreign keys ask for at once, but for itself. */
  readonly needs: readonly string[];
  readonly rowSecurity: boolean;
  /** Triggers with their state, in the server's letters. */
  readonly triggers: readonly { readonly name: string; readonly state: string }[];
}

export interface CopyShape {
  readonly tables: readonly CopyTable[];
  readonly sequences: readonly string[];
}

const shapeSql = `WITH n AS (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1),
  t AS (SELECT c.* FROM pg_catalog.pg_class c WHERE c.relnamespace = (SELECT oid FROM n)
    AND c.relkind IN ('r', 'p') AND NOT c.relispartition)
SELECT json_build_object(
  'tables', (SELECT coalesce(json_agg(json_build_object('name', t.relname, 'rowSecurity', t.relrowsecurity,
      'columns', (SELECT coalesce(json_agg(json_build_object('name', a.attname,
          'type', format_type(a.atttypid, a.atttypmod), 'generated', a.attgenerated <> '',
          'own', y.typnamespace = t.relnamespace) ORDER BY a.attnum), '[]')
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
        WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped),
      'needs', (SELECT coalesce(json_agg(DISTINCT r.relname), '[]') FROM pg_catalog.pg_constraint k
        JOIN pg_catalog.pg_class r ON r.oid = k.confrelid
        WHERE k.conrelid = t.oid AND k.contype = 'f' AND NOT k.condeferrable AND k.confrelid <> t.oid),
      'triggers', (SELECT coalesce(json_agg(json_build_object('name', g.tgname, 'state', g.tgenabled) ORDER BY g.tgname), '[]')
        FROM pg_catalog.pg_trigger g WHERE g.tgrelid = t.oid AND NOT g.tgisinternal)) ORDER BY t.relname), '[]') FROM t),
  'sequences', (SELECT coalesce(json_agg(c.relname ORDER BY c.relname), '[]') FROM pg_catalog.pg_class c
    WHERE c.relnamespace = (SELECT oid FROM n) AND c.relkind = 'S')) AS shape`;

export async function readCopyShape(session: Session, schema: string): Promise<CopyShape> {
  const [row] = await session.query<{ shape: CopyShape }>(shapeSql, [schema]);
  if (row === undefined) throw new Error("the server gave no answer");
  // As format_type writes it: quoted only where it has to be.
  const prefixes = [`${identifier(schema)}.`, `${schema}.`];
  const bare = (type: string) =>
    prefixes.reduce((text, prefix) => (text.startsWith(prefix) ? text.slice(prefix.length) : text), type);
  return {
    sequences: row.shape.sequences,
    tables: row.shape.tables.map((table) => ({
      ...table,
      columns: table.columns.map((column) => ({ ...column, type: bare(column.type) })),
    })),
  };
}

/** Why rows cannot go from one to the other, all reasons at once. */
export function copyFaults(from: CopyShape, to: CopyShape): string[] {
  const faults: string[] = [];
  const tables = new Map(to.tables.map((table) => [table.name, table]));
  for (const table of from.tables) {
    const target = tables.get(table.name);
    if (target === undefined) {
      faults.push(`the source has the table ${table.name}, which the new schema has not`);
      continue;
    }
    if (table.rowSecurity || target.rowSecurity) {
      faults.push(`the table ${table.name} is under row-level security, which would hide rows from the copy`);
    }
    faults.push(...columnFaults(table, target));
  }
  for (const name of from.sequences.filter((sequence) => !to.sequences.includes(sequence))) {
    faults.push(`the source has the sequence ${name}, which the new schema has not`);
  }
  const rest = inOrder(from, to).left;
  if (rest.length > 0) {
    faults.push(`foreign keys make a circle of the tables ${rest.join(", ")}: one of them has to be DEFERRABLE`);
  }
  return faults;
}

function columnFaults(table: CopyTable, target: CopyTable): string[] {
  const text = ({ type, generated }: CopyColumn) => `${type}${generated ? ", generated" : ""}`;
  const [is, should] = [table, target].map(({ columns }) => new Map(columns.map((one) => [one.name, text(one)])));
  return [...new Set([...(is?.keys() ?? []), ...(should?.keys() ?? [])])].flatMap((name) => {
    const [one, other] = [is?.get(name), should?.get(name)];
    if (one === other) return [];
    return [
      `the column ${name} of the table ${table.name} is ${one ?? "not there"} in the source and ` +
        `${other ?? "not there"} in the new schema`,
    ];
  });
}

/** The source's tables so that each comes after those that it needs; `left` are those of a circle. */
export function inOrder(from: CopyShape, to: CopyShape): { tables: CopyTable[]; left: string[] } {
  const wanted = new Set(from.tables.map(({ name }) => name));
  let left = to.tables.filter(({ name }) => wanted.has(name));
  const tables: CopyTable[] = [];
  for (;;) {
    const waiting = new Set(left.map(({ name }) => name));
    const ready = left.filter(({ needs }) => needs.every((name) => !waiting.has(name)));
    if (ready.length === 0) return { tables, left: left.map(({ name }) => name) };
    tables.push(...ready);
    left = left.filter((table) => !ready.includes(table));
  }
}
