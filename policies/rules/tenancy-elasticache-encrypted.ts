import { resourceRule } from "../rule.ts";
import { replicationGroup } from "../support/aws-types.ts";
import { mustBeTrue } from "../support/verdict.ts";

export default resourceRule({
  name: "tenancy-elasticache-encrypted",
  subject: "encryption",
  description: "A replication group of ElastiCache is encrypted at rest.",
  reason: "Its disks and snapshots hold tenants' keys; encryption cannot be turned on later.",
  source: {
    title: "Amazon ElastiCache User Guide, At-Rest Encryption",
    url: "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/at-rest-encryption.html",
  },
  remediation: "Set atRestEncryptionEnabled: true",
  severity: "high",
  enforcement: "mandatory",
  types: [replicationGroup],
  *check(group) {
    yield* mustBeTrue(group, "atRestEncryptionEnabled", "is not encrypted at rest");
  },
});
