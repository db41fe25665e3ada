/** The CloudNativePG cluster of a silo. */
import { postgresNames } from "../naming.ts";
import { plugin } from "./backups.ts";
import { certificatesOf, domainService } from "./certificate.ts";
import type { Cluster, ClusterBootstrap, ClusterRole, ClusterSpec, ClusterStorage } from "./custom-manifest.ts";
import type { Toleration } from "./manifest.ts";
import { pullSecretsOf } from "./namespace.ts";
import { instancesOf, resourcesOf } from "./quantities.ts";
import type { KubernetesPlatform, Place, SiloSettings } from "./settings.ts";

export interface DatabaseNames {
  /** Of database and schema. */
  readonly database: string;
  readonly ownerRole: string;
  readonly appRole: string;
  readonly readOnlyRole: string;
}

/** Life of the database. See docs/kubernetes.md, "States". */
export type ClusterState = "active" | "suspended" | "offboarding";

export interface RecoverySource {
  /** Name of the cluster that made the backups: also the server's name in the object store. */
  readonly cluster: string;
  /** RFC 3339. */
  readonly time: string;
}

export interface ClusterOptions {
  readonly names: DatabaseNames;
  readonly state: ClusterState;
  readonly image: string;
  readonly connectionLimit: number;
  readonly readOnlyConnectionLimit: number;
  readonly recovery?: RecoverySource;
}

/** What is inside of a database that was recovered keeps the names of the tenant that it was made for. */
export function databaseNames(prefix: string, id: string): DatabaseNames {
  const { schema, ...roles } = postgresNames(prefix, id);
  return { database: schema, ...roles };
}

/** Secrets of the logins, of the type kubernetes.io/basic-auth. */
export function loginSecretNames(cluster: string): { owner: string; app: string; readOnly: string } {
  return { owner: `${cluster}-login-owner`, app: `${cluster}-login-app`, readOnly: `${cluster}-login-ro` };
}

export function clusterManifest(
  place: Place,
  silo: SiloSettings,
  platform: KubernetesPlatform,
  options: ClusterOptions,
): Cluster {
  const { cluster, namespace, labels } = place;
  const annotations = annotationsOf(options.state);
  const spec: ClusterSpec = {
    description: `Database of the tenant ${place.tenant}`,
    instances: instancesOf(silo),
    imageName: options.image,
    ...pullSecretsOf(platform),
    enableSuperuserAccess: false,
    // With one instance a disruption budget would keep its node from ever being drained.
    enablePDB: instancesOf(silo) > 1,
    inheritedMetadata: { labels },
    bootstrap: bootstrapOf(place, options),
    ...pluginsOf(place, silo, options.recovery),
    postgresql: {
      parameters: {
        ssl_min_protocol_version: "TLSv1.3",
        password_encryption: "scram-sha-256",
      },
      pg_hba: hostRules(options),
      enableAlterSystem: false,
    },
    certificates: certificatesOf(place, silo, platform),
    managed: { roles: rolesOf(place, options), ...domainService(place, silo, platform, options.state === "active") },
    storage: storageOf(silo.storageSize, silo.storageClass),
    ...(silo.walStorageSize === undefined ? {} : { walStorage: storageOf(silo.walStorageSize, silo.storageClass) }),
    resources: resourcesOf(silo.cpu, silo.memory),
    affinity: {
      enablePodAntiAffinity: true,
      topologyKey: "kubernetes.io/hostname",
      ...schedulingOf(silo.dedicatedNodes),
    },
    monitoring: { enablePodMonitor: false },
    ...serviceAccountOf(place, silo, platform),
  };
  return {
    apiVersion: "postgresql.cnpg.io/v1",
    kind: "Cluster",
    metadata: { name: cluster, namespace, labels, ...(annotations === undefined ? {} : { annotations }) },
    spec,
  };
}

/**
 * Suspended: no pod runs, so no session lives. Offboarding: pods run, for the last backup, and are restarted once, which
 * ends the sessions that the closed rules of `pg_hba` would leave.
 * https://cloudnative-pg.io/documentation/current/declarative_hibernation/
 */
