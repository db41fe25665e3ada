/** Attempts to reach schemas, databases and settings that are not a tenant's. */
import { identifier, literal } from "../../../provider/postgres/quote.ts";
import { cve, manual, type Recipe } from "../recipe.ts";
import { logins, newName } from "../scene.ts";

const superuser = "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user";

export const databaseRecipes: readonly Recipe[] = [
  {
    id: "definer-functions",
    aim: "escape",
    tries: "call a SECURITY DEFINER function of another schema",
    why: "It runs with its owner's rights, and a loose search_path makes it run the caller's code.",
    source: cve("2018-1058"),
    asks: true,
    prelude: () => `CREATE FUNCTION public.${newName}() RETURNS integer LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'`,
    sql: ({ attacker }) =>
      `SELECT count(*) FROM ${logins(attacker)}, pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        WHERE p.prosecdef AND n.nspname <> ${literal(attacker.names.schema)}
        AND has_schema_privilege(login.name, n.oid, 'USAGE') AND has_function_privilege(login.name, p.oid, 'EXECUTE')`,
    control: "administrator",
  },
  {
    id: "shared-search-path",
    aim: "escape",
    tries: "have a schema on its search_path that others share",
    why: "Whoever may create there makes the tenant's names mean something else.",
    source: cve("2018-1058"),
    asks: true,
    sql: ({ attacker }) =>
      `SELECT count(*) FROM unnest(current_schemas(true)) AS path (name)
        WHERE path.name NOT IN (${literal(attacker.names.schema)}, 'extensions', 'pg_catalog')`,
    prelude: () => `CREATE SCHEMA ${newName}; SET LOCAL search_path = ${newName}`,
    control: "administrator",
  },
  {
    id: "create-elsewhere",
    aim: "escape",
    tries: "hold CREATE on any schema",
    why: "What is planted in a schema, others look up: public and the extensions above all.",
    source: cve("2018-1058"),
    asks: true,
    sql: ({ attacker }) =>
      `SELECT count(*) FROM ${logins(attacker)}, pg_catalog.pg_namespace n
        WHERE n.nspname !~ '^pg_(toast_)?temp_' AND has_schema_privilege(login.name, n.oid, 'CREATE')`,
    control: "administrator",
  },
  {
    id: "database-by-public",
    aim: "escape",
    tries: "hold rights on the shared database that were not given to itself",
    why: "CONNECT of PUBLIC lets every login of the server in, those of other platforms included.",
    source: manual("ddl-priv"),
    asks: true,
    sql: ({ attacker }) =>
      `SELECT count(*) FROM ${logins(attacker)} JOIN pg_catalog.pg_roles r ON r.rolname = login.name, pg_catalog.pg_database d,
        aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS entry WHERE d.datname = current_database()
        AND (entry.grantee = 0 OR entry.privilege_type <> 'CONNECT' OR entry.grantee <> r.oid)
        AND CASE WHEN entry.grantee = 0 THEN true ELSE pg_has_role(r.oid, entry.grantee, 'USAGE') END`,
    control: "administrator",
  },
  {
    id: "database-create-temp",
    aim: "escape",
    tries: "hold CREATE or TEMP on the shared database",
    why: "CREATE brings schemas and trusted extensions, TEMP tables and functions that are no tenant's.",
    source: manual("ddl-priv"),
    asks: true,
    sql: ({ attacker }) =>
      `SELECT count(*) FROM ${logins(attacker)} WHERE has_database_privilege(login.name, current_database(), 'CREATE, TEMP')`,
    control: "administrator",
  },
  {
    id: "other-databases",
    aim: "escape",
    tries: "hold CONNECT on another database",
    why: "In another database no hardening of this one holds.",
    source: manual("ddl-priv"),
    asks: true,
    sql: ({ attacker }) =>
      `SELECT count(*) FROM ${logins(attacker)}, pg_catalog.pg_database d
        WHERE d.datallowconn AND d.datname <> current_database() AND has_database_privilege(login.name, d.oid, 'CONNECT')`,
    control: "administrator",
  },
  {
    id: "connect-elsewhere",
    aim: "escape",
    tries: "log in to the database postgres",
    why: "In another database no hardening of this one holds.",
    source: manual("manage-ag-templatedbs"),
    sql: () => "connect to the database postgres",
    connectTo: "postgres",
    canaryOnly: true,
    control: "administrator",
  },
  {
    id: "replication-role",
    aim: "escape",
    tries: "switch triggers and foreign keys off by session_replication_role",
    why: "The checks that keep data whole no longer run.",
    source: manual("runtime-config-client"),
    sql: () => "SET LOCAL session_replication_role = replica",
    control: "administrator",
  },
  {
    id: "hide-from-log",
    aim: "escape",
    tries: "switch the log of its statements off",
    why: "What was done cannot be found afterwards.",
    source: manual("runtime-config-logging"),
    sql: () => "SET LOCAL log_statement = 'none'",
    control: "administrator",
  },
  {
    id: "alter-system",
    aim: "escape",
    tries: "change the server's configuration",
    why: "Settings of the server run programs and load libraries.",
    source: manual("sql-altersystem"),
    harm: "server",
    sql: () => "ALTER SYSTEM RESET work_mem",
    dry: ({ attacker }) =>
      `SELECT count(*) FROM ${logins(attacker)} WHERE has_parameter_privilege(login.name, 'work_mem', 'ALTER SYSTEM')`,
    alone: true,
    control: "administrator",
  },
  {
    id: "reload",
    aim: "escape",
    tries: "have the server read its configuration again",
    why: "It makes a change of the configuration live.",
    source: manual("config-setting"),
    harm: "server",
    sql: () => "SELECT FROM pg_reload_conf()",
    dry: ({ attacker }) =>
      `SELECT count(*) FROM ${logins(attacker)} WHERE has_function_privilege(login.name, 'pg_catalog.pg_reload_conf()', 'EXECUTE')`,
    control: "administrator",
  },
  {
    id: "alter-database",
    aim: "escape",
    tries: "change the settings of the shared database",
    why: "They hold for every tenant's next login.",
    source: manual("sql-alterdatabase"),
    harm: "server",
    sql: ({ database }) => `ALTER DATABASE ${identifier(database)} SET work_mem = '4MB'`,
    dry: ({ database }) =>
      `SELECT pg_has_role(datdba, 'USAGE') FROM pg_catalog.pg_database WHERE datname = ${literal(database)}`,
    control: "administrator",
  },
  {
    id: "create-event-trigger",
    aim: "escape",
    tries: "create an event trigger",
    why: "It runs with the rights of whoever changes a table anywhere in the database.",
    source: manual("sql-createeventtrigger"),
    harm: "server",
    sql: () => `CREATE EVENT TRIGGER ${newName} ON ddl_command_end EXECUTE FUNCTION ${newName}()`,
    dry: () => superuser,
    control: "administrator",
  },
  {
    id: "create-tablespace",
    aim: "escape",
    tries: "create a tablespace",
    why: "It writes to a folder of the attacker's choice.",
    source: manual("sql-createtablespace"),
    harm: "server",
    sql: () => `CREATE TABLESPACE ${newName} LOCATION '/nonexistent'`,
    dry: () => superuser,
    alone: true,
    control: "administrator",
  },
];
