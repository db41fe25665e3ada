import { shown, stackRule } from "../rule.ts";
import { names } from "../support/settings.ts";
import { rosterType, Tenants } from "../support/tenants.ts";

export default stackRule<{ tiers: readonly string[] }>({
  name: "tenancy-tier-allowed",
  subject: "isolation",
  description: "Every tenant has one of the isolation models that the site allows.",
  reason:
    "In a pool one policy of row-level security stands between tenants, in a bridge their roles, in a silo a database.",
  source: {
    title: "AWS SaaS Lens, silo, pool and bridge models",
    url: "https://docs.aws.amazon.com/wellarchitected/latest/saas-lens/silo-pool-and-bridge-models.html",
  },
  remediation: "Place new tenants in an allowed tier, or add the tier to the setting tiers",
  severity: "high",
  enforcement: "mandatory",
  types: [rosterType],
  settings: { tiers: names("Isolation models that tenants may have.", ["pool", "bridge", "silo"]) },
  *check(resources, context) {
    const { settings } = context;
    const tenants = new Tenants(resources, context);
    for (const id of tenants.ids) {
      const { tier } = tenants.get(id) ?? {};
      if (tier === undefined || settings.tiers.includes(tier)) continue;
      const allowed = settings.tiers.join(", ");
      yield { urn: tenants.roster?.urn, message: `tenant ${id}: its tier is ${shown(tier)}; allowed: ${allowed}` };
    }
  },
});
