/** A role for one tenant. */
import {
  assertForm,
  bucketArn,
  type BucketScope,
  objectActions,
  policy,
  type PolicyDocument,
  principalTag,
  tags,
} from "./document.ts";
import { keyStatements } from "./keys.ts";

/**
 * No `sts:TagSession`: tags of a session would take the place of the role's own, which the bucket's policy looks at.
 * A session of a tenant cannot take it on either, whatever `consumers` allow.
 */
export function roleTrust(consumers: readonly string[]): PolicyDocument {
  return policy({
    Sid: "Consumers",
    Effect: "Allow",
    Principal: { AWS: consumers.map((arn) => assertForm("roleArn", arn, "consumer")) },
    Action: "sts:AssumeRole",
    Condition: { Null: { [principalTag(tags.prefix)]: "true" } },
  });
}

export interface RolePolicyArgs extends BucketScope {
  /** With its closing slash. */
  readonly prefix: string;
  /** Key of tenants without one of their own. */
  readonly keyArn: string;
  readonly ownKeyArn?: string;
  /** False for a tenant whose access is closed: live sessions end at once, too. */
  readonly open: boolean;
}

/** @throws PlatformError for an illegal name */
export function rolePolicy(args: RolePolicyArgs): PolicyDocument {
  if (!args.open) return policy({ Sid: "Closed", Effect: "Deny", Action: "*", Resource: "*" });
  const arn = bucketArn(args);
  const prefix = assertForm("prefix", args.prefix);
  return policy(
    { Sid: "Objects", Effect: "Allow", Action: objectActions, Resource: `${arn}/${prefix}*` },
    {
      Sid: "List",
      Effect: "Allow",
      Action: "s3:ListBucket",
      Resource: arn,
      Condition: { StringLike: { "s3:prefix": `${prefix}*` } },
    },
    { Sid: "Location", Effect: "Allow", Action: "s3:GetBucketLocation", Resource: arn },
    ...keyStatements(args.region, args.keyArn, args.ownKeyArn),
  );
}
