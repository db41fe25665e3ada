/** Every resource type of the provider and the handler that does its work. */
import type { Platform } from "./config.ts";
import type { Handler } from "./handler.ts";
import { credentialsFileHandler } from "./delivery/credentials-file.ts";
import { ringHandler } from "./index/ring.ts";
import { rosterHandler } from "./index/roster.ts";
import { routesHandler } from "./index/routes.ts";
import { neo4jDatabaseHandler } from "./neo4j/database.ts";
import { baselineHandler } from "./postgres/baseline.ts";
import { databaseHandler } from "./postgres/database.ts";
import { postgresDependencies } from "./postgres/dependencies.ts";
import { poolHandler } from "./postgres/pool-shared.ts";
import { poolTenantHandler } from "./postgres/pool-tenant.ts";
import { schemaHandler } from "./postgres/schema.ts";
import { aclUserHandler } from "./redis/acl-user.ts";
import type { AnyHandler } from "./rpc.ts";
import { prefixHandler } from "./storage/prefix.ts";

export interface HandlerOptions {
  readonly platform: Platform;
  /** Absolute path of the templates. */
  readonly templates: string;
  /** Absolute path of the project. */
  readonly projectDir: string;
}

/** Handlers by type token. They share the connections to PostgreSQL: the limit of eight holds for all together. */
export function createHandlers(options: HandlerOptions): ReadonlyMap<string, AnyHandler> {
  const postgres = postgresDependencies(options);
  const handlers = [
    erase(rosterHandler(postgres)),
    erase(routesHandler(postgres)),
    erase(ringHandler()),
    erase(baselineHandler(postgres)),
    erase(schemaHandler(postgres)),
    erase(poolHandler(postgres)),
    erase(databaseHandler(postgres)),
    erase(poolTenantHandler(postgres)),
    erase(aclUserHandler(options)),
    erase(prefixHandler(options)),
    erase(credentialsFileHandler()),
    erase(neo4jDatabaseHandler(options)),
  ];
  return new Map(handlers.map((handler) => [handler.type, handler]));
}

/** The protocol gives each handler only properties of its own type. */
function erase<I extends object, O extends I>(handler: Handler<I, O>): AnyHandler {
  return handler as unknown as AnyHandler;
}
