import { describe, expect, it } from "vitest";
import { BucketBaseline, type BucketTenant } from "../../../components/aws/bucket-baseline.ts";
import { abacPolicy, taggedTrust } from "../../../components/aws/policies/abac.ts";
import { accessPointPolicy, accessPointRolePolicy } from "../../../components/aws/policies/access-point.ts";
import { granteePolicy, locationPolicy, locationTrust } from "../../../components/aws/policies/access-grants.ts";
import { bucketPolicy, logBucketPolicy } from "../../../components/aws/policies/bucket.ts";
import { keyPolicy } from "../../../components/aws/policies/keys.ts";
import { rolePolicy, roleTrust } from "../../../components/aws/policies/role.ts";
import {
  type AwsStorageSettings,
  awsStorageSettingsSchema,
  nativeStorageServer,
} from "../../../components/aws/storage-settings.ts";
import type { TenantBucketAwsArgs } from "../../../components/aws/tenant-access.ts";
import { TenantBucketPrefix } from "../../../components/tenant-bucket-prefix.ts";
import type { TenantArgs } from "../../../components/tenant-args.ts";
import { type Registered, registrations, valueOf } from "../../support/mocks.ts";
import { account, acmeKey, application, bucket, platformKey, region, scope } from "./simulate.ts";

const settingsOf = (changes: Record<string, unknown> = {}): AwsStorageSettings =>
  awsStorageSettingsSchema.parse({
    kind: "aws",
    region,
    accountId: account,
    bucket,
    consumers: [application],
    ...changes,
  });

const acme: BucketTenant = { id: "acme", prefix: "tenant", state: "active" };
const computed = (type: string, name: string): Record<string, unknown> | undefined => {
  if (type === "aws:kms/key:Key") return { arn: name.startsWith("acme") ? acmeKey : platformKey, keyId: `${name}-id` };
  if (type === "aws:iam/role:Role") return { arn: roleArn(name) };
  if (type === "aws:s3/accessPoint:AccessPoint") return { alias: "tenant-acme-ap-x1y2-s3alias" };
  if (type === "aws:s3control/accessGrantsLocation:AccessGrantsLocation") return { accessGrantsLocationId: "default" };
  return undefined;
};
const roleArn = (name: string): string => `arn:aws:iam::${account}:role/tenancy/${name}`;

const baseline = (settings: AwsStorageSettings, tenants: readonly BucketTenant[] = [acme]) =>
  registrations(() => new BucketBaseline("main", { settings, tenants }), { computed });

const named = (registered: readonly Registered[]) => registered.map(({ type, name }) => `${type} ${name}`).sort();
const inputsOf = (registered: readonly Registered[], name: string): Record<string, unknown> => {
  const found = registered.filter((item) => item.name === name && item.custom);
  expect(found).toHaveLength(1);
  return found[0]?.inputs ?? {};
};

