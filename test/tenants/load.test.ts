import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RegistryError } from "../../tenants/load.ts";
import { Folder, head, record, shared } from "./fixture.ts";

let folder: Folder;
beforeEach(() => {
  folder = new Folder();
});
afterEach(() => {
  folder.remove();
});

const servers = shared({ postgres: ["main", "big"], redis: ["main"], storage: ["main"] });

describe("what a registry gives", () => {
  it("fills in profile, defaults and built-in values", () => {
    folder.write({ "registry.yaml": `${head}tenants:\n${record("acme")}` });
    expect(folder.load()).toStrictEqual({
      path: folder.registry,
      maxDeletes: 1,
      pools: [],
      tenants: [
        {
          id: "acme",
          displayName: "acme",
          externalId: "org_acme",
          owner: "team",
          profile: "kg",
          prefix: "tenant",
          tier: "bridge",
          ring: "all",
          state: "active",
          region: "local",
          placement: { postgres: "main", redis: "main", storage: "main" },
          stores: ["postgres", "redis", "storage"],
          postgres: {
            template: "plain",
            variables: {},
            connectionLimit: 10,
            readOnlyConnectionLimit: 5,
            additionalSql: [],
            rotation: 0,
          },
          redis: { defaultTtlSeconds: 3600, rotation: 0 },
          storage: { folders: ["uploads", "processed", "exports"], encryptionKey: "platform", rotation: 0 },
          labels: {},
        },
      ],
    });
  });

  it("lets the record win over the profile, and the profile over the defaults; maps merge, lists replace", () => {
    folder.write({
      "registry.yaml": `maxDeletes: 7
defaults:
  region: from-defaults
  stores: [storage, redis, postgres]
  placement: { postgres: main, redis: main, storage: main }
  postgres: { connectionLimit: 1, readOnlyConnectionLimit: 1, rotation: 1, variables: { m: 5 } }
  redis: { defaultTtlSeconds: 1, rotation: 1 }
  storage: { folders: [d1, d2] }
  labels: { a: defaults, b: defaults, c: defaults }
profiles:
  ekn:
    prefix: ekn
    region: from-profile
    placement: { redis: r2 }
    postgres: { template: vectors, connectionLimit: 2, readOnlyConnectionLimit: 2, variables: { m: 6, dimensions: 3 } }
    redis: { defaultTtlSeconds: 2 }
    storage: { folders: [p1, p2], rotation: 4 }
    labels: { b: profile, c: profile }
tenants:
  x:
    displayName: X
    externalId: org_x
    owner: team
    profile: ekn
    stores: [postgres, storage, redis]
    placement: { storage: s3 }
    postgres: { connectionLimit: 3, variables: { dimensions: 4 } }
    storage: { folders: [t1] }
    labels: { c: record }
`,
    });
    const registry = folder.load();
    expect(registry.maxDeletes).toBe(7);
    expect(registry.tenants[0]).toMatchObject({
      region: "from-profile",
      stores: ["postgres", "redis", "storage"],
      placement: { postgres: "main", redis: "r2", storage: "s3" },
      postgres: {
        connectionLimit: 3,
        readOnlyConnectionLimit: 2,
        rotation: 1,
        variables: { dimensions: 4, m: 6 },
      },
      redis: { defaultTtlSeconds: 2, rotation: 1 },
      storage: { folders: ["t1"], rotation: 4 },
      labels: { a: "defaults", b: "profile", c: "record" },
    });
  });

  it("leaves out the settings and servers of stores that a tenant does not have", () => {
    folder.write({ "registry.yaml": `${head}tenants:\n${record("acme", "    stores: [redis]\n")}` });
    const [tenant] = folder.load().tenants;
    expect(tenant?.stores).toEqual(["redis"]);
    expect(tenant?.placement).toEqual({ redis: "main" });
    expect(tenant).not.toHaveProperty("postgres");
    expect(tenant).not.toHaveProperty("storage");
  });

  it("keeps ids as they are written, sorts them, and takes words of the language as ids", () => {
    const ids = ["42", "0123", "1e3", "true", "null", "constructor", "0x1f", "a-b", "-1".slice(1)];
    folder.write({ "registry.yaml": `${head}tenants:\n${ids.map((id) => record(id)).join("")}` });
    expect(folder.load().tenants.map(({ id }) => id)).toEqual([...ids].sort());
  });

  it("takes an empty map: the last tenant may leave", () => {
    folder.write({ "registry.yaml": "tenants: {}\n" });
    expect(folder.load()).toEqual({ path: folder.registry, maxDeletes: 1, pools: [], tenants: [] });
  });

  it("takes a byte order mark, CRLF and a comment in front, and counts columns without the mark", () => {
    const text = `\ufeff# x\n${head}tenants:\n${record("acme")}`.replaceAll("\n", "\r\n");
    folder.write({ "registry.yaml": text });
    expect(folder.load().tenants).toHaveLength(1);
    folder.write({ "registry.yaml": "\ufefftenats: {}\ntenants: {}\n" });
    expect(folder.told()).toEqual(['1:1 tenats: unknown key "tenats"']);
  });

  it("follows aliases, and keeps a waiver with the state that it is for", () => {
    const more = "    state: offboarding\n    backupWaiver: { reason: gone, name: Jo }\n    labels: &l { a: b }\n";
    folder.write({ "registry.yaml": `${head}tenants:\n${record("a", more)}${record("b", "    labels: *l\n")}` });
    const [a, b] = folder.load().tenants;
    expect(a).toMatchObject({ state: "offboarding", backupWaiver: { reason: "gone", name: "Jo" } });
    expect(b).toMatchObject({ state: "active", labels: { a: "b" } });
    expect(b).not.toHaveProperty("backupWaiver");
  });
});

