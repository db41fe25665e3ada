import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import type { StoreName } from "../provider/inputs.ts";
import type { TenantRecord } from "../tenants/load.ts";
import { BucketBaseline } from "./aws/bucket-baseline.ts";
import type { CacheBaseline } from "./aws/cache-users.ts";
import { ElastiCacheBaseline } from "./aws/elasticache.ts";
import { MemoryDbBaseline } from "./aws/memorydb.ts";
import { RdsFoundation } from "./aws/rds-foundation.ts";
import { rdsSilo } from "./aws/rds-silo.ts";
import { SecretsManagerDelivery } from "./aws/secret-delivery.ts";
import type { AwsStorageAccess, TenantBucketAwsArgs } from "./aws/tenant-access.ts";
import { type CloudsArgs, once, recoverFromPrefix, sharedArgs } from "./clouds.ts";
import { PlatformError } from "./platform-error.ts";
import type { Delivery } from "./platform-forms.ts";
import type { SiloEngine, SiloMade, SiloRequest } from "./silo-engine.ts";
import { siloDatabase } from "./tenant-database-silo.ts";

/** Tenants' databases, buckets and caches on AWS, and what they share of them. */
export class AwsClouds {
  readonly #args: CloudsArgs;
  readonly #foundations = new Map<string, RdsFoundation>();
  readonly #buckets = new Map<string, BucketBaseline>();
  readonly #caches = new Map<string, CacheBaseline>();

  constructor(args: CloudsArgs) {
    this.#args = args;
  }

  siloEngine(record: TenantRecord): SiloEngine | undefined {
    const name = record.placement.postgres ?? "";
    const server = this.#args.platform.clouds.postgres[name];
    if (server?.kind !== "rds") return undefined;
    return { kind: server.kind, build: (request) => this.#rds(record, name, request) };
  }

  /** The tenant's access to a bucket on AWS; undefined on a server that the native provider gives access to. */
  bucket(record: TenantRecord): TenantBucketAwsArgs | undefined {
    const name = record.placement.storage ?? "";
    const settings = this.#args.platform.clouds.storage[name];
    if (settings === undefined || record.storage === undefined) return undefined;
    const baseline = once(this.#buckets, name, () => {
      const tenants = this.#tenantsOn("storage", name).map(({ id, prefix, state }) => ({ id, prefix, state }));
      return new BucketBaseline(name, { settings, tenants });
    });
    return { baseline, encryptionKey: record.storage.encryptionKey };
  }

  /** The caches on AWS that keep the tenant's user; undefined on a server that the native provider works on. */
  cache(record: TenantRecord): CacheBaseline | undefined {
    const name = record.placement.redis ?? "";
    const settings = this.#args.platform.clouds.redis[name];
    if (settings === undefined) return undefined;
    return once(this.#caches, name, () => {
      const tenants = this.#tenantsOn("redis", name).map(({ id, prefix, state, redis }) => {
        return { id, prefix, state, rotation: redis?.rotation ?? 0 };
      });
      const { secret, dependsOn } = this.#args;
      return settings.kind === "elasticache"
        ? new ElastiCacheBaseline(name, { settings, tenants, secret, dependsOn })
        : new MemoryDbBaseline(name, { settings, tenants, secret, dependsOn });
    });
  }

  /**
   * A secret with what the tenant's application needs. Readers are the tenant's own role where it has one on AWS, and
   * those that the platform names.
   */
  deliver(
    record: TenantRecord,
    settings: Extract<Delivery, { kind: "secrets-manager" }>,
    connections: Readonly<Record<string, unknown>>,
    storage: AwsStorageAccess | undefined,
  ): SecretsManagerDelivery {
    const { id: tenant, prefix } = record;
    const shared = storage?.sessionTags !== undefined;
    const readers = pulumi
      .output(storage?.roleArn)
      .apply((role) => [...(role === undefined ? [] : [role]), ...settings.readers]);
    return new SecretsManagerDelivery(tenant, {
      ...{ settings, tenant, prefix, connections, readers },
      taggedPrefix: shared ? storage.prefix : undefined,
      dependsOn: this.#args.dependsOn,
    });
  }

  #tenantsOn(store: StoreName, server: string): readonly TenantRecord[] {
    return this.#args.tenants.filter(({ placement }) => placement[store] === server);
  }

  #rds(record: TenantRecord, name: string, request: SiloRequest): SiloMade {
    const { silo, postgres } = record;
    if (silo === undefined || postgres === undefined) throw new Error(`tenant ${record.id} is no silo`);
    const resources: pulumi.Resource[] = [];
    const made = rdsSilo(
      record.id,
      {
        ...sharedArgs(this.#args, record, name, postgres.rotation),
        foundation: this.#foundation(name),
        settings: silo,
        extensions: request.args.extensions,
        recoverFromPrefix: recoverFromPrefix(this.#args, record),
        recoveredNames: firstOf(record, this.#args.tenants),
        inside: (inside) => {
          const { names, options } = inside;
          const database = siloDatabase({ ...request, names }, inside, options.dependsOn, options.deletedWith);
          resources.push(database);
          return database;
        },
      },
      request.parent,
    );
    const { port, database, schema, user, readOnlyUser, pooler } = made;
    return {
      connection: {
        ...made,
        port: pulumi.output(port),
        database: pulumi.output(database),
        schema: pulumi.output(schema),
        user: pulumi.output(user),
        readOnlyUser: pulumi.output(readOnlyUser),
        pooler: pooler === undefined ? undefined : { host: pooler.host, port: pulumi.output(pooler.port) },
      },
      resources,
    };
  }

  #foundation(name: string): RdsFoundation {
    return once(this.#foundations, name, () => {
      const server = this.#args.platform.clouds.postgres[name];
      if (server?.kind !== "rds") throw new PlatformError(`the platform has no server "${name}" of the kind rds`);
      const caFile = server.caBundleFile;
      return new RdsFoundation(name, { server, caFile, ca: readBundle(name, caFile) });
    });
  }
}

/** The tenant that a recovered database was made for at first: its names stay through any number of recoveries. */
function firstOf(
  record: TenantRecord,
  tenants: readonly TenantRecord[],
): { prefix: string; tenant: string } | undefined {
  let first: { prefix: string; tenant: string } | undefined;
  let { recoverFrom } = record.silo ?? {};
  // Records that name each other in a ring have no first one.
  for (let steps = 0; recoverFrom !== undefined && steps < tenants.length; steps += 1) {
    const { tenant } = recoverFrom;
    const source = tenants.find(({ id }) => id === tenant);
    first = { prefix: source?.prefix ?? first?.prefix ?? record.prefix, tenant };
    recoverFrom = source?.silo?.recoverFrom;
  }
  return first;
}

function readBundle(name: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    throw new PlatformError(
      `platform entry ${name}: caBundleFile ${path} cannot be read (${code}). ` +
        `Download the region's certificate bundle: docs/rds.md names it.`,
    );
  }
}