describe("BucketBaseline", () => {
  it("registers exactly these resources with access abac, none of a tenant's", async () => {
    const { registered } = await baseline(settingsOf());
    expect(named(registered)).toEqual(
      [
        "tenancy:index:BucketBaseline main",
        "aws:kms/key:Key main-key",
        "aws:kms/alias:Alias main-key-alias",
        "aws:s3/bucket:Bucket main-bucket",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock main-public-access",
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls main-ownership",
        "aws:s3/bucketVersioning:BucketVersioning main-versioning",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration main-encryption",
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration main-lifecycle",
        "aws:s3/bucketLogging:BucketLogging main-logging",
        "aws:s3/bucketPolicy:BucketPolicy main-policy",
        "aws:s3/bucket:Bucket main-log-bucket",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock main-log-public-access",
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls main-log-ownership",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration main-log-encryption",
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration main-log-lifecycle",
        "aws:s3/bucketPolicy:BucketPolicy main-log-policy",
        "aws:iam/role:Role main-tenants-role",
        "aws:iam/rolePolicy:RolePolicy main-tenants-role-policy",
      ].sort(),
    );
  });

  it("sets all of the bucket's defences, exactly so", async () => {
    const { registered } = await baseline(settingsOf({ noncurrentDays: 14, abortUploadDays: 3 }));
    const closed = {
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
      region,
    };
    expect(inputsOf(registered, "main-key")).toEqual({
      description: `Objects of the bucket ${bucket}`,
      enableKeyRotation: true,
      deletionWindowInDays: 30,
      policy: JSON.stringify(keyPolicy(scope)),
      region,
    });
    expect(inputsOf(registered, "main-bucket")).toEqual({ bucket, forceDestroy: false, region });
    expect(inputsOf(registered, "main-public-access")).toEqual({ bucket, ...closed });
    expect(inputsOf(registered, "main-log-public-access")).toEqual({ bucket: `${bucket}-logs`, ...closed });
    expect(inputsOf(registered, "main-ownership")).toEqual({
      bucket,
      rule: { objectOwnership: "BucketOwnerEnforced" },
      region,
    });
    expect(inputsOf(registered, "main-versioning")).toEqual({
      bucket,
      versioningConfiguration: { status: "Enabled" },
      region,
    });
    expect(inputsOf(registered, "main-encryption")).toEqual({
      bucket,
      rules: [
        {
          applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms", kmsMasterKeyId: platformKey },
          bucketKeyEnabled: true,
        },
      ],
      region,
    });
    expect(inputsOf(registered, "main-lifecycle")).toEqual({
      bucket,
      rules: [
        {
          id: "old-versions",
          status: "Enabled",
          filter: { prefix: "" },
          noncurrentVersionExpiration: { noncurrentDays: 14 },
          expiration: { expiredObjectDeleteMarker: true },
        },
        {
          id: "unfinished-uploads",
          status: "Enabled",
          filter: { prefix: "" },
          abortIncompleteMultipartUpload: { daysAfterInitiation: 3 },
        },
      ],
      region,
    });
    expect(inputsOf(registered, "main-logging")).toEqual({
      bucket,
      targetBucket: `${bucket}-logs`,
      targetPrefix: "s3/",
      region,
    });
    expect(inputsOf(registered, "main-log-policy").policy).toBe(
      JSON.stringify(logBucketPolicy({ ...scope, logBucket: `${bucket}-logs` })),
    );
  });

  it("has the policies that the simulator evaluated, and closes the sessions of every tenant that is not active", async () => {
    const { registered, result } = await baseline(settingsOf(), [
      { id: "old", prefix: "tenant", state: "suspended" },
      acme,
      { id: "42", prefix: "ekn", state: "offboarding" },
    ]);
    expect(inputsOf(registered, "main-policy").policy).toBe(
      JSON.stringify(bucketPolicy({ ...scope, keyArn: platformKey, closedPrefixes: ["ekns/42/", "tenants/old/"] })),
    );
    expect(inputsOf(registered, "main-tenants-role")).toEqual({
      name: bucket,
      path: "/tenancy/",
      description: `Sessions of the tenants of the bucket ${bucket}`,
      maxSessionDuration: 3_600,
      assumeRolePolicy: JSON.stringify(
        taggedTrust({ region, accountId: account, consumers: [application], namingPrefixes: ["ekn", "tenant"] }),
      ),
    });
    expect(inputsOf(registered, "main-tenants-role-policy").policy).toBe(
      JSON.stringify(abacPolicy(scope, platformKey)),
    );
    expect(await valueOf(result.keyArn)).toBe(platformKey);
  });

  it("lets the role in through access points only, with access access-point", async () => {
    const { registered } = await baseline(settingsOf({ access: "access-point" }), [{ ...acme, state: "suspended" }]);
    expect(inputsOf(registered, "main-tenants-role-policy").policy).toBe(
      JSON.stringify(accessPointRolePolicy(scope, platformKey)),
    );
    expect(inputsOf(registered, "main-policy").policy).toBe(
      JSON.stringify(bucketPolicy({ ...scope, keyArn: platformKey, accessPointRoleArn: roleArn("main-tenants-role") })),
    );
  });

  it("makes instance, location and role of access grants, and no shared role", async () => {
    const { registered, result } = await baseline(settingsOf({ access: "access-grants" }));
    expect(named(registered).filter((name) => /role|grants/i.test(name.split(" ")[1] ?? ""))).toEqual([
      "aws:iam/role:Role main-grants-role",
      "aws:iam/rolePolicy:RolePolicy main-grants-role-policy",
      "aws:s3control/accessGrantsInstance:AccessGrantsInstance main-grants-instance",
      "aws:s3control/accessGrantsLocation:AccessGrantsLocation main-grants-location",
    ]);
    expect(inputsOf(registered, "main-grants-role")).toMatchObject({
      name: `${bucket}-grants`,
      assumeRolePolicy: JSON.stringify(locationTrust(scope)),
    });
    expect(inputsOf(registered, "main-grants-role-policy").policy).toBe(
      JSON.stringify(locationPolicy(scope, platformKey)),
    );
    expect(inputsOf(registered, "main-grants-location")).toEqual({
      accountId: account,
      iamRoleArn: roleArn("main-grants-role"),
      locationScope: "s3://",
      region,
    });
    expect(result.tenantsRoleArn).toBeUndefined();
  });

  it("makes neither instance nor location where the region has one", async () => {
    const { registered } = await baseline(settingsOf({ access: "access-grants", grantsLocationId: "default" }));
    expect(named(registered).filter((name) => name.includes("grants"))).toEqual([]);
  });

  it("makes no shared role with access role", async () => {
    const { registered } = await baseline(settingsOf({ access: "role" }));
    expect(named(registered).filter((name) => name.startsWith("aws:iam"))).toEqual([]);
  });

  it("registers in a preview although no ARN is known yet", async () => {
    const { registered } = await registrations(
      () => new BucketBaseline("main", { settings: settingsOf(), tenants: [] }),
      {
        preview: true,
      },
    );
    expect(registered).toHaveLength(19);
  });

  it("refuses more tenants than the way of access carries, with what to do", async () => {
    const many = Array.from({ length: 1_001 }, (_, index): BucketTenant => ({ ...acme, id: `t${index}` }));
    await expect(baseline(settingsOf({ access: "role" }), many)).rejects.toThrow(
      "storage server main: 1001 tenants lie on it, and its capacity is 1000 with access role (roles an account).",
    );
    await expect(baseline(settingsOf({ access: "role", capacity: 5_001 }))).rejects.toThrow("5000 roles an account");
    await baseline(settingsOf({ access: "role", capacity: 2_000 }), many);
  });
});

