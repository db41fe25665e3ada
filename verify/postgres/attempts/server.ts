/** Attempts to reach the server itself, its files and programs, or other machines. */
import { identifier } from "../../../provider/postgres/quote.ts";
import { cve, manual, type Recipe } from "../recipe.ts";
import { at, logins, newName } from "../scene.ts";

const copyProgram = "https://nvd.nist.gov/vuln/detail/CVE-2019-9193";

export const serverRecipes: readonly Recipe[] = [
  {
    id: "copy-to-program",
    aim: "escape",
    tries: "run a program of the server by COPY TO PROGRAM",
    why: "A shell as the server's user: all data of all tenants.",
    source: copyProgram,
    sql: () => "COPY (SELECT WHERE false) TO PROGRAM 'true'",
    control: "administrator",
  },
  {
    id: "copy-from-program",
    aim: "escape",
    tries: "run a program of the server by COPY FROM PROGRAM",
    why: "A shell as the server's user: all data of all tenants.",
    source: copyProgram,
    sql: ({ attacker }) => `COPY ${at(attacker, "table")} FROM PROGRAM 'true'`,
    // Of a tenant without a table.
    expected: ["42501", "42P01"],
    needs: "table",
    control: "administrator",
  },
  {
    id: "copy-to-file",
    aim: "escape",
    tries: "write a file of the server",
    why: "A file in the right place is code that the server runs.",
    source: manual("sql-copy"),
    sql: () => "COPY (SELECT WHERE false) TO '/dev/null'",
    control: "administrator",
  },
  {
    id: "create-extension",
    aim: "escape",
    tries: "create an extension",
    why: "Its script runs as the server's first superuser.",
    source: cve("2022-2625"),
    sql: ({ extension }) => `CREATE EXTENSION ${identifier(extension)} SCHEMA extensions`,
    // 0A000: the server has no such extension, where it offers none that is not installed.
    expected: ["42501", "0A000"],
    needs: "extension",
    control: "administrator",
  },
  {
    id: "create-publication",
    aim: "escape",
    tries: "create a publication",
    why: "It sends a table's changes to whoever subscribes.",
    source: manual("sql-createpublication"),
    sql: () => `CREATE PUBLICATION ${newName}`,
    control: "administrator",
  },
  {
    id: "create-subscription",
    aim: "escape",
    tries: "create a subscription",
    why: "The server connects to a machine of the attacker's choice and writes what it is told.",
    source: manual("sql-createsubscription"),
    sql: () => `CREATE SUBSCRIPTION ${newName} CONNECTION 'dbname=none' PUBLICATION none WITH (connect = false)`,
    control: "administrator",
  },
  {
    id: "create-foreign-data-wrapper",
    aim: "escape",
    tries: "create a foreign-data wrapper",
    why: "It reaches out of the database with the server's own address.",
    source: manual("sql-createforeigndatawrapper"),
    sql: () => `CREATE FOREIGN DATA WRAPPER ${newName}`,
    control: "administrator",
  },
  {
    id: "reach-outside",
    aim: "escape",
    tries: "use a foreign-data wrapper, a foreign server or dblink",
    why: "Each connects from the server to where a tenant cannot.",
    source: manual("dblink"),
    asks: true,
    prelude: () => `CREATE FOREIGN DATA WRAPPER ${newName}`,
    sql: ({ attacker }) =>
      `SELECT (SELECT count(*) FROM ${logins(attacker)}, pg_catalog.pg_foreign_data_wrapper w
          WHERE has_foreign_data_wrapper_privilege(login.name, w.oid, 'USAGE'))
        + (SELECT count(*) FROM ${logins(attacker)}, pg_catalog.pg_foreign_server s
          WHERE has_server_privilege(login.name, s.oid, 'USAGE'))
        + (SELECT count(*) FROM ${logins(attacker)}, pg_catalog.pg_proc p
          WHERE p.proname LIKE 'dblink%' AND has_function_privilege(login.name, p.oid, 'EXECUTE'))`,
    control: "administrator",
  },
  {
    id: "c-function",
    aim: "escape",
    tries: "create a function in C",
    why: "Code of the attacker's inside of the server.",
    source: manual("xfunc-c"),
    sql: ({ attacker }) =>
      `CREATE FUNCTION ${identifier(attacker.names.schema)}.${newName}() RETURNS void LANGUAGE internal AS 'pg_backend_pid'`,
    control: "administrator",
  },
  {
    id: "load-library",
    aim: "escape",
    tries: "load a library into the server",
    why: "Code of the attacker's inside of the server.",
    source: manual("sql-load"),
    sql: () => "LOAD 'plpgsql'",
    control: "administrator",
  },
  {
    id: "administrators-functions",
    aim: "escape",
    tries: "execute any function that is an administrator's by the server's own rules",
    why: "They read and write files, reload and promote the server, and throw its statistics away.",
    source: manual("catalog-pg-init-privs"),
    asks: true,
    sql: ({ attacker }) =>
      `SELECT count(*) FROM ${logins(attacker)}, pg_catalog.pg_init_privs i JOIN pg_catalog.pg_proc p ON p.oid = i.objoid
        WHERE i.classoid = 'pg_catalog.pg_proc'::regclass AND has_function_privilege(login.name, p.oid, 'EXECUTE')
        AND NOT EXISTS (SELECT FROM aclexplode(i.initprivs) a WHERE a.grantee = 0)`,
    control: "administrator",
  },
];
