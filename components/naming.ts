/**
 * Every physical name of a tenant, from its profile's prefix and its id: pure, the same for ever, at most 63 bytes,
 * and never the same for two tenants. What is live carries these names, so that a change here is a migration.
 */
import { createHash } from "node:crypto";

/** A tenant's id: also legal as a Kubernetes label value and as part of a DNS name. */
export const tenantIdPattern = /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/;

/** A profile's naming prefix: single underscores only, which is what keeps the schemas' names apart. */
export const prefixPattern = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
export const prefixMaxLength = 16;

/**
 * Prefixes that would give names in the space of PostgreSQL (`pg_…`, and `information` with the tenant `schema`),
 * of Neo4j (`system…`), of Kubernetes (`kube-…`), of this tool (`tenancy:mark:…`), of the platform's own schemas, or of
 * pools.
 */
const reservedPrefixes = ["pg", "tenancy", "platform", "extensions", "information", "canary", "kube", "pool"];
const reservedBegins = ["pg_", "tenancy_", "canary_", "kube_", "pool_", "system"];

export function isReservedPrefix(prefix: string): boolean {
  return reservedPrefixes.includes(prefix) || reservedBegins.some((begin) => prefix.startsWith(begin));
}

/** Prefix of the tenants that `tenancy verify` makes for a run: what carries it may be removed. */
export const canaryPrefix = "canary";

/** The minute of a canary's expiry since 1970 in base 36, and eight random characters. */
export const canaryIdPattern = /^[0-9a-z]{4,8}-[0-9a-z]{8}$/;

/** PostgreSQL cuts longer identifiers silently: NAMEDATALEN is 64, with the closing NUL. */
export const maxNameBytes = 63;
const longestSuffix = "_owner";
/** https://cloudnative-pg.io/documentation/current/cloudnative-pg.v1/: names of services and secrets follow from it. */
const maxClusterName = 50;
const digestLength = 12;
const endsInDigest = /-[0-9a-f]{12}$/;

export interface PostgresNames {
  readonly schema: string;
  /** NOLOGIN role that owns the schema. */
  readonly ownerRole: string;
  /** LOGIN role of the application. */
  readonly appRole: string;
  /** LOGIN role that reads. */
  readonly readOnlyRole: string;
}

export interface RedisNames {
  readonly username: string;
  /** Begin of every key and channel, with its closing colon. */
  readonly keyPrefix: string;
}

export interface Neo4jNames {
  /** Name of the database: 3 to 63 letters, digits and hyphens. */
  readonly database: string;
  readonly role: string;
  readonly username: string;
}

export interface KubernetesNames {
  /** A DNS label: at most 63 lower-case letters, digits and hyphens. */
  readonly namespace: string;
  /** At most 50 characters, the limit of CloudNativePG. */
  readonly cluster: string;
}

export interface StorageNames {
  /** Begin of every object's key, with its closing slash. */
  readonly prefix: string;
  /** Name of the IAM user. */
  readonly username: string;
}

/**
 * `tenant` and `acme-corp` give the schema `tenant_acme__corp`.
 *
 * A hyphen becomes two underscores, so the only single underscore that is followed by no other prefix part is the one
 * before the id: no second pair of prefix and id gives the same text. A base of more than 57 bytes is cut and ends in
 * exactly three underscores and a digest, a run that no uncut name has.
 *
 * @throws Error when prefix or id is not legal.
 */
export function postgresNames(prefix: string, id: string): PostgresNames {
  assertLegal(prefix, id);
  const schema = shorten(`${prefix}_${id.replaceAll("-", "__")}`, prefix, id);
  return { schema, ownerRole: `${schema}_owner`, appRole: `${schema}_app`, readOnlyRole: `${schema}_ro` };
}

export interface PoolNames {
  readonly schema: string;
  /** NOLOGIN role that owns the schema. */
  readonly ownerRole: string;
  /** NOLOGIN role whose members read and write rows of their tenant. */
  readonly appRole: string;
  /** NOLOGIN role whose members read rows of their tenant. */
  readonly readOnlyRole: string;
}

/** A pool's name; with `pool_` in front and `_owner` behind, its roles stay below 63 bytes. */
export const poolNamePattern = /^[a-z0-9]([a-z0-9-]{0,22}[a-z0-9])?$/;

/**
 * `glyphs` gives the schema `pool_glyphs`, in a space that no tenant's prefix reaches.
 *
 * @throws Error when the name is not legal.
 */
export function poolNames(name: string): PoolNames {
  if (!poolNamePattern.test(name)) {
    throw new Error(`pool ${JSON.stringify(name)}: no legal name; allowed is ${poolNamePattern.source}`);
  }
  const schema = `pool_${name.replaceAll("-", "__")}`;
  return { schema, ownerRole: `${schema}_owner`, appRole: `${schema}_app`, readOnlyRole: `${schema}_ro` };
}

/** Namespace of the uuids that stand for external ids that are none: fixed for ever, or rows would lose their tenant. */
const tenantIdNamespace = Buffer.from("6f1de2b6c3f04a6d9a5b0f6c5d0f3a11", "hex");
const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * What a tenant's rows in a pool carry as `tenant_id`: its external id where that is a uuid, in lower case; else the
 * name-based uuid of version 5 (RFC 9562, section 5.5) of the external id in a namespace of this tool's own.
 */
