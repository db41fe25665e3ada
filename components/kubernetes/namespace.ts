/** A tenant's namespace and what lies in it whatever the tenant has: quota, limits, service account, common objects. */
import type { ConfigMap, LimitRange, Namespace, ResourceQuota, Secret, ServiceAccount } from "./manifest.ts";
import { quotaHard } from "./quantities.ts";
import type { CommonObject, KubernetesPlatform, Place, Quota } from "./settings.ts";

/** https://kubernetes.io/docs/concepts/security/pod-security-standards/ */
const podSecurity = {
  "pod-security.kubernetes.io/enforce": "restricted",
  "pod-security.kubernetes.io/audit": "restricted",
  "pod-security.kubernetes.io/warn": "restricted",
};

type Labels = Readonly<Record<string, string>>;

/** @param own - labels of the registry's record: on the namespace only, since pods are told apart by theirs */
export function namespaceManifest({ namespace, labels }: Place, own: Labels = {}): Namespace {
  const all = { ...own, ...labels, ...podSecurity };
  return { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels: all } };
}

/**
 * @param graphMemory - memory of the tenant's Neo4j instance, where it has one
 * @param loadBalancers - 1 for a database with a domain of its own
 */
export function resourceQuotaManifest(
  { namespace, labels }: Place,
  quota: Quota,
  graphMemory: string | undefined,
  loadBalancers: 0 | 1,
): ResourceQuota {
  return {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "tenant", namespace, labels },
    spec: {
      hard: {
        ...quotaHard(quota, graphMemory),
        "services.loadbalancers": String(loadBalancers),
        // A load balancer takes a port of the nodes along.
        "services.nodeports": String(loadBalancers),
      },
    },
  };
}

/** A quota of CPU and memory refuses containers that ask for nothing: the operators' helpers get these values. */
export function limitRangeManifest({ namespace, labels }: Place): LimitRange {
  return {
    apiVersion: "v1",
    kind: "LimitRange",
    metadata: { name: "tenant", namespace, labels },
    spec: {
      limits: [
        {
          type: "Container",
          defaultRequest: { cpu: "50m", memory: "64Mi" },
          default: { cpu: "100m", memory: "128Mi" },
        },
        { type: "PersistentVolumeClaim", min: { storage: "1Gi" } },
      ],
    },
  };
}

/** The account of pods that name none: its token opens nothing, and is not handed out either. */
export function serviceAccountManifest({ namespace, labels }: Place, platform: KubernetesPlatform): ServiceAccount {
  return {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: "default", namespace, labels },
    automountServiceAccountToken: false,
    ...pullSecretsOf(platform),
  };
}

export function pullSecretsOf(platform: KubernetesPlatform): { imagePullSecrets?: { name: string }[] } {
  const names = platform.pullSecrets ?? [];
  return names.length === 0 ? {} : { imagePullSecrets: names.map((name) => ({ name })) };
}

/** The platform's objects whose selector the namespace's labels satisfy. */
export function commonManifests(
  { namespace, labels }: Place,
  objects: readonly CommonObject[],
  own: Labels = {},
): (Secret | ConfigMap)[] {
  const all: Labels = { ...own, ...labels };
  return objects
    .filter(({ selector }) => Object.entries(selector).every(([key, value]) => all[key] === value))
    .map(({ kind, name, type, data }) => {
      const metadata = { name, namespace, labels };
      return kind === "Secret"
        ? { apiVersion: "v1", kind, metadata, type: type ?? "Opaque", stringData: data }
        : { apiVersion: "v1", kind, metadata, data };
    });
}
