/**
 * Where one tenant can see another's names: every relation outside of its own schema is searched, so that a catalog or
 * a view that a new version or an extension brings is searched as well.
 */
import { literal } from "../../provider/postgres/quote.ts";
import { ProbeError } from "../attempt.ts";
import type { Answer, Lease } from "./connections.ts";

/** Functions that tell of a relation by its OID, and answer everyone. */
const functions = [
  "pg_total_relation_size(c.oid)",
  "pg_stat_get_tuples_inserted(c.oid)",
  "obj_description(c.oid, 'pg_class')",
  "pg_get_viewdef(c.oid)",
] as const;

/**
 * Names in the template `canary`. No other template has them, so that finding one means that the canary was found;
 * names like `documents` would be found in the attacker's own tables.
 */
export const canaryWords = [
  ...["records", "body", "mood", "parent", "calm", "alarmed", "word", "numbers", "statistics", "policy", "hidden"],
  ...["view", "answer", "touch", "trigger", "comment"],
].map((word) => `canary_${word}`);

/** What to look for of a victim. */
export interface Traces {
  /** Its schema, where no other tenant is in it. */
  readonly schema?: string;
  /** Names that nobody else has: of its logins, of its objects. */
  readonly words: readonly string[];
}

/**
 * @returns places as in `pg_catalog.pg_class`, sorted
 * @throws ProbeError when the server does not answer.
 */
export async function seen(lease: Lease, { schema, words }: Traces): Promise<readonly string[]> {
  const relations = await column(
    lease,
    `SELECT n.nspname || '.' || c.relname || ' ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname)
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> current_schema()
      AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
      ORDER BY 1`,
  );
  // The names of all roles begin with the schema's. A longer name of another tenant must not count.
  const names = [...(schema === undefined ? [] : [`${schema}(_owner|_app|_ro)?`]), ...words];
  const pattern = `(^|[^a-z0-9_])(${names.join("|")})($|[^a-z0-9_])`;
  const places = await search(
    lease,
    relations.map((line) => {
      const [place = "", name = ""] = line.split(" ");
      return `SELECT ${literal(place)} WHERE EXISTS (SELECT FROM ${name} t WHERE t::text ~ ${literal(pattern)})`;
    }),
  );
  const told = await search(
    lease,
    (schema === undefined ? [] : functions).map(
      (call) =>
        `SELECT ${literal(`pg_catalog.${call.slice(0, call.indexOf("("))}()`)} WHERE EXISTS (SELECT FROM pg_catalog.pg_class c
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE n.nspname = ${literal(schema ?? "")} AND c.relkind IN ('r', 'v') AND ${call} IS NOT NULL)`,
    ),
  );
  return [...places, ...told].sort();
}

/** Many searches in one message; where one of them is refused, as behind a function that is an administrator's, halves. */
async function search(lease: Lease, queries: readonly string[]): Promise<readonly string[]> {
  if (queries.length === 0) return [];
  const text = `SET LOCAL statement_timeout = '30s'; SET LOCAL jit = off; ${queries.join(" UNION ALL ")}; ROLLBACK`;
  const answer = await lease.send(text);
  if (answer.kind === "done") return strings(answer);
  if (answer.kind === "lost") throw new ProbeError(answer.reason);
  if (queries.length === 1) {
    // Refused, or made for other states of the server (recovery, a library that is not loaded): nothing is seen.
    if (/^(42501|55000|0A000|55006|22023)$/.test(answer.code)) return [];
    throw new ProbeError(`the search for visible names failed (SQLSTATE ${answer.code})`);
  }
  const middle = Math.ceil(queries.length / 2);
  return [...(await search(lease, queries.slice(0, middle))), ...(await search(lease, queries.slice(middle)))];
}

async function column(lease: Lease, sql: string): Promise<readonly string[]> {
  const answer = await lease.send(`${sql}; ROLLBACK`);
  if (answer.kind !== "done") throw new ProbeError("the catalogs cannot be read");
  return strings(answer);
}

/** The first column of the last statement before the ROLLBACK. */
function strings(answer: Answer & { kind: "done" }): readonly string[] {
  return (answer.results.at(-2)?.rows ?? []).flatMap(([value]) => (typeof value === "string" ? [value] : []));
}
