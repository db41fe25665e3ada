import { resourceRule } from "../rule.ts";
import { rdsCluster, rdsInstance } from "../support/aws-types.ts";
import { mustBeFalse, mustBeTrue } from "../support/verdict.ts";

export default resourceRule({
  name: "tenancy-rds-deletion-protection",
  subject: "lifecycle",
  description:
    "A database of Amazon RDS refuses its deletion, and leaves a final snapshot when it is deleted all the same.",
  reason: "The engine's `protect` does not hold for the console and the API.",
  source: {
    title: "AWS Security Hub RDS.8, RDS DB instances should have deletion protection enabled",
    url: "https://docs.aws.amazon.com/securityhub/latest/userguide/rds-controls.html#rds-8",
  },
  remediation: "Set deletionProtection: true and finalSnapshotIdentifier, and leave skipFinalSnapshot at false",
  severity: "high",
  enforcement: "mandatory",
  types: [rdsInstance, rdsCluster],
  *check(database) {
    // The Roster lets a tenant go in two updates: the first one, which records it, takes the protection off.
    if (database.props.replicateSourceDb !== undefined || !database.protect) return;
    yield* mustBeTrue(database, "deletionProtection", "can be deleted at once");
    yield* mustBeFalse(database, "skipFinalSnapshot", "leaves no final snapshot");
  },
});
