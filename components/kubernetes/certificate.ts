/** TLS of a database, and its name in the DNS. */
import type { Certificate, ClusterSpec } from "./custom-manifest.ts";
import {
  KubernetesError,
  type CertificateSettings,
  type KubernetesPlatform,
  type Place,
  type SiloSettings,
} from "./settings.ts";

export function poolerName(cluster: string): string {
  return `${cluster}-pooler`;
}

/** All names under which services in the tenant's namespace are reached. */
export function serviceNames(services: readonly string[], namespace: string): string[] {
  return services.flatMap((service) => [
    service,
    `${service}.${namespace}`,
    `${service}.${namespace}.svc`,
    `${service}.${namespace}.svc.cluster.local`,
  ]);
}

/** Names that the operator's own certificate does not have: the pooler's service, and the tenant's domain. */
function addedNames({ cluster, namespace }: Place, domain: string | undefined): string[] {
  return [...serviceNames([poolerName(cluster)], namespace), ...(domain === undefined ? [] : [domain])];
}

/** Secret with certificate and key of the server. */
export function serverSecretName(cluster: string, settings: CertificateSettings): string {
  return settings.kind === "secret" ? settings.name.replaceAll("{cluster}", cluster) : `${cluster}-server-tls`;
}

export function certificatesOf(
  place: Place,
  silo: SiloSettings,
  { certificates }: KubernetesPlatform,
): ClusterSpec["certificates"] {
  if (certificates === undefined) return { serverAltDNSNames: addedNames(place, silo.domain) };
  const secret = serverSecretName(place.cluster, certificates);
  return { serverTLSSecret: secret, serverCASecret: secret };
}

/** Secret whose `ca.crt` verifies the database. */
export function caSecretName({ cluster }: Place, { certificates }: KubernetesPlatform): string {
  return certificates === undefined ? `${cluster}-ca` : serverSecretName(cluster, certificates);
}

/** Where cert-manager issues certificates: the database's one, for all services of the cluster. */
export function databaseCertificate(
  place: Place,
  silo: SiloSettings,
  platform: KubernetesPlatform,
): Certificate | undefined {
  const { cluster, namespace } = place;
  const services = ["rw", "r", "ro"].map((kind) => `${cluster}-${kind}`);
  return certificateManifest(place, platform.certificates, `${cluster}-server-tls`, [
    ...serviceNames(services, namespace),
    ...addedNames(place, silo.domain),
  ]);
}

export function certificateManifest(
  { namespace, labels }: Place,
  settings: CertificateSettings | undefined,
  name: string,
  dnsNames: string[],
): Certificate | undefined {
  if (settings?.kind !== "cert-manager") return undefined;
  return {
    apiVersion: "cert-manager.io/v1",
    kind: "Certificate",
    metadata: { name, namespace, labels },
    spec: {
      secretName: name,
      // With this label the instances read a renewed certificate by themselves.
      secretTemplate: { labels: { "cnpg.io/reload": "" } },
      dnsNames,
      usages: ["server auth"],
      privateKey: { algorithm: "ECDSA", size: 256, rotationPolicy: "Always" },
      issuerRef: { ...settings.issuer, group: "cert-manager.io" },
    },
  };
}

/** ExternalDNS 0.22 changed the begin of its annotations; older and newer releases read one of the two. */
const hostnameAnnotations = ["external-dns.kubernetes.io/hostname", "external-dns.alpha.kubernetes.io/hostname"];

/**
 * A load balancer towards the primary, which ExternalDNS gives the tenant's domain.
 *
 * @throws KubernetesError when the platform does not say who may come in.
 */
export function domainService(
  place: Place,
  silo: SiloSettings,
  platform: KubernetesPlatform,
  open: boolean,
): Pick<ClusterSpec["managed"], "services"> {
  const { domain } = silo;
  if (domain === undefined) return {};
  const sourceRanges = clientCidrs(place.tenant, domain, platform);
  if (!open) return {};
  return {
    services: {
      additional: [
        {
          selectorType: "rw",
          serviceTemplate: {
            metadata: {
              name: `${place.cluster}-domain`,
              labels: place.labels,
              annotations: {
                ...platform.domains?.annotations,
                ...Object.fromEntries(hostnameAnnotations.map((key) => [key, domain])),
              },
            },
            spec: {
              type: "LoadBalancer",
              // Otherwise clients come in with a node's address, and the network policy cannot tell them apart.
              externalTrafficPolicy: "Local",
              loadBalancerSourceRanges: sourceRanges,
            },
          },
        },
      ],
    },
  };
}

/** @throws KubernetesError */
function clientCidrs(tenant: string, domain: string, { domains }: KubernetesPlatform): string[] {
  const cidrs = [...(domains?.clientCidrs ?? [])];
  if (cidrs.length > 0) return cidrs;
  throw new KubernetesError(
    tenant,
    `silo.domain is ${JSON.stringify(domain)}, and the Kubernetes cluster has no domains.clientCidrs: name the ` +
      `addresses that may reach databases from outside of the cluster, or remove the domain.`,
  );
}
