/** A tenant of system 5 and the cluster that it lies on, and all that is rendered for it. */
import { databaseNames, type ClusterState } from "../../../components/kubernetes/cluster.ts";
import type { MigrationFile } from "../../../components/kubernetes/migration-script.ts";
import {
  commonManifests,
  limitRangeManifest,
  namespaceManifest,
  resourceQuotaManifest,
  serviceAccountManifest,
} from "../../../components/kubernetes/namespace.ts";
import {
  graphCertificate,
  graphClaim,
  graphNames,
  graphRotationJob,
  graphServices,
  graphStatefulSet,
} from "../../../components/kubernetes/neo4j.ts";
import { basePolicies, graphPolicies } from "../../../components/kubernetes/network-policies.ts";
import { credentialsSecret, loginSecret, opaqueSecret } from "../../../components/kubernetes/secret.ts";
import {
  defaultQuota,
  type KubernetesPlatform,
  placeOf,
  type SiloSettings,
} from "../../../components/kubernetes/settings.ts";
import { siloObjects } from "../../../components/kubernetes/silo-objects.ts";
import type { Rendered } from "../../support/kubernetes/schemas.ts";

export const identity = { tenant: "org-123", prefix: "oikion", externalId: "org_123", tier: "silo" } as const;
export const place = placeOf(identity);
export const image = "ghcr.io/cloudnative-pg/postgresql:18-standard-trixie";
export const graphImage = "neo4j:2026.01.4";

export const platform: KubernetesPlatform = {
  apiServerCidrs: ["10.1.0.10/32", "10.1.0.11/32"],
  applicationNamespaces: ["applications"],
  monitoringNamespace: "monitoring",
  pullSecrets: ["registry"],
  commonObjects: [
    {
      selector: {},
      kind: "Secret",
      name: "registry",
      type: "kubernetes.io/dockerconfigjson",
      data: { ".dockerconfigjson": '{"auths":{}}' },
    },
    { selector: { tier: "silo" }, kind: "ConfigMap", name: "contacts", data: { team: "platform" } },
    { selector: { tier: "bridge" }, kind: "ConfigMap", name: "not-here", data: { team: "platform" } },
  ],
  objectStore: {
    destination: "s3://backups/postgres/",
    region: "eu-central-1",
    encryption: "aws:kms",
    credentials: { kind: "keys", accessKeyId: "AKIDEXAMPLE", secretAccessKey: "planted-store-key" },
    cidrs: ["203.0.113.0/24"],
  },
  postgresImage: image,
  neo4jImage: graphImage,
};

export const certificates = {
  kind: "cert-manager",
  issuer: { name: "platform-ca", kind: "ClusterIssuer" },
  ca: "-----BEGIN CERTIFICATE-----\nplatform\n-----END CERTIFICATE-----\n",
} as const;

export const silo: SiloSettings = {
  storageSize: "10Gi",
  cpu: "500m",
  memory: "1Gi",
  backup: { enabled: true, schedule: "0 2 * * *", retentionDays: 30 },
  poolSize: 5,
  quota: defaultQuota,
};

export const graph = { memory: "1Gi", storageSize: "10Gi" } as const;

export const files: readonly MigrationFile[] = [
  { origin: "template", name: "0001-things.sql", sha256: "a1".repeat(32), sql: "CREATE TABLE things (id int);\n" },
  { origin: "tenant", name: "sql/org-123/0001-own.sql", sha256: "b2".repeat(32), sql: "CREATE TABLE own (id int);\n" },
];

export interface Variant {
  readonly state?: ClusterState;
  readonly silo?: Partial<SiloSettings>;
  readonly platform?: Partial<KubernetesPlatform>;
}

/** What the variants of the tests differ in. */
export const variants: Readonly<Record<string, Variant>> = {
  plain: {},
  suspended: { state: "suspended" },
  offboarding: { state: "offboarding" },
  "without backups": { silo: { backup: { enabled: false, schedule: "0 2 * * *", retentionDays: 30 } } },
  recovered: { silo: { recoverFrom: { tenant: "org-122", time: "2026-03-01T12:00:00Z" } } },
  "on nodes of its own": { silo: { dedicatedNodes: { "example.com/tenant": "org-123" } } },
  "with a class and a volume for the WAL": {
    silo: { storageClass: "encrypted-ssd", walStorageSize: "2Gi", replicas: 1 },
  },
  "with a domain": {
    silo: { domain: "db.org-123.example.com" },
    platform: {
      certificates,
      domains: { clientCidrs: ["198.51.100.0/24"], annotations: { "example.com/lb": "internal" } },
    },
  },
  "with a role for backups in a store of its own": {
    platform: {
      objectStore: {
        destination: "s3://backups",
        endpoint: "https://store.storage.svc:8333",
        endpointCa: { name: "store-ca", key: "ca.crt" },
        credentials: { kind: "role", roleArn: "arn:aws:iam::123456789012:role/backups-{cluster}" },
        cidrs: [],
        namespace: "storage",
        port: 8333,
      },
    },
  },
  "alone, unobserved": {
    silo: { replicas: 0 },
    platform: { monitoringNamespace: undefined, pullSecrets: [], commonObjects: [], dnsCidrs: ["169.254.20.10/32"] },
  },
};

export function settingsOf(variant: Variant): { silo: SiloSettings; platform: KubernetesPlatform } {
  return { silo: { ...silo, ...variant.silo }, platform: { ...platform, ...variant.platform } };
}

export function siloOf(variant: Variant = {}) {
  const { silo: settings, platform: on } = settingsOf(variant);
  const { recoverFrom } = settings;
  return siloObjects(place, settings, on, {
    names: databaseNames(identity.prefix, recoverFrom?.tenant ?? identity.tenant),
    state: variant.state ?? "active",
    image,
    connectionLimit: 10,
    readOnlyConnectionLimit: 5,
    recovery: recoverFrom === undefined ? undefined : { cluster: "oikion-org-122", time: recoverFrom.time },
    extensions: ["vector"],
    files,
  });
}

/** Every object of a tenant with a silo and a graph, the namespace first. */
export function rendered(variant: Variant = {}): Rendered[] {
  const { platform: on } = settingsOf(variant);
  const withCertificates = { ...on, certificates: on.certificates ?? certificates };
  const { policies, migration, ...objects } = siloOf(variant);
  const running = (variant.state ?? "active") === "active";
  const services = graphServices(place);
  return [
    namespaceManifest(place),
    resourceQuotaManifest(place, defaultQuota, graph.memory, variant.silo?.domain === undefined ? 0 : 1),
    limitRangeManifest(place),
    serviceAccountManifest(place, on),
    ...commonManifests(place, on.commonObjects ?? []),
    ...basePolicies(place, on),
    ...policies,
    ...Object.values(objects as Record<string, Rendered | undefined>).filter((one) => one !== undefined),
    ...(migration === undefined ? [] : [migration.files, migration.job]),
    loginSecret(place, "oikion-org-123-login-app", "oikion_org__123_app", "planted"),
    credentialsSecret(place, place.namespace, { password: "planted" }),
    opaqueSecret(place, graphNames(place).auth, { initial: "neo4j/planted", password: "planted", previous: "" }),
    ...graphPolicies(place, on, running),
    ...[graphCertificate(place, withCertificates)].filter((one) => one !== undefined),
    graphClaim(place, graph),
    services.headless,
    services.client,
    graphStatefulSet(place, graph, withCertificates, graphImage, running),
    graphRotationJob(place, withCertificates, graphImage, 2),
  ];
}
