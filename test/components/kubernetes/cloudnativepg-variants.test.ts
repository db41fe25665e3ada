import { describe, expect, it } from "vitest";
import type { CloudNativePgSiloArgs } from "../../../components/kubernetes/cloudnativepg.ts";
import { clusterManifest, databaseNames } from "../../../components/kubernetes/cluster.ts";
import { valueOf } from "../../support/mocks.ts";
import { image, place, settingsOf, type Variant, variants } from "./fixture.ts";
import { find, names, siloProgram, spec } from "./programs.ts";

describe("CloudNativePgSilo", () => {
  it("hibernates a suspended tenant: no login, no pooler, no job, no backup, and nothing of the data goes", async () => {
    const { registered } = await siloProgram({ state: "suspended" });
    const cluster = find(registered, "org-123-cluster");
    expect(cluster.protect).toBe(true);
    expect((cluster.inputs.metadata as { annotations: unknown }).annotations).toEqual({
      "cnpg.io/hibernation": "on",
      "pulumi.com/waitFor": "jsonpath={.status.certificates.serverCASecret}",
      "pulumi.com/timeoutSeconds": "1800",
    });
    expect(spec(cluster)).toMatchObject({
      instances: 3,
      postgresql: { pg_hba: ["host all all all reject", "host replication all all reject"] },
      managed: { roles: [{ login: false }, { login: false }] },
    });
    expect(spec(find(registered, "org-123-scheduled-backup"))).toMatchObject({ suspend: true });
    expect(names(registered)).not.toContain("org-123-pooler");
    expect(names(registered)).not.toContain("org-123-pooler-monitor");
    expect(names(registered)).not.toContain("org-123-migration");
    expect(names(registered)).not.toContain("org-123-migration-files");
    expect(JSON.stringify(spec(find(registered, "org-123-policy-database")))).not.toContain('"applications"');
  });

  it("keeps a leaving tenant's database running for its last backup, restarted once and closed", async () => {
    const { registered } = await siloProgram({ state: "offboarding" });
    const cluster = find(registered, "org-123-cluster");
    expect(cluster.protect).toBe(false);
    expect((cluster.inputs.metadata as { annotations: unknown }).annotations).toEqual({
      "kubectl.kubernetes.io/restartedAt": "offboarding",
      "pulumi.com/waitFor": "condition=Ready",
      "pulumi.com/timeoutSeconds": "1800",
    });
    expect(spec(cluster)).toMatchObject({
      postgresql: { pg_hba: ["host all all all reject", "host replication all all reject"] },
      managed: { roles: [{ login: false }, { login: false }] },
    });
    expect(spec(find(registered, "org-123-scheduled-backup"))).toMatchObject({ suspend: false });
    expect(names(registered)).not.toContain("org-123-pooler");
    expect(names(registered)).not.toContain("org-123-migration");
  });

  it("recovers a moment of another tenant, with the names inside that its backups hold, and archives beside it", async () => {
    const { registered, result } = await siloProgram(variants.recovered, { recoverFromPrefix: "tenant" });
    expect(spec(find(registered, "org-123-cluster"))).toMatchObject({
      bootstrap: {
        recovery: {
          source: "tenant-org-122",
          database: "tenant_org__122",
          owner: "tenant_org__122_owner",
          secret: { name: "oikion-org-123-login-owner" },
          recoveryTarget: { targetTime: "2026-03-01T12:00:00Z" },
        },
      },
      externalClusters: [
        {
          name: "tenant-org-122",
          plugin: {
            name: "barman-cloud.cloudnative-pg.io",
            parameters: { barmanObjectName: "oikion-org-123-source", serverName: "tenant-org-122" },
          },
        },
      ],
      plugins: [{ parameters: { barmanObjectName: "oikion-org-123", serverName: "oikion-org-123" } }],
    });
    const source = spec(find(registered, "org-123-source-store")) as { configuration: { destinationPath: string } };
    expect(source.configuration.destinationPath).toBe("s3://backups/postgres/tenant-org-122");
    // Nothing of the source's backups is ever removed by who reads them.
    expect(source).not.toHaveProperty("retentionPolicy");
    const own = spec(find(registered, "org-123-object-store")) as { configuration: { destinationPath: string } };
    expect(own.configuration.destinationPath).toBe("s3://backups/postgres/oikion-org-123");
    expect(own).toMatchObject({ retentionPolicy: "30d" });
    expect(await valueOf(result.database)).toBe("tenant_org__122");
    expect(await valueOf(result.username)).toBe("tenant_org__122_app");
  });

  it("places database, pooler and job on nodes of the tenant's own, and tolerates their taints", async () => {
    const { registered } = await siloProgram(variants["on nodes of its own"]);
    const placed = {
      nodeSelector: { "example.com/tenant": "org-123" },
      tolerations: [{ key: "example.com/tenant", operator: "Equal", value: "org-123", effect: "NoSchedule" }],
    };
    expect(spec(find(registered, "org-123-cluster"))).toMatchObject({ affinity: placed });
    expect(spec(find(registered, "org-123-pooler"))).toMatchObject({ template: { spec: placed } });
    expect(spec(find(registered, "org-123-migration"))).toMatchObject({ template: { spec: placed } });
  });

  it("gives a domain a load balancer for the platform's clients, its records for both ExternalDNS forms, and a name in the certificate", async () => {
    const { registered } = await siloProgram(variants["with a domain"]);
    const domain = "db.org-123.example.com";
    expect(spec(find(registered, "org-123-cluster"))).toMatchObject({
      managed: {
        services: {
          additional: [
            {
              selectorType: "rw",
              serviceTemplate: {
                metadata: {
                  name: "oikion-org-123-domain",
                  annotations: {
                    "example.com/lb": "internal",
                    "external-dns.kubernetes.io/hostname": domain,
                    "external-dns.alpha.kubernetes.io/hostname": domain,
                  },
                },
                spec: {
                  type: "LoadBalancer",
                  externalTrafficPolicy: "Local",
                  loadBalancerSourceRanges: ["198.51.100.0/24"],
                },
              },
            },
          ],
        },
      },
    });
    const { dnsNames } = spec(find(registered, "org-123-certificate")) as { dnsNames: string[] };
    expect(dnsNames.at(-1)).toBe(domain);
    const suspended = await siloProgram({ ...variants["with a domain"], state: "suspended" });
    expect(spec(find(suspended.registered, "org-123-cluster"))).not.toHaveProperty("managed.services");
  });

  it("asks for backups with a role of the cluster's own, and then has no access key", async () => {
    const { registered } = await siloProgram(variants["with a role for backups in a store of its own"]);
    expect(spec(find(registered, "org-123-cluster"))).toMatchObject({
      serviceAccountTemplate: {
        metadata: {
          annotations: { "eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/backups-oikion-org-123" },
        },
      },
    });
    expect(spec(find(registered, "org-123-object-store"))).toMatchObject({
      configuration: { s3Credentials: { inheritFromIAMRole: true }, endpointURL: "https://store.storage.svc:8333" },
    });
    expect(names(registered)).not.toContain("org-123-backup-store");
  });

  it("without backups has no store, no schedule, no plugin and no way to the object store", async () => {
    const { registered } = await siloProgram(variants["without backups"]);
    expect(names(registered)).not.toContain("org-123-object-store");
    expect(names(registered)).not.toContain("org-123-backup-store");
    expect(names(registered)).not.toContain("org-123-scheduled-backup");
    expect(spec(find(registered, "org-123-cluster"))).not.toHaveProperty("plugins");
    expect(JSON.stringify(find(registered, "org-123-policy-database").inputs)).not.toContain("203.0.113.0/24");
  });

  it("shows everything in the preview of a new tenant but what the cluster will make", async () => {
    const { registered, result } = await siloProgram({}, {}, true);
    expect(registered).toHaveLength(27);
    expect(spec(find(registered, "org-123-cluster"))).toMatchObject({ instances: 3 });
    expect(await valueOf(result.host)).toBe("oikion-org-123-rw.oikion-org-123.svc");
  });
});

