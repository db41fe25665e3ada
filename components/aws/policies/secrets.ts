/** Who may read the secret of one tenant. */
import { assertForm, policy, type PolicyDocument, principalTag, tags } from "./document.ts";

export interface SecretPolicyArgs {
  /** Roles of the tenant's application. */
  readonly readers: readonly string[];
  /**
   * The tenant's prefix with its closing slash, where one role has the sessions of many tenants: only those with its
   * tag get in. Undefined for roles of the tenant's own.
   */
  readonly prefix?: string;
  /** Roles or users that run updates: they alone change the secret. */
  readonly administrators: readonly string[];
}

/**
 * Readers read, administrators change, and everyone else of the account is denied the value, whatever IAM gives them.
 *
 * @throws PlatformError for an illegal name
 */
export function secretPolicy({ readers, prefix, administrators }: SecretPolicyArgs): PolicyDocument {
  const who = readers.map((arn) => assertForm("roleArn", arn, "reader"));
  const both = [...who, ...administrators.map((arn) => assertForm("roleArn", arn, "administrator"))];
  const own =
    prefix === undefined
      ? {}
      : {
          Condition: { StringEquals: { [principalTag(tags.prefix)]: assertForm("prefix", prefix).replace(/\/$/, "") } },
        };
  return policy(
    {
      Sid: "Readers",
      Effect: "Allow",
      Principal: { AWS: who },
      Action: ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
      Resource: "*",
      ...own,
    },
    {
      Sid: "NobodyElse",
      Effect: "Deny",
      Principal: "*",
      Action: ["secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue"],
      Resource: "*",
      Condition: { ArnNotEquals: { "aws:PrincipalArn": both } },
    },
    ...(prefix === undefined
      ? []
      : [
          {
            Sid: "NoOtherTenant",
            Effect: "Deny" as const,
            Principal: { AWS: who },
            Action: "secretsmanager:*",
            Resource: "*",
            Condition: {
              StringNotEquals: { [principalTag(tags.prefix)]: prefix.replace(/\/$/, "") },
            },
          },
        ]),
  );
}
