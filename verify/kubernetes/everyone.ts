/** Attempts of a service account against its own namespace's limits, and against the cluster. */
import { z } from "zod";
import type { Outcome } from "../attempt.ts";
import { binding, create, get, inside, nobody, openPolicy, patch, pod, policies, remove, review } from "./requests.ts";
import type { Recipe } from "./recipe.ts";

const practices = "https://kubernetes.io/docs/concepts/security/rbac-good-practices/";
const standards = "https://kubernetes.io/docs/concepts/security/pod-security-standards/";
const quotas = "https://kubernetes.io/docs/concepts/policy/resource-quotas/";
const network = "https://kubernetes.io/docs/concepts/services-networking/network-policies/";
const tenancy = "https://kubernetes.io/docs/concepts/security/multi-tenancy/";

const by = "account" as const;
const reviewed = z.object({ status: z.object({ allowed: z.boolean() }) });

function ofReview(body: unknown): Outcome {
  const parsed = reviewed.safeParse(body);
  if (!parsed.success) return { kind: "failed", reason: "the API server did not tell what it would allow" };
  return parsed.data.status.allowed
    ? { kind: "allowed", evidence: "would be allowed" }
    : { kind: "denied", code: "nothing" };
}

export const ownLimits: readonly Recipe[] = [
  {
    id: "claim-tenant-label",
    by,
    aim: "escape",
    tries: "give its own namespace another tenant's label",
    why: "What selects by it, as common objects and policies of others do, would take the one for the other.",
    source: network,
    harm: "server",
    request: ({ own, other }) =>
      patch(`/api/v1/namespaces/${own.namespace}`, { metadata: { labels: { tenant: other.tenant } } }),
  },
  {
    id: "drop-pod-security",
    by,
    aim: "escape",
    tries: "take the Pod Security standard off its own namespace",
    why: "After it a pod may have the node.",
    source: standards,
    harm: "server",
    request: ({ own }) =>
      patch(`/api/v1/namespaces/${own.namespace}`, {
        metadata: { labels: { "pod-security.kubernetes.io/enforce": "privileged" } },
      }),
  },
  {
    id: "remove-quota",
    by,
    aim: "exhaust",
    tries: "delete the quota of its own namespace",
    why: "After it one tenant fills the nodes of all.",
    source: quotas,
    harm: "server",
    request: ({ own }) => remove(inside(own.namespace, "resourcequotas/tenant")),
  },
  {
    id: "remove-own-network-policy",
    by,
    aim: "escape",
    tries: "delete the policy that denies connections out of its own namespace",
    why: "After it its pods ask what they like of every other pod.",
    source: network,
    harm: "server",
    request: ({ own }) => remove(policies(own.namespace, "default-deny")),
  },
  {
    id: "open-own-network",
    by,
    aim: "escape",
    tries: "create a policy that lets its own pods connect everywhere",
    why: "Policies add up: one that allows all makes the others void.",
    source: network,
    harm: "server",
    request: ({ own }) => openPolicy(own.namespace),
  },
  {
    id: "create-own-pod",
    by,
    aim: "escape",
    tries: "create a pod in its own namespace",
    why: "Pods mount every Secret of their namespace; a broken application must not be able to make any.",
    source: practices,
    harm: "server",
    request: ({ own }) => pod(own.namespace),
  },
  {
    id: "bind-own-role",
    by,
    aim: "escape",
    tries: "bind an administrator's role in its own namespace to itself",
    why: "It would lift quota, policies and Pod Security's reach at once.",
    source: practices,
    harm: "server",
    request: ({ own }) => binding(own.namespace, own.namespace),
  },
];

export const wholeCluster: readonly Recipe[] = [
  {
    id: "bind-cluster-role",
    by,
    aim: "escape",
    tries: "bind an administrator's role of the whole cluster to itself",
    why: "It is every namespace at once.",
    source: practices,
    harm: "server",
    request: ({ own }) => binding(own.namespace),
  },
  {
    id: "impersonate",
    by,
    aim: "escape",
    tries: "ask as another tenant's service account",
    why: "Whoever may impersonate has the rights of everyone.",
    source: "https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation",
    request: ({ other }) => ({
      method: "POST",
      path: "/apis/authentication.k8s.io/v1/selfsubjectreviews",
      body: { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" },
      impersonate: `system:serviceaccount:${other.namespace}:default`,
    }),
  },
  {
    id: "list-namespaces",
    by,
    aim: "observe",
    tries: "list all namespaces",
    why: "Their names and labels are the list of all tenants.",
    source: tenancy,
    request: () => get("/api/v1/namespaces"),
  },
  {
    id: "list-all-secrets",
    by,
    aim: "read",
    tries: "list the Secrets of all namespaces",
    why: "Every tenant's logins in one answer.",
    source: "https://kubernetes.io/docs/concepts/security/secrets-good-practices/",
    request: () => get("/api/v1/secrets?limit=1"),
  },
  {
    id: "list-all-databases",
    by,
    aim: "observe",
    tries: "list the databases of all tenants",
    why: "Each definition names its tenant, logins and backups.",
    source: "https://cloudnative-pg.io/documentation/current/security/",
    needs: "cloudnativepg",
    request: () => get("/apis/postgresql.cnpg.io/v1/clusters?limit=1"),
  },
  {
    id: "read-nodes",
    by,
    aim: "observe",
    tries: "list the nodes",
    why: "Addresses, versions and labels are what an attack on them begins with.",
    source: practices,
    request: () => get("/api/v1/nodes?limit=1"),
  },
  {
    id: "node-proxy",
    by,
    aim: "escape",
    tries: "reach a kubelet through the API server's proxy",
    why: "A kubelet runs commands in every pod of its node, past admission and audit.",
    source: practices,
    request: () => get(`/api/v1/nodes/${nobody}/proxy/pods`),
  },
  {
    id: "read-volumes",
    by,
    aim: "observe",
    tries: "list the persistent volumes",
    why: "Each names its tenant's namespace and its place in the storage.",
    source: practices,
    request: () => get("/api/v1/persistentvolumes?limit=1"),
  },
  {
    id: "create-webhook",
    by,
    aim: "escape",
    tries: "register an admission webhook",
    why: "It would be sent every object that anybody writes, Secrets included.",
    source: practices,
    harm: "server",
    request: () =>
      create("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", {
        apiVersion: "admissionregistration.k8s.io/v1",
        kind: "ValidatingWebhookConfiguration",
        metadata: { name: nobody },
        webhooks: [],
      }),
  },
  {
    id: "approve-certificate",
    by,
    aim: "escape",
    tries: "approve a client certificate",
    why: "A certificate may name any user, and cannot be taken back.",
    source: practices,
    harm: "server",
    expected: ["nothing"],
    reads: ofReview,
    request: () =>
      review({
        group: "certificates.k8s.io",
        resource: "certificatesigningrequests",
        subresource: "approval",
        verb: "update",
      }),
  },
  {
    id: "every-right",
    by,
    aim: "escape",
    tries: "have every right on everything",
    why: "What the attempts by name leave out.",
    source: practices,
    harm: "server",
    expected: ["nothing"],
    reads: ofReview,
    request: () => review({ group: "*", resource: "*", verb: "*" }),
  },
];
