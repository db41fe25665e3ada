import { kubernetesNames } from "../../components/naming.ts";
import { stackRule } from "../rule.ts";
import { nameFindings } from "../support/names.ts";
import { rosterType, Tenants } from "../support/tenants.ts";

const type = "kubernetes:core/v1:Namespace";

export default stackRule({
  name: "tenancy-namespace-name",
  subject: "isolation",
  description: "A tenant's Kubernetes namespace has the name of this tenant.",
  reason: "Quotas, network policies and rights end at the namespace: two tenants in one share all of them.",
  source: {
    title: "Kubernetes, Multi-tenancy: namespaces",
    url: "https://kubernetes.io/docs/concepts/security/multi-tenancy/#namespaces",
  },
  remediation: "Derive the names with kubernetesNames of components/naming.ts from the tenant's prefix and id",
  severity: "critical",
  enforcement: "mandatory",
  types: [rosterType, type],
  *check(resources, context) {
    yield* nameFindings(resources, type, new Tenants(resources, context), (prefix, { id }) => ({
      "metadata.name": kubernetesNames(prefix, id).namespace,
    }));
  },
});
