import * as elasticache from "@pulumi/aws/elasticache/index.js";
import * as kms from "@pulumi/aws/kms/index.js";
import * as pulumi from "@pulumi/pulumi";
import { passwordOutput } from "../secrets.ts";
import { closedAccess } from "./access-string.ts";
import { assignments, type CacheTenant } from "./cache-assignment.ts";
import type { ElastiCacheSettings } from "./cache-settings.ts";
import { elastiCacheConnectPolicy } from "./policies/caches.ts";
import {
  type CacheBaseline,
  type CacheBaselineArgs,
  type CacheLogin,
  type Endpoint,
  Logins,
  userOf,
} from "./cache-users.ts";

/**
 * Tenants' users in Amazon ElastiCache, once a server of the platform: a user a tenant, a group a cache with the user
 * `default` closed, and the caches themselves with TLS and encryption by a key of their own. A cache takes one group,
 * and a group 100 users: tenants are spread over the caches of the server.
 *
 * @example
 * new ElastiCacheBaseline("main", { settings, tenants: [{ id: "acme", prefix: "tenant", state: "active", rotation: 0 }], secret });
 */
export class ElastiCacheBaseline extends pulumi.ComponentResource implements CacheBaseline {
  readonly settings: ElastiCacheSettings;
  readonly #logins: Logins;

  constructor(name: string, args: CacheBaselineArgs<ElastiCacheSettings>, options?: pulumi.ComponentResourceOptions) {
    const { settings, tenants, secret } = args;
    const spread = assignments(name, settings, tenants);
    super("tenancy:index:ElastiCacheBaseline", name, {}, options);
    const { region, engine } = settings;
    const child = { parent: this };
    this.settings = settings;
    this.#logins = new Logins(name, settings);
    const key = settings.caches.every(({ create }) => !create)
      ? undefined
      : new kms.Key(
          `${name}-key`,
          { description: `Caches of ${name}`, enableKeyRotation: true, deletionWindowInDays: 30, region },
          { parent: this, protect: true },
        );

    for (const cache of settings.caches) {
      const at = `${name}-${cache.name}`;
      const physical = `${settings.namePrefix}-${cache.name}`;
      // A group of the engine redis has to have a user of this name, and the account's own may do everything.
      const closed = new elasticache.User(
        `${at}-default`,
        {
          userId: `${physical}-default`,
          userName: "default",
          engine,
          accessString: closedAccess,
          authenticationMode: { type: "password", passwords: [passwordOutput(secret, at, "elasticache/default", 0)] },
          region,
        },
        child,
      );
      const users = (spread.get(cache.name) ?? []).map((tenant) => {
        const { id, username, keyPrefix, accessString, password, authenticationMode } = userOf(
          settings,
          tenant,
          secret,
        );
        const user = new elasticache.User(
          `${tenant.id}-user`,
          {
            userId: id,
            userName: username,
            engine,
            accessString,
            authenticationMode,
            region,
          },
          { parent: this, dependsOn: args.dependsOn },
        );
        const connectPolicy =
          settings.authentication === "iam"
            ? user.arn.apply((arn) => elastiCacheConnectPolicy(arn, physical))
            : undefined;
        this.#logins.addUser(tenant.id, { username, keyPrefix, password, user, connectPolicy });
        return user;
      });
      const group = new elasticache.UserGroup(
        `${at}-group`,
        {
          userGroupId: physical,
          engine,
          userIds: [
            ...[closed, ...users].map(({ userId }) => userId),
            ...(settings.administrator === undefined ? [] : [settings.administrator.userId]),
          ],
          region,
        },
        child,
      );
      this.#logins.addCache(cache.name, this.#cache(at, physical, cache, group, key));
    }
    this.registerOutputs({ caches: settings.caches.map(({ name: cache }) => cache) });
  }

  login(tenant: CacheTenant): CacheLogin {
    return this.#logins.of(tenant);
  }

  #cache(
    at: string,
    physical: string,
    { create, endpoint }: ElastiCacheSettings["caches"][number],
    group: elasticache.UserGroup,
    key: kms.Key | undefined,
  ): Endpoint {
    if (!create) return { host: pulumi.output(endpoint?.host ?? ""), port: pulumi.output(endpoint?.port ?? 0) };
    const { settings } = this;
    const cluster = settings.clusterMode;
    const cache = new elasticache.ReplicationGroup(
      `${at}-cache`,
      {
        replicationGroupId: physical,
        description: `Tenants of ${at}`,
        engine: settings.engine,
        engineVersion: settings.engineVersion,
        nodeType: settings.nodeType,
        clusterMode: cluster ? "enabled" : "disabled",
        numNodeGroups: cluster ? settings.shards : 1,
        replicasPerNodeGroup: settings.replicas,
        automaticFailoverEnabled: cluster || settings.replicas > 0,
        multiAzEnabled: settings.replicas > 0,
        transitEncryptionEnabled: true,
        transitEncryptionMode: "required",
        atRestEncryptionEnabled: true,
        kmsKeyId: key?.arn,
        userGroupIds: [group.userGroupId],
        subnetGroupName: settings.subnetGroup,
        securityGroupIds: settings.securityGroupIds,
        snapshotRetentionLimit: settings.snapshotDays,
        port: 6_379,
        region: settings.region,
      },
      { parent: this, protect: true },
    );
    return {
      host: cluster ? cache.configurationEndpointAddress : cache.primaryEndpointAddress,
      port: pulumi.output(6_379),
    };
  }
}
