import { resourceRule, undecided } from "../rule.ts";
import { accessPoint, bucketPolicy } from "../support/aws-types.ts";
import { hasCondition, statementName, statementsOf } from "../support/iam.ts";
import { subjectOf } from "../support/verdict.ts";
import { Unknown } from "../values.ts";

/** Each limits a statement to callers of one's own: aws:SourceVpc and the like can be met by strangers. */
const limiting = [
  "aws:PrincipalOrgID",
  "aws:PrincipalArn",
  "aws:PrincipalAccount",
  "aws:SourceAccount",
  "aws:PrincipalTag/tenant",
];

export default resourceRule({
  name: "tenancy-bucket-policy-no-wildcard-principal",
  subject: "isolation",
  description: "No bucket policy allows anything to everybody.",
  reason: "`Principal: *` is every account of AWS and everybody without one.",
  source: {
    title: "AWS Security Hub S3.2 and S3.6, general purpose buckets should block public access",
    url: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status",
  },
  remediation: "Name the roles that may, or leave the statement out: identity policies allow inside of the account",
  severity: "critical",
  enforcement: "mandatory",
  types: [bucketPolicy, accessPoint],
  *check(resource) {
    const statements = statementsOf(resource.props.policy);
    if (statements instanceof Unknown) {
      yield undecided(`${subjectOf(resource)}: policy`);
      return;
    }
    for (const [index, statement] of (statements ?? []).entries()) {
      const { effect, principals, inverted, conditions } = statement;
      if (effect !== "Allow" || !(principals.includes("*") || inverted)) continue;
      const limited = limiting.some((key) =>
        hasCondition(conditions, /^(StringEquals|StringLike|ArnEquals|ArnLike)$/, key, (value) => value !== "*"),
      );
      if (!limited) yield { message: `${subjectOf(resource)}: ${statementName(statement, index)} allows everybody` };
    }
  },
});
