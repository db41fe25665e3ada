import { type Resource, stackRule } from "../rule.ts";
import { namespace, networkPolicy } from "../support/kubernetes-types.ts";
import { tenantNamespaces } from "../support/namespaces.ts";
import { ownTenant, rosterType } from "../support/tenants.ts";
import { subjectOf } from "../support/verdict.ts";
import { at, isProperties, list } from "../values.ts";

export default stackRule({
  name: "tenancy-namespace-default-deny",
  subject: "isolation",
  description: "Every tenant's namespace has a network policy that denies all traffic, in and out.",
  reason: "A pod that no policy selects is reached from every namespace, and reaches every other.",
  source: {
    title: "CIS Kubernetes Benchmark 5.3.2, Ensure that all Namespaces have Network Policies defined",
    url: "https://kubernetes.io/docs/concepts/services-networking/network-policies/#default-deny-all-ingress-and-all-egress-traffic",
  },
  remediation: "Add a NetworkPolicy with podSelector: {}, policyTypes: [Ingress, Egress] and no rules",
  severity: "critical",
  enforcement: "mandatory",
  types: [rosterType, namespace, networkPolicy],
  *check(resources, context) {
    for (const { tenant, resource, objects } of tenantNamespaces(resources, networkPolicy, context)) {
      const denied = new Set(objects.filter(selectsAll).flatMap(deniedBy));
      for (const direction of ["Ingress", "Egress"]) {
        if (denied.has(direction)) continue;
        const place =
          ownTenant(resource) === undefined ? `tenant ${tenant}: ${subjectOf(resource)}` : subjectOf(resource);
        yield { urn: resource.urn, message: `${place} has no policy that denies all ${direction.toLowerCase()}` };
      }
    }
  },
});

function selectsAll(policy: Resource): boolean {
  const selector = at(policy.props, "spec", "podSelector");
  return isProperties(selector) && Object.values(selector).every((part) => part === undefined);
}

/** Directions in which the policy allows nothing. */
function deniedBy(policy: Resource): string[] {
  const types = list(at(policy.props, "spec", "policyTypes"));
  return ["Ingress", "Egress"].filter(
    (direction) => types.includes(direction) && list(at(policy.props, "spec", direction.toLowerCase())).length === 0,
  );
}
