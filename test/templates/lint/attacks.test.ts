import { resolve } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { lintExample } from "../../../templates/lint/examples.ts";
import { loadParser, readSource } from "../../../templates/lint/source.ts";
import { loadTemplate, templateNames } from "../../../templates/load.ts";
import type { RuleText } from "../../../templates/lint/rule.ts";
import { samplesOf } from "../../../templates/lint/samples.ts";
import { renderFile } from "../../../templates/values.ts";

beforeAll(loadParser);

const plain = { severity: "error", what: "", why: "", fix: "", wrong: "", right: "" } satisfies RuleText;
const pool = { ...plain, within: { pool: true } } satisfies RuleText;
const errors = (sql: string, rule: RuleText = plain): string[] =>
  lintExample(rule, sql).flatMap((fault) => (fault.severity === "error" ? [fault.rule] : []));

const inPlpgsql = (body: string) =>
  `CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $f$ DECLARE a int[]; x int; BEGIN ${body}; RETURN NEW; END $f$`;

/** Texts that reach out of a tenant's schema in ways that a search through the text would miss. */
const attacks: readonly (readonly [sql: string, rule: string])[] = [
  [String.raw`SELECT * FROM U&"\006fther".t`, "other-schema"],
  [String.raw`SELECT * FROM U&"!006fther" UESCAPE '!' .t`, "other-schema"],
  [String.raw`SELECT U&"\0073et_config"('role', 'x', true)`, "server-function"],
  ['SELECT * FROM "other"."t"', "other-schema"],
  ['SELECT * FROM "Other" . t', "other-schema"],
  ["SELECT * FROM other/* */./* */t", "other-schema"],
  ["SELECT * FROM other --\n.t", "other-schema"],
  ["/* /* */ -- */ SELECT * FROM other.t", "other-schema"],
  ["SELECT 1; /* ; */ SET/**/ROLE x", "set-role"],
  ["SET LOCAL SESSION AUTHORIZATION DEFAULT", "set-role"],
  ["set\nrole\nnone", "set-role"],
  ["DO $x$ BEGIN PERFORM 1; END $x$", "do-block"],
  ["DO LANGUAGE plpgsql 'BEGIN END'", "do-block"],
  ["CREATE TABLE t (a text DEFAULT set_config('role', 'x', true))", "server-function"],
  ["CREATE TABLE t (a int GENERATED ALWAYS AS (pg_backend_pid()) STORED)", "server-function"],
  ["CREATE TABLE t (a int CHECK (set_config('role', 'x', true) = ''))", "server-function"],
  ["ALTER TABLE t ALTER COLUMN a SET DEFAULT set_config('role', 'x', true)", "server-function"],
  ["ALTER TABLE t ALTER COLUMN a TYPE int USING pg_backend_pid()", "server-function"],
  ["CREATE TABLE t (a int) PARTITION BY RANGE ((set_config('role', 'x', true)))", "server-function"],
  ["CREATE TABLE t PARTITION OF other.t DEFAULT", "other-schema"],
  ["ALTER TABLE t ATTACH PARTITION other.t DEFAULT", "other-schema"],
  ["ALTER TABLE t INHERIT other.t", "other-schema"],
  ["CREATE TABLE t (LIKE other.t INCLUDING ALL)", "other-schema"],
  ["CREATE TABLE t () INHERITS (other.t)", "other-schema"],
  ["CREATE TABLE t OF other.kind", "other-schema"],
  ["CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME other.s))", "other-schema"],
  ["CREATE SEQUENCE s OWNED BY other.t.id", "other-schema"],
  ["CREATE TABLE t (c int, EXCLUDE USING gist (c WITH OPERATOR(other.&&)))", "other-schema"],
  ["SELECT 1 OPERATOR(other.=) ANY (SELECT 1)", "other-schema"],
  ["SELECT 1 ORDER BY 1 USING OPERATOR(other.<)", "other-schema"],
  ["SELECT 'a' COLLATE other.c", "other-schema"],
  ["CREATE INDEX i ON t (a other.ops)", "other-schema"],
  ["CREATE INDEX i ON t ((set_config('role', a, true)))", "server-function"],
  ["CREATE INDEX i ON t (a) WHERE set_config('role', 'x', true) = ''", "server-function"],
  ["CREATE TYPE r AS RANGE (SUBTYPE = other.k)", "other-schema"],
  ["CREATE DOMAIN d AS other.k", "other-schema"],
  ["CREATE DOMAIN d AS text DEFAULT set_config('role', 'x', true)", "server-function"],
  ["CREATE TABLE extensions.t (a int)", "other-schema"],
  ["CREATE FUNCTION pg_catalog.now() RETURNS int LANGUAGE sql AS 'SELECT 1'", "other-schema"],
  ["CREATE VIEW extensions.v AS SELECT 1", "other-schema"],
  ["SELECT * FROM extensions.pg_stat_statements", "system-catalog"],
  ["COMMENT ON ROLE x IS 'y'", "foreign-object"],
  ["COMMENT ON DATABASE x IS 'y'", "foreign-object"],
  ["COMMENT ON TABLE other.t IS 'y'", "other-schema"],
  ["SECURITY LABEL FOR p ON TABLE t IS 'x'", "security-label"],
  ["CREATE POLICY p ON t TO tenant_acme_app USING (true)", "other-tenant"],
  ["CREATE POLICY p ON t TO reporting", "role-name"],
  ["CREATE POLICY p ON t USING (set_config('role', 'x', true) = '')", "server-function"],
  [
    "CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW WHEN (set_config('role', 'x', true) = '') EXECUTE FUNCTION f()",
    "server-function",
  ],
  ["WITH x AS (INSERT INTO other.t DEFAULT VALUES RETURNING 1) SELECT 1", "other-schema"],
  ["INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = set_config('role', 'x', true)", "server-function"],
  ["MERGE INTO other.t USING u ON true WHEN MATCHED THEN DELETE", "other-schema"],
  ["SELECT '{other.t}'::regclass[]", "name-lookup-type"],
  ["SELECT CAST('other.t' AS \"regclass\")", "name-lookup-type"],
  ["SELECT regclass 'other.t'", "name-lookup-type"],
  ["SELECT * FROM ROWS FROM (pg_ls_dir('/'))", "server-function"],
  [
    "CREATE FUNCTION f(a text DEFAULT set_config('role', 'x', true)) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "server-function",
  ],
  ["CREATE FUNCTION f() RETURNS SETOF other.t LANGUAGE sql AS 'SELECT 1'", "other-schema"],
  ["CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $a$ SELECT 1; SET ROLE x $a$", "function-code"],
  [
    "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $a$ CREATE FUNCTION g() RETURNS int LANGUAGE c AS 'x' $a$",
    "function-code",
  ],
  [
    "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS E'SELECT \\x73et_config(\\'role\\', \\'x\\', true)'",
    "server-function",
  ],
  ["CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC DROP TABLE t; END", "function-code"],
  ["CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN set_config('role', 'x', true)", "server-function"],
  ["CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE SQL SECURITY DEFINER AS 'SELECT 1'", "security-definer"],
  [
    "CREATE FUNCTION f() RETURNS int SECURITY DEFINER LANGUAGE sql SET search_path FROM CURRENT AS 'SELECT 1'",
    "security-definer-search-path",
  ],
  [
    "CREATE FUNCTION f() RETURNS int SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog AS 'SELECT 1'",
    "security-definer-search-path",
  ],
  [
    "CREATE FUNCTION f() RETURNS int SECURITY DEFINER LANGUAGE sql SET search_path = pg_temp, pg_catalog AS 'SELECT 1'",
    "security-definer-search-path",
  ],
  ["ALTER FUNCTION f() SECURITY DEFINER", "statement-not-listed"],
  ["ALTER FUNCTION f() RESET search_path", "statement-not-listed"],
  [inPlpgsql("x := set_config('role', 'x', true)"), "server-function"],
  [inPlpgsql("a[set_config('role', 'x', true)::int] := 1"), "server-function"],
  [inPlpgsql("x = 1 + set_config('role', 'x', true)::int"), "server-function"],
  [inPlpgsql("RAISE NOTICE '%', set_config('role', 'x', true)"), "server-function"],
  [inPlpgsql("ASSERT set_config('role', 'x', true) = ''"), "server-function"],
  [inPlpgsql("FOR x IN 1 .. set_config('role', 'x', true)::int LOOP NULL; END LOOP"), "server-function"],
  [inPlpgsql("BEGIN EXECUTE 'x'; EXCEPTION WHEN others THEN NULL; END"), "dynamic-sql"],
  [inPlpgsql("BEGIN NULL; EXCEPTION WHEN others THEN DELETE FROM other.t; END"), "other-schema"],
  [
    "CREATE FUNCTION f() RETURNS SETOF int LANGUAGE plpgsql AS $f$ BEGIN RETURN QUERY EXECUTE 'SELECT 1'; END $f$",
    "dynamic-sql",
  ],
  [inPlpgsql("DECLARE c CURSOR FOR SELECT * FROM other.t; BEGIN NULL; END"), "other-schema"],
  [inPlpgsql("DECLARE y regclass; BEGIN NULL; END"), "name-lookup-type"],
  [inPlpgsql("DECLARE y pg_authid%ROWTYPE; BEGIN NULL; END"), "system-catalog"],
  [inPlpgsql("DECLARE y other.t.c%TYPE; BEGIN NULL; END"), "other-schema"],
  ["DROP INDEX CONCURRENTLY i", "concurrently-in-transaction"],
  ["-- tenancy: concurrently\nDROP TABLE t", "concurrent-file-statement"],
  ["-- tenancy: concurrently\nREINDEX SCHEMA CONCURRENTLY other", "concurrent-file-statement"],
  ["-- tenancy: concurrently\nREINDEX DATABASE CONCURRENTLY app", "concurrent-file-statement"],
  ["-- tenancy: concurrently\nREINDEX TABLE CONCURRENTLY other.t", "other-schema"],
  ["-- tenancy: concurrently\nCREATE INDEX CONCURRENTLY i ON t ((set_config('role', 'x', true)))", "server-function"],
  ["-- tenancy: allow set-role: because it is needed here\nSET ROLE x", "set-role"],
  ["/* tenancy: allow drop-table: it is gone anyway */ SELECT '-- tenancy: allow set-role: x'; RESET ROLE", "set-role"],
];

