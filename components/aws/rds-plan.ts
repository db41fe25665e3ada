/** What a tenant's record and the platform's entry mean on Amazon RDS; what they cannot mean is refused, all at once. */
import { PlatformError } from "../platform-error.ts";
import { backupWindow, windowsMeet } from "./backup-window.ts";
import { leastStorageGiB, mostStorageGiB, type RdsServer } from "./rds-config.ts";

/** https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.BackupRetention.html */
const mostRetentionDays = 35;
/** https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Replication.html */
const mostAuroraReaders = 15;
const usualReplicas = 1;

/** Of the registry's `silo`, what concerns Amazon RDS. */
export interface RdsSettings {
  /** Whole GiB or TiB, as in `20Gi`. */
  readonly storageSize: string;
  readonly storageClass?: string;
  /**
   * Standbys: one is a Multi-AZ instance; with Aurora, readers.
   * @default 1
   */
  readonly replicas?: number;
  readonly instanceClass?: string;
  readonly backup: { readonly enabled: boolean; readonly schedule: string; readonly retentionDays: number };
  readonly dedicatedNodes?: Readonly<Record<string, string>>;
  readonly domain?: string;
  readonly recoverFrom?: { readonly tenant: string; readonly time: string };
  readonly encryptionKey: "platform" | "own";
}

export interface RdsPlan {
  readonly instanceClass: string;
  /** Undefined with Aurora, whose storage grows by itself. */
  readonly storageGiB?: number;
  readonly maxStorageGiB?: number;
  readonly replicas: number;
  readonly backupRetentionDays: number;
  readonly backupWindow?: string;
  readonly domain?: string;
  readonly recoverFrom?: { readonly tenant: string; readonly time: string };
  readonly ownKey: boolean;
}

/**
 * @param owner - in front of each fault: `tenant acme`
 * @throws PlatformError with every fault
 */
export function planRds(owner: string, settings: RdsSettings, server: RdsServer): RdsPlan {
  const faults: string[] = [];
  const tell = (text: string) => {
    faults.push(`${owner}: ${text}`);
  };
  const aurora = server.engine === "aurora-postgresql";
  const instanceClass = settings.instanceClass ?? server.defaultInstanceClass;
  if (instanceClass === "db.serverless" && server.serverless === undefined) {
    tell(
      aurora
        ? "silo.instanceClass is db.serverless, but the platform's entry has no serverless: {minCapacity, maxCapacity}. Add it there"
        : "silo.instanceClass is db.serverless, which only aurora-postgresql has. Name a class with its size, as in db.t4g.medium",
    );
  }
  const replicas = settings.replicas ?? usualReplicas;
  const mostReplicas = aurora ? mostAuroraReaders : 1;
  if (replicas > mostReplicas) {
    tell(
      `silo.replicas is ${replicas}; allowed is 0 to ${mostReplicas} on the engine ${server.engine}` +
        (aurora
          ? ""
          : " (1 is a standby in another zone). For more, place the tenant on an entry of aurora-postgresql"),
    );
  }
  if (settings.storageClass !== undefined) {
    tell(`silo.storageClass is "${settings.storageClass}", a word of Kubernetes; Amazon RDS uses gp3. Remove it`);
  }
  if (settings.dedicatedNodes !== undefined) {
    tell("silo.dedicatedNodes is a word of Kubernetes; on Amazon RDS an instance shares no machine. Remove it");
  }
  if (settings.domain !== undefined && server.hostedZoneId === undefined) {
    tell(`silo.domain is "${settings.domain}", but the platform's entry names no hostedZoneId to write it into`);
  }
  const plan = {
    instanceClass,
    ...(aurora ? {} : storage(settings, server, tell)),
    replicas,
    ...backup(settings, server, tell),
    domain: settings.domain,
    recoverFrom: recovery(owner, settings, tell),
    ownKey: settings.encryptionKey === "own",
  };
  if (faults.length > 0) throw new PlatformError(faults.join("\n"));
  return plan;
}

