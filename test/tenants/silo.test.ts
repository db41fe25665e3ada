import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Servers } from "../../tenants/load.ts";
import { isCron } from "../../tenants/silo-settings.ts";
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
    { name: "main", kind: "server", region: "local", capacity: 2 },
    { name: "k8s", kind: "cloudnativepg" },
    { name: "aws", kind: "rds", region: "eu-central-1" },
  ],
  redis: [{ name: "main", kind: "nodes" }],
  storage: [{ name: "main", kind: "s3" }],
  neo4j: [{ name: "graph", kind: "instances" }],
};

function silo(id: string, server: string, settings = "", more = ""): string {
  return record(id, `    tier: silo\n    placement: { postgres: ${server} }\n${settings}${more}`);
}

describe("a silo's settings", () => {
  it("are the built-in ones where nothing is written", () => {
    folder.write({ "registry.yaml": `${head}tenants:\n${silo("a", "k8s")}` });
    const [tenant] = folder.load({ servers }).tenants;
    expect(tenant?.tier).toBe("silo");
    expect(tenant?.silo).toEqual({
      storageSize: "10Gi",
      storageClass: undefined,
      replicas: undefined,
      cpu: "500m",
      memory: "1Gi",
      instanceClass: undefined,
      backup: { enabled: true, schedule: "0 2 * * *", retentionDays: 30 },
      poolSize: 5,
      dedicatedNodes: undefined,
      domain: undefined,
      recoverFrom: undefined,
      encryptionKey: "platform",
      quota: { requestsCpu: "2", requestsMemory: "4Gi", limitsCpu: "4", limitsMemory: "8Gi", volumeClaims: 5 },
    });
  });

  it("merge key by key over record, profile and defaults", () => {
    const profile = head.replace(
      "kg: { prefix: tenant,",
      "kg: { prefix: tenant, tier: silo, silo: { storageSize: 20Gi, backup: { retentionDays: 7 }, dedicatedNodes: { a: b } },",
    );
    const own = `    silo: { replicas: 2, backup: { schedule: "30 1 * * 0" }, domain: db.acme.example.com }\n`;
    folder.write({ "registry.yaml": `${profile}tenants:\n${silo("a", "k8s", own)}` });
    expect(folder.load({ servers }).tenants[0]?.silo).toMatchObject({
      storageSize: "20Gi",
      replicas: 2,
      backup: { enabled: true, schedule: "30 1 * * 0", retentionDays: 7 },
      dedicatedNodes: { a: "b" },
      domain: "db.acme.example.com",
    });
  });

  it("are absent from a tenant of the tier bridge, and a fault in its own record", () => {
    folder.write({ "registry.yaml": `${head}tenants:\n${record("a")}${record("b", "    silo: { replicas: 1 }\n")}` });
    expect(folder.told({ servers })).toEqual([
      "19:5 tenants.b.silo: these settings are for a database of the tenant's own, which its tier does not give",
    ]);
    folder.write({ "registry.yaml": `${head}tenants:\n${record("a")}` });
    expect(folder.load().tenants[0]).not.toHaveProperty("silo");
  });

  it.each([
    ["storageSize", ["10", "10GB", "0Gi", "1.5Gi", "10gi"]],
    ["cpu", ["0", "0.5", "1.5", "m"]],
    ["memory", ["1", "1G", "1Ti"]],
    ["replicas", ["-1", "6", "1.5"]],
    ["instanceClass", ["t4g.medium", "db.t4g", "db.T4G.medium"]],
    ["domain", ["example", "https://db.example.com", "DB.example.com", "a..b", "10.0.0.1"]],
    ["recoverFrom", ["{ tenant: b }", "{ tenant: b, time: yesterday }", '{ tenant: b, time: "2026-13-01T00:00:00Z" }']],
    ["encryptionKey", ["mine", "''"]],
    ["quota", ["{ volumeClaims: 0 }", "{ requestsCpu: lots }"]],
    ["dedicatedNodes", ["{ a: 'b c' }", "[a]"]],
    ["backup", ["{ retentionDays: 0 }", "{ schedule: daily }", '{ schedule: "0 0 2 * * *" }', "{ enabled: 1 }"]],
  ] as const)("refuse a wrong %s at its place", (key, values) => {
    for (const value of values) {
      folder.write({ "registry.yaml": `${head}tenants:\n${silo("a", "k8s", `    silo: { ${key}: ${value} }\n`)}` });
      const told = folder.told({ servers });
      expect([value, told.length]).not.toEqual([value, 0]);
      expect([value, told.every((fault) => fault.includes(`tenants.a.silo.${key}`))]).toEqual([value, true]);
    }
  });

  it("take schedules of five fields only, with numbers in range", () => {
    for (const text of ["0 2 * * *", "*/15 * * * *", "0 1,13 1-7 */2 0-5/2", "59 23 31 12 7"]) {
      expect([text, isCron(text)]).toEqual([text, true]);
    }
    for (const text of [
      "",
      "0 2 * *",
      "0 0 2 * * *",
      "60 2 * * *",
      "0 24 * * *",
      "0 2 0 * *",
      "5-1 * * * *",
      "5/2 * * * *",
    ]) {
      expect([text, isCron(text)]).toEqual([text, false]);
    }
  });
});

