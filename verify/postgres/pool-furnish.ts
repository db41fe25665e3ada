/** Rows of a canary in a pool, whatever template the pool has: made from what the catalog says of each column. */
import { identifier, literal } from "../../provider/postgres/quote.ts";
import { ProbeError } from "../attempt.ts";
import type { Lease } from "./connections.ts";
import { type PoolColumn, poolFacts, type PoolTable } from "./pool-side.ts";

/** Texts that CHECKs of templates let through: a word, an address, a key. */
const words = ["canary", "canary@example.com", "canary:1"];

/** A value by its type; undefined for a type that is not known. */
function valueOf({ type, category }: PoolColumn, word: string): string | undefined {
  const name = type.replace(/^.*\./, "");
  if (category === "E") return `(enum_range(NULL::${type}))[1]`;
  if (category === "S") return literal(word);
  if (category === "N") return "1";
  if (category === "B") return "true";
  if (category === "D") return "now()";
  if (category === "A") return "'{}'";
  if (name === "uuid") return "gen_random_uuid()";
  if (name === "json" || name === "jsonb") return "'{}'";
  if (name === "bytea") return "decode(repeat('00', 32), 'hex')";
  return undefined;
}

function insertSql(schema: string, { name, columns, references }: PoolTable, word: string): string | undefined {
  const inside = (table: string) => `${identifier(schema)}.${identifier(table)}`;
  const parents = new Map(
    references.flatMap(({ table, pairs }) =>
      table === name
        ? []
        : pairs.map(({ column, to }) => [column, `(SELECT ${identifier(to)} FROM ${inside(table)} LIMIT 1)`]),
    ),
  );
  const given = columns
    .filter((column) => column.name !== "tenant_id" && (column.needed || parents.has(column.name)))
    .map((column) => ({ name: column.name, value: parents.get(column.name) ?? valueOf(column, word) }));
  if (given.some(({ value }) => value === undefined)) return undefined;
  const into = given.length === 0 ? "DEFAULT VALUES" : `(${given.map((one) => identifier(one.name)).join(", ")})`;
  if (given.length === 0) return `INSERT INTO ${inside(name)} ${into}`;
  const values = given.map(({ value }) => String(value)).join(", ");
  return `INSERT INTO ${inside(name)} ${into} SELECT ${values} WHERE NOT EXISTS (SELECT FROM ${inside(name)})`;
}

/**
 * One row in every table that takes one. Can be run again.
 *
 * @param lease - of the canary's application
 * @throws ProbeError when no table with a key of its own took a row
 */
export async function furnishPool(lease: Lease, schema: string): Promise<void> {
  const { tables } = await poolFacts(lease, schema);
  const writable = tables.filter((table) => table.writable);
  // Parents first, however they are named: a table whose parent is still empty is tried again.
  for (let pass = 0; pass < 3; pass += 1) {
    for (const table of writable) {
      for (const word of words) {
        const sql = insertSql(schema, table, word);
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