describe("one file a tenant", () => {
  const file = "displayName: B\nexternalId: org_b\nowner: team\nprofile: kg\n";

  it("joins the files of registry.d, and leaves out hidden ones", () => {
    folder.write({
      "registry.yaml": `${head}tenants:\n${record("c")}`,
      "registry.d/b.yaml": file,
      "registry.d/.b.yaml.swp": "\u0000",
    });
    expect(folder.load().tenants.map(({ id }) => id)).toEqual(["b", "c"]);
  });

  it("tells both places of an id that stands twice, bad names, other files, and faults inside", () => {
    folder.write({
      "registry.yaml": `${head}tenants:\n${record("b")}`,
      "registry.d/b.yaml": file,
      "registry.d/Bad_Id.yaml": file.replace("org_b", "org_bad").replace("kg", "kgg"),
      "registry.d/c.yml": file,
      "registry.d/notes.txt": "",
      "registry.d/sub/d.yaml": file,
      "registry.d/e.yaml": "",
      "registry.d/f.yaml": "ownr: x\n",
    });
    expect(folder.told()).toEqual([
      'registry.d/Bad_Id.yaml:1:1 : the file\'s name gives "Bad_Id", which is no tenant id',
      'registry.d/Bad_Id.yaml:4:10 tenants.Bad_Id.profile: there is no profile "kgg"',
      'registry.d/b.yaml:1:1 tenants.b: the tenant "b" stands in two places',
      "registry.d/e.yaml:1:1 : the file is empty",
      'registry.d/f.yaml:1:1 tenants.f.ownr: unknown key "ownr"',
      'registry.d/f.yaml:1:1 tenants.f.displayName: the key "displayName" is missing',
      'registry.d/f.yaml:1:1 tenants.f.externalId: the key "externalId" is missing',
      'registry.d/f.yaml:1:1 tenants.f.owner: the key "owner" is missing',
      'registry.d/f.yaml:1:1 tenants.f.profile: the key "profile" is missing',
      "registry.d/c.yml:1:1 : this is no file of a tenant",
      "registry.d/notes.txt:1:1 : this is no file of a tenant",
      "registry.d/sub:1:1 : a folder has no place here",
    ]);
    const twice = folder.faults().find(({ file }) => file === "registry.d/b.yaml");
    expect(twice?.found).toBe(`${folder.path}/registry.d/b.yaml and ${folder.registry}:9:3`);
    expect(folder.faults().find(({ file }) => file.endsWith(".yml"))?.fix).toBe("rename it to c.yaml");
  });

  it("finds an external id that another file uses, and ids that differ only by case", () => {
    folder.write({
      "registry.yaml": `${head}tenants:\n${record("b")}`,
      "registry.d/c.yaml": file,
      "registry.d/B.yaml": file.replace("org_b", "org_B"),
    });
    expect(folder.told()).toEqual([
      'registry.d/B.yaml:1:1 : the file\'s name gives "B", which is no tenant id',
      'registry.d/B.yaml:1:1 tenants.B: the id differs from "b" only by case',
      "registry.d/c.yaml:2:13 tenants.c.externalId: another tenant has the same external id",
    ]);
    expect(folder.faults().at(-1)?.found).toBe(`"org_b", also of tenant "b" (${folder.registry}:11:17)`);
  });

  it("is a fault when registry.d is a file", () => {
    folder.write({ "registry.yaml": "tenants: {}\n", "registry.d": "x" });
    expect(folder.told()).toEqual(["registry.d:1:1 : this is no folder"]);
  });
});

