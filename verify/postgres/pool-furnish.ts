/** Rows of a canary in a pool, whatever template the pool has: made from what the catalog says of each column. */
import { identifier, literal } from "../../provider/postgres/quote.ts";
import { ProbeError } from "../attempt.ts";
import type { Lease } from "./connections.ts";
import { canaryWord, type PoolColumn, poolFacts, type PoolTable } from "./pool-side.ts";

/** What CHECKs of templates let through: a word, an address, a key; a port, a small number. */
interface Values {
  readonly text: string;
  readonly number: string;
}

function valuesFor(word: string): Values[] {
  return [word, `${word}@example.com`, `${word}:1`].flatMap((text) =>
    ["(1024 + floor(random() * 30000))::int", "1"].map((number) => ({ text, number })),
  );
}

/** A value by its type; undefined for a type that is not known. */
function valueOf({ type, category }: PoolColumn, { text, number }: Values): string | undefined {
  const name = type.replace(/^.*\./, "");
  if (category === "E") return `(enum_range(NULL::${type}))[1]`;
  if (category === "S") return literal(text);
  if (category === "N") return number;
  if (category === "B") return "true";
  if (category === "D") return "now() + interval '1 day'";
  if (category === "T") return "interval '1 day'";
  if (category === "A") return "'{}'";
  if (name === "uuid") return "gen_random_uuid()";
  if (name === "json" || name === "jsonb") return "'{}'";
  if (name === "bytea") return "decode(repeat('00', 32), 'hex')";
  return undefined;
}

function insertSql(schema: string, table: PoolTable, word: string, values: Values): string | undefined {
  const inside = (name: string) => `${identifier(schema)}.${identifier(name)}`;
  const has = `to_jsonb(tenancy_row)::text LIKE ${literal(`%${word}%`)}`;
  const parents = new Map(
    table.references.flatMap(({ table: parent, pairs }) =>
      parent === table.name
        ? []
        : pairs.map(({ column, to }) => [
            column,
            `(SELECT ${identifier(to)} FROM ${inside(parent)} tenancy_row ORDER BY ${has} DESC LIMIT 1)`,
          ]),
    ),
  );
  const given = table.columns
    .filter((column) => column.name !== "tenant_id" && (column.needed || parents.has(column.name)))
    .map((column) => ({ column, value: parents.get(column.name) ?? valueOf(column, values) }));
  if (given.some(({ value }) => value === undefined)) return undefined;
  if (given.length === 0) return `INSERT INTO ${inside(table.name)} DEFAULT VALUES`;
  const names = given.map(({ column }) => identifier(column.name)).join(", ");
  // Rows of a seed are every member's: the canary gets one of its own beside them.
  const own = given.some(({ column }) => column.category === "S") ? `WHERE ${has}` : "";
  return (
    `INSERT INTO ${inside(table.name)} (${names}) SELECT ${given.map(({ value }) => String(value)).join(", ")} ` +
    `WHERE NOT EXISTS (SELECT FROM ${inside(table.name)} tenancy_row ${own})`
  );
}

/**
 * One row in every table that takes one. Can be run again.
 *
 * @param lease - of the canary's application
 * @throws ProbeError when no table with a key of its own took a row
 */
export async function furnishPool(lease: Lease, schema: string, tenantId: string): Promise<void> {
  const word = canaryWord(tenantId);
  const { tables } = await poolFacts(lease, schema);
  const writable = tables.filter((table) => table.writable);
  // Parents first, however they are named: a table whose parent is still empty is tried again.
  for (let pass = 0; pass < 3; pass += 1) {
    for (const table of writable) {
      for (const values of valuesFor(word)) {
        const sql = insertSql(schema, table, word, values);
        const answer = sql === undefined ? undefined : await lease.send(sql);
        if (answer?.kind === "lost") throw new ProbeError(answer.reason);
        if (answer?.kind === "done") break;
      }
    }
  }
  const keyed = writable.filter(({ keys }) => keys.length > 0);
  const asked = keyed.map(({ name }) => `EXISTS (SELECT FROM ${identifier(schema)}.${identifier(name)})`);
  const answer = asked.length === 0 ? undefined : await lease.send(`SELECT ${asked.join(" OR ")}`);
  if (answer?.kind === "done" && answer.results[0]?.rows[0]?.[0] === true) return;
  throw new ProbeError(
    `no table of the pool ${schema} took a row with made-up values. Give the template a file in seed/ that fills a ` +
      `table with a key beside tenant_id.`,
  );
}
