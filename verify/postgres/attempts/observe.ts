/** Attempts to watch others, or the server, through what PostgreSQL tells of itself. */
import { literal } from "../../../provider/postgres/quote.ts";
import { cve, manual, type Recipe } from "../recipe.ts";
import { at, logins, schemaOid } from "../scene.ts";

const catalogs = manual("catalogs-overview");
const files = manual("functions-admin");

/** A system catalog or view that is an administrator's. */
function selectFrom(relation: string, tries: string, why: string): Recipe {
  return {
    id: `select-${relation.replaceAll("_", "-")}`,
    aim: "observe",
    tries,
    why,
    source: relation.includes("file") ? manual(`view-${relation.replaceAll("_", "-")}`) : catalogs,
    sql: () => `SELECT FROM pg_catalog.${relation} LIMIT 0`,
    control: "administrator",
  };
}

export const observeRecipes: readonly Recipe[] = [
  {
    id: "information-schema",
    aim: "observe",
    tries: "find another tenant's tables in information_schema.tables",
    why: "It lists the tables that a login has any right on, be it on one column: an entry is a right that was given.",
    source: manual("infoschema-tables"),
    asks: true,
    sql: ({ victim }) => `SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_class c
        WHERE c.relnamespace = ${schemaOid(victim)} AND c.relkind IN ('r', 'p', 'v'))
      THEN (SELECT count(*) FROM information_schema.tables WHERE table_schema = ${literal(victim.names.schema)}) END`,
    control: "victim",
  },
  {
    id: "statistics",
    aim: "observe",
    tries: "find sampled values of another tenant in pg_stats",
    why: "The most common values of a column are values of the other customer's rows.",
    source: cve("2017-7484"),
    asks: true,
    canaryOnly: true,
    prelude: ({ victim }) => `ANALYZE ${at(victim, "table")}`,
    sql: ({ victim }) => `SELECT count(*) FROM pg_catalog.pg_stats WHERE schemaname = ${literal(victim.names.schema)}`,
    control: "administrator",
  },
  {
    id: "activity",
    aim: "observe",
    tries: "read the text of others' statements in pg_stat_activity",
    why: "Statements carry values: names, tokens, whole documents.",
    source: manual("monitoring-stats"),
    asks: true,
    sql: ({ attacker }) =>
      `SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE query NOT IN ('', '<insufficient privilege>')
        AND usename NOT IN (${[attacker.names.appRole, attacker.names.readOnlyRole].map(literal).join(", ")})`,
    control: "administrator",
  },
  {
    id: "statement-texts",
    aim: "observe",
    tries: "be let into the texts of others' statements by pg_read_all_stats",
    why: "pg_stat_statements and pg_stat_activity show every statement to whoever has this role.",
    source: manual("pgstatstatements"),
    asks: true,
    sql: ({ attacker }) =>
      `SELECT count(*) FROM ${logins(attacker)} WHERE pg_has_role(login.name, 'pg_read_all_stats', 'USAGE')`,
    control: "administrator",
  },
  selectFrom(
    "pg_authid",
    "read the verifiers of others' passwords",
    "A verifier is enough to guess a password offline.",
  ),
  selectFrom("pg_statistic", "read the raw statistics", "They hold sampled values of every tenant's rows."),
  selectFrom("pg_largeobject", "read all large objects", "They hold what anyone has ever stored in one."),
  selectFrom("pg_user_mapping", "read the passwords of foreign servers", "They open other databases."),
  selectFrom("pg_hba_file_rules", "read the server's rules of authentication", "They tell where to attack."),
  selectFrom("pg_file_settings", "read the server's configuration files", "They can hold passwords and tell paths."),
  {
    id: "subscription-passwords",
    aim: "observe",
    tries: "read the connection strings of subscriptions",
    why: "They hold passwords of other servers.",
    source: manual("catalog-pg-subscription"),
    sql: () => "SELECT subconninfo FROM pg_catalog.pg_subscription LIMIT 0",
    control: "administrator",
  },
  {
    id: "data-directory",
    aim: "observe",
    tries: "read a setting that is kept from users",
    why: "pg_read_all_settings tells paths and passwords of replication.",
    source: manual("predefined-roles"),
    sql: () => "SELECT FROM current_setting('data_directory')",
    control: "administrator",
  },
  {
    id: "read-file",
    aim: "observe",
    tries: "read a file of the server",
    why: "The data of all tenants lies in files.",
    source: files,
    sql: () => "SELECT FROM pg_read_file('PG_VERSION')",
    control: "administrator",
  },
  {
    id: "read-binary-file",
    aim: "observe",
    tries: "read a file of the server as bytes",
    why: "The data of all tenants lies in files.",
    source: files,
    sql: () => "SELECT FROM pg_read_binary_file('PG_VERSION')",
    control: "administrator",
  },
  {
    id: "list-folder",
    aim: "observe",
    tries: "list a folder of the server",
    why: "It tells what there is to read.",
    source: files,
    sql: () => "SELECT FROM pg_ls_dir('.') LIMIT 0",
    control: "administrator",
  },
  {
    id: "list-wal",
    aim: "observe",
    tries: "list the write-ahead log",
    why: "Its growth tells of all tenants' writes.",
    source: files,
    sql: () => "SELECT FROM pg_ls_waldir() LIMIT 0",
    control: "administrator",
  },
  {
    id: "copy-from-file",
    aim: "observe",
    tries: "copy a file of the server into its own table",
    why: "The data of all tenants lies in files.",
    source: manual("sql-copy"),
    sql: ({ attacker }) => `COPY ${at(attacker, "table")} FROM '/dev/null'`,
    // Of a tenant without a table.
    expected: ["42501", "42P01"],
    needs: "table",
    control: "administrator",
  },
  {
    id: "import-large-object",
    aim: "observe",
    tries: "import a file of the server as a large object",
    why: "The data of all tenants lies in files.",
    source: manual("lo-funcs"),
    sql: () => "SELECT FROM lo_import('/dev/null')",
    control: "administrator",
  },
];
