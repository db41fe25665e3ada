import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NetworkPolicy } from "../../../components/kubernetes/manifest.ts";
import { basePolicies, graphPolicies, siloPolicies } from "../../../components/kubernetes/network-policies.ts";
import { type Place, placeOf } from "../../../components/kubernetes/settings.ts";
import { allows, type Connection, type End, matches } from "../../support/kubernetes/network.ts";
import { place, platform } from "./fixture.ts";

const other = placeOf({ tenant: "org-124", prefix: "oikion", externalId: "org_124", tier: "silo" });
const external = ["198.51.100.0/24"];

function policiesOf(of: Place, open = true): NetworkPolicy[] {
  return [
    ...basePolicies(of, platform),
    ...siloPolicies(of, platform, { open, objectStore: true, clientCidrs: external }),
    ...graphPolicies(of, platform, open),
  ];
}

function pod(namespace: string, labels: Record<string, string> = {}, claimed: Record<string, string> = {}): End {
  // The API server sets the name's label last: a claimed one is overwritten.
  return { namespace, labels, namespaceLabels: { ...claimed, "kubernetes.io/metadata.name": namespace } };
}

function ends(of: Place) {
  const cluster = { "cnpg.io/cluster": of.cluster };
  return {
    instance: pod(of.namespace, { ...cluster, "cnpg.io/podRole": "instance" }, of.labels),
    // Jobs of CloudNativePG carry no role.
    join: pod(of.namespace, { ...cluster, "cnpg.io/jobRole": "join" }, of.labels),
    pooler: pod(of.namespace, { ...cluster, "cnpg.io/podRole": "pooler" }, of.labels),
    migration: pod(of.namespace, { "tenancy-role": "migration" }, of.labels),
    graph: pod(of.namespace, { "tenancy-role": "graph" }, of.labels),
    graphPassword: pod(of.namespace, { "tenancy-role": "graph-password" }, of.labels),
    stranger: pod(of.namespace, { app: "anything" }, of.labels),
  };
}

const own = ends(place);
const theirs = ends(other);
const operator = pod("cnpg-system", { "app.kubernetes.io/name": "cloudnative-pg" });
const application = pod("applications", { app: "api" });
const claiming = pod("evil", { app: "api" }, { ...place.labels, name: "applications" });
const prometheus = pod("monitoring", { app: "prometheus" });
const dns = pod("kube-system", { "k8s-app": "kube-dns" });
const apiServer = { address: "10.1.0.10" };
const store = { address: "203.0.113.7" };
const client = { address: "198.51.100.9" };
const internet = { address: "8.8.8.8" };

type Row = readonly [what: string, from: End, to: End, port: number, protocol?: "TCP" | "UDP"];

const allowed: readonly Row[] = [
  ["the operator reads an instance's status", operator, own.instance, 8000],
  ["the operator reaches PostgreSQL", operator, own.instance, 5432],
  ["an instance replicates from another", own.instance, own.instance, 5432],
  ["an instance asks another for its status", own.instance, own.instance, 8000],
  ["a join job copies from the primary", own.join, own.instance, 5432],
  ["the pooler reaches the database", own.pooler, own.instance, 5432],
  ["the migration reaches the database", own.migration, own.instance, 5432],
  ["an application reaches the pooler", application, own.pooler, 5432],
  ["an application reaches the database", application, own.instance, 5432],
  ["an application reaches the graph", application, own.graph, 7687],
  ["the password's job reaches the graph", own.graphPassword, own.graph, 7687],
  ["a client of the domain reaches the database", client, own.instance, 5432],
  ["Prometheus reads the database's metrics", prometheus, own.instance, 9187],
  ["Prometheus reads the pooler's metrics", prometheus, own.pooler, 9127],
  ["an instance looks up a name over UDP", own.instance, dns, 53, "UDP"],
  ["an instance looks up a name over TCP", own.instance, dns, 53],
  ["the migration looks up a name", own.migration, dns, 53, "UDP"],
  ["a pooler looks up a name", own.pooler, dns, 53, "UDP"],
  ["an instance reaches the API server", own.instance, apiServer, 6443],
  ["a join job reaches the API server", own.join, apiServer, 443],
  ["a pooler reaches the API server", own.pooler, apiServer, 6443],
  ["an instance reaches the object store", own.instance, store, 443],
];

