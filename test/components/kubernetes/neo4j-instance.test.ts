import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import type { Neo4jInstanceArgs } from "../../../components/kubernetes/neo4j-instance.ts";
import { secret, valueOf } from "../../support/mocks.ts";
import { certificates, platform } from "./fixture.ts";
import { derived, find, graphProgram, listed, names, spec, without } from "./programs.ts";

describe("Neo4jInstance", () => {
  it("registers one instance with its volume, services, certificate, secret and policies", async () => {
    const { registered, result } = await graphProgram();
    const own = without(registered);
    expect(listed(own)).toEqual([
      "org-123 tenancy:index:Neo4jInstance",
      "org-123-graph apps/v1:StatefulSet",
      "org-123-graph-auth core/v1:Secret",
      "org-123-graph-certificate cert-manager.io/v1:Certificate",
      "org-123-graph-claim core/v1:PersistentVolumeClaim",
      "org-123-graph-headless core/v1:Service",
      "org-123-graph-service core/v1:Service",
      "org-123-policy-graph networking.k8s.io/v1:NetworkPolicy",
      "org-123-policy-graph-password networking.k8s.io/v1:NetworkPolicy",
    ]);
    expect(own.filter(({ protect }) => protect).map(({ name }) => name)).toEqual(["org-123-graph-claim"]);
    expect(find(own, "org-123-graph-auth").inputs.stringData).toEqual(
      secret({ initial: `neo4j/${derived("neo4j")}`, password: derived("neo4j"), previous: "" }),
    );
    expect(await valueOf(result.uri)).toBe("bolt+s://oikion-org-123-graph.oikion-org-123.svc:7687");
    expect(await valueOf(result.username)).toBe("neo4j");
    expect(await valueOf(result.ca)).toBe(certificates.ca);
    expect(await pulumi.isSecret(result.password)).toBe(true);
  });

  it("serves Bolt with TLS only, no HTTP, and keeps half of its memory for the heap", async () => {
    const { registered } = await graphProgram({ graph: { memory: "2Gi", storageSize: "10Gi" } });
    const stateful = spec(find(registered, "org-123-graph")) as {
      replicas: number;
      template: { spec: { containers: { env: { name: string; value?: string }[]; resources: unknown }[] } };
    };
    const [container] = stateful.template.spec.containers;
    const env = Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, value]));
    expect(stateful.replicas).toBe(1);
    expect(env).toMatchObject({
      NEO4J_server_bolt_tls__level: "REQUIRED",
      NEO4J_server_http_enabled: "false",
      NEO4J_server_https_enabled: "false",
      NEO4J_dbms_ssl_policy_bolt_enabled: "true",
      NEO4J_server_memory_heap_max__size: "1024m",
      NEO4J_server_memory_pagecache_size: "409m",
    });
    expect(container?.resources).toEqual({
      requests: { cpu: "100m", memory: "2Gi" },
      limits: { cpu: "1", memory: "2Gi" },
    });
  });

  it("stops a suspended and a leaving tenant's instance and keeps its volume", async () => {
    for (const [state, protect] of [
      ["suspended", true],
      ["offboarding", false],
    ] as const) {
      const { registered } = await graphProgram({ state, rotation: 2 });
      expect(spec(find(registered, "org-123-graph"))).toMatchObject({ replicas: 0 });
      expect(find(registered, "org-123-graph-claim").protect).toBe(protect);
      expect(names(registered)).not.toContain("org-123-graph-password");
      expect(JSON.stringify(spec(find(registered, "org-123-policy-graph")))).not.toContain('"applications"');
    }
  });

  it("changes the password of a server that knows an earlier one, newest first, and shows none in the job", async () => {
    const { registered } = await graphProgram({ rotation: 2 });
    expect(find(registered, "org-123-graph-auth").inputs.stringData).toEqual(
      secret({
        initial: `neo4j/${derived("neo4j", 2)}`,
        password: derived("neo4j", 2),
        previous: `${derived("neo4j", 1)} ${derived("neo4j", 0)}`,
      }),
    );
    const job = find(registered, "org-123-graph-password");
    expect((job.inputs.metadata as { name: string }).name).toMatch(/^oikion-org-123-graph-2-[0-9a-f]{4}$/);
    for (const rotation of [0, 1, 2]) expect(JSON.stringify(job.inputs)).not.toContain(derived("neo4j", rotation));
  });

  it.each([
    [{ platform: { ...platform, certificates: undefined } }, "its graph needs a certificate"],
    [{ platform: { ...platform, certificates, neo4jImage: undefined } }, "its graph needs an image of Neo4j Community"],
    [{ graph: { memory: "512Mi", storageSize: "10Gi" } }, "neo4j.memory is 512Mi; an instance needs at least 1Gi"],
  ] satisfies [Partial<Neo4jInstanceArgs>, string][])("is refused with the tenant in front: %#", async (over, text) => {
    await expect(graphProgram(over)).rejects.toThrow(`tenant org-123: ${text}`);
  });
});
