import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { guardSql } from "../../templates/sql-guard.ts";
import { loadTemplate, type Template, templateNames } from "../../templates/load.ts";
import { checkVariables, renderFile } from "../../templates/values.ts";

const root = resolve(import.meta.dirname, "../../templates");
const scratch = mkdtempSync(join(tmpdir(), "tenancy-templates-"));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

/** Every value of the one choice that a template has. */
function choicesOf({ variables }: Template): Record<string, string>[] {
  const choices = Object.entries(variables).flatMap(([name, variable]) =>
    variable.type === "choice" ? Object.keys(variable.choices).map((value) => ({ [name]: value })) : [],
  );
  return choices.length === 0 ? [{}] : choices;
}

describe("the templates", () => {
  test("are these, and no file of theirs is refused", async () => {
    expect(templateNames(root)).toEqual(["canary", "ekn", "ekn-exact", "glyph-foundry", "kato", "knowledge-graph"]);
    for (const name of templateNames(root)) {
      const template = loadTemplate(root, name);
      for (const given of choicesOf(template)) {
        const { values, faults } = checkVariables(template, given);
        expect(faults).toEqual([]);
        for (const { name: file } of [...template.files, ...template.seeds]) {
          const sql = renderFile(root, template, file, values, { partitions: 4 });
          const concurrent = template.concurrent.includes(file);
          expect([file, sql.includes("{{"), await guardSql(sql, sql, { concurrent })]).toEqual([file, false, []]);
        }
      }
    }
  });

  test("ekn has vector(1536) by default, and its range keeps within what an HNSW index takes", () => {
    const template = loadTemplate(root, "ekn");
    expect(template.extensions).toEqual(["vector"]);
    expect(renderFile(root, template, "0002-embeddings.sql", checkVariables(template, {}).values)).toContain(
      "vector(1536)",
    );
    const { faults } = checkVariables(template, { dimensions: 2001, m: "16", other: 1 });
    expect(faults.map(({ variable, allowed }) => [variable, allowed])).toEqual([
      ["dimensions", "an integer from 1 to 2000"],
      ["m", "an integer from 2 to 100"],
      ["other", "dimensions, m, ef_construction, distance"],
    ]);
  });

  test("a value that is not allowed never reaches SQL", () => {
    const template = loadTemplate(root, "ekn");
    const values = { ...checkVariables(template, {}).values, dimensions: "3); DROP TABLE x; --" };
    expect(() => renderFile(root, template, "0002-embeddings.sql", values)).toThrow(/not allowed/);
  });
});

describe("a template with faults", () => {
  test("tells all of them at once", () => {
    mkdirSync(join(scratch, "bad"));
    writeFileSync(
      join(scratch, "bad", "template.yaml"),
      "description: x\nvariables:\n  n: {type: integer, description: d, default: 5, maximum: 3}\n",
    );
    writeFileSync(join(scratch, "bad", "0001-a.sql"), "SELECT {{nothing}};");
    writeFileSync(join(scratch, "bad", "0001-b.sql"), "SELECT 1;");
    writeFileSync(join(scratch, "bad", "2-c.sql"), "SELECT 1;");
    const load = () => loadTemplate(scratch, "bad");
    for (const part of [
      "variables.n.default is 5",
      "{{nothing}} names no variable",
      "have the same number",
      '"2-c.sql" is no file',
    ]) {
      expect(load).toThrow(part);
    }
    expect(() => loadTemplate(scratch, "../bad")).toThrow(/is unknown; the folder .* has: bad/);
  });
});
