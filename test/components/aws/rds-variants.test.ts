import { describe, expect, it } from "vitest";
import { memberName } from "../../../components/aws/rds-names.ts";
import { secret, valueOf } from "../../support/mocks.ts";
import { build, type Built, type Case, derived, keyArn, tags } from "./rds-build.ts";
import { entry } from "./rds-fixture.ts";

describe("an Aurora cluster", () => {
  const server = {
    engine: "aurora-postgresql",
    engineVersion: "17",
    defaultInstanceClass: "db.serverless",
    serverless: { minCapacity: 0.5, maxCapacity: 8 },
  };

  it("has exactly these inputs, and an instance for the writer and for each reader", async () => {
    const { inputs, own } = await build({ server, settings: { storageSize: "10Gi" } });
    expect(own.slice(0, 3)).toEqual([
      "aws:rds/cluster:Cluster acme-cluster",
      "aws:rds/clusterInstance:ClusterInstance acme-member-1",
      "aws:rds/clusterInstance:ClusterInstance acme-member-2",
    ]);
    expect(own.filter((one) => one.includes("rds/instance:"))).toEqual([]);
    expect(inputs("acme-cluster")).toEqual({
      engine: "aurora-postgresql",
      engineMode: "provisioned",
      engineVersion: "17",
      allowMajorVersionUpgrade: false,
      clusterIdentifier: "tenant-acme",
      port: 5432,
      masterUsername: "tenancy_master",
      manageMasterUserPassword: true,
      dbClusterParameterGroupName: "cluster-parameters",
      dbSubnetGroupName: "subnets",
      vpcSecurityGroupIds: ["eu-database-id"],
      storageEncrypted: true,
      iamDatabaseAuthenticationEnabled: false,
      backupRetentionPeriod: 30,
      preferredBackupWindow: "02:00-02:30",
      preferredMaintenanceWindow: "sun:04:00-sun:05:00",
      copyTagsToSnapshot: true,
      deleteAutomatedBackups: true,
      deletionProtection: true,
      skipFinalSnapshot: false,
      finalSnapshotIdentifier: "tenant-acme-final",
      enabledCloudwatchLogsExports: ["postgresql"],
      serverlessv2ScalingConfiguration: { minCapacity: 0.5, maxCapacity: 8 },
      applyImmediately: true,
      tags,
    });
    expect(inputs("acme-member-2")).toEqual({
      identifier: memberName("tenant", "acme", 2),
      clusterIdentifier: "acme-cluster-id",
      engine: "aurora-postgresql",
      engineVersion: "17",
      instanceClass: "db.serverless",
      dbSubnetGroupName: "subnets",
      publiclyAccessible: false,
      caCertIdentifier: "rds-ca-rsa2048-g1",
      autoMinorVersionUpgrade: true,
      performanceInsightsEnabled: true,
      performanceInsightsRetentionPeriod: 7,
      preferredMaintenanceWindow: "sun:04:00-sun:05:00",
      copyTagsToSnapshot: true,
      applyImmediately: true,
      tags,
    });
    expect(inputs("acme-postgresql").host).toBe("tenant-acme.cluster-x.eu-central-1.rds.amazonaws.com");
  });

  it("recovers from the cluster of another tenant", async () => {
    const { inputs } = await build({
      server,
      settings: { recoverFrom: { tenant: "old", time: "2026-11-27T08:30:00Z" } },
    });
    expect(inputs("acme-cluster").restoreToPointInTime).toEqual({
      sourceClusterIdentifier: "tenant-old",
      restoreToTime: "2026-11-27T08:30:00Z",
      restoreType: "full-copy",
    });
  });
});

describe("a key of the tenant's own", () => {
  it("encrypts storage, master secret and Performance Insights, and is gone 30 days after the tenant", async () => {
    const { inputs, own } = await build({ settings: { encryptionKey: "own" } });
    expect(own.slice(0, 2)).toEqual(["aws:kms/alias:Alias acme-key-alias", "aws:kms/key:Key acme-key"]);
    expect(inputs("acme-key")).toEqual({
      description: "Database of the tenant acme",
      enableKeyRotation: true,
      deletionWindowInDays: 30,
      tags,
    });
    expect(inputs("acme-key-alias")).toEqual({ name: "alias/tenancy/tenant-acme", targetKeyId: "key-id" });
    expect(inputs("acme-instance")).toMatchObject({
      kmsKeyId: keyArn,
      masterUserSecretKmsKeyId: keyArn,
      performanceInsightsKmsKeyId: keyArn,
    });
  });
});

