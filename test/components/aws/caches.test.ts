import fc from "fast-check";
import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { accessString, closedAccess, engineOf } from "../../../components/aws/access-string.ts";
import { assignments, cacheOf } from "../../../components/aws/cache-assignment.ts";
import {
  type ElastiCacheSettings,
  elastiCacheSettingsSchema,
  type MemoryDbSettings,
  memoryDbSettingsSchema,
  nativeCacheServers,
} from "../../../components/aws/cache-settings.ts";
import type { RedisTenant } from "../../../components/aws/cache-users.ts";
import { ElastiCacheBaseline } from "../../../components/aws/elasticache.ts";
import { MemoryDbBaseline } from "../../../components/aws/memorydb.ts";
import { elastiCacheConnectPolicy, memoryDbConnectPolicy } from "../../../components/aws/policies/caches.ts";
import { redisNames } from "../../../components/naming.ts";
import { derivePassword } from "../../../components/secrets.ts";
import { TenantRedisAcl } from "../../../components/tenant-redis-acl.ts";
import { redisServerSchema } from "../../../provider/config.ts";
import { type Registered, registrations, secret, valueOf } from "../../support/mocks.ts";
import { account, region, simulate } from "./simulate.ts";

const secretText = "s".repeat(64);
const common = {
  region,
  namePrefix: "tenants",
  subnetGroup: "private",
  securityGroupIds: ["sg-1"],
};
const administrator = { userId: "platform-admin", username: "admin", password: "planted-admin-password" };
const elastiCache = (changes: Record<string, unknown> = {}): ElastiCacheSettings =>
  elastiCacheSettingsSchema.parse({
    kind: "elasticache",
    nodeType: "cache.t4g.small",
    caches: [{ name: "a" }],
    ...common,
    ...changes,
  });
const memoryDb = (changes: Record<string, unknown> = {}): MemoryDbSettings =>
  memoryDbSettingsSchema.parse({
    kind: "memorydb",
    nodeType: "db.t4g.small",
    caches: [{ name: "a" }],
    ...common,
    ...changes,
  });
const tenantOf = (id: string, changes: Partial<RedisTenant> = {}): RedisTenant => ({
  id,
  prefix: "tenant",
  state: "active",
  rotation: 0,
  ...changes,
});

const rule =
  "-@all +@string +@hash +@list +@set +@sortedset +@stream +@bitmap +@hyperloglog +@geo " +
  "+del +unlink +exists +type +ttl +pttl +expire +pexpire +expireat +pexpireat +persist +rename +renamenx +touch " +
  "+object|encoding +object|freq +object|idletime +publish +subscribe +psubscribe +unsubscribe +punsubscribe " +
  "+auth +hello +ping +echo +quit +reset +client|setname +client|getname +client|id +client|reply " +
  "+expiretime +pexpiretime +spublish +ssubscribe +sunsubscribe +@transaction";

describe("the access string", () => {
  it("is the rule without what Amazon refuses: reset, passwords, hashes and databases", () => {
    expect(accessString({ keyPrefix: "tenant:acme:", open: true, engine: engineOf(false) })).toBe(
      `on ~tenant:acme:* resetchannels &tenant:acme:* ${rule} -sort -sort_ro`,
    );
  });

  it("has the hash tag and the commands of the layout in a cluster, and never +cluster", () => {
    const { keyPrefix } = redisNames("tenant", "acme", { cluster: true });
    expect(accessString({ keyPrefix, open: true, engine: engineOf(true) })).toBe(
      `on ~tenant:{acme}:* resetchannels &tenant:{acme}:* ${rule} +cluster|slots +cluster|shards +cluster|nodes +readonly +asking -sort -sort_ro`,
    );
  });

  it("lets a closed tenant do nothing, in a session that is open already, too", () => {
    expect(accessString({ keyPrefix: "tenant:acme:", open: false, engine: engineOf(false) })).toBe(
      "off resetchannels -@all",
    );
  });
});

