/**
 * The shape of a schema: every table, column, index, constraint, view, function, sequence, trigger, policy and type as
 * the catalogues describe it, with the names of schema and roles replaced, so that two schemas of one template are equal.
 */
import { membersSql } from "./live.ts";
import type { Session } from "./pool.ts";
import { identifier } from "./quote.ts";

export const itemKinds = [
  "type",
  "sequence",
  "table",
  "column",
  "constraint",
  "index",
  "function",
  "view",
  "trigger",
  "rule",
  "policy",
  "statistics object",
] as const;
export type ItemKind = (typeof itemKinds)[number];

export interface Item {
  readonly kind: ItemKind;
  /** With the arguments of a function. */
  readonly name: string;
  /** The table that it belongs to and comes and goes with. */
  readonly table: string | null;
  /** By the words that reports use; null where it has none. */
  readonly attributes: Readonly<Record<string, string | null>>;
  /** Statement that makes it anew, where one does. */
  readonly sql: string | null;
  /** Of a table: its size in pages of 8 kB, as the server last counted them. */
  readonly pages: number | null;
}

export interface ShapeNames {
  readonly schema: string;
  readonly ownerRole: string;
  readonly appRole: string;
  readonly readOnlyRole: string;
}

/** Stands in a description for the schema, quoted and with its dot; no SQL text has such characters. */
const schemaPlace = "\u27e8schema\u27e9.";
/** The same as the first word of a function's search_path. */
const pathPlace = "'\u27e8schema\u27e9'";
const rolePlaces = {
  ownerRole: "\u27e8owner\u27e9",
  appRole: "\u27e8app\u27e9",
  readOnlyRole: "\u27e8ro\u27e9",
} as const;

const item = (columns: string) => `SELECT json_build_object(${columns}) AS item`;
const described = (kind: string, name: string, table: string, attributes: string, sql = "NULL", pages = "NULL") =>
  item(
    `'kind', ${kind}, 'name', ${name}, 'table', ${table}, 'attributes', json_build_object(${attributes}), ` +
      `'sql', ${sql}, 'pages', ${pages}`,
  );
const owned = (classid: string, oid: string, name: string) =>
  `NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '${classid}'::regclass AND e.objid = ${oid} AND e.deptype IN (${name}))`;

