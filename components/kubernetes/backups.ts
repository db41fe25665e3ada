/** Backups of a silo: where they go, and when. */
import type { ObjectStore, ScheduledBackup } from "./custom-manifest.ts";
import { sidecarResources } from "./quantities.ts";
import type { ObjectStoreSettings, Place, SiloSettings } from "./settings.ts";

/** The barman plugin: the in-tree `barmanObjectStore` is deprecated since CloudNativePG 1.26. */
export const plugin = "barman-cloud.cloudnative-pg.io";

/** Name and keys of the Secret with the access key of the object store. */
export function storeSecretName(cluster: string): string {
  return `${cluster}-backup-store`;
}
export const storeKeys = { id: "ACCESS_KEY_ID", key: "ACCESS_SECRET_KEY", region: "REGION" } as const;

/** Each cluster has a folder of its own, so that a login can be confined to it. */
export function destinationPath({ destination }: ObjectStoreSettings, cluster: string): string {
  return `${destination.replace(/\/+$/, "")}/${cluster}`;
}

/**
 * @param name - of the ObjectStore
 * @param folder - cluster whose backups lie there
 * @param retentionDays - left out: nothing is removed, as for a store that is only read
 */
export function objectStoreManifest(
  { namespace, labels, cluster }: Place,
  store: ObjectStoreSettings,
  name: string,
  folder: string,
  retentionDays?: number,
): ObjectStore {
  const secret = storeSecretName(cluster);
  const encryption = store.encryption === undefined ? {} : { encryption: store.encryption };
  return {
    apiVersion: "barmancloud.cnpg.io/v1",
    kind: "ObjectStore",
    metadata: { name, namespace, labels },
    spec: {
      ...(retentionDays === undefined ? {} : { retentionPolicy: `${retentionDays}d` }),
      configuration: {
        destinationPath: destinationPath(store, folder),
        ...(store.endpoint === undefined ? {} : { endpointURL: store.endpoint }),
        ...(store.endpointCa === undefined ? {} : { endpointCA: store.endpointCa }),
        s3Credentials:
          store.credentials.kind === "role"
            ? { inheritFromIAMRole: true }
            : {
                accessKeyId: { name: secret, key: storeKeys.id },
                secretAccessKey: { name: secret, key: storeKeys.key },
                ...(store.region === undefined ? {} : { region: { name: secret, key: storeKeys.region } }),
              },
        wal: { compression: "gzip", ...encryption },
        data: { compression: "gzip", ...encryption },
      },
      instanceSidecarConfiguration: { resources: sidecarResources },
    },
  };
}

/** @param hibernated - a cluster without pods cannot be backed up */
export function scheduledBackupManifest(
  { namespace, labels, cluster }: Place,
  { backup }: SiloSettings,
  hibernated: boolean,
): ScheduledBackup {
  return {
    apiVersion: "postgresql.cnpg.io/v1",
    kind: "ScheduledBackup",
    metadata: { name: cluster, namespace, labels },
    spec: {
      cluster: { name: cluster },
      schedule: sixFields(backup.schedule),
      immediate: true,
      suspend: hibernated,
      backupOwnerReference: "self",
      method: "plugin",
      pluginConfiguration: { name: plugin },
    },
  };
}

/**
 * The registry's five fields as CloudNativePG reads them: seconds first, and Sunday is 0 only. A range that ends in 7
 * becomes a list.
 *
 * @throws RangeError when there are not five fields.
 */
export function sixFields(schedule: string): string {
  const fields = schedule.trim().split(/\s+/);
  const [minute, hour, day, month, weekday] = fields;
  if (fields.length !== 5 || weekday === undefined) {
    throw new RangeError(`the schedule ${JSON.stringify(schedule)} has ${fields.length} fields; a cron line has 5`);
  }
  return ["0", minute, hour, day, month, weekday.split(",").map(withoutSeven).join(",")].join(" ");
}

function withoutSeven(part: string): string {
  if (part === "7") return "0";
  const range = /^(\d)-7(?:\/(\d+))?$/.exec(part);
  if (range === null) return part;
  const days = [];
  for (let day = Number(range[1]); day <= 7; day += Number(range[2] ?? 1)) days.push(day % 7);
  return days.join(",");
}
