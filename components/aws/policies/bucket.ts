/** Policies of the shared bucket and of the bucket that its access logs go to. */
import { PlatformError } from "../../platform.ts";
import {
  assertForm,
  bucketArn,
  type BucketScope,
  objectActions,
  policy,
  type PolicyDocument,
  principalTag,
  type Statement,
  tags,
} from "./document.ts";

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/add-bucket-policy.html: 20 KB. */
export const maxBucketPolicyBytes = 20 * 1024;

const encryption = "s3:x-amz-server-side-encryption";
const encryptionKey = "s3:x-amz-server-side-encryption-aws-kms-key-id";

export interface BucketPolicyArgs extends BucketScope {
  /** Key of tenants without one of their own. */
  readonly keyArn: string;
  /** Prefixes of tenants whose sessions are closed, as in `tenants/acme/`: only where they share one role. */
  readonly closedPrefixes?: readonly string[];
  /** Role that comes through access points; undefined where there are none. */
  readonly accessPointRoleArn?: string;
}

/** @throws PlatformError for an illegal name, or when the policy would be too long */
export function bucketPolicy(args: BucketPolicyArgs): PolicyDocument {
  const arn = bucketArn(args);
  const both = [arn, `${arn}/*`];
  const keyArn = assertForm("keyArn", args.keyArn, "key");
  const closed = (args.closedPrefixes ?? []).map((prefix) => assertForm("prefix", prefix).replace(/\/$/, ""));
  const document = policy(
    ...transport(both),
    {
      Sid: "EncryptedByKms",
      Effect: "Deny",
      Principal: "*",
      Action: "s3:PutObject",
      Resource: `${arn}/*`,
      Condition: { StringNotEquals: { [encryption]: "aws:kms" } },
    },
    {
      Sid: "KeyOfTheTenant",
      Effect: "Deny",
      Principal: "*",
      Action: "s3:PutObject",
      Resource: `${arn}/*`,
      // Without the header, too: the bucket's default is the platform's key.
      Condition: {
        Null: { [principalTag(tags.key)]: "false" },
        StringNotEquals: { [encryptionKey]: `\${${principalTag(tags.key)}}` },
      },
    },
    {
      Sid: "KeyOfThePlatform",
      Effect: "Deny",
      Principal: "*",
      Action: "s3:PutObject",
      Resource: `${arn}/*`,
      Condition: {
        Null: { [principalTag(tags.key)]: "true", [encryptionKey]: "false" },
        StringNotEquals: { [encryptionKey]: keyArn },
      },
    },
    ...(closed.length === 0
      ? []
      : [
          {
            Sid: "ClosedTenants",
            Effect: "Deny",
            Principal: "*",
            Action: "s3:*",
            Resource: both,
            Condition: { StringEquals: { [principalTag(tags.prefix)]: closed } },
          } satisfies Statement,
        ]),
    ...(args.accessPointRoleArn === undefined
      ? []
      : [
          {
            Sid: "ThroughAccessPoints",
            Effect: "Allow",
            Principal: { AWS: assertForm("roleArn", args.accessPointRoleArn, "role") },
            Action: [...objectActions, "s3:ListBucket"],
            Resource: both,
            Condition: { StringEquals: { "s3:DataAccessPointAccount": args.accountId } },
          } satisfies Statement,
        ]),
  );
  const bytes = Buffer.byteLength(JSON.stringify(document));
  if (bytes > maxBucketPolicyBytes) {
    throw new PlatformError(
      `the policy of bucket ${args.bucket} would have ${bytes} bytes with ${closed.length} suspended or offboarding ` +
        `tenants; S3 allows ${maxBucketPolicyBytes}. Let offboarding tenants leave, place suspended ones on another ` +
        `bucket, or use \`access: role\`, whose tenants are closed one by one.`,
    );
  }
  return document;
}

/** The bucket of access logs takes them from S3's own service, for one source. */
export function logBucketPolicy(args: BucketScope & { readonly logBucket: string }): PolicyDocument {
  const arn = bucketArn({ ...args, bucket: args.logBucket });
  return policy(...transport([arn, `${arn}/*`]), {
    Sid: "AccessLogs",
    Effect: "Allow",
    Principal: { Service: "logging.s3.amazonaws.com" },
    Action: "s3:PutObject",
    Resource: `${arn}/*`,
    Condition: {
      ArnEquals: { "aws:SourceArn": bucketArn(args) },
      StringEquals: { "aws:SourceAccount": args.accountId },
    },
  });
}

function transport(resources: readonly string[]): readonly Statement[] {
  const deny = (Sid: string, Condition: Statement["Condition"]): Statement => ({
    Sid,
    Effect: "Deny",
    Principal: "*",
    Action: "s3:*",
    Resource: resources,
    Condition,
  });
  return [
    deny("OnlyTls", { Bool: { "aws:SecureTransport": "false" } }),
    deny("Tls12", { NumericLessThan: { "s3:TlsVersion": "1.2" } }),
  ];
}