const denied: readonly Row[] = [
  ["an instance of another tenant to the database", theirs.instance, own.instance, 5432],
  ["the database to another tenant's", own.instance, theirs.instance, 5432],
  ["another tenant's pooler to the database", theirs.pooler, own.instance, 5432],
  ["another tenant's migration to the database", theirs.migration, own.instance, 5432],
  ["another tenant's graph to the graph", theirs.graph, own.graph, 7687],
  ["the graph to another tenant's database", own.graph, theirs.instance, 5432],
  ["a namespace that claims the tenant's labels to the pooler", claiming, own.pooler, 5432],
  ["a namespace that claims the tenant's labels to the database", claiming, own.instance, 5432],
  ["a namespace that claims the tenant's labels to the graph", claiming, own.graph, 7687],
  ["a pod of the operator's namespace that is not the operator", pod("cnpg-system", { app: "x" }), own.instance, 8000],
  [
    "a pod with the operator's label elsewhere",
    pod("evil", { "app.kubernetes.io/name": "cloudnative-pg" }),
    own.instance,
    8000,
  ],
  ["the operator to the graph", operator, own.graph, 7687],
  ["the operator to the pooler", operator, own.pooler, 5432],
  ["an application to an instance's status", application, own.instance, 8000],
  ["an application to the metrics", application, own.instance, 9187],
  ["Prometheus to PostgreSQL", prometheus, own.instance, 5432],
  ["Prometheus to the graph", prometheus, own.graph, 7687],
  ["a stranger in the namespace to the database", own.stranger, own.instance, 5432],
  ["a stranger in the namespace to the API server", own.stranger, apiServer, 6443],
  ["the database to the internet", own.instance, internet, 443],
  ["the pooler to the object store", own.pooler, store, 443],
  ["the migration to the API server", own.migration, apiServer, 6443],
  ["the migration to the internet", own.migration, internet, 443],
  ["the graph to the API server", own.graph, apiServer, 6443],
  ["the graph to the internet", own.graph, internet, 443],
  ["the graph to the database", own.graph, own.instance, 5432],
  ["the database to the applications", own.instance, application, 5432],
  ["a client of the domain to the pooler", client, own.pooler, 5432],
  ["somebody outside to the database", internet, own.instance, 5432],
  ["a lookup of names at another pod of kube-system", own.instance, pod("kube-system", { app: "x" }), 53, "UDP"],
];

const connection = ([, from, to, port, protocol]: Row): Connection => ({ from, to, port, protocol });
const everybody = (open = true): NetworkPolicy[] => [...policiesOf(place, open), ...policiesOf(other, open)];

describe("the policies of an active tenant", () => {
  it.each(allowed.map((row) => ({ what: row[0], row })))("let through: $what", ({ row }) => {
    expect(allows(everybody(), connection(row))).toBe(true);
  });

  it.each(denied.map((row) => ({ what: row[0], row })))("stop: $what", ({ row }) => {
    expect(allows(everybody(), connection(row))).toBe(false);
  });

  it("have no allowance too much: without any one of them a connection that is needed fails", () => {
    const policies = policiesOf(place);
    let tried = 0;
    for (const [index, policy] of policies.entries()) {
      for (const direction of ["ingress", "egress"] as const) {
        for (const rule of policy.spec[direction] ?? []) {
          const rules = (policy.spec[direction] ?? []).filter((one) => one !== rule);
          const poorer = { ...policy, spec: { ...policy.spec, [direction]: rules } };
          const broken = policies.with(index, poorer);
          const failing = allowed.filter((row) => !allows(broken, connection(row)));
          expect(failing.length, `${policy.metadata.name} ${direction} ${JSON.stringify(rule)}`).toBeGreaterThan(0);
          tried += 1;
        }
      }
    }
    expect(tried).toBe(18);
  });

  it("let a pod of the operator's namespace in, were namespace and pods two peers instead of one", () => {
    const text = JSON.stringify(policiesOf(place)).replace(
      '{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"cnpg-system"}},"podSelector"',
      '{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"cnpg-system"}}},{"podSelector"',
    );
    const intruder = { from: pod("cnpg-system", { app: "x" }), to: own.instance, port: 8000 };
    expect(allows(JSON.parse(text) as NetworkPolicy[], intruder)).toBe(true);
  });
});

