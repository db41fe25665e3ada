/** What one tenant has of its access to the shared bucket on AWS. */
import * as iam from "@pulumi/aws/iam/index.js";
import * as kms from "@pulumi/aws/kms/index.js";
import * as s3 from "@pulumi/aws/s3/index.js";
import * as s3control from "@pulumi/aws/s3control/index.js";
import * as pulumi from "@pulumi/pulumi";
import { awsName, storageNames } from "../naming.ts";
import { PlatformError } from "../platform-error.ts";
import type { TenantArgs } from "../tenant-args.ts";
import { rolePath } from "./bucket-access.ts";
import type { BucketBaseline } from "./bucket-baseline.ts";
import { granteePolicy } from "./policies/access-grants.ts";
import { accessPointPolicy } from "./policies/access-point.ts";
import { type SessionTags, sessionTags } from "./policies/abac.ts";
import { keyPolicy } from "./policies/keys.ts";
import { rolePolicy, roleTrust } from "./policies/role.ts";
import type { AccessKind } from "./storage-settings.ts";

export interface TenantBucketAwsArgs {
  /** The shared bucket. */
  readonly baseline: BucketBaseline;
  /**
   * `own` makes a KMS key for the tenant, and the bucket takes no object of it under another. Objects that are there
   * already keep their key.
   * @default platform
   */
  readonly encryptionKey?: "platform" | "own";
  /**
   * Only with access grants: who gets the tenant's data. A directory's user or group needs an instance that is bound to
   * IAM Identity Center.
   * @default a role of the tenant's own
   */
  readonly grantee?: { readonly type: "IAM" | "DIRECTORY_USER" | "DIRECTORY_GROUP"; readonly identifier: string };
}

/** What an application needs to get at the tenant's objects; nothing of it is a secret. */
export interface AwsStorageAccess {
  readonly access: AccessKind;
  readonly region: string;
  readonly bucket: pulumi.Output<string>;
  /** With its closing slash. */
  readonly prefix: string;
  /** Role to take on: with `sessionTags` where all tenants share it. Undefined where a directory's user has the grant. */
  readonly roleArn: pulumi.Output<string> | undefined;
  /** Tags that the session has to carry; undefined where the role is the tenant's own. */
  readonly sessionTags: pulumi.Output<SessionTags> | undefined;
  /** Stands in the place of the bucket's name in requests. */
  readonly accessPointAlias: pulumi.Output<string> | undefined;
  /** What to ask S3 Access Grants for, as in `s3://bucket/tenants/acme/*`. */
  readonly grantTarget: string | undefined;
  /** Key that puts have to name (`x-amz-server-side-encryption-aws-kms-key-id`), the platform's or the tenant's. */
  readonly kmsKeyArn: pulumi.Output<string>;
}

/** Resources that the tenant's objects cannot be read without: they outlive the prefix. */
export interface TenantAccess {
  readonly outputs: AwsStorageAccess;
  readonly key: kms.Key | undefined;
}

/** @throws PlatformError for a combination that AWS cannot isolate */
export function tenantAccess(
  name: string,
  args: TenantArgs,
  aws: TenantBucketAwsArgs,
  parent: pulumi.Resource,
): TenantAccess {
  const { settings, keyArn } = aws.baseline;
  const { access, region } = settings;
  const own = aws.encryptionKey === "own";
  if (own && access === "access-grants") {
    throw new PlatformError(
      `tenant ${args.tenant}: \`encryptionKey: own\` is not possible with access grants, whose sessions all have the keys ` +
        `of one role. Use access abac, access-point or role for the server ${args.server}, or \`encryptionKey: platform\`.`,
    );
  }
  const { prefix } = storageNames(args.prefix, args.tenant);
  const key = own ? tenantKey(name, args, settings, parent) : undefined;
  const tagsOf = (ownKey?: string) => sessionTags(args.tenant, prefix, ownKey);
  const tags = key === undefined ? pulumi.output(tagsOf()) : key.arn.apply(tagsOf);
  const context = { name, args, aws, parent, prefix, key };
  const shared = access === "abac" || access === "access-point";
  const role = shared ? undefined : tenantRole(context);
  const point = access === "access-point" ? accessPoint(context) : undefined;
  if (access === "access-grants") grant(context, role?.arn);
  return {
    key,
    outputs: {
      access,
      region,
      bucket: aws.baseline.bucketName,
      prefix,
      roleArn: role?.arn ?? aws.baseline.tenantsRoleArn,
      sessionTags: shared ? tags : undefined,
      accessPointAlias: point?.alias,
      grantTarget: access === "access-grants" ? `s3://${settings.bucket}/${prefix}*` : undefined,
      kmsKeyArn: key?.arn ?? keyArn,
    },
  };
}

