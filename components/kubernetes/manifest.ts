/**
 * The kinds of Kubernetes' own objects that a tenant gets, with exactly the fields that are used: an unknown field is a
 * compile error, and the tests hold each rendered object against the published schemas.
 */

export interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: {
    readonly key: string;
    readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
    readonly values?: string[];
  }[];
}

/** `cpu`, `memory` or `storage` to a quantity, as in `500m` or `1Gi`. */
export type Quantities = Readonly<Record<string, string>>;

export interface Resources {
  readonly requests: Quantities;
  readonly limits: Quantities;
}

export interface LocalReference {
  readonly name: string;
}

interface Of<Version extends string, Kind extends string> {
  readonly apiVersion: Version;
  readonly kind: Kind;
  readonly metadata: Metadata;
}

export type Namespace = Of<"v1", "Namespace">;

export interface ResourceQuota extends Of<"v1", "ResourceQuota"> {
  readonly spec: { readonly hard: Quantities };
}

export interface LimitRange extends Of<"v1", "LimitRange"> {
  readonly spec: {
    readonly limits: {
      readonly type: "Container" | "PersistentVolumeClaim";
      readonly default?: Quantities;
      readonly defaultRequest?: Quantities;
      readonly min?: Quantities;
      readonly max?: Quantities;
    }[];
  };
}

export interface ServiceAccount extends Of<"v1", "ServiceAccount"> {
  readonly automountServiceAccountToken: boolean;
  readonly imagePullSecrets?: LocalReference[];
}

/** `Text` is a plain text, or an output in a program. */
export interface Secret<Text = string> extends Of<"v1", "Secret"> {
  readonly type: string;
  readonly stringData: Readonly<Record<string, Text>>;
}

export interface ConfigMap<Text = string> extends Of<"v1", "ConfigMap"> {
  readonly immutable?: boolean;
  readonly data: Readonly<Record<string, Text>>;
}

export interface ServicePort {
  readonly name: string;
  readonly port: number;
  readonly targetPort?: number | string;
  readonly protocol?: "TCP";
}

export interface ServiceSpec {
  readonly type?: "ClusterIP" | "LoadBalancer";
  readonly clusterIP?: "None";
  readonly publishNotReadyAddresses?: boolean;
  readonly selector?: Readonly<Record<string, string>>;
  readonly ports?: ServicePort[];
  readonly externalTrafficPolicy?: "Local";
  readonly loadBalancerSourceRanges?: string[];
}

export interface Service extends Of<"v1", "Service"> {
  readonly spec: ServiceSpec;
}

export interface PersistentVolumeClaim extends Of<"v1", "PersistentVolumeClaim"> {
  readonly spec: {
    readonly accessModes: "ReadWriteOnce"[];
    readonly storageClassName?: string;
    readonly resources: { readonly requests: Quantities };
  };
}

export interface PolicyPort {
  readonly protocol: "TCP" | "UDP";
  readonly port: number;
}

/** Selectors in ONE peer have to hold together; several peers are alternatives. */
export interface PolicyPeer {
  readonly namespaceSelector?: LabelSelector;
  readonly podSelector?: LabelSelector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: string[] };
}

export interface NetworkPolicy extends Of<"networking.k8s.io/v1", "NetworkPolicy"> {
  readonly spec: {
    readonly podSelector: LabelSelector;
    readonly policyTypes: ("Ingress" | "Egress")[];
    readonly ingress?: { readonly from: PolicyPeer[]; readonly ports: PolicyPort[] }[];
    readonly egress?: { readonly to: PolicyPeer[]; readonly ports: PolicyPort[] }[];
  };
}

export interface Toleration {
  readonly key: string;
  readonly operator: "Equal";
  readonly value: string;
  readonly effect: "NoSchedule";
}

export interface EnvironmentVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
}

export interface Probe {
  readonly tcpSocket: { readonly port: number | string };
  readonly initialDelaySeconds?: number;
  readonly periodSeconds?: number;
  readonly failureThreshold?: number;
  readonly timeoutSeconds?: number;
}

interface KeyToPath {
  readonly key: string;
  readonly path: string;
}

export interface Volume {
  readonly name: string;
  readonly configMap?: { readonly name: string };
  readonly secret?: { readonly secretName: string; readonly defaultMode?: number; readonly items?: KeyToPath[] };
  readonly emptyDir?: { readonly sizeLimit?: string };
  readonly persistentVolumeClaim?: { readonly claimName: string };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: string[];
  readonly env?: EnvironmentVariable[];
  readonly ports?: { readonly name: string; readonly containerPort: number }[];
  readonly resources: Resources;
  readonly securityContext: {
    readonly allowPrivilegeEscalation: false;
    readonly readOnlyRootFilesystem?: boolean;
    readonly capabilities: { readonly drop: "ALL"[] };
  };
  readonly volumeMounts?: { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
}

export interface PodSpec {
  readonly automountServiceAccountToken: false;
  readonly enableServiceLinks: false;
  readonly restartPolicy?: "Never" | "Always";
  readonly imagePullSecrets?: LocalReference[];
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly tolerations?: Toleration[];
  readonly terminationGracePeriodSeconds?: number;
  readonly securityContext: {
    readonly runAsNonRoot: true;
    readonly runAsUser: number;
    readonly runAsGroup: number;
    readonly fsGroup?: number;
    readonly fsGroupChangePolicy?: "OnRootMismatch";
    readonly seccompProfile: { readonly type: "RuntimeDefault" };
  };
  readonly containers: Container[];
  readonly volumes?: Volume[];
}

export interface PodTemplate {
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: PodSpec;
}

export interface Job extends Of<"batch/v1", "Job"> {
  readonly spec: {
    readonly backoffLimit: number;
    readonly activeDeadlineSeconds: number;
    readonly template: PodTemplate;
  };
}

export interface StatefulSet extends Of<"apps/v1", "StatefulSet"> {
  readonly spec: {
    readonly replicas: number;
    readonly serviceName: string;
    readonly selector: LabelSelector;
    readonly template: PodTemplate;
  };
}
