/** What ties tenants' schemas to each other in one database: foreign keys, dependencies and statements. */
import type { Finding } from "../provider/finding.ts";
import type { PostgresServer } from "../provider/config.ts";
import { PostgresPools, type Session } from "../provider/postgres/pool.ts";
import { identifier } from "../provider/postgres/quote.ts";
import { messageOf } from "../provider/message.ts";

export interface CrossSchema {
  readonly findings: readonly Finding[];
  /** What is not there to be looked at. */
  readonly notes: readonly string[];
}

/** Statements of the server that are looked at, the most frequent first. */
const mostStatements = 20_000;

/**
 * @param schemas - of every tenant in the database
 * @throws ProviderError when the server cannot be asked
 */
export async function crossSchema(
  name: string,
  server: PostgresServer,
  schemas: readonly string[],
): Promise<CrossSchema> {
  const pools = new PostgresPools({ postgres: { [name]: server }, redis: {}, storage: {}, neo4j: {} });
  const task = { subject: `PostgreSQL server "${name}"`, doing: "looking for what ties schemas together" };
  const look = async (session: Session): Promise<CrossSchema> => {
    const keys = await foreignKeys(session, schemas);
    const statements = await crossStatements(session, name, schemas);
    return { findings: [...keys, ...statements.findings], notes: statements.notes };
  };
  try {
    // Only an administrator sees what other logins asked.
    if (server.admin !== undefined) return await pools.runAs(name, server.admin, task, look);
    return await pools.run(name, task, look);
  } finally {
    await pools.close();
  }
}

/** Foreign keys, and views and functions' bodies as the server notes them in pg_depend. */
async function foreignKeys(session: Session, schemas: readonly string[]): Promise<Finding[]> {
  const rows = await session.query<{
    constraint: string;
    schema: string;
    table: string;
    otherSchema: string;
    otherTable: string;
  }>(
    `SELECT k.conname AS constraint, n.nspname AS schema, c.relname AS table,
       o.nspname AS "otherSchema", r.relname AS "otherTable"
     FROM pg_catalog.pg_constraint k
       JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_catalog.pg_class r ON r.oid = k.confrelid JOIN pg_catalog.pg_namespace o ON o.oid = r.relnamespace
     WHERE k.contype = 'f' AND n.oid <> o.oid AND (n.nspname = ANY ($1) OR o.nspname = ANY ($1))
     ORDER BY 2, 3, 1`,
    [schemas],
  );
  const keys = rows.map(({ constraint, schema, table, otherSchema, otherTable }): Finding => {
    const is = `${schema}.${table} references ${otherSchema}.${otherTable}`;
    return {
      field: `foreign key ${constraint}`,
      is,
      should: "no foreign key between schemas",
      sentence: `the foreign key ${constraint}: ${is}`,
      mend: "by hand",
      statements: [`ALTER TABLE ${identifier(schema)}.${identifier(table)} DROP CONSTRAINT ${identifier(constraint)};`],
    };
  });
  const views = await session.query<{ view: string; object: string }>(
    `SELECT DISTINCT v.oid::regclass::text AS view, o.nspname || '.' || t.relname AS object
     FROM pg_catalog.pg_rewrite w JOIN pg_catalog.pg_class v ON v.oid = w.ev_class
       JOIN pg_catalog.pg_namespace n ON n.oid = v.relnamespace
       JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = w.oid
         AND d.refclassid = 'pg_catalog.pg_class'::regclass
       JOIN pg_catalog.pg_class t ON t.oid = d.refobjid JOIN pg_catalog.pg_namespace o ON o.oid = t.relnamespace
     WHERE n.oid <> o.oid AND o.nspname = ANY ($1) ORDER BY 1, 2`,
    [schemas],
  );
  return [
    ...keys,
    ...views.map(({ view, object }): Finding => {
      const is = `reads ${object}`;
      return {
        field: `view ${view}`,
        is,
        should: "no view on another schema",
        sentence: `the view ${view} ${is}`,
        mend: "by hand",
        statements: [`-- take the view away, or what it reads: DROP VIEW ${view};`],
      };
    }),
  ];
}

/** @param session - of a login that sees what others asked */
export async function crossStatements(
  session: Session,
  server: string,
  schemas: readonly string[],
): Promise<CrossSchema> {
  const [extension] = await session.query<{ schema: string }>(
    `SELECT n.nspname AS schema FROM pg_catalog.pg_extension e
       JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements'`,
  );
  const absent = (why: string) => ({
    findings: [],
    notes: [`PostgreSQL server ${server}: statements that touch several tenants' schemas are not seen: ${why}`],
  });
  if (extension === undefined) return absent("the extension pg_stat_statements is not in the database");
  const view = `${identifier(extension.schema)}.pg_stat_statements`;
  let rows;
  try {
    rows = await session.query<{ id: string; login: string; calls: string; text: string }>(
      `SELECT s.queryid::text AS id, pg_get_userbyid(s.userid) AS login, s.calls::text AS calls, s.query AS text
       FROM ${view} s JOIN pg_catalog.pg_database d ON d.oid = s.dbid AND d.datname = current_database()
       WHERE s.query IS NOT NULL ORDER BY s.calls DESC LIMIT ${mostStatements}`,
    );
  } catch (error) {
    return absent(messageOf(error));
  }
  const known = new Set(schemas);
  const findings = rows.flatMap(({ id, login, calls, text }): Finding[] => {
    const touched = schemasIn(text, known);
    if (touched.length < 2) return [];
    const is = `touches ${touched.join(" and ")}`;
    return [
      {
        field: `statement ${id} of ${login}`,
        is: `${is} (${calls} calls)`,
        should: "one schema",
        // Never the text: a statement that is no query keeps its values.
        sentence: `the statement ${id} of ${login} ${is}`,
        mend: "by hand",
        statements: [`SELECT query FROM ${view} WHERE queryid = ${id};`],
      },
    ];
  });
  return { findings, notes: [] };
}

/** Tenants' schemas that a statement names before a dot, sorted. */
export function schemasIn(text: string, known: ReadonlySet<string>): string[] {
  const touched = new Set<string>();
  for (const [, quoted, plain] of text.matchAll(/(?:"([^"]+)"|([A-Za-z_][\w$]*))\s*\.\s*["A-Za-z_]/g)) {
    const name = quoted ?? plain?.toLowerCase() ?? "";
    if (known.has(name)) touched.add(name);
  }
  return [...touched].sort();
}
