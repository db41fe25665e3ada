import { describe, expect, it } from "vitest";
import { sourceOf } from "../../tenants/files.ts";
import { type Named, nameFaults } from "../../tenants/unique.ts";

function tenants(...pairs: readonly (readonly [prefix: string, id: string])[]): Named[] {
  const source = sourceOf("registry.yaml", "");
  return pairs.map(([prefix, id]) => ({ prefix, id, at: { source, offset: 0 }, path: `tenants.${id}` }));
}

describe("physical names", () => {
  it("are apart for a thousand tenants of two profiles", () => {
    const pairs = Array.from({ length: 1000 }, (_, index) => [index % 2 === 0 ? "a" : "a_b", `t-${index}`] as const);
    expect(nameFaults(tenants(...pairs))).toEqual([]);
  });

  it("are told with kind, name and both tenants where two are the same", () => {
    const faults = nameFaults(tenants(["p", "a"], ["p", "b"], ["p", "c"]), ({ id }) => ({
      "Redis user": [id === "c" ? "z" : "same"],
    }));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatchObject({
      path: "tenants.b",
      found: 'Redis user "same", also of tenant "a" (registry.yaml:1:1)',
    });
  });
});
