import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { authorityText } from "../../../components/kubernetes/ca.ts";
import { authority } from "../../support/kubernetes/registrations.ts";
import { secret, valueOf } from "../../support/mocks.ts";
import { certificates, image } from "./fixture.ts";
import { derived, find, listed, siloProgram, spec, without } from "./programs.ts";

describe("CloudNativePgSilo", () => {
  it("registers exactly these objects for an active tenant, all on the cluster's provider and below it", async () => {
    const { registered } = await siloProgram();
    const own = without(registered);
    expect(listed(own)).toEqual([
      "org-123 tenancy:index:CloudNativePgSilo",
      "org-123-backup-store core/v1:Secret",
      "org-123-cluster postgresql.cnpg.io/v1:Cluster",
      "org-123-database postgresql.cnpg.io/v1:Database",
      "org-123-login-app core/v1:Secret",
      "org-123-login-owner core/v1:Secret",
      "org-123-login-read-only core/v1:Secret",
      "org-123-migration batch/v1:Job",
      "org-123-migration-files core/v1:ConfigMap",
      "org-123-monitor monitoring.coreos.com/v1:PodMonitor",
      "org-123-object-store barmancloud.cnpg.io/v1:ObjectStore",
      "org-123-policy-database networking.k8s.io/v1:NetworkPolicy",
      "org-123-policy-migration networking.k8s.io/v1:NetworkPolicy",
      "org-123-policy-pooler networking.k8s.io/v1:NetworkPolicy",
      "org-123-pooler postgresql.cnpg.io/v1:Pooler",
      "org-123-pooler-monitor monitoring.coreos.com/v1:PodMonitor",
      "org-123-scheduled-backup postgresql.cnpg.io/v1:ScheduledBackup",
    ]);
    for (const { name, provider, parent } of own.filter(({ type }) => type.startsWith("kubernetes:"))) {
      expect([name, provider, parent]).toEqual([name, "east", "org-123"]);
    }
    expect(own.filter(({ protect }) => protect).map(({ name }) => name)).toEqual(["org-123-cluster"]);
  });

  it("makes the cluster with exactly these inputs", async () => {
    const { registered } = await siloProgram();
    const cluster = find(registered, "org-123-cluster");
    expect(cluster.replaceOnChanges).toEqual([
      "spec.bootstrap",
      "spec.storage.storageClass",
      "spec.walStorage.storageClass",
    ]);
    const labels = {
      "app.kubernetes.io/managed-by": "tenancy",
      tenant: "org-123",
      organisation: "org_123",
      tier: "silo",
    };
    const role = {
      ensure: "present",
      login: true,
      superuser: false,
      createdb: false,
      createrole: false,
      inherit: false,
    };
    const service = "oikion-org-123-pooler";
    expect(cluster.inputs).toEqual({
      apiVersion: "postgresql.cnpg.io/v1",
      kind: "Cluster",
      metadata: {
        name: "oikion-org-123",
        namespace: "oikion-org-123",
        labels,
        annotations: { "pulumi.com/waitFor": "condition=Ready", "pulumi.com/timeoutSeconds": "1800" },
      },
      spec: {
        description: "Database of the tenant org-123",
        instances: 3,
        imageName: image,
        imagePullSecrets: [{ name: "registry" }],
        enableSuperuserAccess: false,
        enablePDB: true,
        inheritedMetadata: { labels },
        bootstrap: {
          initdb: {
            database: "oikion_org__123",
            owner: "oikion_org__123_owner",
            secret: { name: "oikion-org-123-login-owner" },
            dataChecksums: true,
            encoding: "UTF8",
          },
        },
        plugins: [
          {
            name: "barman-cloud.cloudnative-pg.io",
            isWALArchiver: true,
            parameters: { barmanObjectName: "oikion-org-123", serverName: "oikion-org-123" },
          },
        ],
        postgresql: {
          parameters: { ssl_min_protocol_version: "TLSv1.3", password_encryption: "scram-sha-256" },
          pg_hba: [
            "hostssl oikion_org__123 oikion_org__123_owner all scram-sha-256",
            "hostssl oikion_org__123 oikion_org__123_app all scram-sha-256",
            "hostssl oikion_org__123 oikion_org__123_ro all scram-sha-256",
            "host all all all reject",
            "host replication all all reject",
          ],
          enableAlterSystem: false,
        },
        certificates: {
          serverAltDNSNames: [
            service,
            `${service}.oikion-org-123`,
            `${service}.oikion-org-123.svc`,
            `${service}.oikion-org-123.svc.cluster.local`,
          ],
        },
        managed: {
          roles: [
            {
              ...role,
              name: "oikion_org__123_app",
              comment: "application",
              connectionLimit: 10,
              passwordSecret: { name: "oikion-org-123-login-app" },
            },
            {
              ...role,
              name: "oikion_org__123_ro",
              comment: "reads only",
              connectionLimit: 5,
              passwordSecret: { name: "oikion-org-123-login-ro" },
            },
          ],
        },
        storage: { size: "10Gi", resizeInUseVolumes: true },
        resources: { requests: { cpu: "500m", memory: "1Gi" }, limits: { cpu: "1", memory: "1Gi" } },
        affinity: { enablePodAntiAffinity: true, topologyKey: "kubernetes.io/hostname" },
        monitoring: { enablePodMonitor: false },
      },
    });
  });

  it("hands every password on as a secret, derived for its login and rotation", async () => {
    const { registered, result } = await siloProgram({}, { rotation: 3 });
    const login = (name: string): unknown => find(registered, `org-123-login-${name}`).inputs.stringData;
    expect(login("owner")).toEqual(
      secret({ username: "oikion_org__123_owner", password: derived("postgres/owner", 3) }),
    );
    expect(login("app")).toEqual(secret({ username: "oikion_org__123_app", password: derived("postgres/app", 3) }));
    expect(login("read-only")).toEqual(
      secret({ username: "oikion_org__123_ro", password: derived("postgres/read-only", 3) }),
    );
    expect(find(registered, "org-123-backup-store").inputs.stringData).toEqual(
      secret({ ACCESS_KEY_ID: "AKIDEXAMPLE", ACCESS_SECRET_KEY: "planted-store-key", REGION: "eu-central-1" }),
    );
    const rest = registered.filter(({ type }) => type !== "kubernetes:core/v1:Secret");
    expect(JSON.stringify(rest)).not.toContain(derived("postgres/app", 3));
    expect(JSON.stringify(rest)).not.toContain("planted-store-key");
    expect(await valueOf(result.password)).toBe(derived("postgres/app", 3));
    expect(await pulumi.isSecret(result.password)).toBe(true);
    expect(await pulumi.isSecret(result.readOnlyPassword)).toBe(true);
  });

  it("gives an application all that it needs to connect, the authority out of the cluster's own Secret", async () => {
    const { result, read } = await siloProgram();
    expect(await valueOf(result.host)).toBe("oikion-org-123-rw.oikion-org-123.svc");
    expect(await valueOf(result.port)).toBe(5432);
    expect(await valueOf(result.database)).toBe("oikion_org__123");
    expect(await valueOf(result.schema)).toBe("oikion_org__123");
    expect(await valueOf(result.username)).toBe("oikion_org__123_app");
    expect(await valueOf(result.readOnlyUsername)).toBe("oikion_org__123_ro");
    expect(await valueOf(result.pooler)).toEqual({ host: "oikion-org-123-pooler.oikion-org-123.svc", port: 5432 });
    expect(await valueOf(result.ca)).toBe(authority);
    expect(await pulumi.isSecret(result.ca)).toBe(false);
    expect(read).toEqual(["oikion-org-123/oikion-org-123-ca"]);
  });

  it("reads no Secret where the platform names the authority, and then has a certificate of its issuer", async () => {
    const { registered, result, read } = await siloProgram({ platform: { certificates } });
    expect(await valueOf(result.ca)).toBe(certificates.ca);
    expect(read).toEqual([]);
    expect(spec(find(registered, "org-123-cluster"))).toMatchObject({
      certificates: { serverTLSSecret: "oikion-org-123-server-tls", serverCASecret: "oikion-org-123-server-tls" },
    });
    const certificate = spec(find(registered, "org-123-certificate")) as { dnsNames: string[]; issuerRef: unknown };
    expect(certificate.dnsNames).toHaveLength(16);
    expect(certificate.dnsNames).toContain("oikion-org-123-rw.oikion-org-123.svc");
    expect(certificate.dnsNames).toContain("oikion-org-123-pooler.oikion-org-123.svc");
    expect(certificate.issuerRef).toEqual({ name: "platform-ca", kind: "ClusterIssuer", group: "cert-manager.io" });
  });

  it("is refused an authority by a Secret without ca.crt, instead of verifying nothing", () => {
    const secrets: (Record<string, string> | undefined)[] = [undefined, {}, { "ca.key": "eA==" }, { "ca.crt": "" }];
    for (const data of secrets) {
      expect(() => authorityText("org-123", "oikion-org-123/x", data)).toThrow(
        "tenant org-123: the Secret oikion-org-123/x has no ca.crt to verify the server with",
      );
    }
  });
});
