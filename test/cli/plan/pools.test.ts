import { describe, expect, it } from "vitest";
import { dangersOf } from "../../../cli/plan/dangers.ts";
import { planMarkdown } from "../../../cli/plan/markdown.ts";
import { placesOf } from "../../../cli/plan/places.ts";
import { planText } from "../../../cli/plan/plain.ts";
import { makePlan, type Plan } from "../../../cli/plan/plan.ts";
import { poolChanges, poolDangers, ringOrder, ringText } from "../../../cli/plan/pools.ts";
import { plainText } from "../../../cli/plan/text.ts";
import type { PoolRecord, TenantRecord } from "../../../tenants/load.ts";

const pool = (name: string, more: Partial<PoolRecord> = {}): PoolRecord => {
  return { name, server: "main", template: "glyph-foundry", variables: {}, partitions: 0, ...more };
};

const record = (id: string, more: Partial<TenantRecord> = {}): TenantRecord => ({
  ...{ id, displayName: id, externalId: `org_${id}`, owner: "team", profile: "p", prefix: "glyph", labels: {} },
  ...({ tier: "bridge", ring: "all", state: "active", region: "local" } as const),
  ...{ placement: { postgres: "main" }, stores: ["postgres"] },
  ...more,
});

const inPool = (id: string, more: Partial<TenantRecord> = {}): TenantRecord => {
  const content = { pool: "glyphs", template: "glyph-foundry", variables: {}, additionalSql: [] };
  const postgres = { ...content, connectionLimit: 10, readOnlyConnectionLimit: 5, rotation: 0 };
  return record(id, { tier: "pool", postgres, ...more });
};

function planOf(before: [PoolRecord[], TenantRecord[]], after: [PoolRecord[], TenantRecord[]]): Plan {
  const side = ([pools, tenants]: [PoolRecord[], TenantRecord[]]) => {
    return { registry: { path: "r", maxDeletes: 1, pools, tenants }, resources: [], written: new Map() };
  };
  return makePlan({
    ...{ base: side(before), head: side(after), refusals: [], room: [], files: [], notes: [] },
    policies: { posture: "baseline", fresh: [], standing: [], solved: 0 },
    ...{ stack: "dev", baseRef: "main", baseCommit: "0".repeat(40) },
  });
}

describe("poolChanges", () => {
  it("tells pools that come, go and change, and nothing of one that stays", () => {
    const changes = poolChanges(
      [pool("a"), pool("b"), pool("d")],
      [pool("a"), pool("b", { partitions: 4 }), pool("c", { variables: { dimensions: 3 } })],
    );
    expect(changes).toEqual([
      { name: "b", kind: "changed", fields: [{ path: "partitions", before: "0", after: "4" }] },
      {
        name: "c",
        kind: "added",
        fields: [
          { path: "server", before: undefined, after: "main" },
          { path: "template", before: undefined, after: "glyph-foundry" },
          { path: "variables.dimensions", before: undefined, after: "3" },
          { path: "partitions", before: undefined, after: "0" },
        ],
      },
      expect.objectContaining({ name: "d", kind: "removed" }) as unknown,
    ]);
    expect(changes.map((change) => poolDangers(change).map(plainText))).toEqual([
      ["pool b: partitions, which is fixed once it is made: 0 → 4"],
      [],
      ["pool d: removed, and with it the schema pool_d"],
    ]);
  });
});

describe("ringOrder", () => {
  it("tells how many tenants each ring has, and nothing where all are in the last one", () => {
    const change = (ring: TenantRecord["ring"]) => ({ after: record("x", { ring }) });
    expect(ringText(ringOrder([change("all"), change("canary"), change("all")]))).toBe("canary 1, then all 2");
    expect(ringText(ringOrder([change("early")]))).toBe("early 1");
    expect(ringOrder([change("all"), {}])).toEqual([]);
    expect(ringOrder([])).toEqual([]);
  });
});

describe("a plan with pools, rings and clones", () => {
  it("says them to a person at a terminal and in a comment, and is dangerous where rows are copied", () => {
    const clone = record("trial", { clone: { of: "acme", data: true }, ring: "canary" });
    const plan = planOf([[], [record("acme")]], [[pool("glyphs")], [record("acme"), clone, inPool("one")]]);
    expect(plan.rating).toBe("dangerous");
    const text = planText(plan);
    expect(text).toContain("  pool added glyphs\n    server: none → main\n");
    expect(text).toContain("danger: copied: it begins with all rows of the tenant acme");
    expect(text).toContain("  order: canary 1, then all 1\n");
    const markdown = planMarkdown(plan);
    expect(markdown).toContain("<b>Ring by ring</b>: canary 1, then all 1 (2 rings)");
    expect(markdown).toContain("- added <code>glyphs</code>: <code>server</code> <code>main</code>");
    expect(markdown).toContain(
      "<code>trial</code>: bridge, profile <code>p</code>, ring canary, like <code>acme</code>",
    );
    expect(markdown).toContain("<code>one</code>: pool <code>glyphs</code>, profile <code>p</code>, postgres");
  });

  it("tells another pool of a live tenant as dangerous, and whose rows are deleted", () => {
    const [was, is] = [inPool("one"), inPool("one")];
    const other = { ...is, postgres: { ...(is.postgres ?? fail()), pool: "other" } };
    const fields = [{ path: "postgres.pool", before: "glyphs", after: "other" }];
    const dangers = dangersOf({ id: "one", kind: "changed", before: was, after: other, fields }, []);
    expect(dangers.map(plainText)).toEqual(["pool: glyphs → other"]);
    const uuid = "3F1C2B7E-52A4-4D0E-9B1F-0C6A1D5E7F42";
    expect(placesOf(inPool("one", { externalId: uuid }))).toEqual([`rows of ${uuid.toLowerCase()} in pool_glyphs`]);
  });
});

function fail(): never {
  throw new Error("the record has settings of PostgreSQL");
}
