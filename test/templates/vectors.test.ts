import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { vectorIndexName } from "../../components/naming.ts";
import { loadTemplate } from "../../templates/load.ts";
import { checkVariables } from "../../templates/values.ts";
import { vectorSettings } from "../../templates/vectors.ts";

const root = resolve(import.meta.dirname, "../../templates");
const scratch = mkdtempSync(join(tmpdir(), "tenancy-templates-"));
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

function faultsOf(name: string, manifest: string): string {
  mkdirSync(join(scratch, name));
  writeFileSync(join(scratch, name, "template.yaml"), manifest);
  writeFileSync(join(scratch, name, "0001-a.sql"), "CREATE TABLE a (id int);");
  try {
    loadTemplate(scratch, name);
    return "none";
  } catch (error) {
    return String(error);
  }
}

const settingsOf = (name: string, given: Record<string, unknown>) => {
  const template = loadTemplate(root, name);
  return vectorSettings(template, checkVariables(template, given).values);
};

describe("the columns of vectors of a template", () => {
  test("ekn takes distance and parameters from its variables", () => {
    expect(settingsOf("ekn", { distance: "ip", m: 24, ef_construction: 48 })).toEqual([
      {
        table: "embeddings",
        column: "embedding",
        distance: "ip",
        threshold: 10_000,
        m: 24,
        efConstruction: 48,
        exact: false,
      },
    ]);
    expect(settingsOf("ekn", {})[0]).toMatchObject({ distance: "cosine", m: 16, efConstruction: 200 });
  });

  test("a choice without pgvector has no index", () => {
    expect(settingsOf("glyph-foundry", { search: "exact" }).map(({ exact }) => exact)).toEqual([true, true, true]);
    expect(settingsOf("glyph-foundry", {}).map(({ exact }) => exact)).toEqual([false, false, false]);
  });

  test("what pgvector would refuse in the middle of a build is refused before it", () => {
    expect(() => settingsOf("ekn", { m: 50, ef_construction: 99 })).toThrow(
      "embeddings.embedding: ef_construction is 99 with m 50; allowed is at least twice m: give the tenant a variable of at least 100",
    );
  });

  test("a manifest that names what is not there is told, every fault at once", () => {
    const told = faultsOf(
      "wrong",
      `description: x
variables:
  words: { type: string, description: x, default: cosine }
  wide: { type: integer, description: x, default: 5 }
vectors:
  - { table: a, column: v, distance: "{{words}}", m: "{{wide}}", efConstruction: "{{none}}", exactWhere: { search: exact } }
  - { table: a, column: v, distance: l2 }
`,
    );
    for (const fault of [
      "vectors.0.distance: the variable words has to have allowed values of cosine, l2, ip",
      "vectors.0.m: the variable wide has to be an integer from 2 to 100",
      "vectors.0.efConstruction: {{none}} is no plain variable of the template",
      "vectors.0.exactWhere: the template has no choice search: exact",
      "vectors.1 names a.v again",
    ]) {
      expect(told).toContain(fault);
    }
  });
});

describe("the name of an index", () => {
  test("says table and column, and the tenant by eight digits", () => {
    expect(vectorIndexName("embeddings", "embedding")).toBe("tenancy_hnsw_embeddings_embedding");
    expect(vectorIndexName("notes", "v", "11111111-1111-4111-8111-111111111111")).toMatch(
      /^tenancy_hnsw_notes_v_[0-9a-f]{8}$/,
    );
  });

  test("of long tables and columns is cut to 63 bytes, and two never become one", () => {
    const [table, id] = ["t".repeat(60), "11111111-1111-4111-8111-111111111111"];
    const names = [
      vectorIndexName(table, "a"),
      vectorIndexName(table, "b"),
      vectorIndexName(table, "a", id),
      vectorIndexName(table, "a", id.replace("1", "2")),
    ];
    expect(names.map((name) => name.length)).toEqual([63, 63, 63, 63]);
    expect(new Set(names).size).toBe(4);
  });
});