describe("placement", () => {
  it("refuses a server of another region, of a kind that the tier cannot use, and one that is full", () => {
    folder.write({
      "registry.yaml": `${head}tenants:
${record("a")}${record("b")}${record("c")}${record("d", "    placement: { postgres: k8s }\n")}${silo("e", "aws")}`,
    });
    expect(folder.told({ servers })).toEqual([
      "19:3 tenants.c.placement.postgres: the postgres server is full: the platform gives it 2 tenants",
      "29:28 tenants.d.placement.postgres: the tier bridge needs a shared server, and this one makes a database for each tenant",
      '36:28 tenants.e.placement.postgres: the tenant\'s data belongs to the region "local", and this postgres server lies elsewhere',
    ]);
  });

  it("refuses settings of the record that its kind of server has no use for, and leaves a profile's alone", () => {
    const profile = head.replace(
      "kg: { prefix: tenant,",
      "kg: { prefix: tenant, silo: { instanceClass: db.t4g.medium },",
    );
    folder.write({
      "registry.yaml": `${profile}tenants:
${silo("a", "k8s", "    silo: { encryptionKey: own }\n")}${silo("b", "main", "    silo: { storageSize: 10Gi, poolSize: 9 }\n")}`,
    });
    expect(folder.faults({ servers }).map(({ path, allowed }) => [path, allowed])).toEqual([
      ["tenants.a.silo.encryptionKey", '"encryptionKey" with a server of the kind rds'],
      [
        "tenants.b.silo.storageSize",
        '"storageSize" with a server of the kind cloudnativepg, "storageSize" with a server of the kind rds',
      ],
    ]);
  });

  it("refuses to recover from itself, from a tenant that is not there, of another tier or on another server", () => {
    const from = (id: string) => `    silo: { recoverFrom: { tenant: ${id}, time: "2026-03-01T12:00:00Z" } }\n`;
    folder.write({
      "registry.yaml": `${head}tenants:
${silo("a", "k8s", from("b"))}${silo("b", "k8s", from("b"))}${silo("c", "k8s", from("z"))}${silo("d", "k8s", from("e"))}${record("e")}`,
    });
    expect(folder.faults({ servers }).map(({ path }) => path)).toEqual([
      "tenants.b.silo.recoverFrom.tenant",
      "tenants.c.silo.recoverFrom.tenant",
      "tenants.d.silo.recoverFrom.tenant",
    ]);
  });

  it("refuses a silo without a place in PostgreSQL", () => {
    folder.write({ "registry.yaml": `${head}tenants:\n${record("a", "    tier: silo\n    stores: [redis]\n")}` });
    expect(folder.told({ servers })).toEqual([
      "14:11 tenants.a.tier: a silo is a database in PostgreSQL, and the tenant has no place there",
    ]);
  });

  it("gives a tenant a graph database on a server of its own choice", () => {
    const graph = "    stores: [neo4j]\n    placement: { neo4j: graph }\n    neo4j: { memory: 2Gi }\n";
    folder.write({ "registry.yaml": `${head}tenants:\n${record("a", graph)}` });
    const [tenant] = folder.load({ servers }).tenants;
    expect(tenant?.placement).toEqual({ neo4j: "graph" });
    expect(tenant?.neo4j).toEqual({ memory: "2Gi", storageSize: "10Gi", rotation: 0 });
  });
});
