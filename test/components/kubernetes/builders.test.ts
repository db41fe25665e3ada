import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { objectStoreManifest, scheduledBackupManifest, sixFields } from "../../../components/kubernetes/backups.ts";
import { databaseNames } from "../../../components/kubernetes/cluster.ts";
import { databaseManifest } from "../../../components/kubernetes/database.ts";
import { migrationManifests } from "../../../components/kubernetes/migration-job.ts";
import { limitRangeManifest } from "../../../components/kubernetes/namespace.ts";
import { podMonitors } from "../../../components/kubernetes/pod-monitor.ts";
import { poolerManifest } from "../../../components/kubernetes/pooler.ts";
import { assertFits, bytes, bytesText, coresText, millicores } from "../../../components/kubernetes/quantities.ts";
import { credentialsSecret } from "../../../components/kubernetes/secret.ts";
import { placeOf } from "../../../components/kubernetes/settings.ts";
import { files, identity, image, place, platform, silo, siloOf } from "./fixture.ts";

const { labels } = place;
const metadata = { name: "oikion-org-123", namespace: "oikion-org-123", labels };

describe("schedules", () => {
  it.each([
    ["0 2 * * *", "0 0 2 * * *"],
    ["*/15 0-6 1,15 1-12/2 *", "0 */15 0-6 1,15 1-12/2 *"],
    ["0 2 * * 7", "0 0 2 * * 0"],
    ["0 2 * * 1-5", "0 0 2 * * 1-5"],
    ["0 2 * * 5-7", "0 0 2 * * 5,6,0"],
    ["0 2 * * 1-7/2", "0 0 2 * * 1,3,5,0"],
    ["0 2 * * 2,7", "0 0 2 * * 2,0"],
  ])("of five fields get a second, and a Sunday that CloudNativePG knows: %s", (five, six) => {
    expect(sixFields(five)).toBe(six);
  });

  it.each(["", "0 2 * *", "0 0 2 * * *"])("of another number of fields are refused: %j", (schedule) => {
    expect(() => sixFields(schedule)).toThrow(RangeError);
  });
});

describe("quantities", () => {
  it("are read and written as Kubernetes does", () => {
    expect(["500m", "2", "1500m"].map(millicores)).toEqual([500, 2000, 1500]);
    expect([500, 2000, 1500].map(coresText)).toEqual(["500m", "2", "1500m"]);
    expect(["64Mi", "1Gi", "1Ti"].map(bytes)).toEqual([67108864, 1073741824, 1099511627776]);
    for (const text of ["1GB", "1", "-1Gi", "1.5Gi", ""]) expect(() => bytes(text)).toThrow(RangeError);
    for (const text of ["1.5", "m", "", "1k"]) expect(() => millicores(text)).toThrow(RangeError);
  });

  it("come back as they went", () => {
    const unit = fc.constantFrom("Mi", "Gi", "Ti");
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100000 }), unit, (count, of) => {
        expect(bytes(bytesText(bytes(`${count}${of}`)))).toBe(bytes(`${count}${of}`));
        expect(millicores(coresText(count))).toBe(count);
      }),
    );
  });

  it("of a silo with the registry's built-in values fit into system 5's quota, with three instances and all jobs", () => {
    expect(() => {
      assertFits("org-123", silo, platform);
    }).not.toThrow();
    // Not with a fourth instance: the room that is left is a job's, no more.
    expect(() => {
      assertFits("org-123", { ...silo, replicas: 3 }, platform);
    }).toThrow("tenant org-123: 4 instances");
  });
});

describe("labels", () => {
  it("are legal for every id that the registry takes, and name tenant, organisation and tier", () => {
    expect(labels).toEqual({
      "app.kubernetes.io/managed-by": "tenancy",
      tenant: "org-123",
      organisation: "org_123",
      tier: "silo",
    });
    const id = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/);
    fc.assert(
      fc.property(id, (tenant) => {
        const { cluster, namespace } = placeOf({ ...identity, tenant });
        expect(cluster.length).toBeLessThanOrEqual(50);
        // The longest names that are made of a cluster's: DNS labels, too.
        for (const name of [`${cluster}-pooler`, `${cluster}-sql-12345678`, `${cluster}-graph-99-ab12`]) {
          expect(name.length).toBeLessThanOrEqual(63);
        }
        expect(namespace).toMatch(/^[a-z]([a-z0-9-]*[a-z0-9])?$/);
      }),
    );
  });
});

