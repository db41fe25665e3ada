import { stackRule } from "../rule.ts";
import { limitSetting, measure, warnAtSetting } from "../support/capacity.ts";
import { namespace } from "../support/kubernetes-types.ts";
import { ofType } from "../support/links.ts";

export default stackRule<{ limit: number; elsewhere: number; warnAt: number }>({
  name: "tenancy-namespaces-capacity",
  subject: "capacity",
  description: "A Kubernetes cluster has at most 10,000 namespaces.",
  reason: "It is the threshold up to which the control plane is tested.",
  source: {
    title: "Kubernetes SIG Scalability, thresholds",
    url: "https://github.com/kubernetes/community/blob/master/sig-scalability/configs-and-limits/thresholds.md",
  },
  remediation: "Place further tenants on another cluster or in another cell",
  severity: "medium",
  enforcement: "mandatory",
  types: [namespace],
  settings: {
    limit: limitSetting("Namespaces of one cluster.", 10_000),
    elsewhere: limitSetting("Namespaces that are not of this stack.", 0),
    warnAt: warnAtSetting,
  },
  *check(resources, { settings }) {
    const count = ofType(resources, namespace).length;
    if (count > 0)
      yield* measure(count + settings.elsewhere, settings.limit, "Kubernetes cluster: namespaces", settings.warnAt);
  },
});
