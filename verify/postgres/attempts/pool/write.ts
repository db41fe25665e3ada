/** Attempts to write, or to delete, what is another member's, and to learn of its rows by what a write is told. */
import { identifier, literal } from "../../../../provider/postgres/quote.ts";
import { manual, type Recipe } from "../../recipe.ts";
import { missingName, type Scene } from "../../scene.ts";
import {
  attackerId,
  holdsOnTable,
  insertRow,
  isThatRow,
  mainRow,
  placeOf,
  rowSecurity,
  table,
  victimId,
} from "./statements.ts";

const keys = ({ victim }: Scene) =>
  placeOf(victim)
    .keys.map((name) => identifier(name))
    .join(", ");
const end = "SELECT 1 / (current_user IS NULL)::int";
const prefixed = ({ victim }: Scene, alias: string) =>
  placeOf(victim)
    .keys.map((name) => `${alias}.${identifier(name)}`)
    .join(", ");
/** A key that is taken: only who gets past the policy is told. */
const past = "23";

/** Everything here is only tried against canaries, and rolled back. */
function write(recipe: Omit<Recipe, "between" | "harm" | "control"> & Partial<Pick<Recipe, "control">>): Recipe {
  return { control: "victim", ...recipe, between: "pool", harm: "victim" };
}

function ofVictim(scene: Scene): string {
  return `WHERE tenant_id = ${victimId(scene)}`;
}

/** Its own copy of the victim's row, unless there is one. */
function ownCopy(scene: Scene): string {
  return `${insertRow(scene, mainRow(scene), attackerId(scene))} ON CONFLICT DO NOTHING`;
}