describe("faults that one record does not show", () => {
  it("suggests the nearest profile, template and server", () => {
    folder.write({
      "registry.yaml": `${head}tenants:
${record("a", "    placement: { postgres: mian, redis: nowhere }\n    postgres: { template: vectrs }\n")}
${record("b").replace("kg", "ken")}`,
    });
    const faults = folder.faults({ servers });
    expect(faults.map(({ line, column, message, fix }) => [line, column, message, fix])).toEqual([
      [14, 28, 'the platform has no postgres server "mian"', 'did you mean "main"?'],
      [
        14,
        41,
        'the platform has no redis server "nowhere"',
        "name a server of the platform's configuration, or add one there",
      ],
      [15, 27, 'there is no template "vectrs"', 'did you mean "vectors"?'],
      [21, 14, 'there is no profile "ken"', 'did you mean "ekn"?'],
    ]);
    expect(folder.told()).toHaveLength(2);
  });

  it("tells what a tenant lacks only where no other fault explains it", () => {
    folder.write({
      "registry.yaml": `profiles:\n  kg: { prefix: tenant }\n  bad: { prefix: 5, stores: [postgrs] }\ntenants:
${record("a")}${record("b", "    region: x\n    stores: [postgres]\n")}${record("c").replace("kg", "bad")}`,
    });
    expect(folder.told()).toEqual([
      '3:18 profiles.bad.prefix: "prefix" must be a text',
      '3:30 profiles.bad.stores[0]: this value of "stores" is not allowed',
      '5:3 tenants.a.region: the setting "region" is missing',
      '5:3 tenants.a.stores: the setting "stores" is missing',
      '10:3 tenants.b.placement.postgres: the setting "placement.postgres" is missing',
      '10:3 tenants.b.postgres.template: the setting "postgres.template" is missing',
      '17:3 tenants.c.region: the setting "region" is missing',
    ]);
    expect(folder.faults()[4]?.fix).toBe("add `placement: { postgres: main }`");
  });

  it("refuses settings of a store that the tenant does not have", () => {
    folder.write({
      "registry.yaml": `${head}tenants:\n${record("a", "    stores: [redis]\n    storage: {}\n    placement: { postgres: big }\n")}`,
    });
    expect(folder.told()).toEqual([
      '15:5 tenants.a.storage: the tenant has no store "storage" that this could be for',
      '16:28 tenants.a.placement.postgres: the tenant has no store "postgres" that this could be for',
    ]);
  });

  it("refuses a waiver of a tenant that stays", () => {
    folder.write({
      "registry.yaml": `${head}tenants:\n${record("a", "    backupWaiver: { reason: x, name: y }\n")}`,
    });
    expect(folder.told()).toEqual([
      "14:5 tenants.a.backupWaiver: a waiver of the backup is only for a tenant that is leaving",
    ]);
  });

  it("has no template for the canaries of verification runs", () => {
    folder.write({
      "registry.yaml": `${head}tenants:\n${record("a", "    postgres: { template: canary }\n")}`,
    });
    expect(folder.faults().map(({ message, allowed }) => [message, allowed])).toEqual([
      ['there is no template "canary"', "extended, plain, shared, vectors"],
    ]);
  });

  it("holds variables against the template where they are written, once for a profile that many use", () => {
    folder.write({
      "registry.yaml": `defaults: { region: x, stores: [postgres], placement: { postgres: main } }
profiles:
  v: { prefix: v, postgres: { template: vectors, variables: { dimension: 3, m: 1000 } } }
  unused: { prefix: u, postgres: { template: vectors, variables: { constructor: 1 } } }
tenants:
${["a", "b"].map((id) => record(id, "    postgres: { variables: { m: x } }\n").replace("kg", "v")).join("")}`,
    });
    expect(folder.told()).toEqual([
      '3:74 profiles.v.postgres.variables.dimension: "dimension" is no variable of the template "vectors"',
      '3:80 profiles.v.postgres.variables.m: the template "vectors" does not allow this value of "m"',
      '4:81 profiles.unused.postgres.variables.constructor: "constructor" is no variable of the template "vectors"',
      '11:17 tenants.a.postgres.variables.dimensions: the template "vectors" needs a value: dimensions has no default and is not set',
      '11:33 tenants.a.postgres.variables.m: the template "vectors" does not allow this value of "m"',
      '17:17 tenants.b.postgres.variables.dimensions: the template "vectors" needs a value: dimensions has no default and is not set',
      '17:33 tenants.b.postgres.variables.m: the template "vectors" does not allow this value of "m"',
    ]);
    expect(folder.faults()[0]?.fix).toBe('did you mean "dimensions"?');
    expect(folder.faults()[1]).toMatchObject({ found: "1000", allowed: "an integer from 2 to 100" });
  });

  it("tells that the templates cannot be read", () => {
    folder.write({ "registry.yaml": `${head}tenants: {}\n` });
    const messages = folder.faults({ templates: join(folder.path, "none") }).map(({ message }) => message);
    expect(messages).toHaveLength(2);
    expect(messages[0]).toMatch(/^the template "plain" cannot be used: the folder of templates .* cannot be read/);
  });

  it("takes additional SQL only from regular files inside of its folder", () => {
    const paths = ["sql/a.sql", "/etc/a.sql", "../a.sql", "sql/../a.sql", "none.sql", "dir.sql", "link.sql", "a.txt"];
    folder.write({
      "reg/registry.yaml": `${head}tenants:\n${record("a", `    postgres:\n      additionalSql: [${paths.join(", ")}]\n`)}`,
      "reg/sql/a.sql": "",
      "outside.sql": "",
    });
    mkdirSync(join(folder.path, "reg/dir.sql"));
    symlinkSync("../outside.sql", join(folder.path, "reg/link.sql"));
    folder.registry = join(folder.path, "reg/registry.yaml");
    expect(folder.faults().map(({ path, message }) => `${path.slice(-2, -1)} ${message}`)).toEqual([
      '1 this value of "additionalSql" is not allowed',
      '2 this value of "additionalSql" is not allowed',
      '3 this value of "additionalSql" is not allowed',
      "4 there is no such file",
      "5 this is no regular file",
      "6 the path leads out of the registry's folder",
      '7 this value of "additionalSql" is not allowed',
    ]);
  });

  it("takes a uuid for the same in either case, and other ids as different", () => {
    const uuid = "3f1c2b7e-52a4-4d0e-9b1f-0c6a1d5e7f42";
    folder.write({
      "registry.yaml": `${head}tenants:
${record("a").replace("org_a", uuid)}${record("b").replace("org_b", uuid.toUpperCase())}
${record("c").replace("org_c", "org_x")}${record("d").replace("org_d", "org_X")}`,
    });
    expect(folder.told()).toEqual(["16:17 tenants.b.externalId: another tenant has the same external id"]);
  });

  it("refuses a schema with the name of another tenant's login", () => {
    folder.write({
      "registry.yaml": `${head.replace("ekn: { prefix: ekn", "ekn: { prefix: tenant_acme")}tenants:
${record("acme")}${record("app").replace("kg", "ekn")}`,
    });
    const [fault, ...more] = folder.faults();
    expect(more).toEqual([]);
    expect(fault).toMatchObject({ line: 14, path: "tenants.app" });
    expect(fault?.found).toBe(
      `PostgreSQL schema or role "tenant_acme_app", also of tenant "acme" (${folder.registry}:9:3)`,
    );
  });
});