describe("the policies of a tenant that is suspended or leaves", () => {
  const clients = [application, client, claiming];

  it.each(clients)("stop every client of database, pooler and graph", (from) => {
    for (const [to, port] of [
      [own.instance, 5432],
      [own.pooler, 5432],
      [own.graph, 7687],
    ] as const) {
      expect(allows(everybody(false), { from, to, port })).toBe(false);
    }
  });

  it("leave the operator and the backups their ways", () => {
    const kept = allowed.filter(([, from]) => from === operator || from === own.instance || from === own.join);
    expect(kept).toHaveLength(10);
    for (const row of kept) expect(allows(everybody(false), connection(row)), row[0]).toBe(true);
  });
});

describe("without what they are for", () => {
  const bare = { apiServerCidrs: ["10.1.0.10/32"], applicationNamespaces: [] };

  it("a platform without applications, Prometheus and store has no rule with an empty peer, which would allow all", () => {
    const policies = [
      ...basePolicies(place, bare),
      ...siloPolicies(place, bare, { open: true, objectStore: true, clientCidrs: [] }),
      ...graphPolicies(place, bare, true),
    ];
    for (const { spec } of policies) {
      expect(spec.ingress?.every(({ from }) => from.length > 0)).toBe(true);
      expect(spec.egress?.every(({ to }) => to.length > 0)).toBe(true);
      expect(spec.policyTypes).toEqual(["Ingress", "Egress"]);
    }
    expect(allows(policies, { from: application, to: own.instance, port: 5432 })).toBe(false);
    expect(allows(policies, { from: own.instance, to: store, port: 443 })).toBe(false);
  });
});

describe("any two tenants", () => {
  const id = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
  const prefix = fc.constantFrom("oikion", "tenant", "ekn", "kato_tenant");

  it("never have a policy that selects the other's namespace or lies in it", () => {
    fc.assert(
      fc.property(id, id, prefix, prefix, (one, two, onePrefix, twoPrefix) => {
        fc.pre(one !== two || onePrefix !== twoPrefix);
        const a = placeOf({ tenant: one, prefix: onePrefix, externalId: one, tier: "silo" });
        const b = placeOf({ tenant: two, prefix: twoPrefix, externalId: two, tier: "silo" });
        const namespaceLabels = { ...b.labels, "kubernetes.io/metadata.name": b.namespace };
        for (const { metadata, spec } of policiesOf(a)) {
          expect(metadata.namespace).toBe(a.namespace);
          expect(metadata.namespace).not.toBe(b.namespace);
          const peers = [
            ...(spec.ingress ?? []).flatMap(({ from }) => from),
            ...(spec.egress ?? []).flatMap(({ to }) => to),
          ];
          for (const { namespaceSelector } of peers) {
            if (namespaceSelector !== undefined) expect(matches(namespaceSelector, namespaceLabels)).toBe(false);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it("reach nothing of each other, whatever the labels of the pods", () => {
    const label = fc.constantFrom("instance", "pooler", "migration", "graph", "graphPassword", "join", "stranger");
    const port = fc.constantFrom(5432, 8000, 7687, 9187, 9127, 53, 443, 6443);
    fc.assert(
      fc.property(label, label, port, (from, to, number) => {
        expect(allows(everybody(), { from: own[from], to: theirs[to], port: number })).toBe(false);
        expect(allows(everybody(), { from: theirs[from], to: own[to], port: number })).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
});
