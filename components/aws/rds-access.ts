/** Who reaches a server on Amazon RDS: rules of security groups, and policies of IAM. */
import { postgresPort } from "./rds-names.ts";

export interface IngressRule {
  readonly description: string;
  readonly protocol: "tcp";
  readonly fromPort: number;
  readonly toPort: number;
  readonly securityGroups: readonly string[];
}

/** Security groups only, never a range of addresses: what is not in one of them has no way in. */
export function ingressRules(applications: readonly string[], runners: readonly string[]): IngressRule[] {
  const rule = (description: string, securityGroups: readonly string[]): IngressRule => ({
    description,
    protocol: "tcp",
    fromPort: postgresPort,
    toPort: postgresPort,
    securityGroups,
  });
  return [
    rule("PostgreSQL from the applications", applications),
    ...(runners.length === 0 ? [] : [rule("PostgreSQL from the machines that run updates", runners)]),
  ];
}

/** Lets the service RDS take a role of ours, for the proxies of one account only. */
export function proxyTrust(account: string): string {
  return document([
    {
      Effect: "Allow",
      Principal: { Service: "rds.amazonaws.com" },
      Action: "sts:AssumeRole",
      Condition: { StringEquals: { "aws:SourceAccount": account } },
    },
  ]);
}

/** What a proxy may read: the secrets of its tenant's logins, and nothing else. */
export function secretsPolicy(secretArns: readonly string[], region: string, keyArn: string | undefined): string {
  const suffix = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  const decrypt = {
    Effect: "Allow",
    Action: "kms:Decrypt",
    Resource: keyArn,
    Condition: { StringEquals: { "kms:ViaService": `secretsmanager.${region}.${suffix}` } },
  };
  return document([
    { Effect: "Allow", Action: "secretsmanager:GetSecretValue", Resource: secretArns },
    ...(keyArn === undefined ? [] : [decrypt]),
  ]);
}

/**
 * A database login as IAM names it.
 *
 * @param serverArn - of the instance or cluster; gives partition, region and account
 * @param resourceId - `db-…` or `cluster-…`, which no second server ever has
 */
export function loginArn(serverArn: string, resourceId: string, login: string): string {
  const [arn, partition, , region, account] = serverArn.split(":");
  return [arn, partition, "rds-db", region, account, "dbuser", `${resourceId}/${login}`].join(":");
}

/** The policy that an application's role, or a proxy's, needs to log in without a password. */
export function loginPolicy(loginArns: readonly string[]): string {
  return document([{ Effect: "Allow", Action: "rds-db:connect", Resource: loginArns }]);
}

export function accountOf(arn: string): string {
  return arn.split(":")[4] ?? "";
}

function document(statements: readonly object[]): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: statements });
}
