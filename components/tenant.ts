import * as pulumi from "@pulumi/pulumi";
import type { SqlFile, StoreName } from "../provider/inputs.ts";
import type { Platform } from "../provider/config.ts";
import type { TenantRecord } from "../tenants/load.ts";
import { postgresNames, redisNames, storageNames } from "./naming.ts";
import { PlatformError, type PlatformConfig } from "./platform.ts";
import { TenantBucketPrefix } from "./tenant-bucket-prefix.ts";
import { TenantRedisAcl } from "./tenant-redis-acl.ts";
import { TenantSchema } from "./tenant-schema.ts";

export interface TenantOptions {
  /** The native provider. */
  readonly provider: pulumi.ProviderResource;
  /** The Roster: nothing of a tenant is made or removed before it has agreed. */
  readonly dependsOn: pulumi.Resource[];
}

/** What a registry record does not say itself. */
export interface TenantArguments {
  readonly platform: PlatformConfig;
  /** The stack's secret that passwords are derived from. */
  readonly secret: pulumi.Output<string>;
  /** The files of the record's template, in order. */
  readonly templateFiles: readonly SqlFile[];
  /** The record's own files. */
  readonly additionalFiles: readonly SqlFile[];
  /** Folder of the record's own files, relative to the project. */
  readonly additionalRoot: string;
}

/** What an application needs to connect; the leaves that are secrets are secret outputs. */
export interface TenantConnections {
  readonly tier: string;
  readonly state: string;
  readonly postgres?: {
    readonly host: string;
    readonly port: number;
    readonly database: string;
    readonly user: string;
    readonly password: pulumi.Output<string>;
    readonly readOnlyUser: string;
    readonly readOnlyPassword: pulumi.Output<string>;
    readonly schema: string;
    readonly caFile?: string;
  };
  readonly redis?: {
    readonly host: string;
    readonly port: number;
    readonly username: string;
    readonly password: pulumi.Output<string>;
    readonly keyPrefix: string;
    readonly defaultTtlSeconds: number;
    readonly caFile?: string;
  };
  readonly storage?:
    | {
        readonly endpoint: string;
        readonly bucket: string;
        readonly prefix: string;
        readonly accessKeyId: pulumi.Output<string>;
        readonly secretAccessKey: pulumi.Output<string>;
        readonly region: string;
        readonly caFile?: string;
      }
    | { readonly root: string; readonly prefix: string };
}

/**
 * All that a tenant of the registry has: a component for each of its stores.
 *
 * Not a resource itself: with three stores a tenant is six resources, and each costs an update's time and memory
 * (docs/decisions/few-resources.md).
 */
export class Tenant {
  readonly schema?: TenantSchema;
  readonly redisAcl?: TenantRedisAcl;
  readonly bucketPrefix?: TenantBucketPrefix;
  readonly connections: TenantConnections;

  constructor(record: TenantRecord, sources: TenantArguments, options: TenantOptions) {
    const { platform } = sources;
    const shared = {
      tenant: record.id,
      prefix: record.prefix,
      state: record.state,
      backupWaiver: record.backupWaiver,
      dependsOn: options.dependsOn,
    };
    const { secret } = sources;
    const componentOptions = { provider: options.provider };
    let connections: TenantConnections = { tier: record.tier, state: record.state };

    if (record.postgres !== undefined) {
      const { name, server } = placed(record, "postgres", platform);
      this.schema = new TenantSchema(
        record.id,
        {
          ...shared,
          server: name,
          host: server.host,
          port: server.port,
          database: server.database,
          externalId: record.externalId,
          secret,
          template: record.postgres.template,
          variables: record.postgres.variables,
          templateFiles: sources.templateFiles,
          additionalFiles: sources.additionalFiles,
          additionalRoot: sources.additionalRoot,
          connectionLimit: record.postgres.connectionLimit,
          readOnlyConnectionLimit: record.postgres.readOnlyConnectionLimit,
          rotation: record.postgres.rotation,
        },
        componentOptions,
      );
      const names = postgresNames(record.prefix, record.id);
      connections = {
        ...connections,
        postgres: {
          host: server.host,
          port: server.port,
          database: server.database,
          user: names.appRole,
          password: this.schema.password,
          readOnlyUser: names.readOnlyRole,
          readOnlyPassword: this.schema.readOnlyPassword,
          schema: names.schema,
          caFile: platform.caFiles[`postgres/${name}`],
        },
      };
    }

    if (record.redis !== undefined) {
      const { name, server } = placed(record, "redis", platform);
      this.redisAcl = new TenantRedisAcl(
        record.id,
        { ...shared, server: name, secret, rotation: record.redis.rotation },
        componentOptions,
      );
      const [primary] = server.nodes;
      connections = {
        ...connections,
        redis: {
          host: primary?.host ?? "",
          port: primary?.port ?? 0,
          ...redisNames(record.prefix, record.id),
          password: this.redisAcl.password,
          defaultTtlSeconds: record.redis.defaultTtlSeconds,
          caFile: platform.caFiles[`redis/${name}`],
        },
      };
    }

    if (record.storage !== undefined) {
      const { name, server } = placed(record, "storage", platform);
      this.bucketPrefix = new TenantBucketPrefix(
        record.id,
        { ...shared, server: name, folders: record.storage.folders, rotation: record.storage.rotation },
        componentOptions,
      );
      const { prefix } = storageNames(record.prefix, record.id);
      connections = {
        ...connections,
        storage:
          server.kind === "filesystem"
            ? { root: server.root, prefix }
            : {
                endpoint: server.kind === "s3" ? server.endpoint : `https://s3.${server.region}.amazonaws.com`,
                bucket: server.bucket,
                prefix,
                accessKeyId: this.bucketPrefix.accessKeyId,
                secretAccessKey: this.bucketPrefix.secretAccessKey,
                region: server.region,
                caFile: platform.caFiles[`storage/${name}`],
              },
      };
    }
    this.connections = connections;
  }

  /** Resolves when the engine has taken every resource of the tenant. */
  async registered(): Promise<void> {
    const children = [this.schema?.schema, this.redisAcl?.user, this.bucketPrefix?.prefix];
    const urns = children.filter((child) => child !== undefined).map(({ urn }) => urn);
    // An URN is known in a preview, too. One that never comes has ended the program with its resource's error.
    await new Promise((resolve) => pulumi.all(urns).apply(resolve));
  }
}

function placed<S extends StoreName>(
  record: TenantRecord,
  store: S,
  platform: PlatformConfig,
): { name: string; server: Platform[S][string] } {
  const name = record.placement[store];
  const servers: Platform[S] = platform.servers[store];
  const server = name === undefined ? undefined : (servers as Record<string, Platform[S][string] | undefined>)[name];
  if (name === undefined || server === undefined) {
    throw new PlatformError(
      `tenant ${record.id}: ${store} shall lie on the server ${JSON.stringify(name)}, ` +
        `but the platform has ${Object.keys(servers).join(", ") || "none"}. ` +
        `Correct the tenant's placement or the stack's configuration.`,
    );
  }
  return { name, server };
}
