import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { rdsServerSchema } from "../../../components/aws/rds-config.ts";
import { RdsFoundation } from "../../../components/aws/rds-foundation.ts";
import { memberName } from "../../../components/aws/rds-names.ts";
import type { RdsSettings } from "../../../components/aws/rds-plan.ts";
import { rdsParameters } from "../../../components/aws/rds-parameters.ts";
import { type RdsInside, rdsSilo, type RdsSiloConnection } from "../../../components/aws/rds-silo.ts";
import { derivePassword } from "../../../components/secrets.ts";
import type { TenantState } from "../../../provider/inputs.ts";
import { type Registered, registrations, secret, valueOf } from "../../support/mocks.ts";
import { entry, settings } from "./rds-fixture.ts";

const secretText = "s".repeat(64);
const master = "planted-master-password";
const ca = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";
const masterSecret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-1";
const tags = { "tenancy:tenant": "acme", "tenancy:prefix": "tenant" };
const keyArn = "arn:aws:kms:eu-central-1:123456789012:key/own";

const outputs = {
  "aws:rds/instance:Instance": {
    address: "tenant-acme.x.eu-central-1.rds.amazonaws.com",
    arn: "arn:aws:rds:eu-central-1:123456789012:db:tenant-acme",
    resourceId: "db-ABC",
    masterUserSecrets: [{ secretArn: masterSecret }],
  },
  "aws:rds/cluster:Cluster": {
    endpoint: "tenant-acme.cluster-x.eu-central-1.rds.amazonaws.com",
    arn: "arn:aws:rds:eu-central-1:123456789012:cluster:tenant-acme",
    clusterResourceId: "cluster-ABC",
    masterUserSecrets: [{ secretArn: masterSecret }],
  },
  "aws:rds/subnetGroup:SubnetGroup": { name: "subnets" },
  "aws:rds/parameterGroup:ParameterGroup": { name: "parameters" },
  "aws:rds/clusterParameterGroup:ClusterParameterGroup": { name: "cluster-parameters" },
  "aws:rds/proxy:Proxy": { endpoint: "tenant-acme.proxy-x.eu-central-1.rds.amazonaws.com" },
  "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": { name: "default" },
  "aws:kms/key:Key": { arn: keyArn, keyId: "key-id" },
  "aws:iam/role:Role": { arn: "arn:aws:iam::123456789012:role/proxy" },
  "aws:secretsmanager/secret:Secret": { arn: "arn:secret" },
};
const calls = {
  "aws:secretsmanager/getSecretVersion:getSecretVersion": {
    secretString: JSON.stringify({ username: "tenancy_master", password: master }),
  },
};

/** In the place of the component, and of the resource that it registers inside. */
class Silo extends pulumi.ComponentResource {}
class Inside extends pulumi.CustomResource {}

interface Case {
  readonly server?: object;
  readonly settings?: Partial<RdsSettings>;
  readonly state?: TenantState;
  readonly extensions?: readonly string[];
  readonly preview?: boolean;
}

interface Built {
  readonly registered: Registered[];
  /** Of the tenant's resources, by name. */
  readonly options: ReadonlyMap<string, pulumi.ResourceOptions>;
  readonly connection: RdsSiloConnection;
  readonly inside: RdsInside;
  /** Inputs of the tenant's resource of this name. */
  readonly inputs: (name: string) => Record<string, unknown>;
  /** Types and names of what is the tenant's, sorted: registrations overtake each other. */
  readonly own: string[];
}

