import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { poolTenantId } from "../../components/naming.ts";
import type { Servers } from "../../tenants/load.ts";
import { Folder, head, record } from "./fixture.ts";

let folder: Folder;
beforeEach(() => {
  folder = new Folder();
});
afterEach(() => {
  folder.remove();
});

const servers: Servers = {
  postgres: [
    { name: "main", kind: "server", region: "local", capacity: 3 },
    { name: "far", kind: "server", region: "elsewhere" },
    { name: "k8s", kind: "cloudnativepg" },
  ],
  redis: [{ name: "main", kind: "nodes" }],
  storage: [{ name: "main", kind: "s3" }],
  neo4j: [],
};

const shared = "pools:\n  glyphs: { server: main, template: shared }\n";
const inPool = "    tier: pool\n    postgres: { pool: glyphs }\n";

/** Where and what, without the lines that the head of the file takes. */
function told(text: string): string[] {
  return folder
    .write({ "registry.yaml": text })
    .faults({ servers })
    .map(({ path, message }) => `${path}: ${message}`);
}

describe("pools", () => {
  it("are made of server, template, its defaults and no partitions, sorted by name, also without a tenant", () => {
    const text = `${head}pools:
  wide: { server: far, template: shared, variables: { dimensions: 8 }, partitions: 16 }
  glyphs: { server: main, template: shared }
tenants: {}
`;
    expect(folder.write({ "registry.yaml": text }).load({ servers }).pools).toStrictEqual([
      { name: "glyphs", server: "main", template: "shared", variables: { dimensions: 3 }, partitions: 0 },
      { name: "wide", server: "far", template: "shared", variables: { dimensions: 8 }, partitions: 16 },
    ]);
  });

  it("take 0 and 2 to 1024 partitions, and nothing else", () => {
    const around = (value: string): string =>
      `${head}pools:\n  glyphs: { server: main, template: shared, partitions: ${value} }\ntenants: {}\n`;
    for (const value of ["0", "2", "1024"]) expect([value, told(around(value))]).toEqual([value, []]);
    for (const value of ["1", "-1", "1025", "1.5", "'4'", "~"]) {
      expect([value, told(around(value)).map((fault) => fault.split(":")[0])]).toEqual([
        value,
        ["pools.glyphs.partitions"],
      ]);
    }
  });

  it("are refused with a name that gives no schema, an unknown server or template, and what is not for them", () => {
    const text = `${head}pools:
  Glyphs: { server: main, template: shared }
  ${"a".repeat(25)}: { server: main, template: shared }
  a: { server: mian, template: sharde }
  b: { server: k8s, template: plain }
  c: { server: main, template: shared, variables: { dimensions: 9999, dimension: 3 }, ring: early }
  d: { template: shared }
tenants: {}
`;
    expect(told(text)).toEqual([
      'pools.Glyphs: "Glyphs" is not allowed as a key here',
      `pools.${"a".repeat(25)}: "${"a".repeat(25)}" is not allowed as a key here`,
      'pools.a.server: the platform has no postgres server "mian"',
      'pools.a.template: there is no template "sharde"',
      "pools.b.server: a pool needs a shared server, and this one makes a database for each tenant",
      'pools.b.template: the template "plain" does not work in the tier pool',
      'pools.c.variables.dimensions: the template "shared" does not allow this value of "dimensions"',
      'pools.c.variables.dimension: "dimension" is no variable of the template "shared"',
      'pools.c.ring: unknown key "ring"',
      'pools.d.server: the key "server" is missing',
    ]);
    const [, , server, template, kind, tier] = folder.faults({ servers });
    expect([server?.fix, template?.fix]).toEqual(['did you mean "main"?', 'did you mean "shared"?']);
    expect(kind).toMatchObject({
      found: '"k8s", which is of the kind cloudnativepg',
      allowed: "a server of the kind server: main, far",
    });
    expect(tier).toMatchObject({
      found: '"plain", whose tiers are bridge, silo',
      allowed: "a template of the tier pool: extended, shared",
    });
  });
});

