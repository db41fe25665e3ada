/** Rights, memberships and attributes that break what keeps tenants apart, each with the attempts that find it. */
import type { PostgresNames } from "../../components/naming.ts";
import { recipes } from "../../verify/postgres/attempts/index.ts";

export interface Mutation {
  readonly name: string;
  /** Statements of an administrator; `a` is the attacker, `v` the victim. */
  damage(a: PostgresNames, v: PostgresNames): string;
  repair(a: PostgresNames, v: PostgresNames): string;
  /** Ids, without the store, of all attempts that are a LEAK. */
  readonly found: readonly string[];
}

/** A right that is granted, and taken back. */
function grant(name: string, right: string, on: string, to: string, found: readonly string[], option = ""): Mutation {
  const fill = (a: PostgresNames, v: PostgresNames) => (text: string) =>
    text.replaceAll("{a}", a.schema).replaceAll("{v}", v.schema);
  return {
    name,
    damage: (a, v) => fill(a, v)(`GRANT ${right} ${on === "" ? "" : `ON ${on} `}TO ${to} ${option}`),
    repair: (a, v) => fill(a, v)(`REVOKE ${right} ${on === "" ? "" : `ON ${on} `}FROM ${to} CASCADE`),
    found,
  };
}

/** A right on an object behind the schema, which is opened as well. */
function grantInside(
  name: string,
  right: string,
  on: string,
  to: string,
  found: readonly string[],
  option = "",
): Mutation {
  const inner = grant(name, right, on, to, found, option);
  const outer = grant(name, "USAGE", "SCHEMA {v}", to, []);
  return {
    name,
    damage: (a, v) => `${inner.damage(a, v)}; ${outer.damage(a, v)}`,
    repair: (a, v) => `${inner.repair(a, v)}; ${outer.repair(a, v)}`,
    found,
  };
}

function attribute(word: string, found: readonly string[]): Mutation {
  return {
    name: `the application's login has ${word}`,
    damage: (a) => `ALTER ROLE ${a.appRole} ${word}`,
    repair: (a) => `ALTER ROLE ${a.appRole} NO${word}`,
    found,
  };
}

/** What finds a schema that is open. */
const opened = ["rights-on-schema", "regclass", "enum", "schema-to-xml"];
/** What finds a right on a table in an open schema. */
const granted = [...opened, "rights-on-tables", "rights-elsewhere", "information-schema"];
/** What finds a table that can be read. */
export const read = [...granted, "select", "explain", "copy-out", "search-path", "query-to-xml", "division-by-zero"];

function everythingBut(ids: readonly string[]): string[] {
  const here = recipes.filter(({ between }) => between === undefined || between === "schemas");
  return here.map(({ id }) => id).filter((id) => !ids.includes(id));
}

const app = "{a}_app";
const table = "{v}.canary_records";