/** One statement on the catalogues; with search_path = pg_catalog every name in a definition has its schema. */
const shapeSql = `WITH n AS (SELECT oid, nspname FROM pg_namespace WHERE nspname = $1),
  m AS MATERIALIZED (${membersSql}),
  rel AS MATERIALIZED (SELECT c.* FROM m JOIN pg_class c ON c.oid = m.objid WHERE m.classid = 'pg_class'::regclass),
  t AS MATERIALIZED (SELECT * FROM rel WHERE relkind IN ('r', 'p', 'f'))
SELECT coalesce(json_agg(item), '[]') AS items FROM (
  ${described(
    "'table'",
    "t.relname",
    "NULL",
    `'kind', CASE t.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' ELSE 'foreign table' END,
     'persistence', CASE t.relpersistence WHEN 'u' THEN 'unlogged' ELSE 'logged' END,
     'row-level security', CASE WHEN t.relrowsecurity THEN 'enabled' ELSE 'disabled' END,
     'row-level security for the owner', CASE WHEN t.relforcerowsecurity THEN 'forced' ELSE 'waived' END,
     'options', array_to_string(t.reloptions, ', '),
     'partition', pg_get_expr(t.relpartbound, t.oid), 'partition key', CASE t.relkind WHEN 'p' THEN pg_get_partkeydef(t.oid) END,
     'parents', (SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = t.oid),
     'replica identity', t.relreplident::text,
     'publications', (SELECT string_agg(p.pubname, ', ' ORDER BY p.pubname) FROM pg_publication p
       WHERE EXISTS (SELECT FROM pg_publication_rel r WHERE r.prpubid = p.oid AND r.prrelid = t.oid)
         OR EXISTS (SELECT FROM pg_publication_namespace s WHERE s.pnpubid = p.oid AND s.pnnspid = t.relnamespace)),
     'comment', obj_description(t.oid, 'pg_class')`,
    "NULL",
    "t.relpages",
  )} FROM t
  UNION ALL ${described(
    "'column'",
    "a.attname",
    "t.relname",
    `'type', format_type(a.atttypid, a.atttypmod),
     'null', CASE WHEN a.attnotnull THEN 'refused' ELSE 'allowed' END,
     'default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
     'generated', CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END,
     'identity', CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END,
     'collation', (SELECT l.collname FROM pg_collation l WHERE l.oid = a.attcollation),
     'comment', col_description(t.oid, a.attnum)`,
    "format('ALTER TABLE %I.%I ADD COLUMN %I %s;', $1::text, t.relname, a.attname, format_type(a.atttypid, a.atttypmod))",
  )} FROM t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
  UNION ALL ${described(
    "'constraint'",
    "k.conname",
    "t.relname",
    `'definition', pg_get_constraintdef(k.oid), 'checked', CASE WHEN k.convalidated THEN 'for all rows' ELSE 'for new rows only' END`,
    "format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s;', $1::text, t.relname, k.conname, pg_get_constraintdef(k.oid))",
  )} FROM t JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype IN ('c', 'f', 'p', 'u', 'x')
  UNION ALL ${described(
    "'index'",
    "c.relname",
    "r.relname",
    `'definition', pg_get_indexdef(x.indexrelid), 'state', CASE WHEN x.indisvalid AND x.indisready THEN 'usable'
       WHEN EXISTS (SELECT FROM pg_stat_progress_create_index b WHERE b.index_relid = x.indexrelid) THEN 'being built' ELSE 'invalid' END`,
    "pg_get_indexdef(x.indexrelid) || ';'",
  )} FROM rel r JOIN pg_index x ON x.indrelid = r.oid JOIN pg_class c ON c.oid = x.indexrelid
    WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.indexrelid AND k.contype IN ('p', 'u', 'x'))
  UNION ALL ${described(
    "'view'",
    "c.relname",
    "NULL",
    `'kind', CASE c.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END, 'definition', pg_get_viewdef(c.oid),
     'options', array_to_string(c.reloptions, ', '), 'comment', obj_description(c.oid, 'pg_class')`,
    `CASE c.relkind WHEN 'v' THEN format('CREATE OR REPLACE VIEW %I.%I%s AS %s', $1::text, c.relname,
       CASE WHEN c.reloptions IS NULL THEN '' ELSE ' WITH (' || array_to_string(c.reloptions, ', ') || ')' END,
       pg_get_viewdef(c.oid)) END`,
  )} FROM rel c WHERE c.relkind IN ('v', 'm')
  UNION ALL ${described(
    "'function'",
    "quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')'",
    "NULL",
    `'definition', CASE WHEN p.prokind = 'a' THEN 'aggregate' ELSE pg_get_functiondef(p.oid) END,
     'comment', obj_description(p.oid, 'pg_proc')`,
    "CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) || ';' END",
  )} FROM m JOIN pg_proc p ON p.oid = m.objid WHERE m.classid = 'pg_proc'::regclass AND ${owned("pg_proc", "p.oid", "'e', 'i'")}
  UNION ALL ${described(
    "'sequence'",
    "c.relname",
    "(SELECT r.relname FROM pg_depend e JOIN pg_class r ON r.oid = e.refobjid WHERE e.classid = 'pg_class'::regclass " +
      "AND e.objid = c.oid AND e.refclassid = 'pg_class'::regclass AND e.deptype IN ('a', 'i') LIMIT 1)",
    `'type', format_type(s.seqtypid, NULL), 'increment', s.seqincrement::text, 'start', s.seqstart::text,
     'limits', s.seqmin || ' to ' || s.seqmax, 'cycle', CASE WHEN s.seqcycle THEN 'yes' ELSE 'no' END`,
  )} FROM rel c JOIN pg_sequence s ON s.seqrelid = c.oid
  UNION ALL ${described(
    "'trigger'",
    "g.tgname",
    "c.relname",
    `'definition', pg_get_triggerdef(g.oid),
     'state', CASE g.tgenabled WHEN 'O' THEN 'enabled' WHEN 'D' THEN 'disabled' WHEN 'A' THEN 'always' ELSE 'replica' END`,
    "pg_get_triggerdef(g.oid) || ';'",
  )} FROM rel c JOIN pg_trigger g ON g.tgrelid = c.oid WHERE NOT g.tgisinternal
  UNION ALL ${described(
    "'rule'",
    "w.rulename",
    "c.relname",
    `'definition', pg_get_ruledef(w.oid), 'state', CASE w.ev_enabled WHEN 'O' THEN 'enabled' ELSE w.ev_enabled::text END`,
  )} FROM rel c JOIN pg_rewrite w ON w.ev_class = c.oid WHERE w.rulename <> '_RETURN'
  UNION ALL ${described(
    "'policy'",
    "y.polname",
    "c.relname",
    `'command', CASE y.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
     'kind', CASE WHEN y.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
     'roles', (SELECT string_agg(CASE u WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(u)::text END, ', ' ORDER BY u) FROM unnest(y.polroles) u),
     'USING', pg_get_expr(y.polqual, y.polrelid), 'WITH CHECK', pg_get_expr(y.polwithcheck, y.polrelid)`,
  )} FROM rel c JOIN pg_policy y ON y.polrelid = c.oid
  UNION ALL ${described(
    "'type'",
    "y.typname",
    "NULL",
    `'definition', CASE y.typtype
       WHEN 'e' THEN (SELECT string_agg(quote_literal(l.enumlabel), ', ' ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = y.oid)
       WHEN 'd' THEN format_type(y.typbasetype, y.typtypmod) || CASE WHEN y.typnotnull THEN ' NOT NULL' ELSE '' END
         || coalesce(' DEFAULT ' || y.typdefault, '') || coalesce((SELECT string_agg(' ' || pg_get_constraintdef(k.oid), '' ORDER BY k.conname)
           FROM pg_constraint k WHERE k.contypid = y.oid), '')
       WHEN 'c' THEN (SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
         FROM pg_attribute a WHERE a.attrelid = y.typrelid AND a.attnum > 0 AND NOT a.attisdropped)
       ELSE y.typtype::text END`,
  )} FROM m JOIN pg_type y ON y.oid = m.objid LEFT JOIN pg_class c ON c.oid = y.typrelid
    WHERE m.classid = 'pg_type'::regclass AND (y.typtype IN ('e', 'd', 'r') OR (y.typtype = 'c' AND c.relkind = 'c'))
  UNION ALL ${described("'statistics object'", "x.stxname", "x.stxrelid::regclass::text", "'definition', pg_get_statisticsobjdef(x.oid)")}
    FROM m JOIN pg_statistic_ext x ON x.oid = m.objid WHERE m.classid = 'pg_statistic_ext'::regclass) all_items`;

/**
 * Reads a shape in the session's own transaction, where one is open.
 *
 * @returns items in the order of `itemKinds`, then of their names
 */
export async function describeShape(session: Session, names: ShapeNames): Promise<Item[]> {
  const [row] = await session.query<{ items: Item[] }>(shapeSql, [names.schema]);
  const items = (row?.items ?? []).map((one) => normalized(one, names));
  const order = (one: Item) => `${String(itemKinds.indexOf(one.kind)).padStart(2, "0")} ${keyOf(one)}`;
  return items.toSorted((one, other) => (order(one) < order(other) ? -1 : 1));
}

export function keyOf({ kind, table, name }: Item): string {
  return `${kind} ${table ?? ""} ${name}`;
}

/** A text of a description with a schema's own name in it again. */
export function inSchema(text: string, names: ShapeNames): string {
  let named = text.replaceAll(schemaPlace, `${identifier(names.schema)}.`).replaceAll(pathPlace, `'${names.schema}'`);
  for (const [property, place] of Object.entries(rolePlaces)) {
    named = named.replaceAll(place, names[property as keyof typeof rolePlaces]);
  }
  return named;
}

function normalized(one: Item, names: ShapeNames): Item {
  const plain = names.schema.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const name = new RegExp(`(?<![\\w"$])("?)${plain}\\1\\.`, "g");
  // A function's own search_path, where it was pinned to the schema that the function lies in.
  const path = new RegExp(`(?<=^ ?SET search_path TO )'${plain}'`, "gm");
  const text = (value: string) => value.replaceAll(name, schemaPlace).replaceAll(path, pathPlace);
  const roles = new Map(
    Object.entries(rolePlaces).map(([property, place]) => [names[property as keyof typeof rolePlaces], place]),
  );
  const value = (attribute: string, given: string | null): string | null => {
    if (given === null || attribute !== "roles") return given === null ? null : text(given);
    return given
      .split(", ")
      .map((role) => roles.get(role) ?? role)
      .sort()
      .join(", ");
  };
  return {
    ...one,
    name: text(one.name),
    table: one.table === null ? null : text(one.table),
    attributes: Object.fromEntries(Object.entries(one.attributes).map(([key, given]) => [key, value(key, given)])),
    sql: one.sql === null ? null : text(one.sql),
  };
}
