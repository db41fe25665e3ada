/** An access point for each tenant, used by one role whose sessions carry tags. */
import {
  assertForm,
  type BucketScope,
  objectActions,
  partitionOf,
  policy,
  type PolicyDocument,
  principalTag,
  tags,
} from "./document.ts";
import { taggedKeyStatements } from "./keys.ts";

export interface AccessPointPolicyArgs extends Omit<BucketScope, "bucket"> {
  /** Of the access point. */
  readonly name: string;
  /** With its closing slash. */
  readonly prefix: string;
  readonly roleArn: string;
  /** False for a tenant whose access is closed. */
  readonly open: boolean;
}

/** @throws PlatformError for an illegal name */
export function accessPointPolicy(args: AccessPointPolicyArgs): PolicyDocument {
  const { region } = args;
  const accountId = assertForm("accountId", args.accountId, "account");
  const arn = `arn:${partitionOf(region)}:s3:${region}:${accountId}:accesspoint/${assertForm("accessPoint", args.name)}`;
  const AWS = assertForm("roleArn", args.roleArn, "role");
  const prefix = assertForm("prefix", args.prefix);
  if (!args.open) {
    const Resource = [arn, `${arn}/object/*`];
    return policy({ Sid: "Closed", Effect: "Deny", Principal: { AWS }, Action: "s3:*", Resource });
  }
  const own = { StringEquals: { [principalTag(tags.prefix)]: prefix.replace(/\/$/, "") } };
  return policy(
    {
      Sid: "Objects",
      Effect: "Allow",
      Principal: { AWS },
      Action: objectActions,
      Resource: `${arn}/object/${prefix}*`,
      Condition: own,
    },
    {
      Sid: "List",
      Effect: "Allow",
      Principal: { AWS },
      Action: "s3:ListBucket",
      Resource: arn,
      Condition: { ...own, StringLike: { "s3:prefix": `${prefix}*` } },
    },
  );
}

/** What the role has itself: nothing in S3, so that only an access point's policy lets it in. */
export function accessPointRolePolicy(scope: BucketScope, keyArn: string): PolicyDocument {
  return policy(...taggedKeyStatements(scope, keyArn));
}
