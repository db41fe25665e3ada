import * as pulumi from "@pulumi/pulumi";
import { CredentialsFile } from "../provider/resources.ts";
import type { TenantRecord } from "../tenants/load.ts";
import { postgresPlace, type PostgresConnections } from "./postgres-place.ts";
import type { TenantBucketPrefix } from "./tenant-bucket-prefix.ts";
import type { TenantDatabaseSilo } from "./tenant-database-silo.ts";
import type { TenantNeo4jDb } from "./tenant-neo4j-db.ts";
import type { TenantPool } from "./tenant-pool.ts";
import type { TenantRedisAcl } from "./tenant-redis-acl.ts";
import type { TenantSchema } from "./tenant-schema.ts";
import {
  neo4jPlace,
  type Neo4jConnections,
  redisPlace,
  type RedisConnections,
  storagePlace,
  type StorageConnections,
  type TenantArguments,
  type TenantOptions,
} from "./tenant-stores.ts";

export type { TenantArguments, TenantOptions } from "./tenant-stores.ts";

/** What an application needs to connect; the leaves that are secrets are secret outputs. */
export interface TenantConnections {
  readonly tier: string;
  readonly state: string;
  readonly postgres?: PostgresConnections;
  readonly redis?: RedisConnections;
  readonly storage?: StorageConnections;
  readonly neo4j?: Neo4jConnections;
}

/**
 * All that a tenant of the registry has: a component for each of its stores.
 *
 * Not a resource itself: with three stores a tenant is six resources, and each costs an update's time and memory
 * (docs/decisions/few-resources.md).
 */
export class Tenant {
  /** The tier says which of them it is. */
  readonly postgres?: TenantPool | TenantSchema | TenantDatabaseSilo;
  readonly redisAcl?: TenantRedisAcl;
  readonly bucketPrefix?: TenantBucketPrefix;
  readonly neo4jDb?: TenantNeo4jDb;
  readonly connections: TenantConnections;
  /** Where applications find the tenant's data; undefined without a place in PostgreSQL. */
  readonly route?: pulumi.Inputs;
  /** Every custom resource of the tenant's that another has to wait for. */
  readonly resources: readonly pulumi.Resource[];

  constructor(record: TenantRecord, sources: TenantArguments, options: TenantOptions) {
    const postgres = postgresPlace(record, sources, options);
    const redis = redisPlace(record, sources, options);
    const storage = storagePlace(record, sources, options);
    const neo4j = neo4jPlace(record, sources, options);
    this.postgres = postgres?.component;
    this.redisAcl = redis?.component;
    this.bucketPrefix = storage?.component;
    this.neo4jDb = neo4j?.component;
    this.connections = {
      tier: record.tier,
      state: record.state,
      ...(postgres === undefined ? {} : { postgres: postgres.connection }),
      ...(redis === undefined ? {} : { redis: redis.connection }),
      ...(storage === undefined ? {} : { storage: storage.connection }),
      ...(neo4j === undefined ? {} : { neo4j: neo4j.connection }),
    };
    const made = [postgres, redis, storage, neo4j].flatMap((place) => place?.resources ?? []);
    const delivered = deliver(record, this.connections, sources, options);
    this.resources = delivered === undefined ? made : [...made, delivered.resource];
    if (postgres !== undefined) this.route = routeOf(postgres.connection, delivered?.reference);
  }

  /** Resolves when the engine has taken every resource of the tenant. */
  async registered(): Promise<void> {
    const urns = this.resources.map(({ urn }) => urn);
    // An URN is known in a preview, too. One that never comes has ended the program with its resource's error.
    await new Promise((resolve) => pulumi.all(urns).apply(resolve));
  }
}

interface Delivered {
  readonly resource: pulumi.Resource;
  /** Where an application finds it. */
  readonly reference: pulumi.Input<string>;
}

/** Puts what an application needs where the platform says that it looks. */
function deliver(
  record: TenantRecord,
  connections: TenantConnections,
  { platform: { delivery }, clouds }: TenantArguments,
  { provider, dependsOn }: TenantOptions,
): Delivered | undefined {
  if (delivery === undefined) return undefined;
  const credentials = pulumi.secret(pulumi.jsonStringify(connections));
  switch (delivery.kind) {
    case "file": {
      const resource = new CredentialsFile(
        `${record.id}-credentials`,
        { tenant: record.id, folder: delivery.folder, credentials },
        { provider, dependsOn },
      );
      return { resource, reference: `file:${delivery.folder}/${record.id}.json` };
    }
    case "secrets-manager": {
      const { storage } = connections;
      const access = storage !== undefined && "access" in storage ? storage : undefined;
      const resource = clouds.aws?.deliver(record, delivery, { ...connections }, access);
      if (resource === undefined) return undefined;
      return { resource, reference: pulumi.interpolate`aws-secretsmanager:${resource.secretArn}` };
    }
    case "kubernetes": {
      const resource = clouds.kubernetes?.credentialsSecret(record, delivery.cluster, credentials);
      return resource === undefined ? undefined : { resource, reference: resource.reference };
    }
  }
}

function routeOf(connection: PostgresConnections, secret: pulumi.Input<string> | undefined): pulumi.Inputs {
  const { host, port, database, schema, user, pooler, tenantId } = connection;
  return {
    ...{ host, port, database, schema, user },
    ...(tenantId === undefined ? {} : { tenantId }),
    ...(pooler === undefined ? {} : { pooler }),
    ...(secret === undefined ? {} : { secret }),
  };
}
