import { stackRule } from "../rule.ts";
import { cnpgCluster, scheduledBackup } from "../support/kubernetes-types.ts";
import { Companions, objectName, ofType } from "../support/links.ts";
import { choice } from "../support/settings.ts";
import { rosterType } from "../support/tenants.ts";
import { isTrue, subjectOf } from "../support/verdict.ts";
import { at, list } from "../values.ts";

export default stackRule<{ everyCluster: boolean }>({
  name: "tenancy-cnpg-backup",
  subject: "lifecycle",
  description: "Every CloudNativePG cluster archives its write-ahead log and is backed up on a schedule.",
  reason: "Without the log there is no recovery to a point in time; without base backups none at all.",
  source: {
    title: "CloudNativePG, Backup",
    url: "https://cloudnative-pg.io/documentation/current/backup/",
  },
  remediation:
    "Set silo.backup.enabled: true in the tenant's record: the plugin barman-cloud archives, a ScheduledBackup backs up",
  severity: "high",
  enforcement: "mandatory",
  types: [rosterType, cnpgCluster, scheduledBackup],
  settings: { everyCluster: choice("Whether clusters without backups are at fault.", true) },
  *check(resources, { settings }) {
    if (!settings.everyCluster) return;
    const schedules = new Companions(ofType(resources, scheduledBackup), "spec.cluster.name");
    for (const cluster of ofType(resources, cnpgCluster)) {
      const plugins = list(at(cluster.props, "spec", "plugins"));
      if (!plugins.some((plugin) => isTrue(at(plugin, "isWALArchiver")))) {
        yield { urn: cluster.urn, message: `${subjectOf(cluster)} does not archive its write-ahead log` };
      }
      const running = schedules
        .of(cluster, objectName(cluster))
        .filter(({ props }) => !isTrue(at(props, "spec", "suspend")));
      if (running.length === 0) yield { urn: cluster.urn, message: `${subjectOf(cluster)} has no scheduled backup` };
    }
  },
});
