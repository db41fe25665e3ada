/** A tenant as attacker or victim: its names, its own logins, and the servers it lies on. */
import type { Neo4jNames, PostgresNames, RedisNames, StorageNames } from "../components/naming.ts";
import type { Neo4jInstances, Neo4jServer, PostgresServer, RedisServer, StorageServer } from "../provider/config.ts";

interface Place<S> {
  /** Name of the platform's server. */
  readonly name: string;
  readonly server: S;
  /** One of the project's own development servers: attempts that everyone would feel are made for real. */
  readonly embedded: boolean;
}

/** What a tenant shares with the other members of its pool, and what its rows are told by. */
export interface PoolPlace {
  /** In the registry. */
  readonly name: string;
  /** NOLOGIN roles that the tenants' logins inherit from. */
  readonly appGroup: string;
  readonly readOnlyGroup: string;
  /** What the tenant's rows carry. */
  readonly tenantId: string;
}

/** `server.database` is the one that the tenant's schema lies in. */
export interface PostgresParty extends Place<PostgresServer> {
  /** Of a tenant in a pool: `names` has the pool's schema and owner, and the tenant's logins. */
  readonly pool?: PoolPlace;
  /**
   * Name of the server's shared database, where the tenant has one of its own.
   * @default `server.database`
   */
  readonly sharedDatabase?: string;
  readonly names: PostgresNames;
  readonly password: string;
  readonly readOnlyPassword: string;
}

export interface RedisParty extends Place<RedisServer> {
  readonly names: RedisNames;
  readonly password: string;
}

export interface StorageParty extends Place<StorageServer> {
  readonly names: StorageNames;
  /** Both empty on the file system. */
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface Neo4jParty extends Place<Neo4jServer | Neo4jInstances> {
  readonly names: Neo4jNames;
  /** Address of the tenant's database or instance, as in `bolt+s://graph.example.com:7687`. */
  readonly uri: string;
  readonly username: string;
  readonly password: string;
}

export interface Party {
  readonly id: string;
  /** Made for this run and removed after it: the only victim of attempts that would change something. */
  readonly canary: boolean;
  readonly postgres?: PostgresParty;
  readonly redis?: RedisParty;
  readonly storage?: StorageParty;
  readonly neo4j?: Neo4jParty;
}
