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
 * of this tool (`tenancy:mark:…`), or of the platform's own schemas.
 */
const reservedPrefixes = ["pg", "tenancy", "platform", "extensions", "information", "canary"];
const reservedBegins = ["pg_", "tenancy_", "canary_"];

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
const digestLength = 12;

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

/**
 * `ekn` and `42` give the user `ekn:42` and the key prefix `ekn:42:`.
 *
 * @throws Error when prefix or id is not legal.
 */
export function redisNames(prefix: string, id: string): RedisNames {
  assertLegal(prefix, id);
  return { username: `${prefix}:${id}`, keyPrefix: `${prefix}:${id}:` };
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

function shorten(base: string, prefix: string, id: string): string {
  const limit = maxNameBytes - longestSuffix.length;
  if (base.length <= limit) return base;
  const digest = createHash("sha256").update(`${prefix}/${id}`).digest("hex").slice(0, digestLength);
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
