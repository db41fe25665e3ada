import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { copyOf } from "../../components/copies.ts";
import { makePools } from "../../components/pools.ts";
import { ringByRing } from "../../components/rings.ts";
import { rosterEntries } from "../../components/roster-entries.ts";
import { TenantSources } from "../../components/tenant-sources.ts";
import { Roster, TenancyProvider } from "../../provider/resources.ts";
import type { PoolRecord, TenantRecord } from "../../tenants/load.ts";
import { registrations, valueOf } from "../support/mocks.ts";
import { templates } from "../tenants/fixture.ts";

function record(id: string, more: Partial<TenantRecord> = {}): TenantRecord {
  return {
    ...{ id, displayName: id, externalId: `org_${id}`, owner: "team", profile: "p", prefix: "t", labels: {} },
    ...({ tier: "bridge", ring: "all", state: "active", region: "local", stores: [], placement: {} } as const),
    ...more,
  };
}

class Thing extends pulumi.CustomResource {
  constructor(name: string, options: pulumi.CustomResourceOptions) {
    super("tenancy:postgres:Schema", name, {}, options);
  }
}

/** What each resource waits for, by name, in the order of registration. */
async function order(records: readonly TenantRecord[]): Promise<[string, string[]][]> {
  const waits = new Map<string, Promise<string[]>>();
  const { registered, result } = await registrations(() => {
    const provider = new TenancyProvider("platform", { config: "{}" });
    const roster = new Roster("tenants", { catalogue: "main", maxDeletes: 1, tenants: {} }, { provider });
    return ringByRing(records, { provider, dependsOn: [roster] }, ({ id }, options) => {
      const thing = new Thing(id, { provider: options.provider, dependsOn: options.dependsOn });
      waits.set(id, Promise.all(options.dependsOn.map(({ urn }) => valueOf(urn))));
      return Promise.resolve({ resources: [thing], registered: () => valueOf(thing.urn).then(() => undefined) });
    });
  });
  await result;
  const own = registered.filter(({ type }) => /Schema|Ring/.test(type));
  for (const { type, name, inputs } of own) {
    if (type === "tenancy:index:Ring") expect(inputs).toEqual({ ring: name });
  }
  return Promise.all(
    own.map(async ({ name }) => {
      const urns = (await waits.get(name)) ?? [];
      return [name, urns.map((urn) => urn.split("::").slice(-2).join(" "))] as [string, string[]];
    }),
  );
}

const roster = "tenancy:index:Roster tenants";

describe("ringByRing", () => {
  it("makes each ring after the end of the one before, and no end of the last", async () => {
    const records = [record("a"), record("b", { ring: "early" }), record("c", { ring: "canary" }), record("d")];
    expect(await order(records)).toEqual([
      ["c", [roster]],
      ["canary", []],
      ["b", [roster, "tenancy:index:Ring canary"]],
      ["early", []],
      ["a", [roster, "tenancy:index:Ring early"]],
      ["d", [roster, "tenancy:index:Ring early"]],
    ]);
  });

  it("makes no resource of a ring without tenants, and none where all tenants are in one", async () => {
    expect(await order([record("a"), record("b", { ring: "canary" })])).toEqual([
      ["b", [roster]],
      ["canary", []],
      ["a", [roster, "tenancy:index:Ring canary"]],
    ]);
    expect(await order([record("a", { ring: "early" })])).toEqual([["a", [roster]]]);
    expect(await order([])).toEqual([]);
  });

  it("makes a clone after the tenant that its rows come from, of the same ring", async () => {
    const records = [record("a", { clone: { of: "z", data: true } }), record("z")];
    expect((await order(records)).map(([name]) => name)).toEqual(["z", "a"]);
  });
});

describe("copyOf", () => {
  const source = record("z", { prefix: "ekn" });

  it("names the source's schema and owner, and waits for all of it", async () => {
    const { result: resource } = await registrations(() => new Thing("z", {}));
    const made = new Map([["z", { resources: [resource] }]]);
    const copy = copyOf(record("a", { clone: { of: "z", data: true } }), [source], made);
    expect(copy?.of).toEqual({ tenant: "z", schema: "ekn_z", ownerRole: "ekn_z_owner" });
    expect(copy?.after).toEqual([resource]);
  });

  it("is nothing of a clone of structure, and of a tenant that is none", () => {
    expect(copyOf(record("a", { clone: { of: "z", data: false } }), [source], new Map())).toBeUndefined();
    expect(copyOf(record("a"), [source], new Map())).toBeUndefined();
  });
});

describe("makePools", () => {
  const pool = (name: string): PoolRecord => {
    return { name, server: "main", template: "shared", variables: { dimensions: 3 }, partitions: 4 };
  };

  it("registers one Pool for each with exactly these inputs", async () => {
    const sources = new TenantSources(templates, templates);
    const { registered, result } = await registrations(() => {
      const provider = new TenancyProvider("platform", { config: "{}" });
      return makePools({ pools: [pool("glyphs")], tenants: [] }, sources, { provider, dependsOn: [] });
    });
    expect([...result.keys()]).toEqual(["glyphs"]);
    expect(registered.slice(1)).toMatchObject([{ type: "tenancy:postgres:Pool", name: "glyphs" }]);
    expect(registered[1]?.inputs).toEqual({
      server: "main",
      pool: "glyphs",
      schema: "pool_glyphs",
      ownerRole: "pool_glyphs_owner",
      appRole: "pool_glyphs_app",
      readOnlyRole: "pool_glyphs_ro",
      template: "shared",
      variables: { dimensions: 3 },
      templateFiles: sources.template("shared").files,
      partitions: 4,
    });
  });

  it("asks the Baseline for the extensions of a pool's template, also where it has no tenants", () => {
    const sources = new TenantSources(templates, templates);
    const withOne = { ...pool("glyphs"), template: "extended", variables: {} };
    expect(sources.extensions({ tenants: [], pools: [withOne, withOne] }, "main")).toEqual(["pgcrypto", "vector"]);
    expect(sources.extensions({ tenants: [], pools: [withOne] }, "other")).toEqual([]);
  });
});

describe("rosterEntries", () => {
  const clouds = { postgres: {}, redis: {}, storage: {}, neo4j: {} };

  it("keep the pool and tenant_id of a tenant in a pool, and nothing of another", () => {
    const postgres = {
      ...{ pool: "glyphs", template: "shared", variables: {}, additionalSql: [] },
      ...{ connectionLimit: 1, readOnlyConnectionLimit: 1, rotation: 0 },
    };
    const uuid = "3f1c2b7e-52a4-4d0e-9b1f-0c6a1d5e7f42";
    const { a, b } = rosterEntries([record("a", { tier: "pool", externalId: uuid, postgres }), record("b")], clouds);
    expect(a).toMatchObject({ tier: "pool", fixed: { "postgres.pool": "glyphs", tenant_id: uuid } });
    expect(a).not.toHaveProperty("sizes");
    expect(b).not.toHaveProperty("fixed");
  });
});
