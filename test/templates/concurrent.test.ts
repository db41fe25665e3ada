import { describe, expect, test } from "vitest";
import { stepsOf, withoutConcurrently } from "../../templates/concurrent.ts";
import { guardSql } from "../../templates/sql-guard.ts";

const file = `-- tenancy: concurrently
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "größe concurrently" ON docs USING btree (lower("ü")) WHERE y > 1;
/* ö: CREATE INDEX CONCURRENTLY */ DROP INDEX CONCURRENTLY old_one;
REINDEX (CONCURRENTLY) INDEX plain; REINDEX TABLE concurrently docs;
ALTER TYPE mood ADD VALUE 'concurrently' BEFORE 'sad';
ALTER TABLE docs VALIDATE CONSTRAINT checked
`;
const reasons = async (sql: string, concurrent: boolean) =>
  (await guardSql(sql, sql, { concurrent })).map(({ line, reason }) => `${line} ${reason}`);

describe("files that run outside of a transaction", () => {
  test("each statement is told apart, with its line and its own text", async () => {
    const steps = await stepsOf(file);
    expect(steps.map(({ sql: _, ...step }) => step)).toEqual([
      { does: "create index", index: "größe concurrently", table: "docs", line: 2 },
      { does: "drop index", index: "old_one", line: 3 },
      { does: "reindex", object: "index", name: "plain", line: 4 },
      { does: "reindex", object: "table", name: "docs", line: 4 },
      { does: "add value", type: "mood", value: "concurrently", line: 5 },
      { does: "validate", table: "docs", line: 6 },
    ]);
    expect(steps[2]?.sql).toBe("REINDEX (CONCURRENTLY) INDEX plain");
  });

  test("for a transaction the word, and nothing that only looks like it, becomes spaces of the same length", async () => {
    const plain = await withoutConcurrently(file);
    expect(Buffer.byteLength(plain)).toBe(Buffer.byteLength(file));
    expect(plain.split("\n").map((line) => line.replaceAll(/ +/g, " "))).toEqual([
      "-- tenancy: concurrently",
      `CREATE UNIQUE INDEX IF NOT EXISTS "größe concurrently" ON docs USING btree (lower("ü")) WHERE y > 1;`,
      "/* ö: CREATE INDEX CONCURRENTLY */ DROP INDEX old_one;",
      "REINDEX INDEX plain; REINDEX TABLE docs;",
      "ALTER TYPE mood ADD VALUE 'concurrently' BEFORE 'sad';",
      "ALTER TABLE docs VALIDATE CONSTRAINT checked",
      "",
    ]);
  });

  test("the guard lets through what may stand in them, and refuses the same in an ordinary file", async () => {
    expect(await reasons(file, true)).toEqual([]);
    const word = "has CONCURRENTLY, which cannot run inside of the tenant's transaction";
    expect((await reasons(file, false)).map((reason) => reason.slice(0, 2 + word.length))).toEqual([
      `2 ${word}`,
      `3 ${word}`,
      expect.stringMatching(/^4 is refused: it holds the transaction up/),
      expect.stringMatching(/^4 is refused: it holds the transaction up/),
    ]);
    expect(await reasons("ALTER TABLE t DETACH PARTITION p CONCURRENTLY", false)).toEqual([
      expect.stringContaining(word),
    ]);
  });

  test.each([
    ["CREATE TABLE t (id int)", "is refused here"],
    ["CREATE INDEX i ON t (a)", "has no CONCURRENTLY"],
    ["CREATE INDEX CONCURRENTLY ON t (a)", "has no name for the index"],
    ["DROP INDEX i", "is no DROP INDEX CONCURRENTLY"],
    ["DROP TABLE t", "is no DROP INDEX CONCURRENTLY"],
    ["DROP INDEX CONCURRENTLY a, b", "names several indexes"],
    ["DROP INDEX CONCURRENTLY a CASCADE", "has CASCADE"],
    ["REINDEX INDEX i", "is no REINDEX INDEX CONCURRENTLY"],
    ["REINDEX (CONCURRENTLY false) INDEX i", "is no REINDEX INDEX CONCURRENTLY"],
    ["REINDEX (CONCURRENTLY, VERBOSE) INDEX i", "is no REINDEX INDEX CONCURRENTLY"],
    ["REINDEX SCHEMA CONCURRENTLY s", "is no REINDEX INDEX CONCURRENTLY"],
    ["ALTER TYPE m RENAME VALUE 'a' TO 'b'", "is no ADD VALUE"],
    ["ALTER TABLE t VALIDATE CONSTRAINT c, ADD COLUMN x int", "is no VALIDATE CONSTRAINT"],
    ["CREATE INDEX CONCURRENTLY i ON other.t (a)", 'names the schema "other"'],
    ["DROP INDEX CONCURRENTLY other.i", "has a name with a schema before it"],
    ["REINDEX INDEX CONCURRENTLY other.i", 'names the schema "other"'],
    ["ALTER TYPE other.m ADD VALUE 'x'", 'names the schema "other"'],
  ])("%s is refused there", async (sql, reason) => {
    expect((await reasons(sql, true)).join("\n")).toContain(reason);
  });
});