describe("recovery", () => {
  it("restores another tenant's instance and works in it with that tenant's names and provisioner", async () => {
    const { inputs, own, connection } = await build({
      extensions: ["vector"],
      settings: { recoverFrom: { tenant: "old", time: "2026-11-27T09:30:00+01:00" } },
    });
    expect(inputs("acme-instance").restoreToPointInTime).toEqual({
      sourceDbInstanceIdentifier: "tenant-old",
      restoreTime: "2026-11-27T08:30:00Z",
    });
    // They came with the backup: making them anew would fail.
    expect(own.filter((one) => one.startsWith("postgresql:"))).toEqual([]);
    expect(inputs("acme-inside")).toMatchObject({
      connectionPassword: secret(derived("postgres/provisioner", "old")),
      database: "tenant_old",
      recoveredFrom: "old",
    });
    expect(connection).toMatchObject({ database: "tenant_old", user: "tenant_old_app" });
    expect(connection.password !== undefined && (await valueOf(connection.password))).toBe(derived("postgres/app"));
  });
});

describe("the life of a tenant", () => {
  const data = [
    "acme-cluster",
    "acme-postgresql-database",
    "acme-extensions",
    "acme-inside",
    "acme-instance",
    "acme-key",
  ];
  const protectedOf = ({ options }: Built) =>
    [...options].flatMap(([name, { protect }]) => (protect === true ? [name] : [])).sort();

  it.each<[Case, string[]]>([
    [{ settings: { encryptionKey: "own" } }, data.filter((name) => name !== "acme-cluster")],
    [
      { server: { engine: "aurora-postgresql", engineVersion: "17" }, state: "suspended" },
      data.filter((name) => !["acme-instance", "acme-key"].includes(name)),
    ],
  ])("protects what holds data, or without which it cannot be read: %j", async (variant, names) => {
    const found = protectedOf(await build(variant));
    expect(found).toEqual([...names, "acme-master-membership", "acme-provisioner"].sort());
  });

  it("protects nothing of a tenant that is leaving", async () => {
    expect(protectedOf(await build({ state: "offboarding", settings: { encryptionKey: "own" } }))).toEqual([]);
  });

  it("drops nothing inside before the final snapshot: all of it ends with the server", async () => {
    const { registered, options } = await build({
      state: "offboarding",
      server: { iamLogins: true },
      extensions: ["vector"],
    });
    const inside = registered.filter(({ type }) => /^(postgresql:|tenancy:postgres:)/.test(type));
    expect(inside).toHaveLength(8);
    for (const { name } of inside) {
      const { deletedWith } = options.get(name) ?? {};
      expect(deletedWith && (await valueOf(deletedWith.urn)), name).toMatch(/::acme-instance$/);
    }
  });

  it("keeps a suspended tenant's server as it is: its logins close inside", async () => {
    const [active, suspended] = [await build(), await build({ state: "suspended" })];
    expect(suspended.inputs("acme-instance")).toEqual(active.inputs("acme-instance"));
    expect(suspended.inside.options.protect).toBe(true);
  });

  it("lifts protection while it is leaving, and still takes a final snapshot of a name that is known before", async () => {
    const { inputs, inside } = await build({ state: "offboarding" });
    expect(inputs("acme-instance")).toMatchObject({
      deletionProtection: false,
      skipFinalSnapshot: false,
      finalSnapshotIdentifier: "tenant-acme-final",
    });
    expect(inside.options.protect).toBe(false);
  });
});

