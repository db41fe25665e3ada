import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isTenantData } from "../../../cli/plan/comment-form.ts";
import { costOf } from "../../../cli/plan/cost.ts";
import { fold } from "../../../cli/plan/fold.ts";
import { checkRef } from "../../../cli/plan/git.ts";
import { areaOf } from "../../../cli/plan/markdown-sections.ts";
import { readPrices } from "../../../cli/plan/prices.ts";
import { fieldChanges, recordChanges } from "../../../cli/plan/records.ts";
import { resourceChanges } from "../../../cli/plan/resources.ts";
import type { Resource } from "../../../policies/rule.ts";
import { plainProperties, unknown } from "../../../policies/values.ts";
import { RegistryError, type TenantRecord } from "../../../tenants/load.ts";
import { Folder } from "../../tenants/fixture.ts";

const record = (id: string, more: Partial<TenantRecord> = {}): TenantRecord => ({
  id,
  displayName: id,
  externalId: `org_${id}`,
  owner: "team",
  profile: "ekn",
  prefix: "ekn",
  tier: "bridge",
  ring: "all",
  state: "active",
  region: "local",
  placement: { postgres: "main", redis: "main", storage: "main", neo4j: "main" },
  stores: ["postgres", "redis", "storage", "neo4j"],
  labels: {},
  ...more,
});

let folder: Folder;
beforeEach(() => {
  folder = new Folder();
});
afterEach(() => {
  folder.remove();
});

describe("checkRef", () => {
  it.each(["main", "origin/main", "v1.2.0", "HEAD~1", "HEAD^", "3f1c2b7", "feature/a-b_c", "main@{upstream}"])(
    "takes %s",
    (ref) => {
      expect(checkRef(ref)).toBe(ref);
    },
  );

  it.each([
    "--output=/tmp/x",
    "-h",
    "",
    "main..HEAD",
    "HEAD:tenants/registry.yaml",
    ":/text",
    "a b",
    "$(id)",
    "`id`",
    "a;b",
    "a\nb",
    "a\0",
    "x".repeat(201),
  ])("refuses %j, which git could take for an option, a path or a search", (ref) => {
    expect(() => checkRef(ref)).toThrow(/is no name of a commit/);
  });
});

describe("isTenantData", () => {
  const layout = { registry: "tenants/registry.yaml", folder: "tenants", templates: "templates" };

  it.each(["tenants/registry.yaml", "tenants/registry.d/acme.yaml", "tenants/sql/acme/0001-x.sql"])(
    "holds of %s",
    (path) => {
      expect(isTenantData(path, layout)).toBe(true);
    },
  );

  it.each([
    ...["tenants/load.ts", "tenants/registry.d/x/acme.yaml", "tenants/prices.yaml", "tenants/registry.schema.json"],
    ...["templates/ekn/0001-x.sql", "index.ts", "registry.yaml", ".github/workflows/pr.yml", "tenants/registry.d/a.ts"],
  ])("does not hold of %s, which is for other reviewers", (path) => {
    expect(isTenantData(path, layout)).toBe(false);
  });
});

describe("areaOf", () => {
  it.each([
    ["policies/rules/x.ts", "policy pack"],
    ["tenants/load.ts", "program"],
    ["index.ts", "program"],
    ["templates/ekn/0001.sql", "templates"],
    ["Pulumi.prod.yaml", "stack configuration"],
    [".github/workflows/up.yml", "tools and CI"],
    ["package-lock.json", "tools and CI"],
    ["docs/onboarding.md", "documents and tests"],
    ["tenants/prices.yaml", "other"],
  ])("says of %s that it is of the area %s", (path, area) => {
    expect(areaOf(path)).toBe(area);
  });
});

describe("recordChanges", () => {
  it("tells fields one by one with both values, and which kind of change it is", () => {
    const before = [record("a"), record("b"), record("c"), record("d", { state: "suspended" })];
    const after = [
      record("a", {
        labels: { plan: "gold" },
        placement: { postgres: "two", redis: "main", storage: "main", neo4j: "main" },
      }),
      record("c", { state: "offboarding", backupWaiver: { reason: "r", name: "n" } }),
      record("d"),
      record("e"),
    ];
    const told = recordChanges(before, after).map(({ id, kind, fields }) => ({ id, kind, fields }));
    expect(told).toEqual([
      {
        id: "a",
        kind: "changed",
        fields: [
          { path: "placement.postgres", before: "main", after: "two" },
          { path: "labels", before: "{}", after: undefined },
          { path: "labels.plan", before: undefined, after: "gold" },
        ],
      },
      { id: "b", kind: "removed", fields: [] },
      {
        id: "c",
        kind: "offboarded",
        fields: [
          { path: "state", before: "active", after: "offboarding" },
          { path: "backupWaiver.reason", before: undefined, after: "r" },
          { path: "backupWaiver.name", before: undefined, after: "n" },
        ],
      },
      { id: "d", kind: "resumed", fields: [{ path: "state", before: "suspended", after: "active" }] },
      { id: "e", kind: "added", fields: [] },
    ]);
  });

  it("finds a difference wherever two records differ", () => {
    fc.assert(
      fc.property(
        fc.object({ maxDepth: 3, values: [fc.string(), fc.integer(), fc.boolean()] }),
        fc.string(),
        fc.string(),
        (base, key, value) => {
          const changed = { ...base, [key]: { [key]: value, other: 1 } };
          const same = JSON.stringify(base[key]) === JSON.stringify(changed[key]);
          expect(fieldChanges(base, base)).toEqual([]);
          expect(fieldChanges(base, changed).length > 0).toBe(!same);
        },
      ),
    );
  });
});

