import { stackRule, undecided } from "../rule.ts";
import { namespace, quota } from "../support/kubernetes-types.ts";
import { tenantNamespaces } from "../support/namespaces.ts";
import { names } from "../support/settings.ts";
import { ownTenant, rosterType } from "../support/tenants.ts";
import { subjectOf } from "../support/verdict.ts";
import { at, isProperties, unknown } from "../values.ts";

export default stackRule<{ limits: readonly string[] }>({
  name: "tenancy-namespace-quota",
  subject: "isolation",
  description: "Every tenant's namespace has a quota of processors, memory and volumes.",
  reason: "Without it one tenant takes the cluster's nodes and disks from all others.",
  source: {
    title: "Kubernetes, Multi-tenancy: quotas",
    url: "https://kubernetes.io/docs/concepts/security/multi-tenancy/#quotas",
  },
  remediation: "Add a ResourceQuota with spec.hard for each of the limits",
  severity: "high",
  enforcement: "mandatory",
  types: [rosterType, namespace, quota],
  settings: {
    limits: names("Resources that a quota must limit.", [
      "requests.cpu",
      "requests.memory",
      "limits.cpu",
      "limits.memory",
      "persistentvolumeclaims",
    ]),
  },
  *check(resources, context) {
    const { settings } = context;
    for (const { tenant, resource, objects } of tenantNamespaces(resources, quota, context)) {
      const place =
        ownTenant(resource) === undefined ? `tenant ${tenant}: ${subjectOf(resource)}` : subjectOf(resource);
      const hard = objects.map((object) => at(object.props, "spec", "hard"));
      if (hard.includes(unknown)) {
        yield undecided(`${place}: spec.hard`, resource.urn);
        continue;
      }
      const limited = new Set(hard.filter(isProperties).flatMap((limits) => Object.keys(limits)));
      const missing = settings.limits.filter((name) => !limited.has(name));
      if (objects.length === 0) yield { urn: resource.urn, message: `${place} has no quota` };
      else if (missing.length > 0) {
        yield { urn: resource.urn, message: `${place} has a quota without ${missing.join(", ")}` };
      }
    }
  },
});
