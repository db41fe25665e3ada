import * as kms from "@pulumi/aws/kms/index.js";
import * as memorydb from "@pulumi/aws/memorydb/index.js";
import * as pulumi from "@pulumi/pulumi";
import { assignments, type CacheTenant } from "./cache-assignment.ts";
import type { MemoryDbSettings } from "./cache-settings.ts";
import { memoryDbConnectPolicy } from "./policies/caches.ts";
import {
  type CacheBaseline,
  type CacheBaselineArgs,
  type CacheLogin,
  type Endpoint,
  Logins,
  userOf,
} from "./cache-users.ts";

/**
 * Tenants' users in Amazon MemoryDB, once a server of the platform: a user a tenant, an ACL a cluster, and the clusters
 * with TLS and encryption by a key of their own. With an ACL of its own a cluster has no user `default` that gets in.
 *
 * @example
 * new MemoryDbBaseline("main", { settings, tenants: [{ id: "acme", prefix: "tenant", state: "active", rotation: 0 }], secret });
 */
export class MemoryDbBaseline extends pulumi.ComponentResource implements CacheBaseline {
  readonly settings: MemoryDbSettings;
  readonly #logins: Logins;

  constructor(name: string, args: CacheBaselineArgs<MemoryDbSettings>, options?: pulumi.ComponentResourceOptions) {
    const { settings, tenants, secret } = args;
    const spread = assignments(name, settings, tenants);
    super("tenancy:index:MemoryDbBaseline", name, {}, options);
    const { region } = settings;
    this.settings = settings;
    this.#logins = new Logins(name, settings);
    const key = settings.caches.every(({ create }) => !create)
      ? undefined
      : new kms.Key(
          `${name}-key`,
          { description: `Clusters of ${name}`, enableKeyRotation: true, deletionWindowInDays: 30, region },
          { parent: this, protect: true },
        );

    for (const cache of settings.caches) {
      const at = `${name}-${cache.name}`;
      const physical = `${settings.namePrefix}-${cache.name}`;
      const users = (spread.get(cache.name) ?? []).map((tenant) => {
        const { username, keyPrefix, accessString, password, authenticationMode } = userOf(settings, tenant, secret);
        const user = new memorydb.User(
          `${tenant.id}-user`,
          { userName: username, accessString, authenticationMode, region },
          { parent: this, dependsOn: args.dependsOn },
        );
        const connectPolicy =
          settings.authentication === "iam" ? user.arn.apply((arn) => memoryDbConnectPolicy(arn, physical)) : undefined;
        this.#logins.addUser(tenant.id, { username, keyPrefix, password, user, connectPolicy });
        return user;
      });
      const acl = new memorydb.Acl(
        `${at}-acl`,
        {
          name: physical,
          userNames: [
            ...users.map(({ userName }) => userName),
            ...(settings.administrator === undefined ? [] : [settings.administrator.username]),
          ],
          region,
        },
        { parent: this },
      );
      this.#logins.addCache(cache.name, this.#cluster(at, physical, cache, acl, key));
    }
    this.registerOutputs({ caches: settings.caches.map(({ name: cache }) => cache) });
  }

  login(tenant: CacheTenant): CacheLogin {
    return this.#logins.of(tenant);
  }

  #cluster(
    at: string,
    physical: string,
    { create, endpoint }: MemoryDbSettings["caches"][number],
    acl: memorydb.Acl,
    key: kms.Key | undefined,
  ): Endpoint {
    if (!create) return { host: pulumi.output(endpoint?.host ?? ""), port: pulumi.output(endpoint?.port ?? 0) };
    const { settings } = this;
    const cluster = new memorydb.Cluster(
      `${at}-cluster`,
      {
        name: physical,
        aclName: acl.name,
        engine: settings.engine,
        engineVersion: settings.engineVersion,
        nodeType: settings.nodeType,
        numShards: settings.shards,
        numReplicasPerShard: settings.replicas,
        tlsEnabled: true,
        kmsKeyArn: key?.arn,
        subnetGroupName: settings.subnetGroup,
        securityGroupIds: settings.securityGroupIds,
        snapshotRetentionLimit: settings.snapshotDays,
        port: 6_379,
        region: settings.region,
      },
      { parent: this, protect: true },
    );
    return {
      host: cluster.clusterEndpoints.apply(([endpoint]) => endpoint?.address ?? ""),
      port: pulumi.output(6_379),
    };
  }
}
