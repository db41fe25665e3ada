import { resourceRule } from "../rule.ts";
import { memorydbCluster, replicationGroup, serverlessCache } from "../support/aws-types.ts";
import { days } from "../support/settings.ts";
import { numberOf, subjectOf } from "../support/verdict.ts";
import { unknown } from "../values.ts";

export default resourceRule<{ minimumDays: number }>({
  name: "tenancy-memory-store-backup",
  subject: "lifecycle",
  description: "ElastiCache and MemoryDB keep automatic snapshots.",
  reason: "Sessions and queues of every tenant are lost with the nodes otherwise.",
  source: {
    title: "AWS Security Hub ElastiCache.1, clusters should have automatic backups enabled",
    url: "https://docs.aws.amazon.com/securityhub/latest/userguide/elasticache-controls.html#elasticache-1",
  },
  remediation: "Set snapshotRetentionLimit",
  severity: "medium",
  enforcement: "advisory",
  types: [replicationGroup, serverlessCache, memorydbCluster],
  settings: { minimumDays: days("Days that snapshots are kept.", 1) },
  *check(store, { settings }) {
    const { snapshotRetentionLimit } = store.props;
    if (snapshotRetentionLimit === unknown) return;
    const kept = numberOf(snapshotRetentionLimit) ?? 0;
    if (kept < settings.minimumDays) {
      yield {
        message: `${subjectOf(store)} keeps snapshots for ${kept} days; at least ${settings.minimumDays} are asked for`,
      };
    }
  },
});