describe("a tenant of a pool", () => {
  it("has the pool's server, template and variables, whatever the defaults say, and limits of its own", () => {
    const text = `${head.replace("defaults:\n", "defaults:\n  postgres: { template: plain, connectionLimit: 7 }\n").replace("postgres: main,", "postgres: far,")}${shared}tenants:
${record("a", "    tier: pool\n    postgres: { pool: glyphs, readOnlyConnectionLimit: 2 }\n    ring: canary\n")}`;
    const [tenant] = folder.write({ "registry.yaml": text }).load({ servers }).tenants;
    expect(tenant).toMatchObject({ tier: "pool", ring: "canary", placement: { postgres: "main", redis: "main" } });
    expect(tenant?.postgres).toStrictEqual({
      pool: "glyphs",
      template: "shared",
      variables: { dimensions: 3 },
      additionalSql: [],
      connectionLimit: 7,
      readOnlyConnectionLimit: 2,
      rotation: 0,
    });
    expect(tenant).not.toHaveProperty("silo");
    expect(tenant).not.toHaveProperty("clone");
  });

  it("needs a pool that there is, and a place in PostgreSQL; a pool needs the tier", () => {
    const text = `${head}${shared}tenants:
${record("a", "    tier: pool\n")}${record("b", "    tier: pool\n    postgres: { pool: glyph }\n")}
${record("c", "    postgres: { pool: glyphs }\n")}${record("d", `${inPool}    stores: [redis]\n`)}`;
    expect(told(text)).toEqual([
      "tenants.a.postgres.pool: a tenant of the tier pool needs a pool",
      'tenants.b.postgres.pool: there is no pool "glyph"',
      "tenants.c.postgres.pool: a pool is for tenants of the tier pool only, and one of another tier takes it from here",
      "tenants.d.tier: a pool is tables in PostgreSQL, and the tenant has no place there",
      'tenants.d.postgres: the tenant has no store "postgres" that this could be for',
    ]);
    const [missing, unknown, tier] = folder.faults({ servers });
    expect(missing).toMatchObject({ allowed: "glyphs", fix: "add `postgres: { pool: glyphs }`" });
    expect(unknown).toMatchObject({ found: '"glyph"', allowed: "glyphs", fix: 'did you mean "glyphs"?' });
    expect(tier?.found).toBe('"glyphs", and tier: bridge');
  });

  it("has no template, variables or SQL of its own, and no other server, beside the pool or above it", () => {
    const profile = head.replace(
      "kg: { prefix: tenant, postgres: { template: plain } }",
      "kg: { prefix: tenant, tier: pool, postgres: { pool: glyphs, template: plain } }",
    );
    const own =
      "    placement: { postgres: far }\n    postgres: { variables: { dimensions: 4 }, additionalSql: [a.sql] }\n";
    folder.write({ "a.sql": "" });
    expect(told(`${profile}${shared}tenants:\n${record("a")}${record("b", own)}`)).toEqual([
      "profiles.kg.postgres.template: this stands beside postgres.pool, and a tenant of a pool has no template of its own",
      "tenants.b.placement.postgres: the tenant's pool lies on another server",
      "tenants.b.postgres.variables: this stands beside postgres.pool, and a tenant of a pool has no variables of its own",
      "tenants.b.postgres.additionalSql: this stands beside postgres.pool, and a tenant of a pool has no additionalSql of its own",
    ]);
    expect(folder.faults({ servers })[1]).toMatchObject({
      found: '"far", and the pool "glyphs" on "main"',
      allowed: "main, or no key",
    });
  });

  it("counts on its server, and lies in the region of the server", () => {
    const far = "pools:\n  far: { server: far, template: shared }\n  glyphs: { server: main, template: shared }\n";
    const text = `${head}${far}tenants:
${["a", "b", "c", "d"].map((id) => record(id, id === "c" ? "" : inPool)).join("")}
${record("e", inPool.replace("glyphs", "far"))}`;
    expect(told(text)).toEqual(
      [
        "tenants.d: the postgres server is full: the platform gives it 3 tenants",
        'tenants.e: the tenant\'s data belongs to the region "local", and this postgres server lies elsewhere',
      ].map((fault) => fault.replace(/^(tenants\.\w)/, "$1.placement.postgres")),
    );
  });

  it("cannot use a template that is for pools only in another tier", () => {
    const text = `${head}tenants:\n${record("a", "    postgres: { template: shared }\n")}`;
    expect(told(text)).toEqual(['tenants.a.postgres.template: the template "shared" does not work in the tier bridge']);
    expect(folder.faults({ servers })[0]?.allowed).toBe("a template of the tier bridge: plain, vectors");
  });

  it("never has the tenant_id of another: a uuid may be the one that is computed of another's id", () => {
    const id = poolTenantId("org_a");
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const text = `${head}${shared}tenants:\n${record("a", inPool)}${record("b", inPool).replace("org_b", id.toUpperCase())}`;
    expect(told(text)).toEqual([
      `tenants.b.externalId: its rows in a pool would carry the tenant_id of another tenant's, ${id}`,
    ]);
    expect(folder.faults()[0]?.found).toContain(`"${id.toUpperCase()}", and "org_a" of tenant "a" (`);
  });

  it("is not held against a pool that could not be read", () => {
    expect(told(`${head}pools: [glyphs]\ntenants:\n${record("a", inPool)}`)).toEqual([
      'pools: "pools" is of the wrong kind',
    ]);
    expect(told(`${head}pools:\n  glyphs: { server: main, template: nope }\ntenants:\n${record("a", inPool)}`)).toEqual(
      ['pools.glyphs.template: there is no template "nope"'],
    );
  });
});

