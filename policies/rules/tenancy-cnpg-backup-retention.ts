import { resourceRule, shown, undecided } from "../rule.ts";
import { objectStore } from "../support/kubernetes-types.ts";
import { days } from "../support/settings.ts";
import { subjectOf } from "../support/verdict.ts";
import { at, unknown } from "../values.ts";

const inDays: Readonly<Record<string, number>> = { d: 1, w: 7, m: 30 };

export default resourceRule<{ minimumDays: number }>({
  name: "tenancy-cnpg-backup-retention",
  subject: "lifecycle",
  description: "Backups of a CloudNativePG cluster are kept for at least as many days as the tier asks for.",
  reason: "Point-in-time recovery reaches back that far.",
  source: {
    title: "Barman Cloud plugin, retention policies",
    url: "https://cloudnative-pg.io/plugin-barman-cloud/docs/retention/",
  },
  remediation: "Raise silo.backup.retentionDays in the tenant's record, as in retentionPolicy: 30d",
  severity: "high",
  enforcement: "mandatory",
  types: [objectStore],
  settings: { minimumDays: days("Days that backups are kept.", 7) },
  *check(store, { settings }) {
    const policy = at(store.props, "spec", "retentionPolicy");
    if (policy === unknown) yield undecided(`${subjectOf(store)}: spec.retentionPolicy`);
    // Without a policy nothing is ever deleted.
    if (policy === unknown || policy === undefined) return;
    const match = /^([1-9]\d*)([dwm])$/.exec(typeof policy === "string" ? policy : "");
    const kept = Number(match?.[1] ?? 0) * (inDays[match?.[2] ?? ""] ?? 0);
    if (kept < settings.minimumDays) {
      yield {
        message: `${subjectOf(store)} keeps backups for ${shown(policy)}; at least ${settings.minimumDays} days are asked for`,
      };
    }
  },
});
