/**
 * What the job of a silo runs: a shell script around `psql`, and SQL that makes schema and rights and applies each file
 * once, in a transaction of its own. It runs as the owner of the database, who is no superuser.
 */
import { identifier, identifiers, literal } from "../../provider/postgres/quote.ts";
import type { DatabaseNames } from "./cluster.ts";
import { extensionsSchema } from "./database.ts";

/** A file of a template or of the tenant, with its placeholders filled in, that the SQL guard let through. */
export interface MigrationFile {
  readonly origin: "template" | "tenant";
  readonly name: string;
  /** Hex, of the file as it lies in the repository. */
  readonly sha256: string;
  readonly sql: string;
}

/** Where the files lie in the job's pod. */
export const migrationFolder = "/migration";

/** Key of a file in the ConfigMap: a tenant's own name may hold a slash. */
export function fileKey(index: number): string {
  return `file-${String(index + 1).padStart(4, "0")}.sql`;
}

/**
 * Waits for the server and for what the operator makes (logins, extensions), then prepares and applies.
 *
 * The text of a file is never parsed by psql, whose backslash commands could run a program: it is one value.
 */
export function applyScript(files: readonly MigrationFile[]): string {
  return [
    "#!/bin/sh",
    "set -eu",
    'folder="${MIGRATION_FOLDER:-' + migrationFolder + '}"',
    'run() { psql --no-psqlrc --quiet --no-align --tuples-only --set ON_ERROR_STOP=1 "$@"; }',
    "attempt=0",
    'until [ "$(run --file "$folder/ready.sql" 2>/dev/null || true)" = ready ]; do',
    "  attempt=$((attempt + 1))",
    '  if [ "$attempt" -ge "${MIGRATION_ATTEMPTS:-120}" ]; then',
    '    echo "the database, its logins or its extensions are not there yet; what the server says:" >&2',
    '    run --file "$folder/ready.sql" >&2 || true',
    "    exit 1",
    "  fi",
    "  sleep 5",
    "done",
    'run --file "$folder/prepare.sql"',
    ...files.map(
      ({ origin, name, sha256 }, index) =>
        `FILE="$folder/${fileKey(index)}" ORIGIN=${origin} NAME=${shellWord(name)} SHA256=${shellWord(sha256)} ` +
        'run --file "$folder/apply.sql"',
    ),
    `echo ${shellWord(`${files.length} files are applied`)}`,
    "",
  ].join("\n");
}

/** Says `ready` once the operator has made the logins and the extensions. */
export function readySql(names: DatabaseNames, extensions: readonly string[]): string {
  const logins = [names.appRole, names.readOnlyRole];
  const found = (query: string, wanted: readonly string[]): string =>
    wanted.length === 0
      ? "true"
      : `(SELECT count(*) FROM ${query} IN (${wanted.map(literal).join(", ")})) = ${wanted.length}`;
  return [
    "SELECT CASE",
    `  WHEN NOT ${found("pg_catalog.pg_roles WHERE rolname", logins)} THEN 'logins are missing'`,
    `  WHEN NOT ${found("pg_catalog.pg_extension WHERE extname", extensions)} THEN 'extensions are missing'`,
    `  WHEN NOT ${found("pg_catalog.pg_namespace WHERE nspname", [extensionsSchema])} THEN 'the schema of the extensions is missing'`,
    "  ELSE 'ready' END;",
    "",
  ].join("\n");
}

/** Serializes the jobs of one database: an old one may still run while a new one starts. */
const lock = "SELECT 'locked' FROM pg_catalog.pg_advisory_xact_lock(7305781);";