/** @returns undefined for what is no whole number of GiB or TiB */
export function gibibytes(size: string): number | undefined {
  const parts = /^([1-9]\d{0,6})(Gi|Ti)$/.exec(size);
  return parts === null ? undefined : Number(parts[1]) * (parts[2] === "Ti" ? 1024 : 1);
}

/** What cannot change without a new server, in words that a later update is compared with. */
export function fixedOnRds(settings: RdsSettings, server: RdsServer): Record<string, string> {
  return {
    engine: server.engine,
    vpc: server.vpcId,
    encryptionKey: settings.encryptionKey === "own" ? "own" : (server.kmsKeyArn ?? "aws/rds"),
    recoverFrom:
      settings.recoverFrom === undefined ? "none" : `${settings.recoverFrom.tenant} at ${settings.recoverFrom.time}`,
  };
}

type Tell = (text: string) => void;

function storage(settings: RdsSettings, { maxStorageGiB }: RdsServer, tell: Tell) {
  const storageGiB = gibibytes(settings.storageSize);
  if (storageGiB === undefined || storageGiB < leastStorageGiB || storageGiB > mostStorageGiB) {
    tell(
      `silo.storageSize is "${settings.storageSize}"; allowed on Amazon RDS is ${leastStorageGiB}Gi to ` +
        `${mostStorageGiB / 1024}Ti, in whole GiB or TiB (the least and the most of gp3)`,
    );
    // RDS refuses a maximum that is less than a tenth above the storage.
  } else if (maxStorageGiB !== undefined && maxStorageGiB * 10 < storageGiB * 11) {
    tell(
      `silo.storageSize is "${settings.storageSize}", but the platform's maxStorageGiB is ${maxStorageGiB}; it has to ` +
        `be a tenth larger at least. Raise maxStorageGiB, or leave it out so that nothing grows by itself`,
    );
  }
  return { storageGiB, maxStorageGiB };
}

function backup({ backup: { enabled, schedule, retentionDays } }: RdsSettings, server: RdsServer, tell: Tell) {
  if (!enabled) {
    if (server.engine === "aurora-postgresql") {
      tell("silo.backup.enabled is false, but Aurora always keeps one day at least. Write retentionDays: 1 instead");
    }
    return { backupRetentionDays: 0 };
  }
  if (!Number.isInteger(retentionDays) || retentionDays < 1 || retentionDays > mostRetentionDays) {
    tell(
      `silo.backup.retentionDays is ${retentionDays}; Amazon RDS keeps automated backups 1 to ${mostRetentionDays} ` +
        `days. For longer, let a plan of AWS Backup copy them by the tag tenancy:tenant`,
    );
  }
  const window = backupWindow(schedule);
  if (window === undefined) {
    tell(
      `silo.backup.schedule is "${schedule}"; Amazon RDS takes one backup at one time of every day (UTC) and can ` +
        `recover every second in between. Write \`MINUTE HOUR * * *\`, as in \`0 2 * * *\`; for others use AWS Backup`,
    );
  } else if (windowsMeet(window, server.maintenanceWindow)) {
    tell(
      `silo.backup.schedule gives the window ${window}, which meets the platform's maintenanceWindow ` +
        `${server.maintenanceWindow}. Move one of them`,
    );
  }
  return { backupRetentionDays: retentionDays, backupWindow: window };
}

function recovery(owner: string, { recoverFrom }: RdsSettings, tell: Tell): RdsSettings["recoverFrom"] {
  if (recoverFrom === undefined) return undefined;
  if (owner === `tenant ${recoverFrom.tenant}`) {
    tell(
      "silo.recoverFrom names the tenant itself; Amazon RDS recovers into a new server. Add a record with an id of " +
        "its own that recovers from this one",
    );
  }
  const time = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/.test(recoverFrom.time)
    ? new Date(recoverFrom.time)
    : new Date(Number.NaN);
  if (Number.isNaN(time.getTime())) {
    tell(`silo.recoverFrom.time is "${recoverFrom.time}"; allowed is a time as in 2026-11-27T08:30:00Z`);
    return undefined;
  }
  // The API takes whole seconds in UTC.
  return { tenant: recoverFrom.tenant, time: `${time.toISOString().slice(0, 19)}Z` };
}