async function build(of: Case = {}): Promise<Built> {
  let inside: RdsInside | undefined;
  const options = new Map<string, pulumi.ResourceOptions>();
  const { registered, result } = await registrations(
    () => {
      const foundation = new RdsFoundation("eu", {
        server: rdsServerSchema.parse({ ...entry, ...of.server }),
        caFile: "/etc/tenancy/ca.pem",
        ca,
      });
      const parent = new Silo(
        "tenancy:index:TenantDatabaseSilo",
        "acme",
        {},
        {
          transformations: [
            ({ name, opts }) => {
              options.set(name, opts);
              return undefined;
            },
          ],
        },
      );
      return rdsSilo(
        "acme",
        {
          tenant: "acme",
          prefix: "tenant",
          server: "eu",
          state: of.state ?? "active",
          secret: pulumi.secret(secretText),
          foundation,
          settings: { ...settings, ...of.settings },
          extensions: of.extensions ?? [],
          inside: (given) => {
            inside = given;
            const { connection, connectionPassword, database, recoveredFrom } = given;
            return new Inside(
              "tenancy:postgres:Database",
              "acme-inside",
              { connection, connectionPassword, database, recoveredFrom },
              given.options,
            );
          },
        },
        parent,
      );
    },
    { outputs, calls, preview: of.preview },
  );
  if (inside === undefined) throw new Error("nothing was registered inside");
  return {
    registered,
    options,
    connection: result,
    inside,
    inputs: (name) => registered.find((one) => one.name === name && one.custom)?.inputs ?? {},
    own: registered
      .filter(({ name }) => name.startsWith("acme-"))
      .map(({ type, name }) => `${type} ${name}`)
      .sort(),
  };
}

const derived = (purpose: string, tenant = "acme"): string => derivePassword(secretText, tenant, purpose, 0);

describe("an entry of the kind rds", () => {
  it("has a provider of its region, subnets, parameters and a way in for security groups alone", async () => {
    const { registered, inputs } = await build({
      server: { accountId: "123456789012", runnerSecurityGroupIds: ["sg-0123456789abcdef9"] },
    });
    const shared = registered.filter(({ name }) => name.startsWith("eu"));
    expect(shared.map(({ type, name }) => `${type} ${name}`).sort()).toEqual([
      "aws:ec2/securityGroup:SecurityGroup eu-database",
      "aws:rds/parameterGroup:ParameterGroup eu-postgres18",
      "aws:rds/subnetGroup:SubnetGroup eu-subnets",
      "pulumi:providers:aws eu-aws",
      "tenancy:index:RdsFoundation eu",
    ]);
    expect(inputs("eu-aws")).toEqual({
      region: "eu-central-1",
      allowedAccountIds: '["123456789012"]',
      // Defaults of the package.
      skipCredentialsValidation: "false",
      skipRegionValidation: "true",
    });
    expect(inputs("eu-subnets")).toEqual({
      description: "Databases of the entry eu",
      subnetIds: entry.subnetIds,
    });
    expect(inputs("eu-postgres18")).toEqual({
      description: "TLS, SCRAM and quiet logs for eu",
      family: "postgres18",
      parameters: rdsParameters(),
    });
    expect(inputs("eu-database")).toEqual({
      description: "PostgreSQL of the entry eu",
      vpcId: entry.vpcId,
      ingress: [
        {
          description: "PostgreSQL from the applications",
          protocol: "tcp",
          fromPort: 5432,
          toPort: 5432,
          securityGroups: ["sg-0123456789abcdef0"],
        },
        {
          description: "PostgreSQL from the machines that run updates",
          protocol: "tcp",
          fromPort: 5432,
          toPort: 5432,
          securityGroups: ["sg-0123456789abcdef9"],
        },
      ],
    });
  });

  it.each([
    ["no certificate", "holds no certificate in PEM"],
    [`-----BEGIN CERTIFICATE-----${"x".repeat(20_000)}`, "has 20027 bytes; at most 20000 are allowed"],
  ])("refuses a bundle of authorities that is none, or that of all regions", async (text, message) => {
    await expect(
      registrations(
        () => new RdsFoundation("eu", { server: rdsServerSchema.parse(entry), caFile: "/ca.pem", ca: text }),
      ),
    ).rejects.toThrow(`platform entry eu: caBundleFile ${message}`);
  });
});

