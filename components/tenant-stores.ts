/** A tenant's place in each store: the component of the store and what an application needs to connect to it. */
import type * as pulumi from "@pulumi/pulumi";
import type { Platform } from "../provider/config.ts";
import type { SqlFile, StoreName } from "../provider/inputs.ts";
import type { TenantRecord } from "../tenants/load.ts";
import type { AwsStorageAccess } from "./aws/tenant-access.ts";
import type { Clouds } from "./clouds.ts";
import type { Copy } from "./copies.ts";
import type { MigrationFile } from "./kubernetes/migration-script.ts";
import { redisNames, storageNames } from "./naming.ts";
import { PlatformError, type PlatformConfig } from "./platform.ts";
import { TenantBucketPrefix } from "./tenant-bucket-prefix.ts";
import { TenantNeo4jDb } from "./tenant-neo4j-db.ts";
import { TenantRedisAcl } from "./tenant-redis-acl.ts";

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
  /** Extensions of the record's template. */
  readonly extensions: readonly string[];
  /** Template and own files with their text, where a cluster applies them itself. */
  readonly migrationFiles: readonly MigrationFile[];
  /** The PostgreSQL server with the catalogue of tenants. */
  readonly catalogue: string;
  readonly clouds: Clouds;
  /** Of a tenant of the tier `pool`: what its rows lie in. */
  readonly pool?: pulumi.Resource;
  /** Of a clone whose source's rows are copied. */
  readonly copy?: Copy;
}

export interface TenantOptions {
  /** The native provider. */
  readonly provider: pulumi.ProviderResource;
  /** The Roster: nothing of a tenant is made or removed before it has agreed. */
  readonly dependsOn: pulumi.Resource[];
}

export interface RedisConnections {
  readonly host: pulumi.Input<string>;
  readonly port: pulumi.Input<number>;
  readonly username: pulumi.Input<string>;
  readonly password: pulumi.Output<string>;
  readonly keyPrefix: pulumi.Input<string>;
  readonly defaultTtlSeconds: number;
  readonly caFile?: string;
}

export type StorageConnections =
  | {
      readonly endpoint: string;
      readonly bucket: string;
      readonly prefix: string;
      readonly accessKeyId: pulumi.Output<string>;
      readonly secretAccessKey: pulumi.Output<string>;
      readonly region: string;
      readonly caFile?: string;
    }
  | { readonly root: string; readonly prefix: string }
  /** On AWS: a role, access point or grant. */
  | AwsStorageAccess;

export interface Neo4jConnections {
  readonly uri: pulumi.Output<string>;
  readonly database: pulumi.Output<string>;
  readonly username: pulumi.Output<string>;
  readonly password: pulumi.Output<string>;
  readonly caFile?: string;
  readonly ca?: pulumi.Output<string>;
}

/** A component, its connection, and what has to be registered before the next tenant is. */
export interface Made<Component, Connection> {
  readonly component: Component;
  readonly connection: Connection;
  readonly resources: readonly pulumi.Resource[];
}

export function redisPlace(
  record: TenantRecord,
  { platform, secret, clouds }: TenantArguments,
  options: TenantOptions,
): Made<TenantRedisAcl, RedisConnections> | undefined {
  if (record.redis === undefined) return undefined;
  const args = { ...sharedArgs(record, options), secret, rotation: record.redis.rotation };
  const { defaultTtlSeconds } = record.redis;
  const aws = clouds.aws?.cache(record);
  if (aws !== undefined) {
    const server = record.placement.redis ?? "";
    const component = new TenantRedisAcl(record.id, { ...args, server, aws }, { provider: options.provider });
    const { username, password, keyPrefix, endpoint } = component;
    const { host = "", port = 0 } = endpoint ?? {};
    const connection = { host, port, username, password, keyPrefix, defaultTtlSeconds };
    return { component, connection, resources: [component.user] };
  }
  const { name, server } = placed(record, "redis", platform);
  const component = new TenantRedisAcl(
    record.id,
    { ...args, server: name, topology: server.topology },
    { provider: options.provider },
  );
  const [primary] = server.nodes;
  return {
    component,
    connection: {
      host: primary?.host ?? "",
      port: primary?.port ?? 0,
      ...redisNames(record.prefix, record.id, { cluster: server.topology === "cluster" }),
      password: component.password,
      defaultTtlSeconds,
      caFile: platform.caFiles[`redis/${name}`],
    },
    resources: [component.user],
  };
}

export function storagePlace(
  record: TenantRecord,
  { platform, clouds }: TenantArguments,
  options: TenantOptions,
): Made<TenantBucketPrefix, StorageConnections> | undefined {
  if (record.storage === undefined) return undefined;
  const { name, server } = placed(record, "storage", platform);
  const { folders, rotation } = record.storage;
  const component = new TenantBucketPrefix(
    record.id,
    { ...sharedArgs(record, options), server: name, folders, rotation, aws: clouds.aws?.bucket(record) },
    { provider: options.provider },
  );
  const { prefix } = storageNames(record.prefix, record.id);
  return { component, connection: storageConnection(), resources: [component.prefix] };

  function storageConnection(): StorageConnections {
    if (component.aws !== undefined) return component.aws;
    if (server.kind === "filesystem") return { root: server.root, prefix };
    if (server.kind === "aws")
      throw new PlatformError(`tenant ${record.id}: the bucket of ${name} has no access for it`);
    const { endpoint, bucket, region } = server;
    const { accessKeyId, secretAccessKey } = component;
    const caFile = platform.caFiles[`storage/${name}`];
    return { endpoint, bucket, prefix, accessKeyId, secretAccessKey, region, caFile };
  }
}

export function neo4jPlace(
  record: TenantRecord,
  { platform, secret, clouds }: TenantArguments,
  options: TenantOptions,
): Made<TenantNeo4jDb, Neo4jConnections> | undefined {
  if (record.neo4j === undefined) return undefined;
  const name = record.placement.neo4j ?? "";
  const component = new TenantNeo4jDb(
    record.id,
    {
      ...sharedArgs(record, options),
      server: name,
      secret,
      rotation: record.neo4j.rotation,
      instance: (parent) => clouds.kubernetes?.neo4jInstance(record, parent),
    },
    { provider: options.provider },
  );
  return {
    component,
    connection: {
      uri: component.uri,
      database: component.databaseName,
      username: component.username,
      password: component.password,
      caFile: platform.caFiles[`neo4j/${name}`],
      ca: component.ca,
    },
    resources: component.resources,
  };
}

export function sharedArgs({ id, prefix, state, backupWaiver }: TenantRecord, { dependsOn }: TenantOptions) {
  return { tenant: id, prefix, state, backupWaiver, dependsOn };
}

/** @throws PlatformError when the platform has no such server */
export function placed<S extends StoreName>(
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
