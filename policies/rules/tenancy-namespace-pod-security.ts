import { resourceRule, shown, undecided } from "../rule.ts";
import { namespace } from "../support/kubernetes-types.ts";
import { ownTenant } from "../support/tenants.ts";
import { subjectOf } from "../support/verdict.ts";
import { at, unknown } from "../values.ts";

const label = "pod-security.kubernetes.io/enforce";

export default resourceRule({
  name: "tenancy-namespace-pod-security",
  subject: "isolation",
  description: "A tenant's namespace enforces the Pod Security Standard `restricted`.",
  reason: "A privileged pod or one that mounts the host's disk reaches every tenant on its node.",
  source: {
    title:
      "CIS Kubernetes Benchmark 5.2.1, Ensure that the cluster has at least one active policy control mechanism in place",
    url: "https://kubernetes.io/docs/concepts/security/pod-security-standards/",
  },
  remediation: `Set the label ${label}: restricted`,
  severity: "high",
  enforcement: "mandatory",
  types: [namespace],
  *check(resource) {
    if (ownTenant(resource) === undefined) return;
    const level = at(resource.props, "metadata", "labels", label);
    if (level === unknown) yield undecided(`${subjectOf(resource)}: the label ${label}`);
    else if (level !== "restricted") yield { message: `${subjectOf(resource)}: the label ${label} is ${shown(level)}` };
  },
});