describe("an instance", () => {
  const instance = {
    engine: "postgres",
    engineVersion: "18",
    allowMajorVersionUpgrade: false,
    port: 5432,
    dbSubnetGroupName: "subnets",
    vpcSecurityGroupIds: ["eu-database-id"],
    storageEncrypted: true,
    manageMasterUserPassword: true,
    iamDatabaseAuthenticationEnabled: false,
    backupRetentionPeriod: 30,
    maintenanceWindow: "sun:04:00-sun:05:00",
    copyTagsToSnapshot: true,
    deleteAutomatedBackups: true,
    deletionProtection: true,
    skipFinalSnapshot: false,
    finalSnapshotIdentifier: "tenant-acme-final",
    applyImmediately: true,
    tags,
    publiclyAccessible: false,
    caCertIdentifier: "rds-ca-rsa2048-g1",
    autoMinorVersionUpgrade: true,
    performanceInsightsEnabled: true,
    performanceInsightsRetentionPeriod: 7,
    identifier: "tenant-acme",
    instanceClass: "db.t4g.medium",
    username: "tenancy_master",
    parameterGroupName: "parameters",
    allocatedStorage: 20,
    storageType: "gp3",
    multiAz: true,
    backupWindow: "02:00-02:30",
    enabledCloudwatchLogsExports: ["postgresql", "upgrade"],
  };

  it("has exactly these inputs when the record says nothing of its own", async () => {
    const { inputs, own } = await build();
    expect(own).toEqual([
      "aws:rds/instance:Instance acme-instance",
      "postgresql:index/database:Database acme-database",
      "postgresql:index/grantRole:GrantRole acme-master-membership",
      "postgresql:index/role:Role acme-provisioner",
      "postgresql:index/schema:Schema acme-extensions",
      "pulumi:providers:postgresql acme-postgresql",
      "tenancy:postgres:Database acme-inside",
    ]);
    expect(inputs("acme-instance")).toEqual(instance);
  });

  it("takes class, size, standby, maintenance, monitoring and the platform's key from record and entry", async () => {
    const { inputs } = await build({
      server: {
        kmsKeyArn: "arn:aws:kms:eu-central-1:123456789012:key/platform",
        monitoringRoleArn: "arn:aws:iam::123456789012:role/monitoring",
        maxStorageGiB: 500,
        maintenanceWindow: "tue:00:00-tue:01:00",
        changes: "maintenance-window",
      },
      settings: {
        storageSize: "100Gi",
        replicas: 0,
        instanceClass: "db.m7g.large",
        backup: { enabled: true, schedule: "45 22 * * *", retentionDays: 7 },
      },
    });
    const key = "arn:aws:kms:eu-central-1:123456789012:key/platform";
    expect(inputs("acme-instance")).toEqual({
      ...instance,
      kmsKeyId: key,
      masterUserSecretKmsKeyId: key,
      performanceInsightsKmsKeyId: key,
      monitoringRoleArn: "arn:aws:iam::123456789012:role/monitoring",
      monitoringInterval: 60,
      allocatedStorage: 100,
      maxAllocatedStorage: 500,
      multiAz: false,
      instanceClass: "db.m7g.large",
      maintenanceWindow: "tue:00:00-tue:01:00",
      backupRetentionPeriod: 7,
      backupWindow: "22:45-23:15",
      applyImmediately: false,
    });
  });

  it("is made inside through a provider bound to it: host verified, no superuser, password as a secret", async () => {
    const { inputs } = await build({ extensions: ["vector"] });
    expect(inputs("acme-postgresql")).toEqual({
      host: "tenant-acme.x.eu-central-1.rds.amazonaws.com",
      port: "5432",
      username: "tenancy_master",
      password: secret(master),
      database: "postgres",
      sslmode: "verify-full",
      sslrootcert: "/etc/tenancy/ca.pem",
      superuser: "false",
      expectedVersion: "18.0.0",
      connectTimeout: "60",
      maxConnections: "4",
    });
    expect(inputs("acme-provisioner")).toEqual({
      name: "tenancy_provisioner",
      login: true,
      createRole: true,
      createDatabase: true,
      password: secret(expect.stringMatching(/^SCRAM-SHA-256\$4096:[A-Za-z0-9+/=]{24}\$/)),
    });
    expect(inputs("acme-master-membership")).toEqual({ role: "tenancy_master", grantRole: "tenancy_provisioner" });
    expect(inputs("acme-database")).toEqual({ name: "tenant_acme", owner: "tenancy_provisioner" });
    expect(inputs("acme-extensions")).toEqual({
      name: "extensions",
      database: "tenant_acme",
      owner: "tenancy_provisioner",
    });
    expect(inputs("acme-extension-vector")).toEqual({ name: "vector", database: "tenant_acme", schema: "extensions" });
  });

  it("gives the native provider the provisioner and not the master", async () => {
    const { inputs, connection, inside } = await build();
    expect(inputs("acme-inside")).toEqual({
      connection: {
        host: "tenant-acme.x.eu-central-1.rds.amazonaws.com",
        port: 5432,
        user: "tenancy_provisioner",
        ca,
      },
      connectionPassword: secret(derived("postgres/provisioner")),
      database: "tenant_acme",
    });
    expect(inside.options).toMatchObject({ protect: true });
    expect(inside.options.deletedWith).toBeDefined();
    expect({ ...connection, host: "", password: "", readOnlyPassword: "" }).toEqual({
      host: "",
      port: 5432,
      database: "tenant_acme",
      schema: "tenant_acme",
      user: "tenant_acme_app",
      password: "",
      readOnlyUser: "tenant_acme_ro",
      readOnlyPassword: "",
      caFile: "/etc/tenancy/ca.pem",
    });
    const { password } = connection;
    expect(password !== undefined && (await valueOf(password))).toBe(derived("postgres/app"));
    expect(password !== undefined && (await pulumi.isSecret(password))).toBe(true);
  });

  it("makes the same verifier in every update, and another for another tenant", async () => {
    const verifier = async () => (await build()).inputs("acme-provisioner").password;
    expect(await verifier()).toEqual(await verifier());
    expect(derived("postgres/provisioner/salt")).not.toBe(derived("postgres/provisioner/salt", "acme2"));
  });

  it("registers in a preview that does not know host, secret and key yet", async () => {
    const { inputs, own } = await build({ preview: true, settings: { encryptionKey: "own" }, server: { proxy: true } });
    expect(own).toContain("tenancy:postgres:Database acme-inside");
    expect(inputs("acme-instance").identifier).toBe("tenant-acme");
    const unknown = { __pulumiUnknown: true };
    expect(inputs("acme-postgresql")).toMatchObject({ host: unknown, password: secret(unknown) });
    expect(inputs("acme-inside").connection).toMatchObject(unknown);
  });
});

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
  const data = ["acme-cluster", "acme-database", "acme-extensions", "acme-inside", "acme-instance", "acme-key"];
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

