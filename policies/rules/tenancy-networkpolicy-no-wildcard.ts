import { type Finding, type Resource, resourceRule } from "../rule.ts";
import { networkPolicy } from "../support/kubernetes-types.ts";
import { names } from "../support/settings.ts";
import { subjectOf } from "../support/verdict.ts";
import { at, isProperties, list, unknown, type Value } from "../values.ts";

/** Set by the API server itself: whoever may label a namespace cannot claim another's. */
const nameLabel = "kubernetes.io/metadata.name";
const everywhere = ["0.0.0.0/0", "::/0"];

export default resourceRule<{ openEgress: readonly string[] }>({
  name: "tenancy-networkpolicy-no-wildcard",
  subject: "isolation",
  description:
    "A network policy names who may come in and where to go: no peer is everybody, and namespaces are chosen by name.",
  reason:
    "A rule without peers, an empty namespaceSelector or 0.0.0.0/0 lets every tenant in; any other label than " +
    `${nameLabel} can be claimed by whoever may label a namespace.`,
  source: {
    title: "Kubernetes, Network Policies: targeting a namespace by its name",
    url: "https://kubernetes.io/docs/concepts/services-networking/network-policies/#targeting-a-namespace-by-its-name",
  },
  remediation: `Give each rule \`from\` or \`to\`, with ${nameLabel} in the namespaceSelector, or narrow address ranges`,
  severity: "critical",
  enforcement: "mandatory",
  types: [networkPolicy],
  settings: { openEgress: names("Names of policies that may let traffic out to every address.") },
  *check(policy, { settings }) {
    const spec = policy.props.spec;
    for (const rule of list(at(spec, "ingress"))) yield* peers(policy, rule, "from", false);
    const open = settings.openEgress.includes(policy.name);
    for (const rule of list(at(spec, "egress"))) yield* peers(policy, rule, "to", open);
  },
});

function* peers(policy: Resource, rule: Value, key: "from" | "to", open: boolean): Iterable<Finding> {
  const place = `${subjectOf(policy)}: ${key === "from" ? "an ingress" : "an egress"} rule`;
  const listed = at(rule, key);
  if (listed === unknown) return;
  if (list(listed).length === 0) {
    if (!open) yield { message: `${place} has no \`${key}\`, which is everybody` };
    return;
  }
  for (const peer of list(listed)) {
    const cidr = at(peer, "ipBlock", "cidr");
    if (typeof cidr === "string" && everywhere.includes(cidr) && !open) yield { message: `${place} reaches ${cidr}` };
    const selector = at(peer, "namespaceSelector");
    if (!isProperties(selector)) continue;
    const labels = at(selector, "matchLabels", nameLabel);
    const expressions = list(at(selector, "matchExpressions"));
    const named = expressions.some((one) => at(one, "key") === nameLabel && at(one, "operator") === "In");
    if (labels === undefined && !named) yield { message: `${place} chooses namespaces without ${nameLabel}` };
  }
}