describe("the cache of a tenant", () => {
  const caches = ["a", "b", "c", "d"].map((name) => ({ name, create: true }));
  const settings = { caches, pins: {}, usersPerGroup: 100 };
  const fleet = (count: number) => Array.from({ length: count }, (_, index) => ({ id: `t${index}`, prefix: "tenant" }));

  it("stays the same whoever comes and goes", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 5_000 }), { maxLength: 60 }), fc.integer(), (ids, seed) => {
        const all = ids.map((id) => ({ id: `t${id}`, prefix: "tenant" }));
        const some = all.filter((_, index) => (index + seed) % 3 !== 0);
        const before = assignments("main", settings, all);
        for (const [cache, own] of assignments("main", settings, some)) {
          for (const tenant of own) expect(before.get(cache)).toContainEqual(tenant);
        }
      }),
    );
  });

  it("does not depend on the order of the caches, and is the same for ever", () => {
    const reversed = { ...settings, caches: caches.toReversed() };
    const picked = fleet(8).map((tenant) => cacheOf(tenant, settings));
    expect(fleet(8).map((tenant) => cacheOf(tenant, reversed))).toEqual(picked);
    expect(picked.join("")).toBe("aabacbba");
  });

  it("spreads 300 tenants over four caches with room in each group", () => {
    const counts = [...assignments("main", settings, fleet(300)).values()].map(({ length }) => length);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(300);
    for (const count of counts) expect(count).toBeLessThan(100);
  });

  it("is refused where its group is full, with the caches that have room, and taken from a pin", () => {
    const small = { ...settings, caches: caches.slice(0, 2), usersPerGroup: 3 };
    const crowd = fleet(40)
      .filter((tenant) => cacheOf(tenant, small) === "a")
      .slice(0, 3);
    expect(() => assignments("main", small, crowd)).toThrow(
      "Redis server main: 3 tenants fall to the cache a, and its group takes 2 beside the platform's own users. Pin the newest of them to a cache with room (b) by `pins`",
    );
    const pinned = { ...small, pins: { [crowd[2]?.id ?? ""]: "b" } };
    expect(assignments("main", pinned, crowd).get("b")).toEqual([crowd[2]]);
  });

  it("is refused past the capacity, for an unknown pin, and for two caches of one name", () => {
    expect(() => assignments("main", { ...settings, capacity: 10 }, fleet(11))).toThrow(
      "11 tenants lie on it, and its capacity is 10",
    );
    expect(() => assignments("main", settings, fleet(397))).toThrow("its capacity is 396 (4 caches of 99)");
    expect(() => assignments("main", { ...settings, administrator }, fleet(393))).toThrow(
      "its capacity is 392 (4 caches of 98)",
    );
    expect(() => cacheOf({ id: "acme", prefix: "tenant" }, { ...settings, pins: { acme: "z" } })).toThrow(
      /names the cache "z"; there are: a, b, c, d/,
    );
    expect(() => assignments("main", { ...settings, caches: [...caches, { name: "a", create: true }] }, [])).toThrow(
      "two caches have the name a",
    );
  });
});

const computed = (type: string, name: string): Record<string, unknown> | undefined =>
  ({
    "aws:kms/key:Key": { arn: "arn:of-the-key" },
    "aws:elasticache/user:User": {
      arn: `arn:aws:elasticache:${region}:${account}:user:${name.replace(/-user$/, "").replace(/^/, "tenant-")}`,
    },
    "aws:elasticache/replicationGroup:ReplicationGroup": {
      primaryEndpointAddress: `${name}.primary.example`,
      configurationEndpointAddress: `${name}.cluster.example`,
    },
    "aws:memorydb/user:User": { arn: `arn:aws:memorydb:${region}:${account}:user/tenant-acme` },
    "aws:memorydb/cluster:Cluster": { clusterEndpoints: [{ address: `${name}.memorydb.example`, port: 6379 }] },
  })[type];

const inputsOf = (registered: readonly Registered[], name: string): Record<string, unknown> => {
  const found = registered.filter((item) => item.name === name && item.custom);
  expect(found).toHaveLength(1);
  return found[0]?.inputs ?? {};
};
const named = (registered: readonly Registered[]) => registered.map(({ type, name }) => `${type} ${name}`).sort();
const shared = { prefix: "tenant", server: "main", state: "active" } as const;

async function onElastiCache(settings: ElastiCacheSettings, tenants: readonly RedisTenant[] = [tenantOf("acme")]) {
  const { registered, result } = await registrations(
    () => {
      const stackSecret = pulumi.secret(secretText);
      const baseline = new ElastiCacheBaseline("main", { settings, tenants, secret: stackSecret });
      return new TenantRedisAcl("acme", { ...shared, tenant: "acme", secret: stackSecret, aws: baseline });
    },
    { computed },
  );
  return { registered, acl: result };
}

