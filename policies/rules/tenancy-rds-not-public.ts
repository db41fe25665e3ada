import { resourceRule } from "../rule.ts";
import { rdsClusterInstance, rdsInstance } from "../support/aws-types.ts";
import { mustBeFalse } from "../support/verdict.ts";

export default resourceRule({
  name: "tenancy-rds-not-public",
  subject: "isolation",
  description: "A database of Amazon RDS has no public address.",
  reason: "Everybody may try passwords, and reach whatever a future fault opens.",
  source: {
    title: "CIS AWS Foundations Benchmark 2.3.3, Ensure that public access is not given to RDS Instance",
    url: "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html",
  },
  remediation: "Set publiclyAccessible: false",
  severity: "critical",
  enforcement: "mandatory",
  types: [rdsInstance, rdsClusterInstance],
  *check(instance) {
    yield* mustBeFalse(instance, "publiclyAccessible", "has a public address");
  },
});
