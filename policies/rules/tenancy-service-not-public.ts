import { resourceRule } from "../rule.ts";
import { service } from "../support/kubernetes-types.ts";
import { ownTenant } from "../support/tenants.ts";
import { subjectOf } from "../support/verdict.ts";
import { at, isProperties, list, text } from "../values.ts";

/** Annotations of the clouds that keep a load balancer inside of the network. */
const internal: Readonly<Record<string, string>> = {
  "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
  "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
  "networking.gke.io/load-balancer-type": "Internal",
  "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
};

export default resourceRule({
  name: "tenancy-service-not-public",
  subject: "isolation",
  description:
    "A tenant's database is not reached from the internet: no NodePort, and load balancers are internal or limited.",
  reason: "Network policies see the balancer's address and not the client's: everybody may try passwords.",
  source: {
    title: "Kubernetes, Service: load balancers with internal addresses",
    url: "https://kubernetes.io/docs/concepts/services-networking/service/#internal-load-balancer",
  },
  remediation: "Use ClusterIP, the cloud's annotation for an internal balancer, or spec.loadBalancerSourceRanges",
  severity: "high",
  enforcement: "mandatory",
  types: [service],
  *check(resource) {
    if (ownTenant(resource) === undefined) return;
    const kind = text(at(resource.props, "spec", "type"));
    if (kind === "NodePort") yield { message: `${subjectOf(resource)} is of the type NodePort` };
    if (kind !== "LoadBalancer") return;
    const annotations = at(resource.props, "metadata", "annotations");
    const inside =
      isProperties(annotations) && Object.entries(internal).some(([key, value]) => annotations[key] === value);
    const ranges = list(at(resource.props, "spec", "loadBalancerSourceRanges"));
    const limited = ranges.length > 0 && !ranges.includes("0.0.0.0/0");
    if (!inside && !limited) yield { message: `${subjectOf(resource)} is a load balancer for everybody` };
  },
});
