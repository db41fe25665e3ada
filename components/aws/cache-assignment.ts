/**
 * Which cache a tenant lies on. Rendezvous hashing: each tenant takes the cache whose hash with it is the highest, so
 * that it depends on nothing but the tenant and the caches' names.
 */
import { createHash } from "node:crypto";
import { PlatformError } from "../platform-error.ts";
import type { CacheSettings } from "./cache-settings.ts";

export interface CacheTenant {
  readonly id: string;
  /** Naming prefix of its profile. */
  readonly prefix: string;
}

/** @throws PlatformError for a pin to a cache that is not there */
export function cacheOf({ id, prefix }: CacheTenant, { caches, pins }: Pick<CacheSettings, "caches" | "pins">): string {
  const names = caches.map(({ name }) => name);
  const pinned = pins[id];
  if (pinned !== undefined) {
    if (names.includes(pinned)) return pinned;
    throw new PlatformError(
      `tenant ${id}: \`pins\` names the cache ${JSON.stringify(pinned)}; there are: ${names.join(", ")}.`,
    );
  }
  const [first = ""] = names.toSorted((one, other) => (weight(one, prefix, id) > weight(other, prefix, id) ? -1 : 1));
  return first;
}

/**
 * The tenants of each cache, by the cache's name, in the order of their ids.
 *
 * @throws PlatformError when two caches have one name, a group would have too many users, or the capacity is passed
 */
export function assignments<T extends CacheTenant>(
  server: string,
  settings: Pick<CacheSettings, "caches" | "pins" | "usersPerGroup" | "capacity" | "administrator">,
  tenants: readonly T[],
): ReadonlyMap<string, readonly T[]> {
  const { caches, usersPerGroup, capacity, administrator } = settings;
  const names = caches.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new PlatformError(`Redis server ${server}: two caches have the name ${twice}.`);
  // One user of each group is `default`, and one the administrator.
  const room = usersPerGroup - (administrator === undefined ? 1 : 2);
  const most = capacity ?? room * caches.length;
  if (tenants.length > most) {
    throw new PlatformError(
      `Redis server ${server}: ${tenants.length} tenants lie on it, and its capacity is ${most} ` +
        `(${caches.length} caches of ${room}). Place new tenants on another server of the platform.`,
    );
  }
  const found = new Map<string, T[]>(names.map((name) => [name, []]));
  for (const tenant of tenants.toSorted((one, other) => (one.id < other.id ? -1 : 1))) {
    found.get(cacheOf(tenant, settings))?.push(tenant);
  }
  for (const [name, own] of found) {
    if (own.length <= room) continue;
    const free = [...found].filter(([, others]) => others.length < room).map(([other]) => other);
    throw new PlatformError(
      `Redis server ${server}: ${own.length} tenants fall to the cache ${name}, and its group takes ${room} beside the platform's own users. ` +
        (free.length === 0
          ? `No cache has room. Place new tenants on another server of the platform.`
          : `Pin the newest of them to a cache with room (${free.join(", ")}) by \`pins\`, or place it on another server.`),
    );
  }
  return found;
}

function weight(cache: string, prefix: string, id: string): string {
  return createHash("sha256").update(`${cache}/${prefix}/${id}`).digest("hex");
}
