import { describe, expect, it } from "vitest";
import { rules } from "../../policies/catalogue.ts";
import { type Given, unknownText } from "./cases/case.ts";
import { cases } from "./cases/index.ts";
import { reportsOf, verdictsOf, written } from "./support.ts";

const kinds = ["pass", "fail", "unknown"] as const;

describe.each(rules.map((rule) => [rule.name, rule] as const))("%s", (name, rule) => {
  const own = cases[name];
  if (own === undefined) throw new Error(`the rule ${name} has no cases`);

  it("lets pass what holds, tells each fault, and decides what it can without unknown values", () => {
    const said = Object.fromEntries(kinds.map((kind) => [kind, verdictsOf(rule, own[kind]).map(written)]));
    expect(said).toEqual(Object.fromEntries(kinds.map((kind) => [kind, own[kind].says])));
    expect(own.pass.says).toEqual([]);
    expect(own.fail.says.filter((text) => !/^(undecided|warning): /.test(text))).not.toEqual([]);
  });

  it("says the same through the policy that the CLI runs", () => {
    for (const kind of kinds) {
      const verdicts = verdictsOf({ ...rule, enforcement: "mandatory" }, own[kind]);
      expect(reportsOf(rule, own[kind])).toEqual(verdicts.map(({ message, urn, level }) => ({ message, urn, level })));
    }
  });

  it("finds no fault in what may yet turn out right, and never passes an unknown value over", () => {
    for (const resources of withOneUnknown(own.pass.resources)) {
      const verdicts = verdictsOf(rule, { ...own.pass, resources });
      expect(verdicts.filter(({ kind }) => kind === "violation").map(written)).toEqual([]);
    }
    if (rule.scope === "stack") return;
    const faults = own.fail.says.length;
    for (const resources of withOneUnknown(own.fail.resources)) {
      expect(verdictsOf(rule, { ...own.fail, resources }).length).toBeGreaterThanOrEqual(Math.min(faults, 1));
      const verdicts = verdictsOf(rule, { ...own.fail, resources });
      const found = verdicts.filter(({ kind }) => kind === "violation").length;
      expect(found >= faults || verdicts.some(({ kind }) => kind === "undecided")).toBe(true);
    }
  });
});

/** The resources once for each value at any depth, which is unknown instead. Many like each other are changed once. */
function* withOneUnknown(resources: readonly Given[]): Iterable<Given[]> {
  const several = resources.length > 30 ? [0] : resources.keys();
  for (const index of several) {
    const resource = resources[index];
    if (resource === undefined) continue;
    for (const path of pathsOf(resource.props)) {
      const changed = { ...resource, props: replaced(resource.props, path) };
      yield resources.map((one, at) => (at === index ? changed : one));
    }
  }
}

function* pathsOf(value: unknown, path: readonly string[] = []): Iterable<readonly string[]> {
  if (typeof value !== "object" || value === null || path.length > 6) return;
  for (const [key, inner] of Object.entries(value).slice(0, 40)) {
    yield [...path, key];
    yield* pathsOf(inner, [...path, key]);
  }
}

function replaced(value: object, [key = "", ...rest]: readonly string[]): Record<string, unknown> {
  const copy: Record<string, unknown> = (Array.isArray(value) ? [...(value as unknown[])] : { ...value }) as never;
  copy[key] = rest.length === 0 ? unknownText : replaced(copy[key] as object, rest);
  return copy;
}
