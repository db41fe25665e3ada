/** Looks up what there is to attack. The catalogs are open to every login, whatever template a tenant has. */
import { literal } from "../../provider/postgres/quote.ts";
import { ProbeError } from "../attempt.ts";
import type { Lease } from "./connections.ts";
import { missingName, type Objects } from "./scene.ts";

const kinds = ["table", "column", "view", "sequence", "type", "routine"] as const;

/**
 * The first object of each kind in a schema.
 *
 * @throws ProbeError when the server does not answer.
 */
export async function findObjects(lease: Lease, schema: string): Promise<Objects> {
  const inSchema = `(SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = ${literal(schema)})`;
  const relation = (relkinds: string, column: string) =>
    `(SELECT ${column} FROM pg_catalog.pg_class c WHERE c.relnamespace = ${inSchema} ` +
    `AND c.relkind IN (${relkinds}) ORDER BY c.relname LIMIT 1)`;
  const answer = await lease.send(`SELECT ${relation("'r', 'p'", "c.relname")},
    ${relation(
      "'r', 'p'",
      `(SELECT attname FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum LIMIT 1)`,
    )},
    ${relation("'v'", "c.relname")}, ${relation("'S'", "c.relname")},
    (SELECT typname FROM pg_catalog.pg_type
      WHERE typnamespace = ${inSchema} AND typtype = 'e' ORDER BY typname LIMIT 1),
    (SELECT proname FROM pg_catalog.pg_proc WHERE pronamespace = ${inSchema} AND prokind = 'f' AND pronargs = 0
      AND prorettype <> 'pg_catalog.trigger'::regtype ORDER BY proname LIMIT 1)`);
  if (answer.kind !== "done") throw new ProbeError(`the catalogs of the schema ${schema} cannot be read`);
  const row = answer.results[0]?.rows[0] ?? [];
  const name = (kind: (typeof kinds)[number]): string => {
    const value = row[kinds.indexOf(kind)];
    return typeof value === "string" ? value : missingName;
  };
  return {
    table: name("table"),
    column: name("column"),
    view: name("view"),
    sequence: name("sequence"),
    type: name("type"),
    routine: name("routine"),
  };
}

/**
 * A trusted extension that the server offers and the database has not.
 *
 * @throws ProbeError when the server does not answer.
 */
export async function findExtension(lease: Lease): Promise<string> {
  const answer = await lease.send(
    `SELECT name FROM pg_catalog.pg_available_extension_versions WHERE trusted
      AND name NOT IN (SELECT extname FROM pg_catalog.pg_extension) AND requires IS NULL AND schema IS NULL
      ORDER BY name = 'hstore' DESC, name LIMIT 1`,
  );
  if (answer.kind !== "done") throw new ProbeError("the list of extensions cannot be read");
  const value = answer.results[0]?.rows[0]?.[0];
  return typeof value === "string" ? value : missingName;
}