describe("objects", () => {
  it("of a namespace: limits for the containers that ask for nothing", () => {
    expect(limitRangeManifest(place).spec).toEqual({
      limits: [
        {
          type: "Container",
          defaultRequest: { cpu: "50m", memory: "64Mi" },
          default: { cpu: "100m", memory: "128Mi" },
        },
        { type: "PersistentVolumeClaim", min: { storage: "1Gi" } },
      ],
    });
  });

  it("of backups: a folder of the cluster's own, encrypted, for as long as the registry says, at its hour", () => {
    const { objectStore } = platform;
    if (objectStore === undefined) throw new Error("the fixture has a store");
    const key = (name: string): unknown => ({ name: "oikion-org-123-backup-store", key: name });
    expect(objectStoreManifest(place, objectStore, place.cluster, place.cluster, 30)).toEqual({
      apiVersion: "barmancloud.cnpg.io/v1",
      kind: "ObjectStore",
      metadata,
      spec: {
        retentionPolicy: "30d",
        configuration: {
          destinationPath: "s3://backups/postgres/oikion-org-123",
          s3Credentials: {
            accessKeyId: key("ACCESS_KEY_ID"),
            secretAccessKey: key("ACCESS_SECRET_KEY"),
            region: key("REGION"),
          },
          wal: { compression: "gzip", encryption: "aws:kms" },
          data: { compression: "gzip", encryption: "aws:kms" },
        },
        instanceSidecarConfiguration: {
          resources: { requests: { cpu: "50m", memory: "128Mi" }, limits: { cpu: "100m", memory: "128Mi" } },
        },
      },
    });
    expect(scheduledBackupManifest(place, silo, false)).toEqual({
      apiVersion: "postgresql.cnpg.io/v1",
      kind: "ScheduledBackup",
      metadata,
      spec: {
        cluster: { name: "oikion-org-123" },
        schedule: "0 0 2 * * *",
        immediate: true,
        suspend: false,
        backupOwnerReference: "self",
        method: "plugin",
        pluginConfiguration: { name: "barman-cloud.cloudnative-pg.io" },
      },
    });
  });

  it("of the database: kept when its object goes, extensions in a schema of their own", () => {
    expect(databaseManifest(place, databaseNames("oikion", "org-123"), ["vector"]).spec).toEqual({
      cluster: { name: "oikion-org-123" },
      name: "oikion_org__123",
      owner: "oikion_org__123_owner",
      ensure: "present",
      databaseReclaimPolicy: "retain",
      schemas: [{ name: "extensions", owner: "oikion_org__123_owner", ensure: "present" }],
      extensions: [{ name: "vector", schema: "extensions", ensure: "present" }],
    });
  });

  it("of the pooler: session mode, TLS on both sides, the tenant's connections shared among its pods", () => {
    expect(poolerManifest(place, silo, { ...platform, pullSecrets: [] }, 10).spec).toEqual({
      cluster: { name: "oikion-org-123" },
      instances: 2,
      type: "rw",
      pgbouncer: {
        poolMode: "session",
        parameters: {
          default_pool_size: "3",
          max_client_conn: "1000",
          client_tls_sslmode: "require",
          server_tls_sslmode: "verify-full",
          server_tls_protocols: "secure",
        },
      },
      monitoring: { enablePodMonitor: false },
      deploymentStrategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels },
        spec: {
          containers: [
            {
              name: "pgbouncer",
              resources: { requests: { cpu: "50m", memory: "64Mi" }, limits: { cpu: "100m", memory: "64Mi" } },
            },
          ],
        },
      },
    });
  });

  it("of Prometheus: instances without the poolers, whose pods carry the cluster's label, too", () => {
    const monitors = podMonitors(place);
    expect(monitors.database.spec.selector.matchLabels).toEqual({
      "cnpg.io/cluster": "oikion-org-123",
      "cnpg.io/podRole": "instance",
    });
    expect(monitors.pooler.spec.selector.matchLabels).toEqual({ "cnpg.io/poolerName": "oikion-org-123-pooler" });
  });

  it("of delivery: a Secret in the application's namespace, named after the tenant", () => {
    expect(credentialsSecret(place, "applications", { password: "planted" })).toEqual({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "tenant-org-123", namespace: "applications", labels },
      type: "Opaque",
      stringData: { password: "planted" },
    });
  });
});