export const grants: readonly Mutation[] = [
  grantInside("another tenant may read a table", "SELECT", table, app, read),
  grantInside("everybody may read every table", "SELECT", "ALL TABLES IN SCHEMA {v}", "PUBLIC", [
    ...read,
    "select-read-only",
    "view",
  ]),
  grant("another tenant's read-only login may read a table behind the closed schema", "SELECT", table, "{a}_ro", [
    "rights-on-tables",
  ]),
  grant("everybody may use the schema", "USAGE", "SCHEMA {v}", "PUBLIC", opened),
  grant("another tenant may create in the schema", "CREATE", "SCHEMA {v}", app, [
    "rights-on-schema",
    "create-table-in-victim",
    "create-elsewhere",
  ]),
  grantInside("another tenant may write a table", "INSERT, UPDATE, DELETE", table, app, [
    ...granted,
    "insert",
    "update",
    "delete",
    "lock-table",
  ]),
  grantInside("another tenant may truncate, and put triggers on, a table", "TRUNCATE, TRIGGER", table, app, [
    ...granted,
    "truncate",
    "create-trigger",
    "lock-table",
  ]),
  grantInside("another tenant may read one column", "SELECT (canary_body)", table, app, read),
  grantInside("another tenant may refer to a table", "REFERENCES", table, app, [...granted, "rights-on-references"]),
  grantInside(
    "another tenant may pass on the right to read",
    "SELECT",
    table,
    app,
    [...read, "grant-on-table"],
    "WITH GRANT OPTION",
  ),
  grantInside("everybody may read a view", "SELECT", "{v}.canary_view", "PUBLIC", [...granted, "view"]),
  grantInside("everybody may call a function", "EXECUTE", "FUNCTION {v}.canary_answer()", "PUBLIC", [
    ...opened,
    "function",
    "rights-on-functions",
  ]),
  grantInside("everybody may use a type", "USAGE", "TYPE {v}.canary_mood", "PUBLIC", [...opened, "rights-on-types"]),
  grantInside("everybody may use and set a sequence", "ALL", "SEQUENCE {v}.canary_numbers", "PUBLIC", [
    ...opened,
    "sequence-value",
    "rights-on-tables",
    "rights-elsewhere",
    "nextval",
    "setval",
  ]),
  grant("the application's login is a member of its own owner", "{a}_owner", "", app, [
    "become-own-owner",
    "memberships",
  ]),
  grant("the application's login is a member of another tenant's owner", "{v}_owner", "", app, [
    "become-owner",
    "set-config-role",
    "memberships",
  ]),
  grant("the read-only login is a member of another tenant's login", "{v}_app", "", "{a}_ro", ["memberships"]),
  attribute("BYPASSRLS", ["attributes"]),
  attribute("CREATEROLE", ["attributes", "create-role"]),
  attribute("CREATEDB", ["create-database", "attributes"]),
  attribute("REPLICATION", ["replication-slot", "attributes"]),
  attribute(
    "SUPERUSER",
    everythingBut([
      "select-read-only",
      "foreign-keys",
      "default-privileges",
      "insert-read-only",
      "update-read-only",
      "delete-read-only",
      "statistics",
      "unlimited-connections",
      "reach-outside",
      "definer-functions",
      "shared-search-path",
    ]),
  ),
  ...Object.entries({
    pg_read_all_data: [
      ...read,
      "view",
      "sequence-value",
      "platform-tenants",
      "platform-applied-files",
      "rights-on-platform",
      "select-pg-authid",
      "select-pg-statistic",
      "select-pg-largeobject",
      "select-pg-user-mapping",
      "subscription-passwords",
      "memberships",
    ],
    pg_write_all_data: [
      ...granted,
      "rights-on-platform",
      "insert",
      "update",
      "delete",
      "nextval",
      "setval",
      "platform-delete",
      "platform-insert",
      "lock-table",
      "memberships",
    ],
    pg_monitor: [
      "activity",
      "statement-texts",
      "data-directory",
      "list-wal",
      "memberships",
      "administrators-functions",
    ],
    pg_signal_backend: ["cancel", "terminate", "memberships"],
    pg_read_server_files: ["copy-from-file", "memberships"],
    pg_write_server_files: ["memberships", "copy-to-file"],
    pg_execute_server_program: ["memberships", "copy-to-program", "copy-from-program"],
    pg_checkpoint: ["checkpoint", "memberships"],
    pg_create_subscription: ["memberships"],
    pg_maintain: ["memberships"],
  }).map(([role, found]) =>
    grant(`the application's login is a member of ${role}`, role, "", app, found, "WITH INHERIT TRUE"),
  ),
  grant("everybody may connect to the shared database", "CONNECT", "DATABASE tenants", "PUBLIC", [
    "database-by-public",
  ]),
  grant("everybody may make temporary objects", "TEMPORARY", "DATABASE tenants", "PUBLIC", [
    "temporary-table",
    "temporary-function",
    "database-by-public",
    "database-create-temp",
  ]),
  grant("a tenant may create in the shared database", "CREATE", "DATABASE tenants", app, [
    "create-schema",
    "create-extension",
    "create-publication",
    "database-by-public",
    "database-create-temp",
  ]),
  grant("everybody may connect to another database", "CONNECT", "DATABASE postgres", "PUBLIC", [
    "other-databases",
    "connect-elsewhere",
  ]),
  grant("everybody may create in the schema public", "ALL", "SCHEMA public", "PUBLIC", [
    "create-table-public",
    "create-elsewhere",
  ]),
  grant("everybody may create in the schema extensions", "CREATE", "SCHEMA extensions", "PUBLIC", [
    "create-table-extensions",
    "create-elsewhere",
  ]),
  grant("everybody may take advisory locks", "EXECUTE", "FUNCTION pg_try_advisory_xact_lock(bigint)", "PUBLIC", [
    "advisory-lock",
    "ownerless-functions",
  ]),
  grant("everybody may take the platform's lock", "EXECUTE", "FUNCTION pg_advisory_xact_lock(bigint)", "PUBLIC", [
    "advisory-lock-platform",
    "ownerless-functions",
  ]),
  grant("everybody may make large objects", "EXECUTE", "FUNCTION lo_create(oid), lo_from_bytea(oid, bytea)", "PUBLIC", [
    "ownerless-functions",
    "large-object",
    "large-object-from-bytes",
  ]),
  grant("everybody may notify by function", "EXECUTE", "FUNCTION pg_notify(text, text)", "PUBLIC", [
    "ownerless-functions",
    "notify",
  ]),
  grant("everybody may read the server's files", "EXECUTE", "FUNCTION pg_read_file(text)", "PUBLIC", [
    "read-file",
    "administrators-functions",
  ]),
  grant("a tenant may reload the server", "EXECUTE", "FUNCTION pg_reload_conf()", app, [
    "administrators-functions",
    "reload",
  ]),
  grant("a tenant may switch triggers off", "SET", "PARAMETER session_replication_role", app, ["replication-role"]),
  grant("a tenant may change the server's configuration", "ALTER SYSTEM", "PARAMETER work_mem", app, ["alter-system"]),
  grant("everybody may read verifiers of passwords", "SELECT", "pg_catalog.pg_authid", "PUBLIC", ["select-pg-authid"]),
];
