/**
 * What lies on a platform's server and belongs to no known tenant. Listing only: nothing here ever deletes, because a
 * name alone does not say that nobody needs what it stands for.
 */
import { type Neo4jNames, neo4jNames } from "../../components/naming.ts";
import { type PostgresNames, postgresNames, type RedisNames, redisNames } from "../../components/naming.ts";
import { type StorageNames, storageNames } from "../../components/naming.ts";
import type { StoreName } from "../../provider/inputs.ts";

/** In the vendors' terms. `mark` is what the tool itself keeps of a tenant outside of the tenant's own place. */
export type OrphanKind =
  // PostgreSQL
  | "database"
  | "schema"
  | "role"
  | "pool member"
  | "catalogue entry"
  // Redis
  | "ACL user"
  | "keys"
  // Object storage
  | "IAM user"
  | "access key"
  | "prefix"
  | "folder"
  // Neo4j, beside database and role
  | "user"
  | "instance"
  // Redis, storage and Neo4j
  | "mark";

export interface Orphan {
  readonly store: StoreName;
  /** Name of the platform's server. */
  readonly server: string;
  readonly kind: OrphanKind;
  /** As the server calls it: `tenant_acme`, `tenant:acme`, `tenants/acme/`. */
  readonly name: string;
  /** What it holds or may do, as in `on node 127.0.0.1:6379, may log in`. No value, no secret. */
  readonly detail: string;
  /** When it was made or last changed, where the server knows (ISO 8601, UTC). */
  readonly since?: string;
}

export interface OrphanList {
  /** Ordered by kind and name, the same for the same server. */
  readonly orphans: readonly Orphan[];
  /** Sentences, one for each search that was stopped by a limit or is not offered by the server. */
  readonly incomplete: readonly string[];
}

/** A tenant that has this store on this server, by the registry or by the stack's state. */
export interface KnownTenant {
  /** Naming prefix of its profile. */
  readonly prefix: string;
  readonly id: string;
}

export interface OrphanSearch<Server> {
  /** Name of the platform's server. */
  readonly name: string;
  readonly server: Server;
  /**
   * Tenants whose place in this store is on this server. One that lies on another server must not be here: what it left
   * behind is an orphan.
   */
  readonly tenants: readonly KnownTenant[];
  /** Naming prefixes of all profiles: a name that begins with one of them looks like a tenant's. */
  readonly prefixes: readonly string[];
  /**
   * Most entries looked at in one listing (keys, objects, users), which bounds the load on the server.
   * @default 100000
   */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

export const defaultLimit = 100_000;

export interface KnownNames {
  readonly postgres: readonly PostgresNames[];
  readonly redis: readonly RedisNames[];
  readonly storage: readonly StorageNames[];
  readonly neo4j: readonly Neo4jNames[];
}

/** @throws Error when a prefix or an id is not legal */
export function knownNames(tenants: readonly KnownTenant[]): KnownNames {
  return {
    postgres: tenants.map(({ prefix, id }) => postgresNames(prefix, id)),
    redis: tenants.map(({ prefix, id }) => redisNames(prefix, id)),
    storage: tenants.map(({ prefix, id }) => storageNames(prefix, id)),
    neo4j: tenants.map(({ prefix, id }) => neo4jNames(prefix, id)),
  };
}

/** Orders a list for reports. */
export function inOrder(orphans: readonly Orphan[]): readonly Orphan[] {
  const key = ({ kind, name, detail }: Orphan) => `${kind}\0${name}\0${detail}`;
  return orphans.toSorted((one, other) => (key(one) < key(other) ? -1 : 1));
}
