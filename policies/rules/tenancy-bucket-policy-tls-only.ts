import { resourceRule, undecided } from "../rule.ts";
import { bucketPolicy } from "../support/aws-types.ts";
import { hasCondition, type Statement, statementsOf } from "../support/iam.ts";
import { subjectOf } from "../support/verdict.ts";
import { Unknown } from "../values.ts";

export default resourceRule({
  name: "tenancy-bucket-policy-tls-only",
  subject: "TLS",
  description: "A bucket's policy denies requests without TLS, and with a version of TLS before 1.2.",
  reason: "Amazon S3 answers plain HTTP, too: objects and signed URLs could be read on the way.",
  source: {
    title: "CIS AWS Foundations Benchmark 2.1.1, Ensure S3 Bucket Policy is set to deny HTTP requests",
    url: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html",
  },
  remediation: "Deny s3:* to everybody where aws:SecureTransport is false, and where s3:TlsVersion is less than 1.2",
  severity: "high",
  enforcement: "mandatory",
  types: [bucketPolicy],
  *check(policy) {
    const statements = statementsOf(policy.props.policy);
    if (statements instanceof Unknown) {
      yield undecided(`${subjectOf(policy)}: policy`);
      return;
    }
    const denies = (statements ?? []).filter(deniesEverything);
    const plain = denies.some(({ conditions }) =>
      hasCondition(conditions, /^Bool(IfExists)?$/, "aws:SecureTransport", (value) => value === "false"),
    );
    const old = denies.some(({ conditions }) =>
      hasCondition(conditions, /^NumericLessThan(IfExists)?$/, "s3:TlsVersion", (value) => Number(value) >= 1.2),
    );
    if (!plain) yield { message: `${subjectOf(policy)} does not deny requests without TLS` };
    if (!old) yield { message: `${subjectOf(policy)} does not deny TLS before 1.2` };
  },
});

function deniesEverything({ effect, actions, principals }: Statement): boolean {
  return effect === "Deny" && principals.includes("*") && actions.some((action) => action === "*" || action === "s3:*");
}