interface Context {
  readonly name: string;
  readonly args: TenantArgs;
  readonly aws: TenantBucketAwsArgs;
  readonly parent: pulumi.Resource;
  readonly prefix: string;
  readonly key: kms.Key | undefined;
}

function tenantKey(
  name: string,
  args: TenantArgs,
  settings: BucketBaseline["settings"],
  parent: pulumi.Resource,
): kms.Key {
  const { region } = settings;
  const key = new kms.Key(
    `${name}-key`,
    {
      description: `Objects of tenant ${args.tenant}`,
      enableKeyRotation: true,
      deletionWindowInDays: 30,
      policy: JSON.stringify(keyPolicy(settings)),
      // The policy of the role that all tenants share asks for them.
      tags: { ...sessionTags(args.tenant, storageNames(args.prefix, args.tenant).prefix) },
      region,
    },
    { parent, protect: args.state !== "offboarding", dependsOn: args.dependsOn },
  );
  const alias = `alias/tenancy/${awsName(args.prefix, args.tenant, 63)}`;
  new kms.Alias(`${name}-key-alias`, { name: alias, targetKeyId: key.keyId, region }, { parent });
  return key;
}

function tenantRole({ name, args, aws, parent, prefix, key }: Context): iam.Role | undefined {
  const { settings, keyArn } = aws.baseline;
  if (settings.access === "access-grants" && aws.grantee !== undefined) return undefined;
  const tagsOf = (ownKey?: string) => ({ ...sessionTags(args.tenant, prefix, ownKey) });
  const role = new iam.Role(
    `${name}-role`,
    {
      name: `tenancy-${awsName(args.prefix, args.tenant, 56)}`,
      path: rolePath,
      description: `Storage of tenant ${args.tenant}`,
      maxSessionDuration: settings.sessionSeconds,
      assumeRolePolicy: JSON.stringify(roleTrust(settings.consumers)),
      // The bucket's policy knows the tenant's key by them.
      tags: key === undefined ? tagsOf() : key.arn.apply(tagsOf),
    },
    { parent, dependsOn: args.dependsOn },
  );
  const open = args.state === "active";
  const policy =
    settings.access === "access-grants"
      ? JSON.stringify(granteePolicy(settings, open))
      : pulumi
          .all([keyArn, key?.arn ?? pulumi.output(undefined)])
          .apply(([platform, ownKeyArn]) =>
            JSON.stringify(rolePolicy({ ...settings, prefix, keyArn: platform, ownKeyArn, open })),
          );
  new iam.RolePolicy(`${name}-role-policy`, { role: role.name, name: "tenancy", policy }, { parent });
  return role;
}

function accessPoint({ name, args, aws, parent, prefix }: Context): s3.AccessPoint {
  const { settings, tenantsRoleArn, bucketName } = aws.baseline;
  // A name must not end in `-s3alias`, which an id may.
  const pointName = `${awsName(args.prefix, args.tenant, 47)}-ap`;
  return new s3.AccessPoint(
    `${name}-access-point`,
    {
      name: pointName,
      bucket: bucketName,
      accountId: settings.accountId,
      publicAccessBlockConfiguration: {
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
        restrictPublicBuckets: true,
      },
      policy: pulumi.output(tenantsRoleArn).apply((roleArn) =>
        JSON.stringify(
          accessPointPolicy({
            ...settings,
            name: pointName,
            prefix,
            roleArn: roleArn ?? "",
            open: args.state === "active",
          }),
        ),
      ),
      ...(settings.vpcId === undefined ? {} : { vpcConfiguration: { vpcId: settings.vpcId } }),
      region: settings.region,
    },
    { parent, dependsOn: args.dependsOn },
  );
}

/** None for a tenant that is closed; sessions that S3 gave before end with their time. */
function grant({ name, args, aws, parent, prefix }: Context, roleArn: pulumi.Output<string> | undefined): void {
  if (args.state !== "active") return;
  const { settings, grantsLocationId } = aws.baseline;
  new s3control.AccessGrant(
    `${name}-grant`,
    {
      accountId: settings.accountId,
      accessGrantsLocationId: grantsLocationId ?? settings.grantsLocationId ?? "",
      accessGrantsLocationConfiguration: { s3SubPrefix: `${settings.bucket}/${prefix}*` },
      grantee: {
        granteeType: aws.grantee?.type ?? "IAM",
        granteeIdentifier: aws.grantee?.identifier ?? roleArn ?? "",
      },
      permission: "READWRITE",
      region: settings.region,
    },
    { parent, dependsOn: args.dependsOn },
  );
}