describe("the job that applies a template", () => {
  const names = databaseNames("oikion", "org-123");
  const made = (over: { files?: typeof files; extensions?: string[]; image?: string } = {}) =>
    migrationManifests(place, silo, platform, { names, image, extensions: ["vector"], files, ...over });

  it("is named by what it reads: another file, extension or image is another job, the same ones are the same", () => {
    const jobs = [
      made(),
      made(),
      made({ files: files.slice(0, 1) }),
      made({ extensions: [] }),
      made({ image: "other:17" }),
    ].map(({ job }) => job.metadata.name);
    expect(jobs[0]).toMatch(/^oikion-org-123-sql-[0-9a-f]{8}$/);
    expect(jobs[1]).toBe(jobs[0]);
    expect(new Set(jobs).size).toBe(4);
    expect(made().files.metadata.name).toBe(jobs[0]);
  });

  it("holds each file as it is, and its name only in quotes", () => {
    const { data } = made().files;
    expect(Object.keys(data).sort()).toEqual([
      "apply.sh",
      "apply.sql",
      "file-0001.sql",
      "file-0002.sql",
      "prepare.sql",
      "ready.sql",
    ]);
    expect(data["file-0001.sql"]).toBe("CREATE TABLE things (id int);\n");
    expect(data["apply.sh"]).toContain(
      `FILE="$folder/file-0002.sql" ORIGIN=tenant NAME='sql/org-123/0001-own.sql' SHA256='${"b2".repeat(32)}' run`,
    );
  });

  it("connects as the owner over verified TLS, with the authority's certificate and not its key", () => {
    const { containers, volumes, ...spec } = made().job.spec.template.spec;
    const env = Object.fromEntries((containers[0]?.env ?? []).map(({ name, ...rest }) => [name, rest]));
    expect(env).toEqual({
      PGHOST: { value: "oikion-org-123-rw" },
      PGPORT: { value: "5432" },
      PGDATABASE: { value: "oikion_org__123" },
      PGUSER: { valueFrom: { secretKeyRef: { name: "oikion-org-123-login-owner", key: "username" } } },
      PGPASSWORD: { valueFrom: { secretKeyRef: { name: "oikion-org-123-login-owner", key: "password" } } },
      PGSSLMODE: { value: "verify-full" },
      PGSSLROOTCERT: { value: "/ca/ca.crt" },
      PGCONNECT_TIMEOUT: { value: "10" },
      HOME: { value: "/tmp" },
    });
    expect(volumes?.find(({ name }) => name === "ca")).toEqual({
      name: "ca",
      secret: { secretName: "oikion-org-123-ca", items: [{ key: "ca.crt", path: "ca.crt" }] },
    });
    expect(spec.automountServiceAccountToken).toBe(false);
    expect(spec.securityContext).toEqual({
      runAsNonRoot: true,
      runAsUser: 26,
      runAsGroup: 26,
      seccompProfile: { type: "RuntimeDefault" },
    });
  });

  it("is there for an active tenant only", () => {
    expect(siloOf().migration).toBeDefined();
    expect(siloOf({ state: "suspended" }).migration).toBeUndefined();
    expect(siloOf({ state: "offboarding" }).migration).toBeUndefined();
  });
});