function annotationsOf(state: ClusterState): Record<string, string> | undefined {
  if (state === "suspended") return { "cnpg.io/hibernation": "on" };
  return state === "offboarding" ? { "kubectl.kubernetes.io/restartedAt": "offboarding" } : undefined;
}

function bootstrapOf({ cluster }: Place, { names, recovery }: ClusterOptions): ClusterBootstrap {
  const owner = {
    database: names.database,
    owner: names.ownerRole,
    secret: { name: loginSecretNames(cluster).owner },
  };
  if (recovery === undefined) return { initdb: { ...owner, dataChecksums: true, encoding: "UTF8" } };
  return { recovery: { source: recovery.cluster, ...owner, recoveryTarget: { targetTime: recovery.time } } };
}

function pluginsOf(
  { cluster }: Place,
  silo: SiloSettings,
  recovery: RecoverySource | undefined,
): Pick<ClusterSpec, "plugins" | "externalClusters"> {
  return {
    ...(silo.backup.enabled
      ? {
          plugins: [
            { name: plugin, isWALArchiver: true, parameters: { barmanObjectName: cluster, serverName: cluster } },
          ],
        }
      : {}),
    ...(recovery === undefined
      ? {}
      : {
          externalClusters: [
            {
              name: recovery.cluster,
              plugin: {
                name: plugin,
                parameters: { barmanObjectName: sourceStoreName(cluster), serverName: recovery.cluster },
              },
            },
          ],
        }),
  };
}

/** Name of the ObjectStore that a recovery reads. */
export function sourceStoreName(cluster: string): string {
  return `${cluster}-source`;
}

/** The operator's own rules, all by certificate, stand before these; its `host all all` after them is never reached. */
function hostRules({ names, state }: ClusterOptions): string[] {
  const logins = [names.ownerRole, names.appRole, names.readOnlyRole];
  const open = state === "active" ? logins : [];
  return [
    ...open.map((role) => `hostssl ${names.database} ${role} all scram-sha-256`),
    "host all all all reject",
    "host replication all all reject",
  ];
}

function rolesOf({ cluster }: Place, options: ClusterOptions): ClusterRole[] {
  const { names, state } = options;
  const secrets = loginSecretNames(cluster);
  const role = (name: string, comment: string, connectionLimit: number, secret: string): ClusterRole => ({
    name,
    comment,
    ensure: "present",
    login: state === "active",
    superuser: false,
    createdb: false,
    createrole: false,
    inherit: false,
    connectionLimit,
    passwordSecret: { name: secret },
  });
  return [
    role(names.appRole, "application", options.connectionLimit, secrets.app),
    role(names.readOnlyRole, "reads only", options.readOnlyConnectionLimit, secrets.readOnly),
  ];
}

function storageOf(size: string, storageClass: string | undefined): ClusterStorage {
  return { size, ...(storageClass === undefined ? {} : { storageClass }), resizeInUseVolumes: true };
}

/** Labels of dedicated nodes are also the taints that keep everybody else off. */
export function schedulingOf(nodes: Readonly<Record<string, string>> | undefined): {
  nodeSelector?: Readonly<Record<string, string>>;
  tolerations?: Toleration[];
} {
  if (nodes === undefined || Object.keys(nodes).length === 0) return {};
  return {
    nodeSelector: nodes,
    tolerations: Object.entries(nodes).map(([key, value]) => ({
      key,
      operator: "Equal",
      value,
      effect: "NoSchedule",
    })),
  };
}

function serviceAccountOf(
  { cluster }: Place,
  silo: SiloSettings,
  { objectStore }: KubernetesPlatform,
): Pick<ClusterSpec, "serviceAccountTemplate"> {
  const uses = silo.backup.enabled || silo.recoverFrom !== undefined;
  if (!uses || objectStore?.credentials.kind !== "role") return {};
  const arn = objectStore.credentials.roleArn.replaceAll("{cluster}", cluster);
  return { serviceAccountTemplate: { metadata: { annotations: { "eks.amazonaws.com/role-arn": arn } } } };
}

/**
 * What is read once, when the cluster is made: another value would silently do nothing, so that it counts as a new
 * cluster, which the engine refuses while this one is protected.
 */
export const fixedPaths: readonly string[] = [
  "spec.bootstrap",
  "spec.storage.storageClass",
  "spec.walStorage.storageClass",
];
