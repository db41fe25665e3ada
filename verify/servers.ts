/** How a server is named in reports, and whether it is one of this machine's development servers. */
import type { PostgresServer, RedisServer, StorageServer } from "../provider/config.ts";
import type { StoreName } from "../provider/inputs.ts";

type Server = PostgresServer | RedisServer | StorageServer;

/** `host:port` of each node, the endpoint and bucket, or the folder; never a login. */
export function addressOf(server: Server): string {
  if ("nodes" in server) return server.nodes.map(({ host, port }) => `${host}:${port}`).join(", ");
  if ("kind" in server) {
    if (server.kind === "filesystem") return server.root;
    const host = server.kind === "s3" ? server.endpoint.replace(/^https:\/\/(?:[^/@]*@)?/, "") : `s3.${server.region}`;
    return `${host}/${server.bucket}`;
  }
  return `${server.host}:${server.port}/${server.database}`;
}

/** @param embedded - ports on 127.0.0.1, as `postgres:5432`, and folders, as `storage:/srv/files` */
export function isEmbedded(embedded: ReadonlySet<string>, store: StoreName, server: Server): boolean {
  const local = ({ host, port }: { host: string; port: number }): boolean =>
    host === "127.0.0.1" && embedded.has(`${store}:${port}`);
  if ("nodes" in server) return server.nodes.every(local);
  if (!("kind" in server)) return local(server);
  if (server.kind === "aws") return false;
  if (server.kind === "filesystem") return embedded.has(`${store}:${server.root}`);
  const { hostname, port } = new URL(server.endpoint);
  return local({ host: hostname, port: Number(port) });
}