describe("resourceChanges", () => {
  const resource = (type: string, name: string, props: object, protect = false): Resource => {
    return {
      type,
      name,
      urn: `urn:pulumi:dev::p::${type}::${name}`,
      props: plainProperties(props),
      protect,
      references: {},
    };
  };
  const schema = "tenancy:postgres:Schema";

  it("tells what is made, changed, replaced and deleted, and by which inputs", () => {
    const before = [
      resource(schema, "same", { server: "main", password: "secret" }),
      resource(schema, "limit", { server: "main", connectionLimit: 5 }),
      resource(schema, "moved", { server: "main" }),
      resource(schema, "gone", { server: "main" }),
      resource(schema, "open", { server: "main" }, true),
      resource("kubernetes:core/v1:Namespace", "ns", { metadata: { name: "a", labels: { x: "1" } } }),
      resource("random:index/randomPassword:RandomPassword", "passwords", { length: 64 }),
      resource("tenancy:index:TenantSchema", "component", { a: 1 }),
    ];
    const after = [
      resource(schema, "same", { server: "main", password: "secret" }),
      resource(schema, "limit", { server: "main", connectionLimit: 6, readOnlyConnectionLimit: 1 }),
      resource(schema, "moved", { server: "two" }),
      resource(schema, "new", { server: "main" }),
      resource(schema, "open", { server: "main" }),
      resource("kubernetes:core/v1:Namespace", "ns", { metadata: { name: "b", labels: { x: "1" } } }),
      resource("random:index/randomPassword:RandomPassword", "passwords", { length: 32 }),
      resource("tenancy:index:TenantSchema", "component", { a: 2 }),
    ];
    const told = resourceChanges(before, after).map(({ step, name, changed, unprotected }) => [
      step,
      name,
      changed,
      unprotected,
    ]);
    expect(told).toEqual([
      ["update", "limit", ["connectionLimit", "readOnlyConnectionLimit"], false],
      ["replace", "moved", ["server"], false],
      ["create", "new", [], false],
      ["update", "open", [], true],
      ["replace", "ns", ["metadata"], false],
      ["replace", "passwords", ["length"], false],
      ["delete", "gone", [], false],
    ]);
  });

  it("takes a value that is unknown on both sides for the same, and one that becomes unknown for a change", () => {
    const known = resource(schema, "a", { x: "1" });
    const open: Resource = { ...known, props: { x: unknown } };
    expect(resourceChanges([open], [open])).toEqual([]);
    expect(resourceChanges([known], [open]).map(({ changed }) => changed)).toEqual([["x"]]);
  });
});

describe("costOf", () => {
  const prices = () => readPrices(join(import.meta.dirname, "../../../tenants/prices.yaml"));

  it("gives the figures of a hundred knowledge networks on shared servers: 350 a month and their storage", () => {
    const records = Array.from({ length: 100 }, (_, index) => record(String(index + 1)));
    const file = prices();
    if (file === undefined) throw new Error("the sample has gone");
    const { before, after, currency, unpriced } = costOf(file, [], records);
    expect([before, currency, unpriced]).toEqual([0, "USD", []]);
    expect(after).toBeCloseTo(100 + 200 + 50 + 100 * 0.023, 6);
  });

  it("counts a silo by its copies, sizes and class, and a server by its first and last tenant", () => {
    const file = {
      currency: "EUR",
      servers: { postgres: { main: { fixed: 100, perTenant: 2 } }, redis: {} },
      tiers: { silo: { fixed: 1, cpu: 20, memoryGb: 4, storageGb: 0.1, instances: { "db.x": 50 } } },
    };
    const silo = (more: object) =>
      record("s", {
        tier: "silo",
        stores: ["postgres"],
        placement: { postgres: "main" },
        silo: { storageSize: "1Ti", cpu: "500m", memory: "2Gi", ...more } as TenantRecord["silo"],
      });
    const after = (tenant: TenantRecord): number => costOf(file, [], [tenant]).after;
    expect(after(silo({ replicas: 1 }))).toBeCloseTo(100 + 2 + 1 + 2 * (10 + 8 + 102.4), 6);
    expect(after(silo({ instanceClass: "db.x" }))).toBeCloseTo(100 + 2 + 1 + 50 + 102.4, 6);
    const cost = costOf(file, [silo({})], [record("b", { stores: ["redis"], placement: { redis: "main" } })]);
    expect([...cost.servers]).toEqual([["postgres main", -100]]);
    expect(cost.unpriced).toEqual(["redis main"]);
  });

  it("tells every fault of a price file with its place", () => {
    folder.write({ "prices.yaml": "currency: dollars\nservers: { postgres: { default: { fixed: -1 } } }\nextra: 1\n" });
    let error: unknown;
    try {
      readPrices(join(folder.path, "prices.yaml"));
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(RegistryError);
    const places = (error as RegistryError).faults.map(({ line, path }) => `${line} ${path}`);
    expect(places).toEqual(["1 currency", "2 servers.postgres.default.fixed", "3 extra"]);
  });

  it("says nothing where there is no price file", () => {
    expect(readPrices(join(folder.path, "prices.yaml"))).toBeUndefined();
  });
});

describe("fold", () => {
  const render = ({ minor, major }: { minor: number; major: number }): string =>
    `${"m".repeat(Math.min(minor, 50))}${"M".repeat(Math.min(major, 50))}`;

  it("cuts the first list before the second, and no more than it has to", () => {
    expect(fold(render, ["minor", "major"], 100)).toBe("m".repeat(50) + "M".repeat(50));
    expect(fold(render, ["minor", "major"], 70)).toBe("m".repeat(20) + "M".repeat(50));
    expect(fold(render, ["minor", "major"], 30)).toBe("M".repeat(30));
  });
});
