import { beforeAll, describe, expect, test } from "vitest";
import { ruleIds, rules } from "../../../templates/lint/catalogue.ts";
import { lintExample } from "../../../templates/lint/examples.ts";
import { loadParser } from "../../../templates/lint/source.ts";

beforeAll(loadParser);

describe.each(ruleIds)("the rule %s", (id) => {
  const rule = rules[id];

  test("finds its wrong example", () => {
    const found = lintExample(rule, rule.wrong).map((fault) => fault.rule);
    expect(found).toContain(id);
    expect(lintExample(rule, rule.wrong).find((fault) => fault.rule === id)).toMatchObject({
      severity: rule.severity,
      fix: rule.fix,
    });
  });

  test("finds nothing in its right example", () => {
    expect(lintExample(rule, rule.right)).toEqual([]);
  });

  if (rule.allowable === true) {
    test("is allowed by a mark before the statement, and by none for another rule", () => {
      const allowed = `-- tenancy: allow ${id}: a reason of ten characters\n${rule.wrong}`;
      expect(lintExample(rule, allowed).map((fault) => fault.rule)).not.toContain(id);
      const other = id === "drop-table" ? "drop-column" : "drop-table";
      const wrong = lintExample(rule, `-- tenancy: allow ${other}: a reason of ten characters\n${rule.wrong}`);
      expect(wrong.map((fault) => fault.rule)).toEqual(expect.arrayContaining([id, "mark-unused"]));
    });
  } else {
    test("is allowed by no mark", () => {
      const marked = `-- tenancy: allow ${id}: a reason of ten characters\n${rule.wrong}`;
      const found = lintExample(rule, marked).map((fault) => fault.rule);
      // In a text that cannot be parsed there are no marks.
      expect(found).toEqual(id === "parse" ? ["parse"] : expect.arrayContaining(["mark-rule"]));
    });
  }
});

test("every rule has a name in kebab-case and a fix that ends in a sentence", () => {
  for (const id of ruleIds) {
    expect(id).toMatch(/^[a-z]+(-[a-z]+)*$/);
    for (const text of [rules[id].what, rules[id].fix]) expect(text).toMatch(/^[A-Z(`].*[.)…]$/s);
  }
});
