/** All that a silo consists of beside its secrets: which objects there are in which state. */
import { objectStoreManifest, scheduledBackupManifest } from "./backups.ts";
import { databaseCertificate } from "./certificate.ts";
import { clusterManifest, type ClusterOptions, sourceStoreName } from "./cluster.ts";
import type {
  Certificate,
  Cluster,
  Database,
  ObjectStore,
  PodMonitor,
  Pooler,
  ScheduledBackup,
} from "./custom-manifest.ts";
import { databaseManifest } from "./database.ts";
import type { NetworkPolicy } from "./manifest.ts";
import { migrationManifests, type Migration } from "./migration-job.ts";
import type { MigrationFile } from "./migration-script.ts";
import { siloPolicies } from "./network-policies.ts";
import { podMonitors } from "./pod-monitor.ts";
import { poolerManifest } from "./pooler.ts";
import type { KubernetesPlatform, Place, SiloSettings } from "./settings.ts";

export interface SiloOptions extends ClusterOptions {
  readonly extensions: readonly string[];
  readonly files: readonly MigrationFile[];
}

export interface SiloObjects {
  readonly policies: readonly NetworkPolicy[];
  readonly certificate?: Certificate;
  readonly store?: ObjectStore;
  readonly sourceStore?: ObjectStore;
  readonly cluster: Cluster;
  readonly database: Database;
  readonly scheduledBackup?: ScheduledBackup;
  readonly monitor?: PodMonitor;
  readonly poolerMonitor?: PodMonitor;
  /** While the tenant is active only: its sessions end with it. */
  readonly pooler?: Pooler;
  /** While the tenant is active only. */
  readonly migration?: Migration;
}

/** @throws KubernetesError */
export function siloObjects(
  place: Place,
  silo: SiloSettings,
  platform: KubernetesPlatform,
  options: SiloOptions,
): SiloObjects {
  const { state, recovery } = options;
  const open = state === "active";
  const { objectStore: store } = platform;
  const monitors = platform.monitoringNamespace === undefined ? undefined : podMonitors(place);
  const clientCidrs = silo.domain === undefined ? [] : (platform.domains?.clientCidrs ?? []);
  return {
    policies: siloPolicies(place, platform, {
      open,
      objectStore: silo.backup.enabled || recovery !== undefined,
      clientCidrs,
    }),
    certificate: databaseCertificate(place, silo, platform),
    store:
      store === undefined || !silo.backup.enabled
        ? undefined
        : objectStoreManifest(place, store, place.cluster, place.cluster, silo.backup.retentionDays),
    sourceStore:
      store === undefined || recovery === undefined
        ? undefined
        : objectStoreManifest(place, store, sourceStoreName(place.cluster), recovery.cluster),
    cluster: clusterManifest(place, silo, platform, options),
    database: databaseManifest(place, options.names, options.extensions),
    scheduledBackup: silo.backup.enabled ? scheduledBackupManifest(place, silo, state === "suspended") : undefined,
    monitor: monitors?.database,
    poolerMonitor: open ? monitors?.pooler : undefined,
    // Made in every state, so that what it refuses is refused in every state.
    pooler: keepIf(open, poolerManifest(place, silo, platform, options.connectionLimit)),
    migration: keepIf(open, migrationManifests(place, silo, platform, options)),
  };
}

function keepIf<T>(condition: boolean, value: T): T | undefined {
  return condition ? value : undefined;
}