describe("all at once", () => {
  it("tells faults of every kind and file in one error, in the order of the files, and how many tenants there are", () => {
    folder.write({
      "registry.yaml": `${head}maxDeletes: -1
tenants:
${record("a", "    tier: shard\n    redis: { defaultTtl: 5 }\n")}
  A_b: { displayName: 5 }
${record("c").replace("kg", "nope")}`,
      "registry.d/d.yaml": "displayName: \xe9\n",
      "registry.d/e.yaml": Buffer.from([0x61, 0x3a, 0xe9, 0x0a]),
    });
    expect(() => folder.load()).toThrow(RegistryError);
    const faults = folder.faults();
    expect(faults.map(({ file, line, path }) => `${file}:${line} ${path}`)).toEqual([
      "registry.yaml:8 maxDeletes",
      "registry.yaml:15 tenants.a.tier",
      "registry.yaml:16 tenants.a.redis.defaultTtl",
      "registry.yaml:18 tenants.A_b",
      "registry.yaml:18 tenants.A_b.externalId",
      "registry.yaml:18 tenants.A_b.owner",
      "registry.yaml:18 tenants.A_b.profile",
      "registry.yaml:18 tenants.A_b.displayName",
      "registry.yaml:23 tenants.c.profile",
      "registry.d/d.yaml:1 tenants.d.externalId",
      "registry.d/d.yaml:1 tenants.d.owner",
      "registry.d/d.yaml:1 tenants.d.profile",
      "registry.d/e.yaml:1 tenants.e",
      "registry.d/e.yaml:1 ",
    ]);
    for (const { message, found, allowed, fix } of faults) {
      expect([message, found, allowed, fix].map((text) => text === "")).toEqual([false, false, false, false]);
    }
    try {
      folder.load();
    } catch (error) {
      expect(error).toMatchObject({ tenantCount: 5 });
      expect(String(error)).toContain("14 faults in 3 files");
    }
  });
});
