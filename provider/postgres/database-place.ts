/** Where a tenant's own database lies: its server, the database to make it from, and the catalogue of tenants. */
import type { PostgresServer } from "../config.ts";
import { ProviderError } from "../handler.ts";
import type { DatabaseInputs, SchemaInputs } from "../inputs.ts";
import type { PostgresPools } from "./pool.ts";

/** Connections of the database beyond those of the tenant's logins: the provisioner, a backup, monitoring. */
const spareConnections = 5;

export interface Place {
  /** Key of another database of the same server, for what cannot be done from inside. */
  readonly outside: string;
  /** Key of the tenant's database. */
  readonly inside: string;
  /** The server, with the tenant's database as its database. */
  readonly server: PostgresServer;
  /** Whether the inputs describe the server. */
  readonly apart: boolean;
  /** Name of the server with the catalogue of tenants; undefined where there is none. */
  readonly catalogue: string | undefined;
}

/** @throws ProviderError for a server that the platform does not have, or a connection without its password. */
export function placeOf(pools: PostgresPools, inputs: DatabaseInputs): Place {
  const { database, connection, connectionPassword } = inputs;
  const key = `${inputs.server}/${database}`;
  if (connection === undefined) {
    const shared = pools.server(inputs.server);
    const server = { ...shared, database };
    const inside = pools.within(key, server);
    return { outside: inputs.server, inside, server, apart: false, catalogue: inputs.catalogue ?? inputs.server };
  }
  if (connectionPassword === undefined) {
    throw new ProviderError(`tenant ${inputs.tenant}: connection is given without its connectionPassword`);
  }
  const { host, port, user, ca, database: maintenance = "postgres" } = connection;
  const server: PostgresServer = { host, port, database, provisioner: { user, password: connectionPassword }, ca };
  return {
    outside: pools.within(`${key} at ${host}:${port}/${maintenance}`, { ...server, database: maintenance }),
    inside: pools.within(`${key} at ${host}:${port}`, server),
    server,
    apart: true,
    catalogue: inputs.catalogue,
  };
}

/** What the work on the schema inside of the database is given. */
export function innerOf<I extends SchemaInputs>(inputs: I, place: Place): I {
  return { ...inputs, server: place.inside };
}

/** A session more than its logins may hold is refused even where one of their limits was lifted. */
export function databaseLimit({ connectionLimit, readOnlyConnectionLimit }: DatabaseInputs): number {
  return connectionLimit + readOnlyConnectionLimit + spareConnections;
}
