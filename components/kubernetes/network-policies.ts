/**
 * Who may talk to whom in a tenant's namespace. Everything is denied, in both directions, and these allowances are all
 * that there is. A network plugin that ignores policies makes every one of them void: docs/kubernetes.md says how to see.
 */
import type { LabelSelector, NetworkPolicy, PolicyPeer, PolicyPort } from "./manifest.ts";
import { namespaceNameLabel, type KubernetesPlatform, type Place } from "./settings.ts";

type Direction = "ingress" | "egress";
type Rule<D extends Direction> = NonNullable<NetworkPolicy["spec"][D]>[number];

const tcp = (...ports: readonly number[]): PolicyPort[] => ports.map((port) => ({ protocol: "TCP", port }));

/** Port of the instances' metrics, of the poolers' metrics, and of the status that the operator reads. */
export const ports = { postgres: 5432, status: 8000, metrics: 9187, poolerMetrics: 9127, bolt: 7687 } as const;

/** Label of the pods that this program makes itself. */
export const roleLabel = "tenancy-role";

/** https://cloudnative-pg.io/documentation/current/networking/ */
const operatorPods = { "app.kubernetes.io/name": "cloudnative-pg" };

function inNamespace(name: string, pods?: Readonly<Record<string, string>>): PolicyPeer {
  return {
    namespaceSelector: { matchLabels: { [namespaceNameLabel]: name } },
    ...(pods === undefined ? {} : { podSelector: { matchLabels: pods } }),
  };
}

const addresses = (cidrs: readonly string[]): PolicyPeer[] => cidrs.map((cidr) => ({ ipBlock: { cidr } }));
const pods = (podSelector: LabelSelector): PolicyPeer => ({ podSelector });

function policy(
  { namespace, labels }: Place,
  name: string,
  podSelector: LabelSelector,
  ingress: Rule<"ingress">[],
  egress: Rule<"egress">[],
): NetworkPolicy {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name, namespace, labels },
    spec: {
      podSelector,
      policyTypes: ["Ingress", "Egress"],
      // A rule without a peer would let everybody through.
      ingress: ingress.filter(({ from }) => from.length > 0),
      egress: egress.filter(({ to }) => to.length > 0),
    },
  };
}

/** What every namespace of a tenant has: nothing passes, and names can be looked up. */
export function basePolicies(place: Place, platform: KubernetesPlatform): NetworkPolicy[] {
  return [policy(place, "default-deny", {}, [], []), policy(place, "dns", {}, [], [dnsRule(platform)])];
}

function dnsRule({ dnsNamespace, dnsLabels, dnsCidrs }: KubernetesPlatform): Rule<"egress"> {
  return {
    to: [
      inNamespace(dnsNamespace ?? "kube-system", dnsLabels ?? { "k8s-app": "kube-dns" }),
      ...addresses(dnsCidrs ?? []),
    ],
    // Answers that do not fit into a datagram are asked for over TCP.
    ports: [
      { protocol: "UDP", port: 53 },
      { protocol: "TCP", port: 53 },
    ],
  };
}

/** The instance managers of databases and poolers read their definition from the API server, and do not start without. */
function apiServerRule({ apiServerCidrs, apiServerPorts }: KubernetesPlatform): Rule<"egress"> {
  return { to: addresses(apiServerCidrs), ports: tcp(...(apiServerPorts ?? [443, 6443])) };
}

function objectStoreRule({ objectStore }: KubernetesPlatform): Rule<"egress"> {
  return {
    to:
      objectStore === undefined
        ? []
        : [
            ...addresses(objectStore.cidrs),
            ...(objectStore.namespace === undefined ? [] : [inNamespace(objectStore.namespace)]),
          ],
    ports: tcp(objectStore?.port ?? 443),
  };
}

function scrapeRule({ monitoringNamespace }: KubernetesPlatform, port: number): Rule<"ingress"> {
  return { from: monitoringNamespace === undefined ? [] : [inNamespace(monitoringNamespace)], ports: tcp(port) };
}

function applicationRule({ applicationNamespaces }: KubernetesPlatform, port: number): Rule<"ingress"> {
  return { from: applicationNamespaces.map((name) => inNamespace(name)), ports: tcp(port) };
}

export interface SiloPolicyOptions {
  /** Whether applications may connect: not while the tenant is suspended or leaving. */
  readonly open: boolean;
  /** Whether backups are written or read. */
  readonly objectStore: boolean;
  /** Clients outside of the cluster, of a database with a domain of its own. */
  readonly clientCidrs: readonly string[];
}

/** Of a database: its instances with CloudNativePG's jobs, its poolers, and the job that applies templates. */
export function siloPolicies(place: Place, platform: KubernetesPlatform, options: SiloPolicyOptions): NetworkPolicy[] {
  const { cluster } = place;
  // A pooler's pods carry the label of the cluster, too; those of jobs have no role.
  const database: LabelSelector = {
    matchLabels: { "cnpg.io/cluster": cluster },
    matchExpressions: [{ key: "cnpg.io/podRole", operator: "NotIn", values: ["pooler"] }],
  };
  const pooler: LabelSelector = { matchLabels: { "cnpg.io/cluster": cluster, "cnpg.io/podRole": "pooler" } };
  const migration: LabelSelector = { matchLabels: { [roleLabel]: "migration" } };
  const toDatabase: Rule<"egress"> = { to: [pods(database)], ports: tcp(ports.postgres) };
  const clients: Rule<"ingress">[] = options.open
    ? [applicationRule(platform, ports.postgres), { from: addresses(options.clientCidrs), ports: tcp(ports.postgres) }]
    : [];
  return [
    policy(
      place,
      "database",
      database,
      [
        // Namespace and pods in ONE peer: as two, every pod of the operator's namespace OR anybody with the label.
        {
          from: [inNamespace(platform.operatorNamespace ?? "cnpg-system", operatorPods)],
          ports: tcp(ports.status, ports.postgres),
        },
        { from: [pods(database)], ports: tcp(ports.postgres, ports.status) },
        { from: [pods(pooler), pods(migration)], ports: tcp(ports.postgres) },
        scrapeRule(platform, ports.metrics),
        ...clients,
      ],
      [
        { to: [pods(database)], ports: tcp(ports.postgres, ports.status) },
        apiServerRule(platform),
        ...(options.objectStore ? [objectStoreRule(platform)] : []),
      ],
    ),
    policy(
      place,
      "pooler",
      pooler,
      [...(options.open ? [applicationRule(platform, ports.postgres)] : []), scrapeRule(platform, ports.poolerMetrics)],
      [toDatabase, apiServerRule(platform)],
    ),
    policy(place, "migration", migration, [], [toDatabase]),
  ];
}

/** Of a graph: applications and the job that changes its password come in, nothing goes out. */
export function graphPolicies(place: Place, platform: KubernetesPlatform, open: boolean): NetworkPolicy[] {
  const graph: LabelSelector = { matchLabels: { [roleLabel]: "graph" } };
  const rotation: LabelSelector = { matchLabels: { [roleLabel]: "graph-password" } };
  return [
    policy(
      place,
      "graph",
      graph,
      [...(open ? [applicationRule(platform, ports.bolt)] : []), { from: [pods(rotation)], ports: tcp(ports.bolt) }],
      [],
    ),
    policy(place, "graph-password", rotation, [], [{ to: [pods(graph)], ports: tcp(ports.bolt) }]),
  ];
}
