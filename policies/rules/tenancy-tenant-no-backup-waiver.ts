import { stackRule } from "../rule.ts";
import { rosterType, Tenants } from "../support/tenants.ts";

export default stackRule({
  name: "tenancy-tenant-no-backup-waiver",
  subject: "lifecycle",
  description: "No tenant's data is deleted without a backup.",
  reason: "A waiver stands in for the backup: after the next update nothing of the tenant can be restored.",
  source: {
    title: "GDPR, article 32 (1) c: the ability to restore access to personal data",
    url: "https://eur-lex.europa.eu/eli/reg/2016/679/oj",
  },
  remediation: "Back the tenant up and take backupWaiver out of its record",
  severity: "medium",
  enforcement: "advisory",
  types: [rosterType],
  *check(resources, context) {
    const tenants = new Tenants(resources, context);
    const urn = tenants.roster?.urn;
    for (const id of tenants.ids) {
      // The reason is a person's text, and no matter of the message.
      if (tenants.get(id)?.hasWaiver === true) yield { urn, message: `tenant ${id}: leaves without a backup` };
    }
  },
});
