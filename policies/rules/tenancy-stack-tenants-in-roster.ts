import { stackRule } from "../rule.ts";
import { nativeTypes, rosterType, Tenants } from "../support/tenants.ts";
import { namespace, cnpgCluster } from "../support/kubernetes-types.ts";
import { rdsInstance } from "../support/aws-types.ts";
import { isProperties } from "../values.ts";

export default stackRule({
  name: "tenancy-stack-tenants-in-roster",
  subject: "lifecycle",
  description: "Everything of a tenant belongs to a tenant that the Roster knows.",
  reason: "The Roster refuses what would lose a tenant by mistake: one that it does not know is lost without a word.",
  source: {
    title: "Pulumi, resource option protect, which the Roster adds to",
    url: "https://www.pulumi.com/docs/iac/concepts/options/protect/",
  },
  remediation: "Register the tenant through the registry, or give the Roster all of the program's tenants",
  severity: "high",
  enforcement: "mandatory",
  types: [rosterType, namespace, cnpgCluster, rdsInstance, ...nativeTypes],
  *check(resources, context) {
    const tenants = new Tenants(resources, context);
    if (tenants.roster !== undefined && !isProperties(tenants.roster.props.tenants)) return;
    const told = new Set<string>();
    for (const resource of resources) {
      const id = tenants.of(resource);
      if (id === undefined || told.has(id) || tenants.get(id) !== undefined) continue;
      told.add(id);
      const why = tenants.roster === undefined ? "the stack has no Roster" : "the Roster does not know it";
      yield { urn: resource.urn, message: `tenant ${id}: ${why}` };
    }
  },
});
