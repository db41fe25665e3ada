import { resourceRule } from "../rule.ts";
import { replicationGroup } from "../support/aws-types.ts";
import { mustBe, mustBeTrue } from "../support/verdict.ts";

export default resourceRule({
  name: "tenancy-elasticache-transit-encryption",
  subject: "TLS",
  description: "A replication group of ElastiCache takes TLS connections only.",
  reason: "Passwords of its users and every value travel in plain text otherwise; access control needs TLS, too.",
  source: {
    title: "Amazon ElastiCache User Guide, In-transit encryption",
    url: "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/in-transit-encryption.html",
  },
  remediation: "Set transitEncryptionEnabled: true and transitEncryptionMode: required",
  severity: "critical",
  enforcement: "mandatory",
  types: [replicationGroup],
  *check(group) {
    yield* mustBeTrue(group, "transitEncryptionEnabled", "does not encrypt connections");
    yield* mustBe(group, "transitEncryptionMode", (value) => value !== "preferred", "also takes plain connections");
  },
});
