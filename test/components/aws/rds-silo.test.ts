import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { rdsServerSchema } from "../../../components/aws/rds-config.ts";
import { RdsFoundation } from "../../../components/aws/rds-foundation.ts";
import { rdsParameters } from "../../../components/aws/rds-parameters.ts";
import { registrations, secret, valueOf } from "../../support/mocks.ts";
import { build, ca, type Case, derived, master, secretText, tags } from "./rds-build.ts";
import { entry } from "./rds-fixture.ts";

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
      "postgresql:index/database:Database acme-postgresql-database",
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
    expect(inputs("acme-postgresql-database")).toEqual({ name: "tenant_acme", owner: "tenancy_provisioner" });
    expect(inputs("acme-extensions")).toEqual({
      name: "extensions",
      database: "tenant_acme",
      owner: "tenancy_provisioner",
    });
    expect(inputs("acme-extension-vector")).toEqual({ name: "vector", database: "tenant_acme", schema: "extensions" });
  });

  it("hands database, schema and extensions over to the native provider: it sets the limit, and drops the database", async () => {
    const { options } = await build({ extensions: ["vector"] });
    const of = (name: string) => {
      const { retainOnDelete, ignoreChanges } = options.get(name) ?? {};
      return { retainOnDelete, ignoreChanges };
    };
    expect(of("acme-postgresql-database")).toEqual({ retainOnDelete: true, ignoreChanges: ["connectionLimit"] });
    expect(of("acme-extensions")).toEqual({ retainOnDelete: true, ignoreChanges: undefined });
    expect(of("acme-extension-vector")).toEqual({ retainOnDelete: true, ignoreChanges: undefined });
    // The native provider makes it a member of the tenant's roles.
    expect(of("acme-provisioner")).toEqual({ retainOnDelete: undefined, ignoreChanges: ["roles"] });
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
