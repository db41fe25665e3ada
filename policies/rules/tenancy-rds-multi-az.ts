import { resourceRule } from "../rule.ts";
import { rdsInstance } from "../support/aws-types.ts";
import { mustBeTrue } from "../support/verdict.ts";

export default resourceRule({
  name: "tenancy-rds-multi-az",
  subject: "lifecycle",
  description: "A database of Amazon RDS has a standby in another availability zone.",
  reason: "Otherwise a lost zone means hours of recovery from backups.",
  source: {
    title: "AWS Security Hub RDS.5, RDS DB instances should be configured with multiple Availability Zones",
    url: "https://docs.aws.amazon.com/securityhub/latest/userguide/rds-controls.html#rds-5",
  },
  remediation: "Set multiAz: true (silo.replicas: 1 in the tenant's record)",
  severity: "medium",
  enforcement: "advisory",
  types: [rdsInstance],
  *check(instance) {
    if (instance.props.replicateSourceDb !== undefined) return;
    yield* mustBeTrue(instance, "multiAz", "has no standby");
  },
});
