/** What the builders are told of a Kubernetes cluster of the platform and of a tenant: plain data. */
import { kubernetesNames } from "../naming.ts";

/** A Secret or ConfigMap that every namespace with these labels gets. */
export interface CommonObject {
  /** Labels that a namespace has to have, all of them; none means every namespace. */
  readonly selector: Readonly<Record<string, string>>;
  readonly kind: "Secret" | "ConfigMap";
  readonly name: string;
  /**
   * Type of a Secret.
   * @default Opaque
   */
  readonly type?: string;
  readonly data: Readonly<Record<string, string>>;
}

export interface ObjectStoreSettings {
  /** Where backups go, as in `s3://backups/postgres`; each cluster gets a folder in it. */
  readonly destination: string;
  /** Of a service that is not Amazon S3; https. */
  readonly endpoint?: string;
  /** Secret with the PEM text of the endpoint's authority; a common object puts it into the namespaces. */
  readonly endpointCa?: { readonly name: string; readonly key: string };
  readonly region?: string;
  /** Encryption at rest that is asked of Amazon S3. */
  readonly encryption?: "AES256" | "aws:kms";
  /**
   * `keys`: an access key, the tenant's own where the component is given one. `role`: an IAM role for each cluster's
   * service account; `{cluster}` in the ARN stands for the cluster's name.
   */
  readonly credentials:
    | { readonly kind: "keys"; readonly accessKeyId?: string; readonly secretAccessKey?: string }
    | { readonly kind: "role"; readonly roleArn: string };
  /** Addresses of the store, for the network policy. */
  readonly cidrs: readonly string[];
  /**
   * Namespace of a store inside of the cluster.
   * @default none
   */
  readonly namespace?: string;
  /** @default 443 */
  readonly port?: number;
}

export type CertificateSettings =
  | {
      readonly kind: "cert-manager";
      /** An issuer that fills `ca.crt`: of the kind CA, Vault or Venafi, not ACME. */
      readonly issuer: { readonly name: string; readonly kind: "Issuer" | "ClusterIssuer" };
      /** PEM text of its authority, for applications. */
      readonly ca?: string;
    }
  /** Secrets that somebody else makes: `tls.crt`, `tls.key` and `ca.crt`. `{cluster}` stands for the cluster's name. */
  | { readonly kind: "secret"; readonly name: string; readonly ca?: string };

/** A Kubernetes cluster of the platform. */
export interface KubernetesPlatform {
  /** PEM, YAML or path, as the provider takes it. Left out: what KUBECONFIG says. */
  readonly kubeconfig?: string;
  readonly context?: string;
  /** Addresses of the API server: of its endpoints, not of the service (`kubectl get endpointslices -n default`). */
  readonly apiServerCidrs: readonly string[];
  /** @default [443, 6443] */
  readonly apiServerPorts?: readonly number[];
  /** @default kube-system */
  readonly dnsNamespace?: string;
  /**
   * Labels of the DNS server's pods.
   * @default { "k8s-app": "kube-dns" }
   */
  readonly dnsLabels?: Readonly<Record<string, string>>;
  /**
   * Addresses of a DNS cache on the nodes, as in `169.254.20.10/32`.
   * @default none
   */
  readonly dnsCidrs?: readonly string[];
  /** @default cnpg-system */
  readonly operatorNamespace?: string;
  /** Namespaces of the applications that serve tenants, by name. */
  readonly applicationNamespaces: readonly string[];
  /** Where Prometheus runs. Left out: nothing is scraped. */
  readonly monitoringNamespace?: string;
  /**
   * Names of Secrets that images are pulled with.
   * @default none
   */
  readonly pullSecrets?: readonly string[];
  /** @default none */
  readonly commonObjects?: readonly CommonObject[];
  /** Left out: no tenant can have backups. */
  readonly objectStore?: ObjectStoreSettings;
  /** Left out: CloudNativePG makes an authority for each cluster. Neo4j cannot do without. */
  readonly certificates?: CertificateSettings;
  /** Who reaches databases with a domain of their own, and how the load balancer is asked for. */
  readonly domains?: {
    readonly clientCidrs: readonly string[];
    readonly annotations?: Readonly<Record<string, string>>;
  };
  /** Image of PostgreSQL, with `psql`, its major version first in the tag: `ghcr.io/cloudnative-pg/postgresql:18-standard-trixie`. */
  readonly postgresImage?: string;
  /** Image of Neo4j Community. */
  readonly neo4jImage?: string;
  /**
   * Pods of the pooler.
   * @default 2
   */
  readonly poolerInstances?: number;
}

export interface Quota {
  readonly requestsCpu: string;
  readonly requestsMemory: string;
  readonly limitsCpu: string;
  readonly limitsMemory: string;
  readonly volumeClaims: number;
}

/** System 5's quota: 2 cores and 4 GiB reserved, 4 cores and 8 GiB at most, 5 volume claims. */
export const defaultQuota: Quota = {
  requestsCpu: "2",
  requestsMemory: "4Gi",
  limitsCpu: "4",
  limitsMemory: "8Gi",
  volumeClaims: 5,
};

export interface SiloSettings {
  /** Of each instance, as in `10Gi`. Grows in place, never shrinks. */
  readonly storageSize: string;
  /** Left out: the cluster's default. Fixed once made. */
  readonly storageClass?: string;
  /** A volume for the WAL, beside the one for data. Cannot be taken away again. */
  readonly walStorageSize?: string;
  /**
   * Standbys beside the primary.
   * @default 2
   */
  readonly replicas?: number;
  /** Cores that an instance reserves; it may use twice as many. */
  readonly cpu: string;
  /** Memory that an instance reserves and may use. */
  readonly memory: string;
  readonly backup: { readonly enabled: boolean; readonly schedule: string; readonly retentionDays: number };
  /** Connections that the application's pool holds. */
  readonly poolSize: number;
  readonly dedicatedNodes?: Readonly<Record<string, string>>;
  readonly domain?: string;
  readonly recoverFrom?: { readonly tenant: string; readonly time: string };
  readonly quota: Quota;
}

/** Who a namespace belongs to. */
export interface TenantIdentity {
  readonly tenant: string;
  readonly prefix: string;
  /** The organisation's id in the platform's own systems. */
  readonly externalId: string;
  readonly tier: string;
}

/** Names and labels that all objects of a tenant share. */
export interface Place {
  readonly tenant: string;
  readonly namespace: string;
  readonly cluster: string;
  readonly labels: Readonly<Record<string, string>>;
}

export function placeOf({ tenant, prefix, externalId, tier }: TenantIdentity): Place {
  const { namespace, cluster } = kubernetesNames(prefix, tenant);
  return {
    tenant,
    namespace,
    cluster,
    labels: { "app.kubernetes.io/managed-by": "tenancy", tenant, organisation: externalId, tier },
  };
}

/** What a program was given cannot be made; the message begins with the tenant. */
export class KubernetesError extends Error {
  override readonly name = "KubernetesError";

  constructor(tenant: string, text: string) {
    super(`tenant ${tenant}: ${text}`);
  }
}

export const replicasDefault = 2;
export const poolerInstancesDefault = 2;

/** A label that only the API server sets: whoever may label a namespace cannot claim it. */
export const namespaceNameLabel = "kubernetes.io/metadata.name";
