/**
 * What a set of NetworkPolicies lets through, by the rules of Kubernetes
 * (https://kubernetes.io/docs/concepts/services-networking/network-policies/): a pod that no policy selects is open; one
 * that is selected gets what any of its policies allows; a connection needs the egress of its source and the ingress of
 * its target.
 */
import type { LabelSelector, NetworkPolicy, PolicyPeer } from "../../../components/kubernetes/manifest.ts";

/** A pod of the cluster, or something outside of it, which has an address only. */
export type End =
  | {
      readonly namespace: string;
      readonly namespaceLabels: Readonly<Record<string, string>>;
      readonly labels: Readonly<Record<string, string>>;
    }
  | { readonly address: string };

export interface Connection {
  readonly from: End;
  readonly to: End;
  readonly port: number;
  readonly protocol?: "TCP" | "UDP";
}

export function matches(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const all = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  return (
    all &&
    (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === "Exists") return value !== undefined;
      if (operator === "DoesNotExist") return value === undefined;
      const listed = value !== undefined && values.includes(value);
      return operator === "In" ? listed : !listed;
    })
  );
}

export function allows(policies: readonly NetworkPolicy[], connection: Connection): boolean {
  return passes(policies, connection, "Egress") && passes(policies, connection, "Ingress");
}

function passes(
  policies: readonly NetworkPolicy[],
  { from, to, port, protocol = "TCP" }: Connection,
  direction: "Ingress" | "Egress",
): boolean {
  const [self, other] = direction === "Egress" ? [from, to] : [to, from];
  // Outside of the cluster no policy holds.
  if (!("namespace" in self)) return true;
  const selecting = policies.filter(
    ({ metadata, spec }) =>
      metadata.namespace === self.namespace &&
      spec.policyTypes.includes(direction) &&
      matches(spec.podSelector, self.labels),
  );
  if (selecting.length === 0) return true;
  return selecting.some(({ metadata, spec }) => {
    const rules =
      direction === "Egress"
        ? (spec.egress ?? []).map((rule) => ({ peers: rule.to, ports: rule.ports }))
        : (spec.ingress ?? []).map((rule) => ({ peers: rule.from, ports: rule.ports }));
    return rules.some(
      ({ peers, ports }) =>
        // A rule without peers or ports lets everything through: so it does here.
        (peers.length === 0 || peers.some((peer) => includes(peer, other, metadata.namespace ?? ""))) &&
        (ports.length === 0 || ports.some((one) => one.port === port && one.protocol === protocol)),
    );
  });
}

function includes(peer: PolicyPeer, end: End, ownNamespace: string): boolean {
  if (peer.ipBlock !== undefined) {
    const { cidr, except = [] } = peer.ipBlock;
    return "address" in end && inside(end.address, cidr) && !except.some((one) => inside(end.address, one));
  }
  if (!("namespace" in end)) return false;
  const namespaceFits =
    peer.namespaceSelector === undefined
      ? end.namespace === ownNamespace
      : matches(peer.namespaceSelector, end.namespaceLabels);
  return namespaceFits && (peer.podSelector === undefined || matches(peer.podSelector, end.labels));
}

function inside(address: string, cidr: string): boolean {
  const [network = "", bits = "32"] = cidr.split("/");
  const shift = 32 - Number(bits);
  return shift === 32 || number(address) >>> shift === number(network) >>> shift;
}

function number(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}