const poolAttacks: readonly (readonly [sql: string, rule: string])[] = [
  ["CREATE TABLE t (tenant_id uuid, id int)", "pool-tenant-id"],
  ["CREATE TABLE t (tenant_id uuid[] NOT NULL)", "pool-tenant-id"],
  ['CREATE TABLE t ("Tenant_id" uuid NOT NULL)', "pool-tenant-id"],
  ["CREATE TABLE t (LIKE u)", "pool-tenant-id"],
  ["ALTER TABLE t ALTER COLUMN tenant_id DROP NOT NULL", "pool-tenant-id"],
  ["ALTER TABLE t ALTER COLUMN tenant_id SET DEFAULT gen_random_uuid()", "pool-tenant-id"],
  ["ALTER TABLE t DROP COLUMN tenant_id", "pool-tenant-id"],
  ["ALTER TABLE t RENAME COLUMN tenant_id TO x", "pool-tenant-id"],
  ["CREATE UNIQUE INDEX i ON t (id, tenant_id)", "pool-key"],
  ["CREATE UNIQUE INDEX i ON t ((tenant_id::text))", "pool-key"],
  ["ALTER TABLE t ADD COLUMN x int UNIQUE", "pool-key"],
  ["CREATE INDEX i ON t USING hash (id)", "pool-index"],
  ["ALTER TABLE t ADD FOREIGN KEY (tenant_id, a) REFERENCES u (id, tenant_id)", "pool-foreign-key"],
  ["ALTER TABLE t ADD COLUMN u int REFERENCES u (id)", "pool-foreign-key"],
  ["ALTER TABLE t ADD FOREIGN KEY (tenant_id, a) REFERENCES u (tenant_id, id) ON DELETE SET NULL", "pool-foreign-key"],
  ["ALTER TABLE t ADD FOREIGN KEY (tenant_id, a) REFERENCES t (tenant_id, id)", "pool-foreign-key-cycle"],
  ["CREATE VIEW v WITH (security_invoker = off) AS SELECT 1", "pool-view"],
  ["CREATE VIEW v WITH (security_barrier) AS SELECT 1", "pool-view"],
  ["ALTER VIEW v SET (security_invoker = false)", "pool-view"],
  ["ALTER VIEW v RESET (security_invoker)", "pool-view"],
  ["ALTER TABLE t NO FORCE ROW LEVEL SECURITY", "pool-row-security"],
  ["CREATE POLICY mine ON t USING (true)", "pool-row-security"],
  ["DROP POLICY tenant_isolation ON t", "pool-row-security"],
  ["ALTER POLICY tenant_isolation ON t USING (true)", "pool-row-security"],
  ["ALTER POLICY tenant_isolation ON t RENAME TO x", "pool-row-security"],
  ["ALTER TABLE t DISABLE TRIGGER ALL", "pool-tool-object"],
  ["ALTER TABLE t DISABLE TRIGGER tenancy_audit_insert", "pool-tool-object"],
  ["DROP TRIGGER tenancy_audit_insert ON t", "pool-tool-object"],
  ["DROP FUNCTION current_tenant_id()", "pool-tool-object"],
  [
    "CREATE OR REPLACE FUNCTION current_tenant_id() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'",
    "pool-tool-object",
  ],
  ["CREATE TRIGGER x AFTER INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION f()", "pool-tool-object"],
  ["ALTER TABLE x RENAME TO audit_log", "pool-tool-object"],
  ["INSERT INTO tenancy_logins VALUES ('x')", "pool-tool-object"],
  ["SELECT set_tenant_context(gen_random_uuid())", "pool-tool-object"],
  ["CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM tenancy_members'", "pool-tool-object"],
  [inPlpgsql("PERFORM set_tenant_context(NEW.tenant_id)"), "pool-tool-object"],
  [inPlpgsql("PERFORM set_config('app.tenant_id', 'x', true)"), "pool-context"],
  [inPlpgsql("PERFORM set_config('APP.Tenant_Id', 'x', true)"), "pool-context"],
  ["CREATE FUNCTION f() RETURNS text LANGUAGE sql RETURN current_setting('app.tenant_id')", "pool-context"],
  [
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT 1'",
    "pool-security-definer",
  ],
  ["CREATE SEQUENCE s OWNED BY NONE", "pool-sequence"],
  ["ALTER SEQUENCE s OWNED BY NONE", "pool-sequence"],
  ["CREATE MATERIALIZED VIEW m AS SELECT 1", "pool-materialized-view"],
];

