import { resourceRule } from "../rule.ts";
import { rdsCluster, rdsInstance } from "../support/aws-types.ts";
import { choice } from "../support/settings.ts";
import { mustBeTrue, subjectOf } from "../support/verdict.ts";

export default resourceRule<{ ownKey: boolean }>({
  name: "tenancy-rds-encrypted",
  subject: "encryption",
  description:
    "Databases of Amazon RDS and Aurora are encrypted at rest, where asked for with a key of the platform's own.",
  reason: "Snapshots and volumes would be readable; encryption cannot be turned on later without a copy.",
  source: {
    title: "CIS AWS Foundations Benchmark 2.3.1, Ensure that encryption-at-rest is enabled for RDS instances",
    url: "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.html",
  },
  remediation: "Set storageEncrypted: true and kmsKeyId",
  severity: "critical",
  enforcement: "mandatory",
  types: [rdsInstance, rdsCluster],
  settings: { ownKey: choice("Whether kmsKeyId must name a key.", false) },
  *check(database, { settings }) {
    // A replica and a member of a cluster take it from their source.
    if (database.props.replicateSourceDb !== undefined) return;
    yield* mustBeTrue(database, "storageEncrypted", "is not encrypted at rest");
    // A key that the update makes is not known yet, and a key all the same.
    if (settings.ownKey && database.props.kmsKeyId === undefined) {
      yield { message: `${subjectOf(database)} is encrypted with Amazon's default key: no kmsKeyId` };
    }
  },
});