describe("rings", () => {
  it("are all, unless defaults, profile or record say otherwise; the nearest wins", () => {
    const rings = head
      .replace("defaults:\n", "defaults:\n  ring: early\n")
      .replace("kg: { prefix: tenant,", "kg: { prefix: tenant, ring: canary,");
    const text = `${rings}tenants:
${record("a")}${record("b", "    ring: all\n")}${record("c", "    postgres: { variables: { dimensions: 3 } }\n").replace("kg", "ekn")}`;
    const { tenants } = folder.write({ "registry.yaml": text }).load();
    expect(tenants.map(({ id, ring }) => [id, ring])).toEqual([
      ["a", "canary"],
      ["b", "all"],
      ["c", "early"],
    ]);
  });

  it("are three", () => {
    expect(told(`${head}tenants:\n${record("a", "    ring: first\n")}`)).toEqual([
      'tenants.a.ring: this value of "ring" is not allowed',
    ]);
    expect(folder.faults()[0]?.allowed).toBe("canary, early, all");
  });
});

describe("a clone", () => {
  const of = (id: string, more = ""): string => `    clone: { of: ${id}${more} }\n`;

  it("takes template, variables and SQL of its source, and nothing else, whatever its profile says", () => {
    const source = "    postgres: { variables: { dimensions: 5 }, additionalSql: [a.sql], connectionLimit: 9 }\n";
    folder.write({
      "a.sql": "",
      "registry.yaml": `${head}tenants:\n${record("a", of("z", ", data: true"))}${record("z", source).replace("kg", "ekn")}`,
    });
    const [clone] = folder.load({ servers }).tenants;
    expect(clone).toMatchObject({ id: "a", profile: "kg", prefix: "tenant", clone: { of: "z", data: true } });
    expect(clone?.postgres).toStrictEqual({
      template: "vectors",
      variables: { dimensions: 5, m: 16 },
      additionalSql: ["a.sql"],
      connectionLimit: 10,
      readOnlyConnectionLimit: 5,
      rotation: 0,
    });
    folder.write({ "registry.yaml": `${head}tenants:\n${record("a", of("z"))}${record("z")}` });
    expect(folder.load().tenants[0]?.clone).toEqual({ of: "z", data: false });
  });

  it("has one other tenant as its source, that is there and no clone; cycles are chains", () => {
    const text = `${head}tenants:
${record("a", of("a"))}${record("b", of("acne"))}${record("acme")}${record("c", of("d"))}${record("d", of("acme"))}
${record("e", of("f"))}${record("f", of("e"))}`;
    expect(told(text)).toEqual([
      "tenants.a.clone.of: a tenant cannot be a clone of itself",
      'tenants.b.clone.of: there is no tenant "acne" to take the structure from',
      'tenants.c.clone.of: the tenant "d" is a clone itself',
      'tenants.e.clone.of: the tenant "f" is a clone itself',
      'tenants.f.clone.of: the tenant "e" is a clone itself',
    ]);
    const fixes = folder.faults().map(({ fix }) => fix);
    expect(fixes).toEqual([
      "name another tenant, or remove clone",
      'did you mean "acme"?',
      'name "acme", which that one is a clone of',
      "give one of the two a template of its own",
      "give one of the two a template of its own",
    ]);
  });

  it("has no template, variables or SQL of its own beside the source's", () => {
    const own = "    postgres: { template: plain, variables: {}, additionalSql: [a.sql], connectionLimit: 3 }\n";
    folder.write({ "a.sql": "" });
    expect(told(`${head}tenants:\n${record("a", `${of("z")}${own}`)}${record("z")}`)).toEqual([
      "tenants.a.postgres.template: this stands beside clone, which takes template from the other tenant",
      "tenants.a.postgres.variables: this stands beside clone, which takes variables from the other tenant",
      "tenants.a.postgres.additionalSql: this stands beside clone, which takes additionalSql from the other tenant",
    ]);
  });

  it("is of the tier bridge or silo, with a source that is, too; rows are copied in one database, ring after ring", () => {
    const silo = "    tier: silo\n";
    const data = ", data: true";
    const text = `${head}${shared}tenants:
${record("pooled", inPool)}${record("silo", silo)}${record("far", "    region: elsewhere\n    placement: { postgres: far }\n")}
${record("z")}${record("a", `${inPool}${of("z")}`)}${record("b", of("pooled"))}${record("c", of("silo", data))}
${record("d", of("far", data))}${record("e", `    ring: early\n${of("z", data)}`)}
${record("f", `    ring: canary\n${of("z")}`)}${record("g", of("silo"))}${record("h", `    stores: [redis]\n${of("z")}`)}`;
    const many: Servers = { ...servers, postgres: servers.postgres.map((one) => ({ ...one, capacity: undefined })) };
    const faults = folder.write({ "registry.yaml": text }).faults({ servers: many });
    expect(faults.map(({ path, message }) => `${path}: ${message}`)).toEqual([
      "tenants.a.clone: a clone has a schema in PostgreSQL like another tenant's, and this tenant has none of its own",
      'tenants.b.clone.of: the tenant "pooled" has no schema of its own that this one could be like',
      "tenants.c.clone.data: rows are copied between tenants of the tier bridge only",
      "tenants.d.clone.data: rows are copied inside of one database only",
      "tenants.e.clone.data: the tenant would be made before the one that its rows come from",
      "tenants.h.clone: a clone has a schema in PostgreSQL like another tenant's, and this tenant has none of its own",
    ]);
    expect(faults[4]).toMatchObject({ found: 'ring: early, and all of tenant "z"' });
  });
});
