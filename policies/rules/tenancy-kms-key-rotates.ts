import { resourceRule } from "../rule.ts";
import { kmsKey } from "../support/aws-types.ts";
import { mustBeTrue } from "../support/verdict.ts";

export default resourceRule({
  name: "tenancy-kms-key-rotates",
  subject: "encryption",
  description: "A symmetric key of AWS KMS is rotated by the service.",
  reason: "A key that is used for years protects more data than it should, and its loss reaches as far back.",
  source: {
    title: "CIS AWS Foundations Benchmark 3.6, Ensure rotation for customer-created symmetric CMKs is enabled",
    url: "https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html",
  },
  remediation: "Set enableKeyRotation: true",
  severity: "medium",
  enforcement: "mandatory",
  types: [kmsKey],
  *check(key) {
    const { customerMasterKeySpec: spec = "SYMMETRIC_DEFAULT" } = key.props;
    if (spec === "SYMMETRIC_DEFAULT") yield* mustBeTrue(key, "enableKeyRotation", "is never rotated");
  },
});