describe("a text that reaches out", () => {
  test.each(attacks)("is refused: %s", (sql, rule) => {
    expect(errors(sql)).toContain(rule);
  });

  test.each(poolAttacks)("is refused in a pool's template: %s", (sql, rule) => {
    expect(errors(sql, pool)).toContain(rule);
  });
});

describe("mutations of the built-in templates", () => {
  const root = resolve(import.meta.dirname, "../../../templates");
  const files = templateNames(root).flatMap((name) => {
    const template = loadTemplate(root, name);
    const [sample] = samplesOf(template);
    const rule = template.tiers.includes("pool") ? pool : plain;
    return template.files.map((file) => ({ rule, sql: renderFile(root, template, file.name, sample?.values ?? {}) }));
  });
  test("never let a forbidden statement through, wherever it is put and however it is written", () => {
    const noise = fc.constantFrom("", " ", "\n", "/* x */", "-- x\n", "/* /* ; */ */\n", "\t");
    const forbidden = fc.constantFrom(...attacks.filter(([sql]) => !sql.includes("tenancy:")));
    const property = fc.property(
      fc.nat({ max: files.length - 1 }),
      fc.nat(),
      forbidden,
      noise,
      noise,
      (file, at, [sql, rule], before, after) => {
        const { rule: surroundings, sql: text } = files[file] ?? { rule: plain, sql: "" };
        const own = [0, ...readSource(text).statements.map(({ offset }) => offset)];
        const place = own[at % own.length] ?? 0;
        const bytes = Buffer.from(text, "utf8");
        const mutated = `${bytes.toString("utf8", 0, place)}${before}${sql}${after};\n${bytes.toString("utf8", place)}`;
        const found = errors(mutated, surroundings);
        // A pool has rules of its own for some; a comment may swallow the semicolon, and nothing can be parsed then.
        expect(found.some((name) => [rule, "parse", `pool-${rule}`].includes(name))).toBe(true);
      },
    );
    fc.assert(property, { numRuns: 60 });
  });

  test("of single characters never make the linter throw, and keep every place inside of the file", () => {
    const property = fc.property(
      fc.nat({ max: files.length - 1 }),
      fc.nat(),
      fc.constantFrom("'", '"', ";", "$$", "--", "/*", "\\", "é", "💥", "(", ".", "\r\n", "\u2028", "{{"),
      fc.nat({ max: 40 }),
      (file, at, piece, cut) => {
        const { rule, sql } = files[file] ?? { rule: plain, sql: "" };
        const place = at % (sql.length + 1);
        const mutated = sql.slice(0, place) + piece + sql.slice(place + cut);
        for (const fault of lintExample(rule, mutated)) {
          expect(fault.offset).toBeGreaterThanOrEqual(0);
          expect(fault.offset).toBeLessThanOrEqual(Buffer.byteLength(`${mutated}\n`));
        }
      },
    );
    fc.assert(property, { numRuns: 60 });
  });
});
