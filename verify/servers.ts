/** How a server is named in reports, and whether it is one of this machine's development servers. */
import type { Neo4jInstances, Neo4jServer, PostgresServer, RedisServer, StorageServer } from "../provider/config.ts";
import type { StoreName } from "../provider/inputs.ts";

type Server = PostgresServer | RedisServer | StorageServer | Neo4jServer | Neo4jInstances;

/** `host:port` of each node, the endpoint and bucket, or the folder; never a login. */
export function addressOf(server: Server): string {
  if ("nodes" in server) return server.nodes.map(({ host, port }) => `${host}:${port}`).join(", ");
  if (!("kind" in server)) return `${server.host}:${server.port}/${server.database}`;
  if (server.kind === "filesystem") return server.root;
  if (server.kind === "server") return server.uri;
  if (server.kind === "aws") return `s3.${server.region}/${server.bucket}`;
  const endpoint = server.endpoint.replace(/^https:\/\/(?:[^/@]*@)?/, "");
  return server.kind === "s3" ? `${endpoint}/${server.bucket}` : endpoint;
}

/** @param embedded - ports on 127.0.0.1, as `postgres:5432`, and folders, as `storage:/srv/files` */
export function isEmbedded(embedded: ReadonlySet<string>, store: StoreName, server: Server): boolean {
  const local = ({ host, port }: { host: string; port: number }): boolean =>
    host === "127.0.0.1" && embedded.has(`${store}:${port}`);
  if ("nodes" in server) return server.nodes.every(local);
  if (!("kind" in server)) return local(server);
  if (server.kind === "aws") return false;
  if (server.kind === "filesystem") return embedded.has(`${store}:${server.root}`);
  const { hostname, port } = new URL(server.kind === "server" ? server.uri : server.endpoint);
  return local({ host: hostname, port: Number(port) });
}
