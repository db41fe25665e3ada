/** Attempts to write where a tenant must not. */
import { identifier, literal } from "../../../provider/postgres/quote.ts";
import { cve, manual, type Recipe } from "../recipe.ts";
import { at, newName } from "../scene.ts";

const insert = manual("sql-insert");
const ddl = manual("sql-createtable");
const searchPath = cve("2018-1058");

/** A new table in a schema that is not a tenant's. */
function createTableIn(schema: string, why: string): Recipe {
  return {
    id: `create-table-${schema}`,
    aim: "write",
    tries: `create a table in the schema ${schema}`,
    why,
    source: searchPath,
    sql: () => `CREATE TABLE ${identifier(schema)}.${newName} (id integer)`,
    control: "administrator",
  };
}

export const writeRecipes: readonly Recipe[] = [
  {
    id: "insert",
    aim: "write",
    tries: "insert into a table of another tenant",
    why: "Forged rows in the other customer's data.",
    source: insert,
    sql: ({ victim }) => `INSERT INTO ${at(victim, "table")} SELECT WHERE false`,
    needs: "table",
    control: "victim",
  },
  {
    id: "update",
    aim: "write",
    tries: "change rows of another tenant",
    why: "Silent damage is worse than a loss.",
    source: manual("sql-update"),
    sql: ({ victim }) => `UPDATE ${at(victim, "table")} SET ${identifier(victim.objects.column)} = DEFAULT WHERE false`,
    needs: "table",
    control: "victim",
  },
  {
    id: "delete",
    aim: "destroy",
    tries: "delete rows of another tenant",
    why: "The other customer's data is gone.",
    source: manual("sql-delete"),
    sql: ({ victim }) => `DELETE FROM ${at(victim, "table")} WHERE false`,
    needs: "table",
    control: "victim",
  },
  {
    id: "insert-read-only",
    aim: "write",
    tries: "insert with its read-only login into its own table",
    why: "Reports and analysts are given this login because it cannot change anything.",
    source: insert,
    login: "readOnly",
    controlLogin: "app",
    sql: ({ attacker }) => `INSERT INTO ${at(attacker, "table")} SELECT WHERE false`,
    // Of a tenant without a table.
    expected: ["42501", "42P01"],
    needs: "table",
    control: "victim",
  },
  {
    id: "update-read-only",
    aim: "write",
    tries: "change rows of its own with its read-only login",
    why: "Reports and analysts are given this login because it cannot change anything.",
    source: manual("sql-update"),
    login: "readOnly",
    controlLogin: "app",
    sql: ({ attacker }) =>
      `UPDATE ${at(attacker, "table")} SET ${identifier(attacker.objects.column)} = DEFAULT WHERE false`,
    expected: ["42501", "42P01"],
    needs: "table",
    control: "victim",
  },
  {
    id: "delete-read-only",
    aim: "destroy",
    tries: "delete rows of its own with its read-only login",
    why: "Reports and analysts are given this login because it cannot change anything.",
    source: manual("sql-delete"),
    login: "readOnly",
    controlLogin: "app",
    sql: ({ attacker }) => `DELETE FROM ${at(attacker, "table")} WHERE false`,
    expected: ["42501", "42P01"],
    needs: "table",
    control: "victim",
  },
  {
    id: "nextval",
    aim: "write",
    tries: "take a number from another tenant's sequence",
    why: "A sequence does not roll back: numbers are lost, and every call tells how many there were since.",
    source: manual("functions-sequence"),
    harm: "victim",
    sql: ({ victim }) => `SELECT FROM nextval(${literal(at(victim, "sequence"))})`,
    needs: "sequence",
    control: "victim",
  },
  {
    id: "setval",
    aim: "write",
    tries: "set another tenant's sequence back",
    why: "Its next insert meets a key that is taken.",
    source: manual("functions-sequence"),
    harm: "victim",
    sql: ({ victim }) => `SELECT FROM setval(${literal(at(victim, "sequence"))}, 1, false)`,
    needs: "sequence",
    control: "administrator",
  },
  {
    id: "create-table-in-victim",
    aim: "write",
    tries: "create a table in another tenant's schema",
    why: "The other tenant's search_path finds what lies in its schema first.",
    source: searchPath,
    sql: ({ victim }) => `CREATE TABLE ${identifier(victim.names.schema)}.${newName} (id integer)`,
    control: "administrator",
  },
  {
    id: "create-table-in-own",
    aim: "write",
    tries: "create a table in its own schema",
    why: "The application's login is no owner: structure, rights and foreign keys are the platform's to change.",
    source: ddl,
    sql: ({ attacker }) => `CREATE TABLE ${identifier(attacker.names.schema)}.${newName} (id integer)`,
    control: "administrator",
  },
  createTableIn("public", "Until version 15 everybody could, and other logins look names up there."),
  createTableIn("extensions", "It is on every tenant's search_path: what is planted there, all of them call."),
  createTableIn("platform", "The catalogue of tenants is the platform's alone."),
  {
    id: "create-schema",
    aim: "write",
    tries: "create a schema",
    why: "An own schema holds own functions and tables, and its name may be that of the next tenant.",
    source: manual("sql-createschema"),
    sql: () => `CREATE SCHEMA ${newName}`,
    control: "administrator",
  },
  {
    id: "create-definer-function",
    aim: "escape",
    tries: "create a SECURITY DEFINER function in its own schema",
    why: "It lends its maker's rights to whoever calls it.",
    source: manual("sql-createfunction"),
    sql: ({ attacker }) =>
      `CREATE FUNCTION ${identifier(attacker.names.schema)}.${newName}() RETURNS integer ` +
      "LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
    control: "administrator",
  },
  {
    id: "create-foreign-key",
    aim: "read",
    tries: "make a table with a foreign key to another tenant's",
    why: "A foreign key tells for each value whether the other tenant has it.",
    source: manual("ddl-constraints"),
    harm: "victim",
    sql: ({ attacker, victim }) =>
      `CREATE TABLE ${identifier(attacker.names.schema)}.${newName} (id bigint REFERENCES ${at(victim, "table")})`,
    needs: "table",
    control: "administrator",
  },
  {
    id: "platform-delete",
    aim: "destroy",
    tries: "delete from the platform's record of applied files",
    why: "What is not recorded is applied again.",
    source: manual("sql-delete"),
    sql: () => "DELETE FROM platform.applied_files WHERE false",
    control: "administrator",
  },
  {
    id: "platform-insert",
    aim: "write",
    tries: "write into the platform's audit trail",
    why: "A trail that a tenant can write proves nothing.",
    source: insert,
    sql: () => "INSERT INTO platform.events (tenant, event) SELECT '', '' WHERE false",
    control: "administrator",
  },
];
