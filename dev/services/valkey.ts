/** Valkey on a unix socket; clients reach it through TLS, with an ACL user. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { Redis } from "ioredis";
import { privateFolder, readIfThere, writePrivate } from "./files.ts";
import { checkTimeoutMs, plainEnvironment, verifiesCertificate, type Service } from "./service.ts";
import { paths } from "./state.ts";

/** The login that administers users and keys. */
export const valkeyAdmin = "tenancy-admin";

export function valkey(node: 1 | 2): Service {
  const name = `redis-${node}` as const;
  return {
    name,
    title: `Valkey, node ${node}`,
    ports: [name],
    // Relative to the server's own folder: a socket's whole path may not exceed about 100 bytes.
    proxy: { port: name, socket: join("data", name, "socket") },

    async prepare({ dir, state }) {
      const data = await privateFolder(paths(dir).data(name));
      const acl = join(data, "users.acl");
      if ((await readIfThere(acl)) === undefined) {
        const hash = createHash("sha256").update(state.secrets.redisAdmin).digest("hex");
        await writePrivate(acl, `user default off\nuser ${valkeyAdmin} on #${hash} ~* &* +@all\n`);
      }
      await writePrivate(
        join(data, "valkey.conf"),
        [
          "port 0",
          "unixsocket socket",
          "unixsocketperm 600",
          "aclfile users.acl",
          "daemonize no",
          `appendonly ${state.durable ? "yes" : "no"}`,
          `save ${state.durable ? "60 1" : '""'}`,
          "",
        ].join("\n"),
      );
    },

    command({ dir, state }) {
      return {
        argv: [state.programs.valkeyServer, "valkey.conf"],
        cwd: paths(dir).data(name),
        env: plainEnvironment(),
      };
    },

    async check({ state, ca }) {
      const client = new Redis({
        host: "127.0.0.1",
        port: state.ports[name],
        username: valkeyAdmin,
        password: state.secrets.redisAdmin,
        tls: { ca, rejectUnauthorized: verifiesCertificate(state) },
        lazyConnect: true,
        connectTimeout: checkTimeoutMs,
        commandTimeout: checkTimeoutMs,
        retryStrategy: () => null,
        maxRetriesPerRequest: 0,
      });
      let cause: unknown;
      client.on("error", (error: unknown) => {
        cause = error;
      });
      try {
        await client.connect();
        await client.ping();
      } catch (error) {
        throw cause ?? error;
      } finally {
        client.disconnect();
      }
    },
  };
}
