/** Functions: their code is followed like the file itself, and what cannot be followed is refused. */
import type { RuleText } from "../rule.ts";

const error = "error" as const;
const right = "CREATE FUNCTION plus(a integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT a + 1';";

export const functionRules = {
  "function-language": {
    severity: error,
    what: "A function in another language than `sql` and `plpgsql`.",
    why: "its code cannot be followed, and most others reach the server's files",
    fix: "Write it in sql or plpgsql.",
    wrong: "CREATE FUNCTION plus() RETURNS integer LANGUAGE plpython3u AS 'return 1';",
    right,
  },
  "function-code": {
    severity: error,
    what: "A function whose code runs more than SELECT, INSERT, UPDATE, DELETE and MERGE, or that cannot be parsed.",
    why: "the code runs later, with nobody to look at it",
    fix: "Let a file make the objects, and the function work with rows.",
    wrong: "CREATE FUNCTION make() RETURNS void LANGUAGE sql AS 'CREATE TABLE notes (id bigint)';",
    right:
      "CREATE TABLE notes (id bigint);\nCREATE FUNCTION make() RETURNS void LANGUAGE sql AS 'INSERT INTO notes VALUES (1)';",
  },
  "dynamic-sql": {
    severity: error,
    what: "EXECUTE of text, and cursors and loops over it.",
    why: "runs text as SQL (EXECUTE): what it does cannot be known before it runs",
    fix: "Write the statement itself.",
    wrong: "CREATE FUNCTION make() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DROP TABLE notes'; END $$;",
    right:
      "CREATE TABLE notes (id bigint);\nCREATE FUNCTION make() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DELETE FROM notes WHERE id = 1; END $$;",
  },
  procedure: {
    severity: error,
    what: "CREATE PROCEDURE.",
    why: "it could end a transaction",
    fix: "Write a function that RETURNS void.",
    wrong: "CREATE PROCEDURE fill() LANGUAGE sql AS 'SELECT 1';",
    right: "CREATE FUNCTION fill() RETURNS integer LANGUAGE sql AS 'SELECT 1';",
  },
  "function-option": {
    severity: error,
    what: "An option other than LANGUAGE, IMMUTABLE and the like, STRICT, PARALLEL, COST, ROWS and SET search_path.",
    why: "LEAKPROOF, SUPPORT and TRANSFORM take trust that only the server's administrator can give",
    fix: "Leave it out.",
    wrong: "CREATE FUNCTION plus(a integer) RETURNS integer LANGUAGE sql LEAKPROOF AS 'SELECT a + 1';",
    right,
  },
  "function-setting": {
    severity: error,
    what: "A SET clause other than `SET search_path` to `pg_catalog`, `extensions` and `pg_temp`, or `FROM CURRENT`.",
    why: "it changes role or settings of whoever calls",
    fix: "Write SET search_path = pg_catalog, pg_temp, SET search_path FROM CURRENT, or nothing.",
    wrong: "CREATE FUNCTION plus(a integer) RETURNS integer LANGUAGE sql SET role = postgres AS 'SELECT a + 1';",
    right:
      "CREATE FUNCTION plus(a integer) RETURNS integer LANGUAGE sql SET search_path = pg_catalog, pg_temp AS 'SELECT a + 1';",
  },
  "security-definer-search-path": {
    severity: error,
    what: "SECURITY DEFINER without `SET search_path = pg_catalog, pg_temp`.",
    why: "whoever calls it chooses the schemas in which its names are looked up (CVE-2018-1058)",
    fix: "Add SET search_path = pg_catalog, pg_temp.",
    wrong: "CREATE FUNCTION one() RETURNS integer LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';",
    right:
      "-- tenancy: allow security-definer: computes from constants alone and reads no table\n" +
      "CREATE FUNCTION one() RETURNS integer LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT 1';",
  },
  "security-definer": {
    severity: error,
    allowable: true,
    what: "SECURITY DEFINER. In a template whose tiers have `pool` no mark allows it.",
    why: "it would lend the owner's rights to whoever calls it: past the read-only login, and in a pool past row-level security",
    fix: "Leave it out: the application's login may read and write every table.",
    wrong:
      "CREATE FUNCTION one() RETURNS integer LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT 1';",
    right: "CREATE FUNCTION one() RETURNS integer LANGUAGE sql AS 'SELECT 1';",
  },
} satisfies Record<string, RuleText>;