describe("a silo that cannot be", () => {
  const attempt = async (variant: Variant, over: Partial<CloudNativePgSiloArgs> = {}): Promise<string> => {
    try {
      await siloProgram(variant, over);
    } catch (error) {
      return error instanceof Error ? error.message : "";
    }
    return "nothing was refused";
  };

  it("does not fit into its quota: every quantity is named, with what is needed", async () => {
    expect(await attempt({ silo: { cpu: "1", memory: "2Gi", walStorageSize: "1Gi" } })).toBe(
      "tenant org-123: 3 instances with 1 CPU and 2Gi memory each, their poolers and jobs do not fit into the quota: " +
        "requestsCpu is 2, needed are 3400m; requestsMemory is 4Gi, needed are 6784Mi; limitsCpu is 4, needed are 6800m; " +
        "volumeClaims is 5, needed are 6. Raise silo.quota, or lower silo.replicas, silo.cpu or silo.memory.",
    );
  });

  it.each([
    [{ platform: { objectStore: undefined } }, "silo.backup is enabled, and the Kubernetes cluster has no objectStore"],
    [{ platform: { postgresImage: undefined } }, "the Kubernetes cluster's postgresImage is undefined; it has to be"],
    [{ platform: { postgresImage: "postgresql:latest" } }, 'postgresImage is "postgresql:latest"; it has to be'],
    [
      { silo: { domain: "db.example.com" } },
      'silo.domain is "db.example.com", and the Kubernetes cluster has no domains',
    ],
    [{ silo: { recoverFrom: { tenant: "org-123", time: "2026-03-01T12:00:00Z" } } }, "is the tenant itself"],
    [{ silo: { recoverFrom: { tenant: "org-122", time: "2026-03-01 12:00" } } }, 'time is "2026-03-01 12:00"; allowed'],
    [{ silo: { storageSize: "10 GB" } }, 'silo.storageSize: "10 GB" is no number of bytes'],
    [{ silo: { poolSize: 20 } }, "silo.poolSize is 20, which 2 poolers hold as 20 connections, and"],
  ] satisfies [Variant, string][])("is refused with the tenant in front: %j", async (variant, text) => {
    const message = await attempt(variant);
    expect(message.startsWith("tenant org-123: ")).toBe(true);
    expect(message).toContain(text);
  });

  it("has more SQL than a ConfigMap holds", async () => {
    const large = { origin: "template", name: "0001-large.sql", sha256: "ab", sql: "-".repeat(1024 * 1024) } as const;
    expect(await attempt({}, { files: [large] })).toMatch(/^tenant org-123: the files of its template have \d+ bytes/);
  });

  it("is refused in every state, so that a suspended one does not come back broken", () => {
    const limits = {
      names: databaseNames("oikion", "org-123"),
      image,
      connectionLimit: 10,
      readOnlyConnectionLimit: 5,
    };
    const { silo: settings, platform: on } = settingsOf({ silo: { domain: "db.example.com" } });
    expect(() => clusterManifest(place, settings, on, { ...limits, state: "suspended" })).toThrow(
      "the Kubernetes cluster has no domains.clientCidrs",
    );
  });
});