export const poolWriteRecipes: readonly Recipe[] = [
  write({
    id: "pool-insert",
    aim: "write",
    tries: "insert a row that is another member's",
    why: "Forged rows in the other customer's data.",
    source: rowSecurity,
    leakCode: past,
    sql: (scene) => insertRow(scene, mainRow(scene), victimId(scene)),
  }),
  write({
    id: "pool-insert-on-conflict",
    aim: "write",
    tries: "insert a row that is another member's, and be content with a conflict",
    why: "ON CONFLICT DO NOTHING tells by its count whether the other customer has the key.",
    source: manual("sql-insert"),
    sql: (scene) => `${insertRow(scene, mainRow(scene), victimId(scene))} ON CONFLICT DO NOTHING`,
  }),
  write({
    id: "pool-insert-on-conflict-update",
    aim: "write",
    tries: "change another member's row by ON CONFLICT DO UPDATE",
    why: "The row that is in the way is changed without ever having been selected.",
    source: manual("sql-insert"),
    sql: (scene) =>
      `${insertRow(scene, mainRow(scene), victimId(scene))} ON CONFLICT (tenant_id, ${keys(scene)}) ` +
      `DO UPDATE SET tenant_id = excluded.tenant_id`,
  }),
  write({
    id: "pool-merge",
    aim: "write",
    tries: "change or make another member's row by MERGE",
    why: "MERGE has checks of its own for each of its branches.",
    source: manual("sql-merge"),
    leakCode: past,
    sql: (scene) => {
      const { columns, row } = placeOf(scene.victim);
      const list = columns.map((column) => identifier(column)).join(", ");
      return (
        `MERGE INTO ${table(scene)} t USING jsonb_populate_record(NULL::${table(scene)}, ${literal(row)}::jsonb) s ON (t.tenant_id, ${prefixed(scene, "t")}) = (s.tenant_id, ${prefixed(scene, "s")}) ` +
        `WHEN MATCHED THEN UPDATE SET tenant_id = s.tenant_id ` +
        `WHEN NOT MATCHED THEN INSERT (${list}) OVERRIDING SYSTEM VALUE VALUES (${columns.map((column) => `s.${identifier(column)}`).join(", ")})`
      );
    },
  }),
  write({
    id: "pool-update",
    aim: "write",
    tries: "change rows of another member",
    why: "Silent damage is worse than a loss.",
    source: rowSecurity,
    asks: true,
    sql: (scene) =>
      `WITH changed AS (UPDATE ${table(scene)} SET tenant_id = tenant_id ${ofVictim(scene)} RETURNING 1) SELECT count(*) FROM changed`,
  }),
  write({
    id: "pool-move",
    aim: "write",
    tries: "move a row of its own to another member",
    why: "USING alone lets a row out that WITH CHECK would have kept.",
    source: rowSecurity,
    asks: true,
    expected: ["42501"],
    leakCode: past,
    sql: (scene) =>
      `${ownCopy(scene)}; WITH moved AS (UPDATE ${table(scene)} SET tenant_id = ${victimId(scene)} ` +
      `WHERE tenant_id = ${attackerId(scene)} AND ${isThatRow(scene)} RETURNING 1) SELECT count(*) FROM moved`,
  }),
  write({
    id: "pool-take",
    aim: "read",
    tries: "move another member's rows to itself",
    why: "What carries its own id, it may read.",
    source: rowSecurity,
    asks: true,
    leakCode: past,
    sql: (scene) =>
      `WITH taken AS (UPDATE ${table(scene)} SET tenant_id = ${attackerId(scene)} ${ofVictim(scene)} RETURNING 1) SELECT count(*) FROM taken`,
  }),
  write({
    id: "pool-delete",
    aim: "destroy",
    tries: "delete rows of another member",
    why: "The other customer's data is gone.",
    source: rowSecurity,
    asks: true,
    sql: (scene) =>
      `WITH gone AS (DELETE FROM ${table(scene)} ${ofVictim(scene)} RETURNING 1) SELECT count(*) FROM gone`,
  }),
  write({
    id: "pool-insert-read-only",
    aim: "write",
    tries: "insert into a shared table with its read-only login",
    why: "Reports and analysts are given this login because it cannot change anything.",
    source: manual("sql-insert"),
    login: "readOnly",
    controlLogin: "app",
    leakCode: past,
    sql: (scene) => insertRow(scene, mainRow(scene), attackerId(scene)),
  }),
  write({
    id: "pool-update-read-only",
    aim: "write",
    tries: "change rows of a shared table with its read-only login",
    why: "Reports and analysts are given this login because it cannot change anything.",
    source: manual("sql-update"),
    login: "readOnly",
    controlLogin: "app",
    sql: (scene) => `UPDATE ${table(scene)} SET tenant_id = tenant_id WHERE false`,
  }),
  write({
    id: "pool-delete-read-only",
    aim: "destroy",
    tries: "delete from a shared table with its read-only login",
    why: "Reports and analysts are given this login because it cannot change anything.",
    source: manual("sql-delete"),
    login: "readOnly",
    controlLogin: "app",
    sql: (scene) => `DELETE FROM ${table(scene)} WHERE false`,
  }),
  {
    id: "pool-copy-in",
    aim: "write",
    tries: "load rows into a shared table by COPY FROM",
    why: "COPY is a way of its own to write, which no policy filters: with one it has to be refused as a whole.",
    source: manual("sql-copy"),
    between: "pool",
    harm: "victim",
    expected: ["0A000"],
    // No rows are sent: that the server waits for them is enough.
    leakCode: "57014",
    sql: (scene) => `COPY ${table(scene)} FROM STDIN`,
    control: "administrator",
  },
  {
    id: "pool-truncate",
    aim: "destroy",
    tries: "empty a shared table",
    why: "TRUNCATE asks no policy: the rows of every member are gone.",
    source: manual("sql-truncate"),
    between: "pool",
    harm: "server",
    sql: (scene) => `TRUNCATE ${table(scene)} CASCADE`,
    dry: (scene) => holdsOnTable(scene, "TRUNCATE"),
    control: "administrator",
  },
  write({
    id: "pool-unique-oracle",
    aim: "observe",
    tries: "learn by error 23505 whether another member has a key",
    why: "A unique key without tenant_id tells for each value whether another customer has it.",
    source: rowSecurity,
    // The division after it: the row is its own, and nobody was in the way.
    expected: ["22012"],
    leakCode: "23505",
    sql: (scene) => `${insertRow(scene, mainRow(scene), attackerId(scene))}; ${end}`,
  }),
  write({
    id: "pool-foreign-key-oracle",
    aim: "observe",
    tries: "learn by a foreign key whether another member has a row, and hold on to it",
    why: "The check of a foreign key asks no policy: without tenant_id it takes another customer's row.",
    source: rowSecurity,
    // 42P01: of a pool without such a table.
    expected: ["23503", "42P01"],
    leakCode: "23505",
    sql: (scene) => {
      const child = placeOf(scene.victim).child ?? { table: missingName, columns: ["tenant_id"], row: "{}" };
      return `${insertRow(scene, child, attackerId(scene))}; SET CONSTRAINTS ALL IMMEDIATE`;
    },
    needs: "child",
  }),
];
