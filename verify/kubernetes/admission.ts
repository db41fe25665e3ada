/** What a namespace refuses even to those who may make pods and services in it. */
import { z } from "zod";
import type { Outcome } from "../attempt.ts";
import { refusals } from "./api.ts";
import type { Recipe } from "./recipe.ts";
import { pod, type PodChange, service } from "./requests.ts";

const standards = "https://kubernetes.io/docs/concepts/security/pod-security-standards/";
const quotas = "https://kubernetes.io/docs/concepts/policy/resource-quotas/";
const accounts = "https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/";

const restricted = (
  id: string,
  tries: string,
  why: string,
  change: PodChange,
  also: readonly string[] = [],
): Recipe => ({
  id,
  by: "deployer",
  aim: "escape",
  tries,
  why,
  source: standards,
  harm: "server",
  expected: [refusals.podSecurity, ...also],
  request: ({ own }) => pod(own.namespace, change),
  control: ({ own }) => pod(own.namespace),
});

const podAnswer = z.object({
  spec: z.object({
    volumes: z
      .array(z.object({ projected: z.object({ sources: z.array(z.record(z.string(), z.unknown())) }).optional() }))
      .default([]),
  }),
});

/** Whether the server put a token of the service account into the pod. */
function ofToken(body: unknown): Outcome {
  const parsed = podAnswer.safeParse(body);
  if (!parsed.success) return { kind: "failed", reason: "the API server did not show the pod that it would make" };
  const mounted = parsed.data.spec.volumes.some(
    ({ projected }) => projected?.sources.some((source) => "serviceAccountToken" in source) === true,
  );
  return mounted ? { kind: "allowed", evidence: "a token is mounted" } : { kind: "denied", code: "nothing" };
}

export const admission: readonly Recipe[] = [
  restricted(
    "privileged-pod",
    "create a privileged pod in its own namespace",
    "A privileged container is root on the node, and so in every tenant's pods there.",
    { containerSecurity: { privileged: true, allowPrivilegeEscalation: true } },
    [refusals.privileged],
  ),
  restricted(
    "host-path-pod",
    "create a pod that mounts the node's file system",
    "Every tenant's volumes and tokens on that node lie in it.",
    { spec: { volumes: [{ name: "node", hostPath: { path: "/" } }] } },
  ),
  restricted(
    "host-network-pod",
    "create a pod in the node's network",
    "Network policies do not hold there, and the cloud's credentials of the node are near.",
    { spec: { hostNetwork: true } },
  ),
  restricted(
    "host-process-pod",
    "create a pod that sees the node's processes",
    "Environments of other tenants' processes hold their passwords.",
    { spec: { hostPID: true } },
  ),
  restricted("root-pod", "create a pod that runs as root", "Most ways out of a container begin as root in it.", {
    podSecurity: { runAsNonRoot: false, runAsUser: 0 },
  }),
  {
    id: "exceed-quota",
    by: "deployer",
    aim: "exhaust",
    tries: "create a pod that takes a thousand cores",
    why: "One tenant must not be able to take the nodes from the others.",
    source: quotas,
    harm: "server",
    expected: [refusals.quota],
    request: ({ own }) => pod(own.namespace, { cpu: "1000" }),
    control: ({ own }) => pod(own.namespace),
  },
  {
    id: "open-node-port",
    by: "deployer",
    aim: "escape",
    tries: "open a port of every node for its pods",
    why: "It leads past load balancers and their address lists, and takes the port from everyone.",
    source: quotas,
    harm: "server",
    expected: [refusals.quota],
    request: ({ own }) => service(own.namespace, "NodePort"),
    control: ({ own }) => service(own.namespace, "ClusterIP"),
  },
  {
    id: "mounted-token",
    by: "deployer",
    aim: "escape",
    tries: "find a token of the API server in a pod that asked for none",
    why: "Whoever breaks into the application has it.",
    source: accounts,
    expected: ["nothing"],
    reads: ofToken,
    request: ({ own }) => pod(own.namespace),
    control: ({ own }) => pod(own.namespace, { spec: { automountServiceAccountToken: true } }),
  },
];
