import { describe, expect, it } from "vitest";
import { Resolver, TenantUnavailable } from "../../client/resolve.ts";

const route = { host: "db", port: 5432, database: "tenants", schema: "tenant_acme", user: "tenant_acme_app" };

function row(id: string, more: object = {}): object {
  return { id, external_id: `org_${id}`, tier: "bridge", status: "ready", region: "local", route, ...more };
}

/** A catalogue that answers from a table and counts what it is asked. */
function catalogue(rows: Record<string, object | Error>) {
  const asked: string[] = [];
  return {
    asked,
    rows,
    query: (_text: string, [id]: unknown[]) => {
      asked.push(String(id));
      const found = rows[String(id)];
      return found instanceof Error
        ? Promise.reject(found)
        : Promise.resolve({ rows: found === undefined ? [] : [found] });
    },
  };
}

async function refusal(resolver: Resolver, id: string): Promise<string> {
  const error = await resolver.resolve(id).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof TenantUnavailable)) throw new Error(`no refusal of ${id}: ${String(error)}`);
  return error.refusal;
}

describe("resolve", () => {
  it("gives a tenant's place, its pooler and where its credentials lie", async () => {
    const pooler = { host: "pool", port: 6432 };
    const own = { ...route, pooler, secret: "file:///srv/acme.json" };
    const resolver = new Resolver({ catalogue: catalogue({ acme: row("acme", { tier: "silo", route: own }) }) });
    expect(await resolver.resolve("acme")).toEqual({
      tenant: "acme",
      externalId: "org_acme",
      tier: "silo",
      region: "local",
      ...own,
    });
  });

  it("gives the tenant_id of a tenant in a pool, which its rows are found by", async () => {
    const own = { ...route, schema: "pool_shared", tenantId: "3f1c2b7e-52a4-4d0e-9b1f-0c6a1d5e7f42" };
    const resolver = new Resolver({ catalogue: catalogue({ acme: row("acme", { tier: "pool", route: own }) }) });
    expect(await resolver.resolve("acme")).toMatchObject({
      tier: "pool",
      schema: "pool_shared",
      tenantId: own.tenantId,
    });
  });

  it.each([
    ["suspended", { status: "suspended" }],
    ["leaving", { status: "offboarding" }],
    ["leaving", { status: "removing" }],
    ["leaving", { status: "removed" }],
    ["not ready", { status: "initializing" }],
    ["not ready", { status: "a status of a later version" }],
    ["no database", { route: null }],
    ["catalogue", { route: { ...route, host: "" } }],
    ["catalogue", { tier: "a tier of a later version" }],
    ["catalogue", { tier: "pool" }],
    ["catalogue", { tier: "pool", route: { ...route, tenantId: "org_acme" } }],
  ])("refuses as %s what the catalogue tells as %j", async (expected, more) => {
    expect(await refusal(new Resolver({ catalogue: catalogue({ acme: row("acme", more) }) }), "acme")).toBe(expected);
  });

  it("refuses an unknown tenant, and asks nothing for what is no id", async () => {
    const source = catalogue({});
    const resolver = new Resolver({ catalogue: source });
    expect(await refusal(resolver, "nobody")).toBe("unknown");
    for (const id of ["", "a'; DROP TABLE x", "ACME", "../etc", "a".repeat(41)]) {
      expect(await refusal(resolver, id)).toBe("unknown");
    }
    expect(source.asked).toEqual(["nobody"]);
  });

  it("refuses while the catalogue does not answer, although it knew the tenant, and asks again at once", async () => {
    let now = 0;
    const source = catalogue({ acme: row("acme") });
    const resolver = new Resolver({ catalogue: source, expiryMs: 10, now: () => now });
    await resolver.resolve("acme");
    now = 10;
    source.rows.acme = new Error("connect ECONNREFUSED");
    expect(await refusal(resolver, "acme")).toBe("catalogue");
    source.rows.acme = row("acme");
    expect((await resolver.resolve("acme")).schema).toBe("tenant_acme");
  });

  it("remembers an answer until it expires, a refusal likewise, and shares a question that is under way", async () => {
    let now = 0;
    const source = catalogue({ acme: row("acme"), off: row("off", { status: "suspended" }) });
    const resolver = new Resolver({ catalogue: source, expiryMs: 100, now: () => now });
    await Promise.all([resolver.resolve("acme"), resolver.resolve("acme"), refusal(resolver, "off")]);
    now = 99;
    await resolver.resolve("acme");
    expect(await refusal(resolver, "off")).toBe("suspended");
    expect(source.asked).toEqual(["acme", "off"]);
    now = 100;
    source.rows.acme = row("acme", { status: "suspended" });
    expect(await refusal(resolver, "acme")).toBe("suspended");
    resolver.forget("acme");
    source.rows.acme = row("acme");
    await resolver.resolve("acme");
    expect(source.asked).toEqual(["acme", "off", "acme", "acme"]);
  });

  it("forgets the tenant asked least recently when there are too many", async () => {
    const source = catalogue({ a: row("a"), b: row("b"), c: row("c") });
    const resolver = new Resolver({ catalogue: source, capacity: 2 });
    for (const id of ["a", "b", "a", "c", "a", "b"]) await resolver.resolve(id);
    expect(source.asked).toEqual(["a", "b", "c", "b"]);
  });
});