/** Schema, rights on what comes later, and the table of applied files, which no login of the tenant sees. */
export function prepareSql(names: DatabaseNames): string {
  const { database, ownerRole, appRole, readOnlyRole } = names;
  const schema = identifier(database);
  const logins = identifiers([appRole, readOnlyRole]);
  const defaults = (what: string, app: string, readOnly: string): string[] => [
    `ALTER DEFAULT PRIVILEGES IN SCHEMA ${schema} GRANT ${app} ON ${what} TO ${identifier(appRole)};`,
    `ALTER DEFAULT PRIVILEGES IN SCHEMA ${schema} GRANT ${readOnly} ON ${what} TO ${identifier(readOnlyRole)};`,
  ];
  return [
    "\\o /dev/null",
    "BEGIN;",
    lock,
    "SET LOCAL client_min_messages = warning;",
    `REVOKE ALL ON DATABASE ${schema} FROM PUBLIC;`,
    `GRANT CONNECT ON DATABASE ${schema} TO ${logins};`,
    `ALTER DATABASE ${schema} SET search_path = ${schema}, ${extensionsSchema}, pg_catalog, pg_temp;`,
    "REVOKE ALL ON SCHEMA public FROM PUBLIC;",
    `CREATE SCHEMA IF NOT EXISTS ${schema} AUTHORIZATION ${identifier(ownerRole)};`,
    `GRANT USAGE ON SCHEMA ${schema}, ${extensionsSchema} TO ${logins};`,
    ...defaults("TABLES", "SELECT, INSERT, UPDATE, DELETE", "SELECT"),
    ...defaults("SEQUENCES", "USAGE, SELECT", "SELECT"),
    ...defaults("FUNCTIONS", "EXECUTE", "EXECUTE"),
    ...defaults("TYPES", "USAGE", "USAGE"),
    // Without IN SCHEMA: the form with it takes nothing away from PUBLIC.
    "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;",
    "ALTER DEFAULT PRIVILEGES REVOKE USAGE ON TYPES FROM PUBLIC;",
    "CREATE SCHEMA IF NOT EXISTS platform;",
    "CREATE TABLE IF NOT EXISTS platform.applied_files (",
    "  origin text NOT NULL, name text NOT NULL, sha256 text NOT NULL,",
    "  applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (origin, name));",
    "COMMIT;",
    "",
  ].join("\n");
}

/**
 * One file, in one transaction: EXECUTE refuses transaction control inside of it. A file that was applied is left out;
 * one that was edited since is an error.
 */
export function applySql(names: DatabaseNames): string {
  return [
    "\\o /dev/null",
    '\\set content `cat "$FILE"`',
    "\\getenv origin ORIGIN",
    "\\getenv name NAME",
    "\\getenv sha256 SHA256",
    "BEGIN;",
    lock,
    `SET LOCAL search_path = ${identifier(names.database)}, ${extensionsSchema}, pg_catalog;`,
    "SELECT pg_catalog.set_config('tenancy.content', :'content', true),",
    "  pg_catalog.set_config('tenancy.origin', :'origin', true),",
    "  pg_catalog.set_config('tenancy.name', :'name', true),",
    "  pg_catalog.set_config('tenancy.sha256', :'sha256', true);",
    "DO $apply$",
    "DECLARE",
    "  origin_ CONSTANT text := pg_catalog.current_setting('tenancy.origin');",
    "  name_ CONSTANT text := pg_catalog.current_setting('tenancy.name');",
    "  wanted CONSTANT text := pg_catalog.current_setting('tenancy.sha256');",
    "  applied text;",
    "BEGIN",
    "  SELECT sha256 INTO applied FROM platform.applied_files WHERE origin = origin_ AND name = name_;",
    "  IF applied = wanted THEN RETURN; END IF;",
    "  IF applied IS NOT NULL THEN",
    "    RAISE EXCEPTION 'the file % was edited after it had been applied (applied %, now %)', name_, applied, wanted",
    "      USING HINT = 'Restore it as it was, and put the change into a new file with a higher number.';",
    "  END IF;",
    "  EXECUTE pg_catalog.current_setting('tenancy.content');",
    // Deferred triggers of a file have to run now, not at COMMIT after its record.
    "  SET CONSTRAINTS ALL IMMEDIATE;",
    "  INSERT INTO platform.applied_files (origin, name, sha256) VALUES (origin_, name_, wanted);",
    "END",
    "$apply$;",
    "COMMIT;",
    "",
  ].join("\n");
}

/** A word that a POSIX shell takes as it is. */
function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
