/** One role for all tenants: its policy has the same length for one as for a hundred thousand. */
import { PlatformError } from "../../platform.ts";
import {
  assertForm,
  bucketArn,
  type BucketScope,
  objectActions,
  partitionOf,
  policy,
  type PolicyDocument,
  principalTag,
  requestTag,
  tags,
  variable,
} from "./document.ts";
import { taggedKeyStatements } from "./keys.ts";

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: 2,048 characters, 4,096 on request. */
export const maxTrustCharacters = 2_048;

export interface TrustArgs {
  readonly region: string;
  readonly accountId: string;
  /** Roles or users of the platform that open tenants' sessions. */
  readonly consumers: readonly string[];
  /** Naming prefixes of the tenants, as in `tenant` and `ekn`. */
  readonly namingPrefixes: readonly string[];
}

/**
 * Who may open a session, and with which tags: both of them, of the same tenant, and no other. A tenant's session
 * cannot take on the role again, which would give it other tags.
 *
 * @throws PlatformError for an illegal name, or when the policy would be too long
 */
export function taggedTrust({ region, accountId, consumers, namingPrefixes }: TrustArgs): PolicyDocument {
  const prefixes = [...new Set(namingPrefixes)].map((prefix) => assertForm("namingPrefix", prefix, "naming prefix"));
  const document = policy({
    Sid: "TaggedSessions",
    Effect: "Allow",
    Principal: { AWS: consumers.map((arn) => assertForm("roleArn", arn, "consumer")) },
    Action: ["sts:AssumeRole", "sts:TagSession"],
    Condition: {
      Null: { [requestTag(tags.tenant)]: "false", [principalTag(tags.prefix)]: "true" },
      StringEquals: {
        // IAM refuses an empty list.
        [requestTag(tags.prefix)]:
          prefixes.length === 0
            ? "no tenants yet"
            : prefixes.map((prefix) => `${prefix}s/${variable(requestTag(tags.tenant))}`),
      },
      StringNotLike: { [requestTag(tags.tenant)]: ["", "*/*"] },
      StringLikeIfExists: {
        [requestTag(tags.key)]: `arn:${partitionOf(region)}:kms:${region}:${assertForm("accountId", accountId)}:key/*`,
      },
      "ForAllValues:StringEquals": { "aws:TagKeys": Object.values(tags) },
    },
  });
  const length = JSON.stringify(document).length;
  if (length > maxTrustCharacters) {
    throw new PlatformError(
      `the trust policy of the tenants' role would have ${length} characters; IAM allows ${maxTrustCharacters}. ` +
        `Name fewer \`consumers\`: a role that all applications take on first.`,
    );
  }
  return document;
}

/** @throws PlatformError for an illegal name */
export function abacPolicy(scope: BucketScope, keyArn: string): PolicyDocument {
  const arn = bucketArn(scope);
  const prefix = variable(principalTag(tags.prefix));
  const tagged = { Null: { [principalTag(tags.prefix)]: "false" } };
  return policy(
    {
      Sid: "Objects",
      Effect: "Allow",
      Action: objectActions,
      // The slash before the star: without it `acme` would read `acme2`.
      Resource: `${arn}/${prefix}/*`,
      Condition: tagged,
    },
    {
      Sid: "List",
      Effect: "Allow",
      Action: "s3:ListBucket",
      Resource: arn,
      Condition: { ...tagged, StringLike: { "s3:prefix": `${prefix}/*` } },
    },
    { Sid: "Location", Effect: "Allow", Action: "s3:GetBucketLocation", Resource: arn, Condition: tagged },
    ...taggedKeyStatements(scope, keyArn),
  );
}

export interface SessionTags {
  readonly tenant: string;
  /** As in `tenants/acme`. */
  readonly tenantPrefix: string;
  readonly kmsKeyArn?: string;
}

/** Tags that an application passes with `sts:AssumeRole` to be one tenant; a role of one tenant carries them itself. */
export function sessionTags(tenant: string, prefix: string, kmsKeyArn?: string): SessionTags {
  return {
    tenant,
    tenantPrefix: assertForm("prefix", prefix).replace(/\/$/, ""),
    ...(kmsKeyArn === undefined ? {} : { kmsKeyArn: assertForm("keyArn", kmsKeyArn, "key") }),
  };
}
