/** What a stack's configuration says of caches on AWS. */
import { z } from "zod";
import type { RedisServer } from "../../provider/config.ts";

const cacheName = z
  .string()
  .regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/)
  .max(16);

/** One cache: it takes one user group, so at most 99 tenants beside the user `default`. */
const cacheSchema = z.strictObject({
  /** Part of physical names. **Replaces.** */
  name: cacheName,
  /** False for a cache that is there already, and has its user group or ACL set to the one made here. */
  create: z.boolean().default(true),
  /** Its address: needed where it is not made here, and for the deletion of a removed tenant's keys. */
  endpoint: z.strictObject({ host: z.string().min(1), port: z.int().min(1).max(65_535).default(6_379) }).optional(),
});

const shared = {
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/),
  /** Begins the physical names of groups, ACLs and caches: unique in the account and region. **Replaces.** */
  namePrefix: cacheName,
  engine: z.enum(["valkey", "redis"]).default("valkey"),
  engineVersion: z.string().min(1).default("7.2"),
  /**
   * The caches that tenants are spread over, by a hash of the tenant. Adding or removing a tenant moves no other;
   * changing this list does: for growth add a further server to the platform.
   */
  caches: z.array(cacheSchema).min(1).max(64),
  /** Tenants that lie on another cache than their hash says, by id. Fixed once the tenant is there. */
  pins: z.record(z.string(), cacheName).default({}),
  /** How tenants log in: by a password, or by a token of IAM for a role that has `connectPolicy`. */
  authentication: z.enum(["password", "iam"]).default("password"),
  /**
   * A user of the platform that is there already (`on ~* +@all`), and joins every group: with it the provider deletes
   * the keys of a tenant that leaves. Left out: they stay until they expire.
   */
  administrator: z
    .strictObject({ userId: z.string().min(1), username: z.string().min(1), password: z.string().min(16) })
    .optional(),
  /** Users of a group: 100, unless Amazon has raised the quota. */
  usersPerGroup: z.int().min(2).max(1_000).default(100),
  /** Tenants at most on all caches. Left out: what the groups carry. */
  capacity: z.int().min(1).optional(),
  nodeType: z.string().min(1),
  shards: z.int().min(1).max(500).default(1),
  replicas: z.int().min(0).max(5).default(1),
  subnetGroup: z.string().min(1),
  securityGroupIds: z.array(z.string().startsWith("sg-")).min(1),
  snapshotDays: z.int().min(0).max(35).default(7),
};

export const elastiCacheSettingsSchema = z
  .strictObject({
    kind: z.literal("elasticache"),
    ...shared,
    nodeType: z.string().startsWith("cache."),
    /** Redis Cluster: tenants' keys get a hash tag. **Replaces.** */
    clusterMode: z.boolean().default(false),
  })
  .superRefine(checkEndpoints);
export type ElastiCacheSettings = z.infer<typeof elastiCacheSettingsSchema>;

export const memoryDbSettingsSchema = z
  .strictObject({ kind: z.literal("memorydb"), ...shared, nodeType: z.string().startsWith("db.") })
  .superRefine(checkEndpoints);
export type MemoryDbSettings = z.infer<typeof memoryDbSettingsSchema>;

export type CacheSettings = ElastiCacheSettings | MemoryDbSettings;

function checkEndpoints(
  settings: { readonly caches: readonly z.infer<typeof cacheSchema>[]; readonly administrator?: unknown },
  context: z.RefinementCtx,
): void {
  for (const [index, { create, endpoint }] of settings.caches.entries()) {
    if (endpoint !== undefined || (create && settings.administrator === undefined)) continue;
    const message = create ? "needed with an administrator" : "needed for a cache that is not made here";
    context.addIssue({ code: "custom", path: ["caches", index, "endpoint"], message });
  }
}

/** Name of the provider's server for one cache. */
export function nativeCacheName(server: string, cache: string): string {
  return `${server}.${cache}`;
}

/**
 * What the native provider gets of it: nothing without an administrator, and else each cache, on which it deletes the
 * keys of tenants that leave. Amazon's certificates are of an authority that Node.js ships.
 */
export function nativeCacheServers(server: string, settings: CacheSettings): Readonly<Record<string, RedisServer>> {
  const { administrator } = settings;
  if (administrator === undefined) return {};
  const { username, password } = administrator;
  return Object.fromEntries(
    settings.caches.flatMap(({ name, endpoint }) => {
      if (endpoint === undefined) return [];
      const topology = isClustered(settings) ? ("cluster" as const) : ("replicated" as const);
      const made: RedisServer = { nodes: [endpoint], topology, users: "external", username, password };
      return [[nativeCacheName(server, name), made]];
    }),
  );
}

/** MemoryDB is a cluster always. */
export function isClustered(settings: CacheSettings): boolean {
  return settings.kind === "memorydb" || settings.clusterMode;
}