describe("the settings of a bucket on AWS", () => {
  it("give the native provider region and bucket, and no login", () => {
    expect(nativeStorageServer(settingsOf())).toEqual({ kind: "aws", region, bucket });
  });

  it.each([
    ["consumers", { consumers: [] }],
    ["consumers", { consumers: ["*"] }],
    ["bucket", { bucket: "with.dots" }],
    ["bucket", { bucket: "b".repeat(57) }],
    ["access", { access: "public" }],
    ["vpcId", { vpcId: "vpc-0123456789abcdef0" }],
    ["grantsLocationId", { grantsLocationId: "default" }],
    ["accountId", { accountId: "12345" }],
  ])("refuse %s in %o", (field, change) => {
    expect(() => settingsOf(change)).toThrow(new RegExp(`"${field}"`));
  });
});

const shared: TenantArgs = { tenant: "acme", prefix: "tenant", server: "main", state: "active" };

async function tenant(
  settings: AwsStorageSettings,
  aws: Omit<TenantBucketAwsArgs, "baseline"> = {},
  args: Partial<TenantArgs> = {},
) {
  const { registered, result } = await registrations(
    () => {
      const made = new BucketBaseline("main", { settings, tenants: [acme] });
      return new TenantBucketPrefix("acme", { ...shared, ...args, aws: { baseline: made, ...aws } });
    },
    { computed },
  );
  const own = registered.filter(({ name }) => name.startsWith("acme"));
  if (result.aws === undefined) throw new Error("the component has no outputs of AWS");
  return { own, outputs: result.aws };
}

