import * as kms from "@pulumi/aws/kms/index.js";
import * as s3 from "@pulumi/aws/s3/index.js";
import * as pulumi from "@pulumi/pulumi";
import type { TenantState } from "../../provider/inputs.ts";
import { storageNames } from "../naming.ts";
import { type AccessParts, sharedAccess } from "./bucket-access.ts";
import { bucketPolicy } from "./policies/bucket.ts";
import { partitionOf } from "./policies/document.ts";
import { keyPolicy } from "./policies/keys.ts";
import { LogBucket } from "./log-bucket.ts";
import { type TenantAccess, tenantAccess, type TenantBucketAwsArgs } from "./tenant-access.ts";
import type { TenantArgs } from "../tenant-args.ts";
import { assertCapacity, type AwsStorageSettings } from "./storage-settings.ts";

/** What the bucket has to know of each of its tenants. */
export interface BucketTenant {
  readonly id: string;
  /** Naming prefix of its profile. */
  readonly prefix: string;
  readonly state: TenantState;
}

export interface BucketBaselineArgs {
  /** The server's entry in the platform's configuration. A change of its bucket or region **replaces** everything. */
  readonly settings: AwsStorageSettings;
  /** All tenants of the registry that lie on the bucket. */
  readonly tenants: readonly BucketTenant[];
}

/**
 * The shared bucket of tenants' prefixes on AWS, once a server of the platform: no public access, the owner's objects
 * only, versions, encryption by a key of its own, TLS 1.2, access logs, and what all tenants share of their access.
 *
 * @example
 * new BucketBaseline("main", { settings, tenants: [{ id: "acme", prefix: "tenant", state: "active" }] });
 */
export class BucketBaseline extends pulumi.ComponentResource {
  readonly settings: AwsStorageSettings;
  readonly bucketName: pulumi.Output<string>;
  readonly bucketArn: pulumi.Output<string>;
  /** Key of tenants without one of their own. */
  readonly keyArn: pulumi.Output<string>;
  readonly logBucketName: pulumi.Output<string>;
  /** The role that all tenants share; undefined where each has its own. */
  readonly tenantsRoleArn: pulumi.Output<string> | undefined;
  /** Only with access grants. */
  readonly grantsLocationId: pulumi.Output<string> | undefined;

  constructor(name: string, args: BucketBaselineArgs, options?: pulumi.ComponentResourceOptions) {
    const { settings, tenants } = args;
    assertCapacity(name, settings, tenants.length);
    super("tenancy:index:BucketBaseline", name, {}, options);
    const { region } = settings;
    const scope = { bucket: settings.bucket, region, accountId: settings.accountId };
    const child = { parent: this };
    const kept = { parent: this, protect: true };

    const key = new kms.Key(
      `${name}-key`,
      {
        description: `Objects of the bucket ${settings.bucket}`,
        enableKeyRotation: true,
        deletionWindowInDays: 30,
        policy: JSON.stringify(keyPolicy(scope)),
        region,
      },
      kept,
    );
    new kms.Alias(
      `${name}-key-alias`,
      { name: `alias/tenancy/${settings.bucket}`, targetKeyId: key.keyId, region },
      child,
    );

    const bucket = new s3.Bucket(`${name}-bucket`, { bucket: settings.bucket, forceDestroy: false, region }, kept);
    const access = new s3.BucketPublicAccessBlock(
      `${name}-public-access`,
      {
        bucket: bucket.bucket,
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
        restrictPublicBuckets: true,
        region,
      },
      child,
    );
    new s3.BucketOwnershipControls(
      `${name}-ownership`,
      { bucket: bucket.bucket, rule: { objectOwnership: "BucketOwnerEnforced" }, region },
      child,
    );
    const versioning = new s3.BucketVersioning(
      `${name}-versioning`,
      { bucket: bucket.bucket, versioningConfiguration: { status: "Enabled" }, region },
      child,
    );
    new s3.BucketServerSideEncryptionConfiguration(
      `${name}-encryption`,
      {
        bucket: bucket.bucket,
        rules: [
          {
            applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms", kmsMasterKeyId: key.arn },
            bucketKeyEnabled: true,
          },
        ],
        region,
      },
      child,
    );
    new s3.BucketLifecycleConfiguration(
      `${name}-lifecycle`,
      { bucket: bucket.bucket, rules: lifecycleRules(settings), region },
      // A rule for old versions is refused while the bucket has none.
      { parent: this, dependsOn: versioning },
    );

    const logs = new LogBucket(name, settings, this);
    new s3.BucketLogging(
      `${name}-logging`,
      { bucket: bucket.bucket, targetBucket: logs.bucketName, targetPrefix: "s3/", region },
      { parent: this, dependsOn: logs.policy },
    );

    const parts = sharedAccess(name, settings, tenants, key.arn, this);
    new s3.BucketPolicy(
      `${name}-policy`,
      { bucket: bucket.bucket, policy: policyText(settings, tenants, key.arn, parts), region },
      // In the other order S3 may take the policy for a public one that has to be refused.
      { parent: this, dependsOn: access },
    );

    this.settings = settings;
    this.bucketName = bucket.bucket;
    this.bucketArn = pulumi.output(`arn:${partitionOf(region)}:s3:::${settings.bucket}`);
    this.keyArn = key.arn;
    this.logBucketName = logs.bucketName;
    this.tenantsRoleArn = parts.tenantsRoleArn;
    this.grantsLocationId = parts.grantsLocationId;
    this.registerOutputs({
      bucketName: this.bucketName,
      bucketArn: this.bucketArn,
      keyArn: this.keyArn,
      logBucketName: this.logBucketName,
      tenantsRoleArn: this.tenantsRoleArn,
      grantsLocationId: this.grantsLocationId,
    });
  }

  /** Makes what one tenant has of its access, as children of its component. */
  tenantAccess(name: string, args: TenantArgs, aws: TenantBucketAwsArgs, parent: pulumi.Resource): TenantAccess {
    return tenantAccess(name, args, aws, parent);
  }
}

function policyText(
  settings: AwsStorageSettings,
  tenants: readonly BucketTenant[],
  keyArn: pulumi.Output<string>,
  { tenantsRoleArn }: AccessParts,
): pulumi.Output<string> {
  // Sessions of one shared role are closed here; a role or an access point of a tenant is closed itself.
  const closedPrefixes =
    settings.access === "abac"
      ? tenants
          .filter(({ state }) => state !== "active")
          .map(({ prefix, id }) => storageNames(prefix, id).prefix)
          .sort()
      : [];
  const accessPointRole = settings.access === "access-point" ? tenantsRoleArn : undefined;
  return pulumi
    .all([keyArn, accessPointRole ?? pulumi.output(undefined)])
    .apply(([key, role]) =>
      JSON.stringify(bucketPolicy({ ...settings, keyArn: key, closedPrefixes, accessPointRoleArn: role })),
    );
}

function lifecycleRules({ noncurrentDays, abortUploadDays }: AwsStorageSettings) {
  return [
    {
      id: "old-versions",
      status: "Enabled",
      filter: { prefix: "" },
      noncurrentVersionExpiration: { noncurrentDays },
      expiration: { expiredObjectDeleteMarker: true },
    },
    {
      id: "unfinished-uploads",
      status: "Enabled",
      filter: { prefix: "" },
      abortIncompleteMultipartUpload: { daysAfterInitiation: abortUploadDays },
    },
  ];
}