describe("logins by IAM", () => {
  it("take no password, log what fails, and tell what an application's role has to be allowed", async () => {
    const { inputs, own, connection } = await build({ server: { iamLogins: true } });
    expect(inputs("acme-instance")).toMatchObject({
      iamDatabaseAuthenticationEnabled: true,
      enabledCloudwatchLogsExports: ["postgresql", "upgrade", "iam-db-auth-error"],
    });
    expect(own.filter((one) => one.includes("-iam-"))).toEqual([
      "postgresql:index/grantRole:GrantRole acme-iam-app",
      "postgresql:index/grantRole:GrantRole acme-iam-read-only",
    ]);
    expect(inputs("acme-iam-app")).toEqual({ role: "tenant_acme_app", grantRole: "rds_iam" });
    expect(connection).not.toHaveProperty("password");
    expect(connection).not.toHaveProperty("readOnlyPassword");
    const arn = "arn:aws:rds-db:eu-central-1:123456789012:dbuser:db-ABC";
    expect(connection.iam !== undefined && (await valueOf(connection.iam.loginArns))).toEqual([
      `${arn}/tenant_acme_app`,
      `${arn}/tenant_acme_ro`,
    ]);
  });

  it("leave a proxy without any secret", async () => {
    const { inputs, own } = await build({ server: { iamLogins: true, proxy: true } });
    expect(own.filter((one) => one.includes("secretsmanager"))).toEqual([]);
    expect(inputs("acme-proxy")).toMatchObject({ defaultAuthScheme: "IAM_AUTH", requireTls: true });
    expect(inputs("acme-proxy")).not.toHaveProperty("auths");
    expect(inputs("acme-proxy-policy").policy).toContain("rds-db:connect");
  });
});

describe("a proxy", () => {
  it("knows the tenant's two logins, wants TLS and is reached by applications only", async () => {
    const { inputs, own, connection, registered } = await build({ server: { proxy: true } });
    expect(own.filter((one) => one.includes("-proxy"))).toHaveLength(9);
    expect(inputs("acme-proxy")).toEqual({
      name: "tenant-acme",
      engineFamily: "POSTGRESQL",
      requireTls: true,
      debugLogging: false,
      idleClientTimeout: 1800,
      roleArn: "arn:aws:iam::123456789012:role/proxy",
      vpcSubnetIds: entry.subnetIds,
      vpcSecurityGroupIds: ["eu-proxy-id"],
      auths: ["app", "read-only"].map(() => ({
        authScheme: "SECRETS",
        clientPasswordAuthType: "POSTGRES_SCRAM_SHA_256",
        iamAuth: "DISABLED",
        secretArn: "arn:secret",
      })),
      tags,
    });
    expect(inputs("acme-proxy-secret-app-version")).toEqual({
      secretId: "acme-proxy-secret-app-id",
      secretString: secret(JSON.stringify({ username: "tenant_acme_app", password: derived("postgres/app") })),
    });
    expect(inputs("acme-proxy-target")).toEqual({
      dbProxyName: "tenant-acme",
      targetGroupName: "default",
      dbInstanceIdentifier: "tenant-acme",
    });
    expect(connection.pooler !== undefined && (await valueOf(connection.pooler.host))).toBe(
      "tenant-acme.proxy-x.eu-central-1.rds.amazonaws.com",
    );
    const groups = registered.filter(({ name }) => /^eu-(database|proxy)/.test(name));
    expect(groups.map(({ name }) => name).sort()).toEqual([
      "eu-database",
      "eu-proxy",
      "eu-proxy-from-sg-0123456789abcdef0",
      "eu-proxy-to-database",
    ]);
    expect(inputs("eu-proxy")).not.toHaveProperty("ingress");
    expect(inputs("eu-database").ingress).toHaveLength(2);
    expect(JSON.stringify(inputs("eu-database").ingress)).toContain('"securityGroups":["eu-proxy-id"]');
  });
});

describe("a domain of the tenant's own", () => {
  it("is a name for the endpoint, which stays the host that certificates carry", async () => {
    const { inputs, connection } = await build({
      server: { hostedZoneId: "Z0123456789" },
      settings: { domain: "db.acme.example" },
    });
    expect(inputs("acme-domain")).toEqual({
      zoneId: "Z0123456789",
      name: "db.acme.example",
      type: "CNAME",
      ttl: 60,
      records: ["tenant-acme.x.eu-central-1.rds.amazonaws.com"],
    });
    expect(connection.domain).toBe("db.acme.example");
    expect(await valueOf(connection.host)).toBe("tenant-acme.x.eu-central-1.rds.amazonaws.com");
  });
});
