/** A canary as a party: what its handler gave back, with the names and the server that it lies on. */
import { canaryPrefix, neo4jNames, postgresNames, redisNames, storageNames } from "../../components/naming.ts";
import type {
  AclUserInputs,
  Neo4jDatabaseOutputs,
  PoolTenantInputs,
  PrefixOutputs,
  SchemaInputs,
} from "../../provider/inputs.ts";
import type { Party } from "../party.ts";
import { isEmbedded } from "../servers.ts";
import type { CanaryOptions } from "./canaries.ts";
import type { Place } from "./lease.ts";
import { poolCanaryParty } from "./pool-canary.ts";

/** @param outputs - of the handler that made the canary */
export function canaryParty(
  { platform, embedded }: Pick<CanaryOptions, "platform" | "embedded">,
  id: string,
  { store, server: name, pool }: Place,
  outputs: object,
): Party {
  if (pool !== undefined) {
    const server = serverOf(platform.postgres, name);
    const at = { name, server, embedded: isEmbedded(embedded, store, server) };
    return { id, canary: true, postgres: poolCanaryParty(outputs as PoolTenantInputs, at) };
  }
  if (store === "postgres") {
    const server = serverOf(platform.postgres, name);
    const { password, readOnlyPassword } = outputs as SchemaInputs;
    const names = postgresNames(canaryPrefix, id);
    const place = { name, server, embedded: isEmbedded(embedded, store, server), names, password, readOnlyPassword };
    return { id, canary: true, postgres: place };
  }
  if (store === "redis") {
    const server = serverOf(platform.redis, name);
    const { password } = outputs as AclUserInputs;
    const names = redisNames(canaryPrefix, id, { cluster: server.topology === "cluster" });
    return {
      id,
      canary: true,
      redis: { name, server, embedded: isEmbedded(embedded, store, server), names, password },
    };
  }
  if (store === "neo4j") {
    const server = serverOf(platform.neo4j, name);
    const { uri, loginUser: username, password } = outputs as Neo4jDatabaseOutputs;
    const login = { uri, username, password, names: neo4jNames(canaryPrefix, id) };
    return { id, canary: true, neo4j: { name, server, embedded: isEmbedded(embedded, store, server), ...login } };
  }
  const server = serverOf(platform.storage, name);
  const { accessKeyId, secretAccessKey } = outputs as PrefixOutputs;
  const key = { accessKeyId, secretAccessKey };
  const names = storageNames(canaryPrefix, id);
  return {
    id,
    canary: true,
    storage: { name, server, embedded: isEmbedded(embedded, store, server), names, ...key },
  };
}

/** @throws Error for a server that the platform does not have */
export function serverOf<S>(servers: Readonly<Record<string, S>>, name: string): S {
  const server = servers[name];
  if (server === undefined) throw new Error(`the platform has no server "${name}"`);
  return server;
}