describe("ElastiCacheBaseline", () => {
  it("makes a user a tenant, a group with the closed default user, and an encrypted cache, exactly so", async () => {
    const { registered, acl } = await onElastiCache(elastiCache(), [
      tenantOf("acme", { rotation: 2 }),
      tenantOf("old", { state: "suspended" }),
    ]);
    expect(named(registered)).toEqual([
      "aws:elasticache/replicationGroup:ReplicationGroup main-a-cache",
      "aws:elasticache/user:User acme-user",
      "aws:elasticache/user:User main-a-default",
      "aws:elasticache/user:User old-user",
      "aws:elasticache/userGroup:UserGroup main-a-group",
      "aws:kms/key:Key main-key",
      "tenancy:index:ElastiCacheBaseline main",
      "tenancy:index:TenantRedisAcl acme",
    ]);
    const password = derivePassword(secretText, "acme", "redis", 2);
    expect(inputsOf(registered, "acme-user")).toEqual({
      userId: "tenant-acme",
      userName: "tenant:acme",
      engine: "valkey",
      accessString: accessString({ keyPrefix: "tenant:acme:", open: true, engine: engineOf(false) }),
      authenticationMode: secret({ type: "password", passwords: [password] }),
      region,
    });
    expect(inputsOf(registered, "old-user").accessString).toBe(closedAccess);
    expect(inputsOf(registered, "main-a-default")).toMatchObject({
      userId: "tenants-a-default",
      userName: "default",
      accessString: closedAccess,
    });
    expect(inputsOf(registered, "main-a-group")).toEqual({
      userGroupId: "tenants-a",
      engine: "valkey",
      userIds: ["tenants-a-default", "tenant-acme", "tenant-old"],
      region,
    });
    expect(inputsOf(registered, "main-a-cache")).toEqual({
      replicationGroupId: "tenants-a",
      description: "Tenants of main-a",
      engine: "valkey",
      engineVersion: "7.2",
      nodeType: "cache.t4g.small",
      clusterMode: "disabled",
      numNodeGroups: 1,
      replicasPerNodeGroup: 1,
      automaticFailoverEnabled: true,
      multiAzEnabled: true,
      transitEncryptionEnabled: true,
      transitEncryptionMode: "required",
      atRestEncryptionEnabled: true,
      kmsKeyId: "arn:of-the-key",
      userGroupIds: ["tenants-a"],
      subnetGroupName: "private",
      securityGroupIds: ["sg-1"],
      snapshotRetentionLimit: 7,
      port: 6_379,
      region,
    });
    expect(await valueOf(acl.username)).toBe("tenant:acme");
    expect(await valueOf(acl.password)).toBe(password);
    expect(await pulumi.isSecret(acl.password)).toBe(true);
    expect(acl.endpoint && (await valueOf(acl.endpoint.host))).toBe("main-a-cache.primary.example");
  });

  it("has hash tags and the configuration endpoint in cluster mode", async () => {
    const { registered, acl } = await onElastiCache(elastiCache({ clusterMode: true, shards: 3 }));
    expect(inputsOf(registered, "main-a-cache")).toMatchObject({ clusterMode: "enabled", numNodeGroups: 3 });
    expect(String(inputsOf(registered, "acme-user").accessString)).toContain("~tenant:{acme}:*");
    expect(await valueOf(acl.keyPrefix)).toBe("tenant:{acme}:");
    expect(acl.endpoint && (await valueOf(acl.endpoint.host))).toBe("main-a-cache.cluster.example");
  });

  it("has no password with IAM, a name that is the id, and a policy for that user at that cache", async () => {
    const { registered, acl } = await onElastiCache(elastiCache({ authentication: "iam" }));
    expect(inputsOf(registered, "acme-user")).toMatchObject({
      userId: "tenant-acme",
      userName: "tenant-acme",
      authenticationMode: { type: "iam" },
    });
    expect(await valueOf(acl.password)).toBe("");
  });

  it("makes no cache and no key where each is there already, and the tenant's address is the configured one", async () => {
    const caches = [{ name: "a", create: false, endpoint: { host: "cache.example" } }];
    const { registered, acl } = await onElastiCache(elastiCache({ caches }));
    expect(named(registered).filter((name) => /kms|replicationGroup/.test(name))).toEqual([]);
    expect(acl.endpoint && (await valueOf(acl.endpoint.host))).toBe("cache.example");
    expect(acl.endpoint && (await valueOf(acl.endpoint.port))).toBe(6_379);
  });

  it("keeps mark and deletion of keys with an administrator, who joins the group", async () => {
    const caches = [{ name: "a", endpoint: { host: "cache.example" } }];
    const { registered } = await onElastiCache(elastiCache({ caches, administrator }));
    expect(inputsOf(registered, "main-a-group").userIds).toEqual([
      "tenants-a-default",
      "tenant-acme",
      "platform-admin",
    ]);
    expect(inputsOf(registered, "acme-acl-user")).toEqual({
      username: "tenant:acme",
      keyPrefix: "tenant:acme:",
      server: "main.a",
      tenant: "acme",
      state: "active",
      password: secret(derivePassword(secretText, "acme", "redis/keys", 0)),
    });
  });

  it("refuses a tenant that its baseline was not given", async () => {
    await expect(onElastiCache(elastiCache(), [tenantOf("other")])).rejects.toThrow(
      /^tenant acme: Redis server main has no user of it/,
    );
  });
});

