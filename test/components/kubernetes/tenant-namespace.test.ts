import { describe, expect, it } from "vitest";
import { secret, valueOf } from "../../support/mocks.ts";
import { platform } from "./fixture.ts";
import { find, listed, namespaceProgram, spec } from "./programs.ts";

describe("TenantNamespace", () => {
  it("registers namespace, quota, limits, account, policies and the common objects that its labels ask for", async () => {
    const { registered, result } = await namespaceProgram();
    expect(listed(registered)).toEqual([
      "east pulumi:providers:kubernetes",
      "org-123 tenancy:index:TenantNamespace",
      "org-123-common-contacts core/v1:ConfigMap",
      "org-123-common-registry core/v1:Secret",
      "org-123-limits core/v1:LimitRange",
      "org-123-namespace core/v1:Namespace",
      "org-123-policy-default-deny networking.k8s.io/v1:NetworkPolicy",
      "org-123-policy-dns networking.k8s.io/v1:NetworkPolicy",
      "org-123-quota core/v1:ResourceQuota",
      "org-123-service-account core/v1:ServiceAccountPatch",
    ]);
    expect(find(registered, "org-123-namespace").inputs).toEqual({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: {
        name: "oikion-org-123",
        labels: {
          "app.kubernetes.io/managed-by": "tenancy",
          tenant: "org-123",
          organisation: "org_123",
          tier: "silo",
          "pod-security.kubernetes.io/enforce": "restricted",
          "pod-security.kubernetes.io/audit": "restricted",
          "pod-security.kubernetes.io/warn": "restricted",
        },
      },
    });
    expect(spec(find(registered, "org-123-quota"))).toEqual({
      hard: {
        "requests.cpu": "2",
        "requests.memory": "4Gi",
        "limits.cpu": "4",
        "limits.memory": "8Gi",
        persistentvolumeclaims: "5",
        "services.loadbalancers": "0",
        "services.nodeports": "0",
      },
    });
    expect(find(registered, "org-123-service-account").inputs).toMatchObject({
      automountServiceAccountToken: false,
      imagePullSecrets: [{ name: "registry" }],
    });
    expect(find(registered, "org-123-common-registry").inputs.stringData).toEqual(
      secret({ ".dockerconfigjson": '{"auths":{}}' }),
    );
    for (const { type, name, provider } of registered) {
      expect([name, provider]).toEqual([name, type.startsWith("kubernetes:") ? "east" : ""]);
    }
    expect(await valueOf(result.namespace)).toBe("oikion-org-123");
  });

  it("protects the namespace until the tenant leaves", async () => {
    for (const [state, protect] of [
      ["active", true],
      ["suspended", true],
      ["offboarding", false],
    ] as const) {
      const { registered } = await namespaceProgram({ state });
      expect(find(registered, "org-123-namespace").protect).toBe(protect);
    }
  });

  it("carries the record's labels on the namespace only, where none of them weakens Pod Security or claims a pod's role", async () => {
    const labels = { region: "eu", "pod-security.kubernetes.io/enforce": "privileged", tenant: "another" };
    const commonObjects = [{ selector: { region: "eu" }, kind: "ConfigMap", name: "eu", data: { a: "b" } }] as const;
    const { registered } = await namespaceProgram({ labels, platform: { ...platform, commonObjects } });
    const metadata = find(registered, "org-123-namespace").inputs.metadata as { labels: unknown };
    expect(metadata.labels).toMatchObject({
      region: "eu",
      tenant: "org-123",
      "pod-security.kubernetes.io/enforce": "restricted",
    });
    const common = find(registered, "org-123-common-eu").inputs.metadata as { labels: unknown };
    expect(common.labels).not.toHaveProperty("region");
  });

  it("gives the quota what a graph needs, and one load balancer to a database with a domain", async () => {
    const { registered } = await namespaceProgram({ graphMemory: "1Gi", loadBalancer: true });
    expect(spec(find(registered, "org-123-quota"))).toEqual({
      hard: {
        "requests.cpu": "2150m",
        "requests.memory": "5376Mi",
        "limits.cpu": "5500m",
        "limits.memory": "9472Mi",
        persistentvolumeclaims: "6",
        "services.loadbalancers": "1",
        "services.nodeports": "1",
      },
    });
  });
});
