import { stackRule } from "../rule.ts";
import { bucket, kmsKey, memorydbCluster, rdsCluster, rdsInstance, replicationGroup } from "../support/aws-types.ts";
import { cnpgCluster, namespace, objectStore } from "../support/kubernetes-types.ts";
import { nativeTypes, rosterType, Tenants } from "../support/tenants.ts";
import { subjectOf } from "../support/verdict.ts";
import { text } from "../values.ts";

/** Held for tenants only where they are a tenant's: a platform's namespace holds no data. */
const tenantOnly = [namespace, objectStore] as const;
/** All passwords are derived from them. */
const secrets = ["random:index/randomPassword:RandomPassword", "random:index/randomBytes:RandomBytes"];

export default stackRule({
  name: "tenancy-data-protected",
  subject: "lifecycle",
  description: "What holds data is protected from deletion, until the registry has recorded that its tenant leaves.",
  reason: "`pulumi destroy`, a renamed resource or a lost record deletes a tenant's data without a question.",
  source: {
    title: "Pulumi, resource option protect",
    url: "https://www.pulumi.com/docs/iac/concepts/options/protect/",
  },
  remediation: "Set the option protect: true; only state: offboarding takes it off",
  severity: "critical",
  enforcement: "mandatory",
  types: [
    ...nativeTypes,
    ...bucket,
    kmsKey,
    memorydbCluster,
    rdsCluster,
    rdsInstance,
    replicationGroup,
    cnpgCluster,
    ...tenantOnly,
    ...secrets,
    rosterType,
  ],
  *check(resources, context) {
    const tenants = new Tenants(resources, context);
    const live = tenants.ids.filter((id) => tenants.get(id)?.state !== "offboarding");
    for (const resource of resources) {
      if (resource.protect) continue;
      const id = tenants.of(resource);
      if (id === undefined && (tenantOnly as readonly string[]).includes(resource.type)) continue;
      const state = tenants.get(id)?.state ?? text(resource.props.state);
      if (state === "offboarding") continue;
      // With nobody left the platform's own may go.
      const shared = id === undefined && tenants.roster !== undefined && tenants.ids.length > 0;
      if (shared && live.length === 0) continue;
      yield { urn: resource.urn, message: `${subjectOf(resource)} is not protected` };
    }
  },
});