describe("MemoryDbBaseline", () => {
  it("makes a user a tenant, an ACL and an encrypted cluster, exactly so", async () => {
    const { registered, result: acl } = await registrations(
      () => {
        const stackSecret = pulumi.secret(secretText);
        const baseline = new MemoryDbBaseline("main", {
          settings: memoryDb({ shards: 2 }),
          tenants: [tenantOf("acme")],
          secret: stackSecret,
        });
        return new TenantRedisAcl("acme", { ...shared, tenant: "acme", secret: stackSecret, aws: baseline });
      },
      { computed },
    );
    expect(inputsOf(registered, "acme-user")).toEqual({
      userName: "tenant-acme",
      accessString: accessString({ keyPrefix: "tenant:{acme}:", open: true, engine: engineOf(true) }),
      authenticationMode: secret({ type: "password", passwords: [derivePassword(secretText, "acme", "redis", 0)] }),
      region,
    });
    expect(inputsOf(registered, "main-a-acl")).toEqual({ name: "tenants-a", userNames: ["tenant-acme"], region });
    expect(inputsOf(registered, "main-a-cluster")).toEqual({
      name: "tenants-a",
      aclName: "tenants-a",
      engine: "valkey",
      engineVersion: "7.2",
      nodeType: "db.t4g.small",
      numShards: 2,
      numReplicasPerShard: 1,
      tlsEnabled: true,
      kmsKeyArn: "arn:of-the-key",
      subnetGroupName: "private",
      securityGroupIds: ["sg-1"],
      snapshotRetentionLimit: 7,
      port: 6_379,
      region,
    });
    expect(acl.endpoint && (await valueOf(acl.endpoint.host))).toBe("main-a-cluster.memorydb.example");
    expect(await valueOf(acl.username)).toBe("tenant-acme");
  });
});

describe("the settings of caches", () => {
  it("give the provider a server a cache with an administrator, on which it keeps no users", () => {
    const caches = [
      { name: "a", endpoint: { host: "a.example" } },
      { name: "b", endpoint: { host: "b.example", port: 6_380 } },
    ];
    const servers = nativeCacheServers("main", elastiCache({ caches, administrator, clusterMode: true }));
    expect(servers).toEqual({
      "main.a": {
        nodes: [{ host: "a.example", port: 6_379 }],
        topology: "cluster",
        users: "external",
        username: "admin",
        password: "planted-admin-password",
      },
      "main.b": {
        nodes: [{ host: "b.example", port: 6_380 }],
        topology: "cluster",
        users: "external",
        username: "admin",
        password: "planted-admin-password",
      },
    });
    for (const server of Object.values(servers)) expect(redisServerSchema.safeParse(server).success).toBe(true);
    expect(nativeCacheServers("main", memoryDb())).toEqual({});
  });

  it.each([
    ["endpoint", { caches: [{ name: "a", create: false }] }],
    ["endpoint", { administrator }],
    ["name", { caches: [{ name: "A" }] }],
    ["nodeType", { nodeType: "db.t4g.small" }],
    ["usersPerGroup", { usersPerGroup: 1 }],
  ])("refuse %s in %o", (field, change) => {
    expect(() => elastiCache(change)).toThrow(new RegExp(`"${field}"`));
  });
});

describe("the policy of a login by IAM", () => {
  const user = `arn:aws:elasticache:${region}:${account}:user:tenant-acme`;
  const cache = `arn:aws:elasticache:${region}:${account}:replicationgroup:tenants-a`;

  it.each([
    ["allowed", user],
    ["allowed", cache],
    ["not allowed", user.replace("acme", "acme2")],
    ["not allowed", cache.replace("tenants-a", "tenants-b")],
  ])("is %s on %s", async (verdict, on) => {
    const identity = elastiCacheConnectPolicy(user, "tenants-a");
    expect(await simulate({ identity }, { action: "elasticache:Connect", on })).toBe(verdict);
  });

  it("of MemoryDB names user and cluster", () => {
    expect(
      memoryDbConnectPolicy(`arn:aws:memorydb:${region}:${account}:user/tenant-acme`, "tenants-a").Statement[0]
        ?.Resource,
    ).toEqual([
      `arn:aws:memorydb:${region}:${account}:user/tenant-acme`,
      `arn:aws:memorydb:${region}:${account}:cluster/tenants-a`,
    ]);
    expect(() => memoryDbConnectPolicy("*", "tenants-a")).toThrow('"*" is no ARN');
  });
});