describe("in every variant", () => {
  const variants: Case[] = [
    {},
    { server: { proxy: true }, settings: { encryptionKey: "own" }, extensions: ["vector"] },
    { server: { proxy: true, iamLogins: true } },
    { server: { engine: "aurora-postgresql", engineVersion: "17", proxy: true } },
    { state: "offboarding" },
  ];

  it.each(variants)("%j opens nothing to the world and shows no secret", async (variant) => {
    const { registered } = await build(variant);
    const secrets = [
      master,
      secretText,
      ...["app", "read-only", "provisioner", "provisioner/salt"].map((login) => derived(`postgres/${login}`)),
    ];
    for (const { type, name, inputs } of registered) {
      const text = JSON.stringify(inputs, (_key, value: unknown) =>
        typeof value === "object" && value !== null && "4dabf18193072939515e22adb298388d" in value ? "[secret]" : value,
      );
      for (const planted of secrets) expect(`${type} ${name} ${text}`).not.toContain(planted);
      expect(text).not.toMatch(/cidr|0\.0\.0\.0|::\/0|SCRAM-SHA-256\$/);
      if ("publiclyAccessible" in inputs) expect(inputs.publiclyAccessible).toBe(false);
      if ("storageEncrypted" in inputs) expect(inputs.storageEncrypted).toBe(true);
      // The characters that security groups take in a description; the other services take more.
      if ("description" in inputs) expect(inputs.description).toMatch(/^[a-zA-Z0-9 ._\-:/()#,@[\]+=&;{}!$*]{1,255}$/);
    }
    const servers = registered.filter(({ type }) => /rds\/(instance|clusterInstance):/.test(type));
    expect(servers.length).toBeGreaterThan(0);
    for (const { inputs } of servers) expect(inputs).toHaveProperty("publiclyAccessible", false);
  });
});