export function poolTenantId(externalId: string): string {
  if (uuidPattern.test(externalId)) return externalId.toLowerCase();
  const digest = createHash("sha1").update(tenantIdNamespace).update(externalId, "utf8").digest().subarray(0, 16);
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x50;
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80;
  const hex = digest.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Begin of the name of every index that `tenancy vectors` makes; drift leaves those alone. */
export const vectorIndexPrefix = "tenancy_hnsw_";

/**
 * `tenancy_hnsw_embeddings_embedding` in a schema, and with eight digits of the tenant's digest in a pool. A name of more
 * than 63 bytes is cut and gets a digest of table and column.
 *
 * @param tenantId - of a tenant of a pool, whose index is partial
 */
export function vectorIndexName(table: string, column: string, tenantId?: string): string {
  const end = tenantId === undefined ? "" : `_${createHash("sha256").update(tenantId).digest("hex").slice(0, 8)}`;
  const base = `${vectorIndexPrefix}${table}_${column}`;
  if (base.length + end.length <= maxNameBytes) return base + end;
  const digest = createHash("sha256").update(`${table}.${column}`).digest("hex").slice(0, digestLength);
  return `${base.slice(0, maxNameBytes - end.length - digestLength - 1)}_${digest}${end}`;
}

/**
 * `ekn` and `42` give the user `ekn:42` and the key prefix `ekn:42:`; in a cluster `ekn:{42}:`, whose hash tag puts all
 * keys of a tenant into one slot.
 *
 * @throws Error when prefix or id is not legal.
 */
export function redisNames(prefix: string, id: string, { cluster = false }: { cluster?: boolean } = {}): RedisNames {
  assertLegal(prefix, id);
  return { username: `${prefix}:${id}`, keyPrefix: cluster ? `${prefix}:{${id}}:` : `${prefix}:${id}:` };
}

/**
 * `ekn` and `42` give the prefix `ekns/42/` and the IAM user `ekn.42`.
 *
 * @throws Error when prefix or id is not legal.
 */
export function storageNames(prefix: string, id: string): StorageNames {
  assertLegal(prefix, id);
  return { prefix: `${prefix}s/${id}/`, username: `${prefix}.${id}` };
}

/**
 * `ekn` and `42` give the database `ekn-42`: an underscore is not legal in Neo4j's names. The role and the user are
 * named like the schema and its login in PostgreSQL, since roles may have no hyphen.
 *
 * @throws Error when prefix or id is not legal.
 */
export function neo4jNames(prefix: string, id: string): Neo4jNames {
  const { schema, appRole } = postgresNames(prefix, id);
  return { database: hyphenated(prefix, id, maxNameBytes), role: schema, username: appRole };
}

/**
 * `oikion` and `org-123` give the namespace `oikion-org-123`.
 *
 * @throws Error when prefix or id is not legal.
 */
export function kubernetesNames(prefix: string, id: string): KubernetesNames {
  assertLegal(prefix, id);
  return { namespace: hyphenated(prefix, id, maxNameBytes), cluster: hyphenated(prefix, id, maxClusterName) };
}

/**
 * `oikion` and `org-123` give `oikion-org-123`, a name for services of AWS that allow letters, digits and single
 * hyphens only, as Amazon RDS and ElastiCache do. What would have two hyphens in a row, be too long, or look as if it
 * ended in a digest, ends in one.
 *
 * @param limit - characters, at least 20
 * @throws Error when prefix or id is not legal.
 */
export function awsName(prefix: string, id: string, limit: number): string {
  assertLegal(prefix, id);
  const base = `${prefix.replaceAll("_", "--")}-${id}`;
  if (base.length <= limit && !base.includes("--") && !endsInDigest.test(base)) return base;
  const head = base.replaceAll(/-+/g, "-").slice(0, limit - digestLength - 1);
  return `${head.replace(/-$/, "")}-${digestOf(prefix, id)}`;
}

/**
 * An underscore of the prefix becomes two hyphens and the id follows after one: an id begins with no hyphen, so no
 * second pair gives the same text. A name that is cut, or has three hyphens in a row itself, ends in three hyphens and
 * a digest.
 */
function hyphenated(prefix: string, id: string, limit: number): string {
  const base = `${prefix.replaceAll("_", "--")}-${id}`;
  if (base.length <= limit && !base.includes("---")) return base;
  return `${base.slice(0, limit - digestLength - 3).replace(/-+$/, "")}---${digestOf(prefix, id)}`;
}

function digestOf(prefix: string, id: string): string {
  return createHash("sha256").update(`${prefix}/${id}`).digest("hex").slice(0, digestLength);
}

function shorten(base: string, prefix: string, id: string): string {
  const limit = maxNameBytes - longestSuffix.length;
  if (base.length <= limit) return base;
  const digest = digestOf(prefix, id);
  // A cut through the two underscores of a hyphen must not lengthen the run of three: four are two hyphens.
  const head = base.slice(0, limit - digestLength - 3).replace(/_+$/, "");
  return `${head}___${digest}`;
}

function assertLegal(prefix: string, id: string): void {
  if (!tenantIdPattern.test(id)) {
    throw new Error(`tenant ${JSON.stringify(id)}: no legal id; allowed is ${tenantIdPattern.source}`);
  }
  if (prefix === canaryPrefix && canaryIdPattern.test(id)) return;
  if (!prefixPattern.test(prefix) || prefix.length > prefixMaxLength || isReservedPrefix(prefix)) {
    throw new Error(
      `tenant ${id}: ${JSON.stringify(prefix)} is no legal naming prefix; allowed are at most ${prefixMaxLength} ` +
        `characters of the form ${prefixPattern.source}, not reserved`,
    );
  }
}
