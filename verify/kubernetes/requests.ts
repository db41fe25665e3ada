/** The requests that attempts are made of. Whatever would change something is a dry run. */
import type { ApiRequest } from "./api.ts";

const core = "/api/v1";
const rbac = "/apis/rbac.authorization.k8s.io/v1";

/** An object that nobody has: for what would reach into a pod or a node. Who may, is told that it is missing. */
export const nobody = "tenancy-verify-none";

/** @param path - below the namespace: `secrets`, `pods/x/log` */
export function inside(namespace: string, path: string): string {
  return `${core}/namespaces/${namespace}/${path}`;
}
export function databases(namespace: string, name?: string): string {
  return `/apis/postgresql.cnpg.io/v1/namespaces/${namespace}/clusters${name === undefined ? "" : `/${name}`}`;
}
export function policies(namespace: string, name?: string): string {
  const path = `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`;
  return name === undefined ? path : `${path}/${name}`;
}

export const get = (path: string): ApiRequest => ({ method: "GET", path });
export const create = (path: string, body: unknown): ApiRequest => ({
  method: "POST",
  path: `${path}?dryRun=All`,
  body,
});
export const patch = (path: string, body: unknown): ApiRequest => ({
  method: "PATCH",
  path: `${path}?dryRun=All`,
  body,
});
export const remove = (path: string): ApiRequest => ({ method: "DELETE", path: `${path}?dryRun=All` });

/** Asks what the user may: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access */
export function review(resourceAttributes: Readonly<Record<string, string>>): ApiRequest {
  return {
    method: "POST",
    path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    body: {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      spec: { resourceAttributes },
    },
  };
}

/** @param to - a namespace, or none for all of them */
export function binding(subjectNamespace: string, to?: string): ApiRequest {
  const kind = to === undefined ? "ClusterRoleBinding" : "RoleBinding";
  const path = to === undefined ? `${rbac}/clusterrolebindings` : `${rbac}/namespaces/${to}/rolebindings`;
  return create(path, {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind,
    metadata: { name: nobody, ...(to === undefined ? {} : { namespace: to }) },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ kind: "ServiceAccount", name: "default", namespace: subjectNamespace }],
  });
}

export function openPolicy(namespace: string): ApiRequest {
  return create(policies(namespace), {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: nobody, namespace },
    spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"], ingress: [{}], egress: [{}] },
  });
}

export interface PodChange {
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly podSecurity?: Readonly<Record<string, unknown>>;
  readonly containerSecurity?: Readonly<Record<string, unknown>>;
  readonly cpu?: string;
  readonly memory?: string;
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly image?: string;
  readonly command?: readonly string[];
}

/** A pod that the Pod Security standard `restricted` admits and that needs next to nothing, but for the change. */
export function podManifest(namespace: string, change: PodChange = {}): unknown {
  const { spec, podSecurity, containerSecurity, cpu, memory, name, labels, image, command } = change;
  const quantities = { cpu: cpu ?? "1m", memory: memory ?? "1Mi" };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: name ?? nobody, namespace, labels },
    spec: {
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65534,
        seccompProfile: { type: "RuntimeDefault" },
        ...podSecurity,
      },
      containers: [
        {
          name: "probe",
          image: image ?? "registry.invalid/none",
          command,
          resources: { requests: quantities, limits: quantities },
          securityContext: {
            allowPrivilegeEscalation: false,
            capabilities: { drop: ["ALL"] },
            ...containerSecurity,
          },
        },
      ],
      ...spec,
    },
  };
}

export function pod(namespace: string, change?: PodChange): ApiRequest {
  return create(inside(namespace, "pods"), podManifest(namespace, change));
}

export function service(namespace: string, type: "ClusterIP" | "NodePort"): ApiRequest {
  return create(inside(namespace, "services"), {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: nobody, namespace },
    spec: { type, selector: { none: nobody }, ports: [{ name: "probe", port: 65000 }] },
  });
}
