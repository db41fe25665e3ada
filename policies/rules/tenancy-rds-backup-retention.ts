import { resourceRule, undecided } from "../rule.ts";
import { rdsCluster, rdsInstance } from "../support/aws-types.ts";
import { days } from "../support/settings.ts";
import { ownTenant } from "../support/tenants.ts";
import { numberOf, subjectOf } from "../support/verdict.ts";
import { unknown } from "../values.ts";

export default resourceRule<{ silo: number; shared: number }>({
  name: "tenancy-rds-backup-retention",
  subject: "lifecycle",
  description: "Amazon RDS keeps automated backups for at least as many days as the tier asks for.",
  reason: "Point-in-time recovery reaches back that far; 0 turns backups off.",
  source: {
    title: "Amazon RDS User Guide, Backup retention period",
    url: "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.BackupRetention.html",
  },
  remediation: "Raise backupRetentionPeriod (silo.backup.retentionDays in the tenant's record); RDS takes at most 35",
  severity: "high",
  enforcement: "mandatory",
  types: [rdsInstance, rdsCluster],
  settings: {
    silo: days("Days for a tenant's own database.", 7),
    shared: days("Days for a database that tenants share.", 7),
  },
  *check(database, { settings }) {
    if (database.props.replicateSourceDb !== undefined) return;
    const { backupRetentionPeriod } = database.props;
    if (backupRetentionPeriod === unknown) yield undecided(`${subjectOf(database)}: backupRetentionPeriod`);
    if (backupRetentionPeriod === unknown) return;
    const floor = ownTenant(database) === undefined ? settings.shared : settings.silo;
    // Left out: 0 for an instance, 1 for a cluster of Aurora.
    const kept = numberOf(backupRetentionPeriod) ?? (database.type === rdsCluster ? 1 : 0);
    if (kept < floor)
      yield { message: `${subjectOf(database)} keeps backups for ${kept} days; at least ${floor} are asked for` };
  },
});
