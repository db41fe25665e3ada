import { resourceRule, undecided } from "../rule.ts";
import { accessPoint, bucketPolicy, iamPolicies } from "../support/aws-types.ts";
import { statementName, statementsOf } from "../support/iam.ts";
import { names } from "../support/settings.ts";
import { subjectOf } from "../support/verdict.ts";
import { Unknown } from "../values.ts";

/** Actions that have no resources of their own: for them `*` is the only resource there is. */
const withoutResource = [
  "s3:ListAllMyBuckets",
  "s3:GetAccountPublicAccessBlock",
  "sts:GetCallerIdentity",
  "kms:ListAliases",
  "kms:ListKeys",
  "secretsmanager:ListSecrets",
  "secretsmanager:GetRandomPassword",
  "cloudwatch:PutMetricData",
];

export default resourceRule<{ exempt: readonly string[] }>({
  name: "tenancy-iam-policy-ends-at-tenant",
  subject: "isolation",
  description:
    "No IAM statement allows every action of a service, every resource, a whole bucket, or names that only begin alike.",
  reason: "`tenants/acme*` is also `tenants/acme2/`; `bucket/*` and `*` are every tenant's objects.",
  source: {
    title:
      "CIS AWS Foundations Benchmark 1.16, no IAM policies with full administrative privileges; IAM policy elements: Resource",
    url: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html",
  },
  remediation:
    "Name the actions, and resources that end in `/*` behind the tenant's prefix or ${aws:PrincipalTag/tenant}; a " +
    "policy that was reviewed goes into the setting exempt",
  severity: "critical",
  enforcement: "mandatory",
  types: [...iamPolicies, bucketPolicy, accessPoint],
  settings: { exempt: names("Names of resources whose policies were reviewed and may reach further.") },
  *check(resource, { settings }) {
    if (settings.exempt.includes(resource.name)) return;
    const statements = statementsOf(resource.props.policy);
    if (statements instanceof Unknown) yield undecided(`${subjectOf(resource)}: policy`);
    if (statements === undefined || statements instanceof Unknown) return;
    for (const [index, statement] of statements.entries()) {
      if (statement.effect !== "Allow") continue;
      const place = `${subjectOf(resource)}: ${statementName(statement, index)}`;
      if (statement.inverted) yield { message: `${place} allows everything but what it names` };
      const wide = statement.actions.find((action) => action === "*" || action.endsWith(":*"));
      if (wide !== undefined) yield { message: `${place} allows the actions ${wide}` };
      const all = statement.actions.every((action) => withoutResource.includes(action));
      for (const pattern of statement.resources) {
        const fault = all ? undefined : faultOf(pattern);
        if (fault !== undefined) yield { message: `${place} ${fault}: ${pattern}` };
      }
      if (statement.partial) yield undecided(`${place}: a part of it`);
    }
  },
});

function faultOf(pattern: string): string | undefined {
  if (pattern === "*" || /^arn:\*|^arn:[^:]*:[^:]*:[^:]*:[^:]*:\*$/.test(pattern)) return "reaches every resource";
  const s3 = /^arn:[^:]+:s3:::(.*)$/.exec(pattern)?.[1];
  if (s3 === undefined) return undefined;
  const slash = s3.indexOf("/");
  const [bucket, key] = slash === -1 ? [s3, ""] : [s3.slice(0, slash), s3.slice(slash + 1)];
  // A variable of IAM is a name; what stands in it is no wildcard.
  if (/[*?]/.test(bucket.replaceAll(/\$\{[^}]*\}/g, ""))) return "reaches more than one bucket";
  if (key === "*") return "reaches every tenant's objects";
  const open = key.replaceAll(/\$\{[^}]*\}/g, "x");
  if (/[^/]\*/.test(open) || open.startsWith("*")) return "reaches names that only begin alike";
  return undefined;
}
