/** Whose namespaces `tenancy verify-namespaces` attacks, and how it ends. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { attackNamespaces, clusterName, placesOn } from "../../cli/commands/verify-namespaces.ts";
import { type Place, placeOf } from "../../components/kubernetes/settings.ts";
import type { TenantRecord } from "../../tenants/load.ts";
import { accountToken, adminToken, byAccount, type Broken, fakeApiServer } from "../verify/kubernetes-fake.ts";

const record = (id: string, placement: TenantRecord["placement"]): TenantRecord => ({
  id,
  displayName: id,
  externalId: `org_${id}`,
  owner: "team@example.com",
  profile: "graph",
  prefix: "tenant",
  tier: "silo",
  ring: "all",
  state: "active",
  region: "eu",
  placement,
  stores: ["postgres"],
  labels: {},
});
const records = [
  record("a", { postgres: "silos" }),
  record("b", { neo4j: "graphs" }),
  record("c", { postgres: "main" }),
  record("d", { postgres: "other" }),
];
const clouds = {
  postgres: {
    silos: { kind: "cloudnativepg", cluster: "east" },
    other: { kind: "cloudnativepg", cluster: "west" },
  },
  neo4j: { graphs: { kind: "kubernetes", cluster: "east" } },
} as const;
const cluster = { apiServerCidrs: [], applicationNamespaces: [] };

describe("the tenants", () => {
  it("are those with a database or a graph on the cluster, in the registry's order", () => {
    expect(placesOn("east", records, clouds).map(({ namespace }) => namespace)).toEqual(["tenant-a", "tenant-b"]);
  });

  it("are refused where one alone has nobody to attack, or one has no namespace there", () => {
    expect(() => placesOn("west", records, clouds)).toThrow(
      "1 tenants with a namespace on cluster west: two are needed",
    );
    expect(() => placesOn("east", records, clouds, ["a", "c"])).toThrow(
      "--tenant c: no namespace on cluster east; it has those of a, b.",
    );
  });
});

describe("the cluster", () => {
  it("is the only one, or the one that is named", () => {
    expect(clusterName({ east: cluster }, undefined)).toBe("east");
    expect(clusterName({ east: cluster, west: cluster }, "west")).toBe("west");
    expect(() => clusterName({ east: cluster, west: cluster }, undefined)).toThrow("has east, west");
    expect(() => clusterName({}, "east")).toThrow(
      '"east" is not below kubernetes in the platform\'s configuration; it has none',
    );
  });
});

describe("the command", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it.each<[number, string, Broken]>([
    [0, "isolated", {}],
    [1, "leak", { allowed: [byAccount[0]?.[1] ?? ""] }],
    [2, "could not tell", { otherTenant: "somebody" }],
  ])("ends with %i where the run says %s", async (code, overall, broken) => {
    const server = await fakeApiServer();
    server.broken = broken;
    const kubeconfig = JSON.stringify({
      "current-context": "x",
      clusters: [
        {
          name: "x",
          cluster: {
            server: `https://127.0.0.1:${server.port}`,
            "certificate-authority-data": Buffer.from(server.ca).toString("base64"),
          },
        },
      ],
      users: [{ name: "x", user: { token: adminToken } }],
      contexts: [{ name: "x", context: { cluster: "x", user: "x" } }],
    });
    const written: string[] = [];
    vi.spyOn(process.stdout, "write").mockImplementation((text) => written.push(String(text)) > 0);
    const [own, other] = (["a", "b"] as const).map((tenant) =>
      placeOf({ tenant, prefix: "tenant", externalId: tenant, tier: "silo" }),
    ) as [Place, Place];
    const target = { stack: "prod", cluster: "east", settings: { kubeconfig }, pairs: [{ own, other }] };
    try {
      expect(await attackNamespaces(target, "json")).toBe(code);
    } finally {
      await server.close();
    }
    expect(JSON.parse(written.join(""))).toMatchObject({ overall, cluster: "east", stack: "prod" });
    expect(written.join("")).not.toContain(accountToken);
    expect(written.join("")).not.toContain(adminToken);
  });
});
