import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { faultText, type LintFault, lintOwnFiles, lintTemplate, refusing } from "../../../templates/lint/lint.ts";
import { samplesOf } from "../../../templates/lint/samples.ts";
import { loadTemplate, templateNames } from "../../../templates/load.ts";

const root = mkdtempSync(join(tmpdir(), "tenancy-lint-"));
afterAll(() => {
  rmSync(root, { recursive: true });
});

function template(name: string, manifest: string, files: Readonly<Record<string, string>>) {
  for (const [file, text] of Object.entries({ "template.yaml": `description: x\n${manifest}`, ...files })) {
    mkdirSync(dirname(join(root, name, file)), { recursive: true });
    writeFileSync(join(root, name, file), text);
  }
  return loadTemplate(root, name);
}

const short = (faults: readonly LintFault[]) =>
  faults.map(({ file, line, column, rule }) => `${file}:${line}:${column} ${rule}`);

describe("a whole template", () => {
  test("is judged by what its earlier files made: a table of the same file is empty", async () => {
    const made = template("order", "", {
      "0001-a.sql": "CREATE TABLE a (id int);\nCREATE INDEX a_id ON a (id);\nDROP TABLE a;\nCREATE TABLE a (id int);\n",
      "0002-b.sql": "CREATE INDEX a_id ON a (id);\nCREATE TABLE b (id int);\nCREATE INDEX b_id ON b (id);\n",
      "0003-c.sql": "ALTER TABLE b RENAME TO c;\nCREATE INDEX c_id ON c (id);\n",
    });
    expect(short(await lintTemplate(root, made, {}))).toEqual([
      "order/0002-b.sql:1:1 index-without-concurrently",
      "order/0003-c.sql:1:1 rename-in-use",
      "order/0003-c.sql:2:1 index-without-concurrently",
    ]);
  });

  test("lets SET NOT NULL through only behind a CHECK that was validated", async () => {
    const files = {
      "0001-a.sql": "CREATE TABLE a (id int, b int);\n",
      "0002-b.sql": "ALTER TABLE a ADD CONSTRAINT b_there CHECK (b IS NOT NULL) NOT VALID;\n",
      "0004-d.sql": "ALTER TABLE a ALTER COLUMN b SET NOT NULL;\n",
    };
    const validated = { "0003-c.sql": "-- tenancy: concurrently\nALTER TABLE a VALIDATE CONSTRAINT b_there;\n" };
    expect(short(await lintTemplate(root, template("unproven", "", files), {}))).toEqual([
      "unproven/0004-d.sql:1:1 set-not-null",
    ]);
    expect(short(await lintTemplate(root, template("proven", "", { ...files, ...validated }), {}))).toEqual([]);
  });

  test("tells places in the file on disk, not in the one whose placeholders are filled in", async () => {
    const manifest =
      'variables:\n  much: { type: choice, description: x, default: a, choices: { a: { text: { lines: "1,\\n2,\\n3" } } } }\n';
    const made = template("places", manifest, {
      "0001-a.sql": "SELECT {{lines}}, é FROM x.y;\nSELECT {{lines}} FROM z.y;\n",
    });
    const faults = await lintTemplate(root, made, { much: "a" });
    expect(short(faults)).toEqual(["places/0001-a.sql:1:26 other-schema", "places/0001-a.sql:2:23 other-schema"]);
    expect(faults[1]?.excerpt).toBe("SELECT {{lines}} FROM z.y;");
  });

  test("takes a mark that another choice needs for no fault, and one that none needs for one", async () => {
    const manifest =
      "variables:\n  index: { type: choice, description: x, default: off, choices: { off: {}, on: { text: { statement: CREATE INDEX i ON a (id); } } } }\n";
    const mark = "-- tenancy: allow index-without-concurrently: the table is small\n";
    const first = { "0001-a.sql": "CREATE TABLE a (id int);\n" };
    const used = template("used", manifest, { ...first, "0002-b.sql": `${mark}{{statement}}\n` });
    expect(short(await lintTemplate(root, used, { index: "on" }))).toEqual([]);
    expect(short(await lintTemplate(root, used, { index: "off" }))).toEqual([]);
    const unused = template("unused", manifest, { ...first, "0002-b.sql": `${mark}\n{{statement}}\n` });
    expect(short(await lintTemplate(root, unused, { index: "off" }))).toEqual(["unused/0002-b.sql:1:1 mark-unused"]);
  });

  test("refuses a new tenant for no migration, and a tenant that is there for none of the files that it has", async () => {
    const made = template("there", "", {
      "0001-a.sql": "CREATE TABLE a (id int);\n",
      "0002-b.sql": "DROP TABLE a;\nSELECT * FROM other.t;\n",
    });
    const faults = await lintTemplate(root, made, {});
    expect(short(refusing(faults, undefined))).toEqual(["there/0002-b.sql:2:15 other-schema"]);
    expect(short(refusing(faults, new Set(["there/0001-a.sql"])))).toHaveLength(2);
    expect(refusing(faults, new Set(["there/0001-a.sql", "there/0002-b.sql"]))).toEqual([]);
    expect(faultText(faults[0]!)).toBe(
      "there/0002-b.sql, line 1: DROP loses the rows of a. Take it out of the application first; " +
        "then drop it with a mark that says so. [drop-table]",
    );
  });
});

describe("a tenant's own files", () => {
  test("come behind the template's, run in the transaction, and name no other tenant", async () => {
    const made = template("base", "", { "0001-a.sql": "CREATE TABLE a (id int);\n" });
    const sql =
      "-- tenancy: concurrently\nCREATE TABLE own (id int);\nCREATE INDEX own_id ON own (id);\n" +
      "CREATE INDEX a_id ON a (id);\nSELECT * FROM ekn_42.a;\n";
    const faults = await lintOwnFiles(
      [{ name: "own.sql", sql }],
      { root, template: made, values: {} },
      { prefixes: ["ekn"] },
    );
    expect(short(faults)).toEqual([
      "own.sql:1:1 concurrently-in-transaction",
      "own.sql:4:1 index-without-concurrently",
      "own.sql:5:15 other-tenant",
    ]);
  });
});

test("the built-in templates have no fault with any choice, in partitions or not", async () => {
  const own = resolve(import.meta.dirname, "../../../templates");
  const judged: string[] = [];
  for (const name of templateNames(own)) {
    const one = loadTemplate(own, name);
    for (const { values, options } of samplesOf(one)) {
      expect(short(await lintTemplate(own, one, values, options))).toEqual([]);
      judged.push(name);
    }
  }
  expect(judged.length).toBeGreaterThanOrEqual(6);
});
