/** A tenant's settings in each store, out of its layers and the built-in values. */
import type { TemplateVariables } from "../provider/inputs.ts";
import type { Draft, Layers } from "./layers.ts";
import type { Settings } from "./schema.ts";
import { builtIn } from "./text-forms.ts";

export interface TenantPostgres {
  /** With the tier `pool` only: template and variables are the pool's. */
  readonly pool?: string;
  readonly template: string;
  /** With the template's defaults. */
  readonly variables: TemplateVariables;
  readonly connectionLimit: number;
  readonly readOnlyConnectionLimit: number;
  /** Paths from the registry's folder. */
  readonly additionalSql: readonly string[];
  readonly rotation: number;
}

/** The platform's key, or one of the tenant's own. */
export type EncryptionKey = "platform" | "own";

/** A database of the tenant's own. Which of it counts depends on the kind of its server. */
export interface TenantSilo {
  /** As in `10Gi`. */
  readonly storageSize: string;
  readonly storageClass?: string;
  /** Standbys beside the primary; left out: the default of the server's kind. */
  readonly replicas?: number;
  /** As in `500m` or `2`. */
  readonly cpu: string;
  /** As in `2Gi`. */
  readonly memory: string;
  readonly instanceClass?: string;
  readonly backup: {
    readonly enabled: boolean;
    /** Five fields of cron, in UTC. */
    readonly schedule: string;
    readonly retentionDays: number;
  };
  readonly poolSize: number;
  readonly dedicatedNodes?: Readonly<Record<string, string>>;
  readonly domain?: string;
  readonly recoverFrom?: RecoverFrom;
  readonly encryptionKey: EncryptionKey;
  readonly quota: {
    readonly requestsCpu: string;
    readonly requestsMemory: string;
    readonly limitsCpu: string;
    readonly limitsMemory: string;
    readonly volumeClaims: number;
  };
}

export interface RecoverFrom {
  readonly tenant: string;
  /** RFC 3339. */
  readonly time: string;
}

export interface TenantRedis {
  readonly defaultTtlSeconds: number;
  readonly rotation: number;
}

export interface TenantStorage {
  readonly folders: readonly string[];
  readonly encryptionKey: EncryptionKey;
  readonly rotation: number;
}

export interface TenantNeo4j {
  /** Of an instance of its own, as in `1Gi`. */
  readonly memory: string;
  readonly storageSize: string;
  readonly rotation: number;
}

export function redisOf(layers: Layers): TenantRedis {
  return {
    defaultTtlSeconds: layers.first((settings) => settings.redis?.defaultTtlSeconds) ?? builtIn.defaultTtlSeconds,
    rotation: layers.first((settings) => settings.redis?.rotation) ?? builtIn.rotation,
  };
}

export function storageOf(layers: Layers): TenantStorage {
  return {
    folders: [...(layers.first((settings) => settings.storage?.folders) ?? builtIn.folders)],
    encryptionKey: layers.first((settings) => settings.storage?.encryptionKey) ?? builtIn.encryptionKey,
    rotation: layers.first((settings) => settings.storage?.rotation) ?? builtIn.rotation,
  };
}

export function neo4jOf(layers: Layers): TenantNeo4j {
  return {
    memory: layers.first((settings) => settings.neo4j?.memory) ?? builtIn.neo4j.memory,
    storageSize: layers.first((settings) => settings.neo4j?.storageSize) ?? builtIn.neo4j.storageSize,
    rotation: layers.first((settings) => settings.neo4j?.rotation) ?? builtIn.rotation,
  };
}

type Silo = NonNullable<Draft<Settings>["silo"]>;

export function siloOf(layers: Layers): TenantSilo {
  const read = <T>(of: (silo: Silo) => T | undefined): T | undefined =>
    layers.first(({ silo }) => (silo === undefined ? undefined : of(silo)));
  const { silo: fallback } = builtIn;
  const recoverFrom = read((silo) => silo.recoverFrom);
  const nodes = layers.merge(({ silo }) => silo?.dedicatedNodes).values;
  return {
    storageSize: read((silo) => silo.storageSize) ?? fallback.storageSize,
    storageClass: read((silo) => silo.storageClass),
    replicas: read((silo) => silo.replicas),
    cpu: read((silo) => silo.cpu) ?? fallback.cpu,
    memory: read((silo) => silo.memory) ?? fallback.memory,
    instanceClass: read((silo) => silo.instanceClass),
    backup: {
      enabled: read(({ backup }) => backup?.enabled) ?? fallback.backup.enabled,
      schedule: read(({ backup }) => backup?.schedule) ?? fallback.backup.schedule,
      retentionDays: read(({ backup }) => backup?.retentionDays) ?? fallback.backup.retentionDays,
    },
    poolSize: read((silo) => silo.poolSize) ?? fallback.poolSize,
    dedicatedNodes: Object.keys(nodes).length === 0 ? undefined : { ...nodes },
    domain: read((silo) => silo.domain),
    recoverFrom:
      recoverFrom?.tenant === undefined || recoverFrom.time === undefined
        ? undefined
        : { tenant: recoverFrom.tenant, time: recoverFrom.time },
    encryptionKey: read((silo) => silo.encryptionKey) ?? fallback.encryptionKey,
    quota: {
      requestsCpu: read(({ quota }) => quota?.requestsCpu) ?? fallback.quota.requestsCpu,
      requestsMemory: read(({ quota }) => quota?.requestsMemory) ?? fallback.quota.requestsMemory,
      limitsCpu: read(({ quota }) => quota?.limitsCpu) ?? fallback.quota.limitsCpu,
      limitsMemory: read(({ quota }) => quota?.limitsMemory) ?? fallback.quota.limitsMemory,
      volumeClaims: read(({ quota }) => quota?.volumeClaims) ?? fallback.quota.volumeClaims,
    },
  };
}