describe("TenantBucketPrefix on AWS", () => {
  it("is the native Prefix alone with access abac: no resource of AWS a tenant", async () => {
    const { own, outputs } = await tenant(settingsOf());
    expect(named(own)).toEqual(["tenancy:index:TenantBucketPrefix acme", "tenancy:storage:Prefix acme-prefix"]);
    expect(inputsOf(own, "acme-prefix")).toEqual({
      server: "main",
      tenant: "acme",
      state: "active",
      prefix: "tenants/acme/",
      username: "tenant.acme",
      folders: ["uploads", "processed", "exports"],
      rotation: 0,
    });
    expect(outputs).toMatchObject({ access: "abac", region, prefix: "tenants/acme/", accessPointAlias: undefined });
    expect(outputs.roleArn && (await valueOf(outputs.roleArn))).toBe(roleArn("main-tenants-role"));
    expect(outputs.sessionTags && (await valueOf(outputs.sessionTags))).toEqual({
      tenant: "acme",
      tenantPrefix: "tenants/acme",
    });
    expect(await valueOf(outputs.kmsKeyArn)).toBe(platformKey);
  });

  it("has a key of its own on demand, tagged for the role's policy and named in the session's tags", async () => {
    const { own, outputs } = await tenant(settingsOf(), { encryptionKey: "own" });
    expect(named(own)).toEqual([
      "aws:kms/alias:Alias acme-key-alias",
      "aws:kms/key:Key acme-key",
      "tenancy:index:TenantBucketPrefix acme",
      "tenancy:storage:Prefix acme-prefix",
    ]);
    expect(inputsOf(own, "acme-key")).toEqual({
      description: "Objects of tenant acme",
      enableKeyRotation: true,
      deletionWindowInDays: 30,
      policy: JSON.stringify(keyPolicy(scope)),
      tags: { tenant: "acme", tenantPrefix: "tenants/acme" },
      region,
    });
    expect(outputs.sessionTags && (await valueOf(outputs.sessionTags))).toEqual({
      tenant: "acme",
      tenantPrefix: "tenants/acme",
      kmsKeyArn: acmeKey,
    });
    expect(await valueOf(outputs.kmsKeyArn)).toBe(acmeKey);
  });

  it.each([
    ["active", true],
    ["suspended", false],
    ["offboarding", false],
  ] as const)("has a role with exactly its prefix with access role: %s", async (state, open) => {
    const { own, outputs } = await tenant(settingsOf({ access: "role" }), {}, { state });
    expect(inputsOf(own, "acme-role")).toEqual({
      name: "tenancy-tenant-acme",
      path: "/tenancy/",
      description: "Storage of tenant acme",
      maxSessionDuration: 3_600,
      assumeRolePolicy: JSON.stringify(roleTrust([application])),
      tags: { tenant: "acme", tenantPrefix: "tenants/acme" },
    });
    expect(inputsOf(own, "acme-role-policy").policy).toBe(
      JSON.stringify(rolePolicy({ ...scope, prefix: "tenants/acme/", keyArn: platformKey, open })),
    );
    expect(outputs.sessionTags).toBeUndefined();
  });

  it("names its own key in its role's policy and tags", async () => {
    const { own } = await tenant(settingsOf({ access: "role" }), { encryptionKey: "own" });
    expect(inputsOf(own, "acme-role").tags).toEqual({
      tenant: "acme",
      tenantPrefix: "tenants/acme",
      kmsKeyArn: acmeKey,
    });
    expect(inputsOf(own, "acme-role-policy").policy).toBe(
      JSON.stringify(
        rolePolicy({ ...scope, prefix: "tenants/acme/", keyArn: platformKey, ownKeyArn: acmeKey, open: true }),
      ),
    );
  });

  it.each([
    ["active", true],
    ["suspended", false],
  ] as const)("has an access point with access access-point: %s", async (state, open) => {
    const vpcId = "vpc-0123456789abcdef0";
    const { own, outputs } = await tenant(settingsOf({ access: "access-point", vpcId }), {}, { state });
    const name = "tenant-acme-ap";
    expect(inputsOf(own, "acme-access-point")).toEqual({
      name,
      bucket,
      accountId: account,
      publicAccessBlockConfiguration: {
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
        restrictPublicBuckets: true,
      },
      policy: JSON.stringify(
        accessPointPolicy({
          region,
          accountId: account,
          name,
          prefix: "tenants/acme/",
          roleArn: roleArn("main-tenants-role"),
          open,
        }),
      ),
      vpcConfiguration: { vpcId },
      region,
    });
    expect(outputs.accessPointAlias && (await valueOf(outputs.accessPointAlias))).toBe("tenant-acme-ap-x1y2-s3alias");
  });

  it("has a grant of its prefix, and a role that can ask for it, with access access-grants", async () => {
    const { own, outputs } = await tenant(settingsOf({ access: "access-grants" }));
    expect(inputsOf(own, "acme-grant")).toEqual({
      accountId: account,
      accessGrantsLocationId: "default",
      accessGrantsLocationConfiguration: { s3SubPrefix: `${bucket}/tenants/acme/*` },
      grantee: { granteeType: "IAM", granteeIdentifier: roleArn("acme-role") },
      permission: "READWRITE",
      region,
    });
    expect(inputsOf(own, "acme-role-policy").policy).toBe(JSON.stringify(granteePolicy(scope, true)));
    expect(outputs.grantTarget).toBe(`s3://${bucket}/tenants/acme/*`);
  });

  it("has no role where a directory's group has the grant, and no grant when it is suspended", async () => {
    const grantee = { type: "DIRECTORY_GROUP", identifier: "a1b2c3d4" } as const;
    const settings = settingsOf({ access: "access-grants" });
    const { own } = await tenant(settings, { grantee });
    expect(named(own).filter((name) => name.includes("role"))).toEqual([]);
    expect(inputsOf(own, "acme-grant").grantee).toEqual({
      granteeType: "DIRECTORY_GROUP",
      granteeIdentifier: "a1b2c3d4",
    });
    const closed = await tenant(settings, {}, { state: "suspended" });
    expect(named(closed.own).filter((name) => name.includes("acme-grant"))).toEqual([]);
    expect(inputsOf(closed.own, "acme-role-policy").policy).toBe(JSON.stringify(granteePolicy(scope, false)));
  });

  it("refuses a key of its own with access grants, which could not keep it apart", async () => {
    await expect(tenant(settingsOf({ access: "access-grants" }), { encryptionKey: "own" })).rejects.toThrow(
      /^tenant acme: `encryptionKey: own` is not possible with access grants/,
    );
  });

  it("gives an access point a name that is legal for an id that ends like an alias", async () => {
    const { own } = await tenant(settingsOf({ access: "access-point" }), {}, { tenant: "x-s3alias" });
    expect(inputsOf(own, "acme-access-point").name).toBe("tenant-x-s3alias-ap");
  });
});
