/** A Redis Cluster and a set of nodes under a sentinel, of real Valkey processes, each behind TLS of the services. */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Server } from "node:tls";
import { Redis } from "ioredis";
import { expect, vi } from "vitest";
import { paths } from "../../../dev/services/state.ts";
import { startTlsProxy } from "../../../dev/services/tls-proxy.ts";
import type { RedisServer } from "../../../provider/config.ts";
import { connectNode } from "../../../provider/redis/client.ts";
import { services } from "../../support/services.ts";

const username = "platform-admin";
const password = "planted-password-of-the-platform";
const { dir, caFile, bin } = services();
export const ca = readFileSync(caFile, "utf8");

export interface SetNode {
  /** Port that the node announces; plain. */
  readonly port: number;
  /** Port with TLS. */
  readonly tlsPort: number;
}

export class RedisSet {
  readonly #folder = mkdtempSync(join(tmpdir(), "tenancy-set-"));
  readonly #children: ChildProcess[] = [];
  readonly #proxies: Server[] = [];
  readonly #clients: Redis[] = [];
  readonly nodes: SetNode[] = [];

  /** Starts one process; `lines` are its configuration beside port, socket and users. */
  async start(name: string, lines: readonly string[], mode: "data" | "sentinel" = "data"): Promise<SetNode> {
    const folder = join(this.#folder, name);
    mkdirSync(folder, { mode: 0o700 });
    const [port, tlsPort] = [await freePort(), await freePort()];
    const hash = createHash("sha256").update(password).digest("hex");
    const users = ["user default off", `user ${username} on #${hash} ~* &* +@all`];
    if (mode === "data") writeFileSync(join(folder, "users.acl"), `${users.join("\n")}\n`);
    const config = [
      `port ${port}`,
      "bind 127.0.0.1",
      "unixsocket socket",
      "unixsocketperm 600",
      "daemonize no",
      ...(mode === "data"
        ? [
            'save ""',
            "appendonly no",
            "aclfile users.acl",
            `masteruser ${username}`,
            `masterauth ${password}`,
            "repl-diskless-sync-delay 0",
          ]
        : users),
      ...lines,
    ];
    writeFileSync(join(folder, "server.conf"), `${config.join("\n")}\n`, { mode: 0o600 });
    const argv = ["server.conf", ...(mode === "sentinel" ? ["--sentinel"] : [])];
    this.#children.push(spawn(bin.valkeyServer, argv, { cwd: folder, stdio: "ignore" }));
    const { serverCertificate, serverKey } = paths(dir);
    this.#proxies.push(
      await startTlsProxy({
        port: tlsPort,
        socket: join(folder, "socket"),
        certificate: readFileSync(serverCertificate, "utf8"),
        key: readFileSync(serverKey, "utf8"),
      }),
    );
    const node = { port, tlsPort };
    this.nodes.push(node);
    await vi.waitFor(async () => {
      const client = await this.connect(node, username, password);
      expect(await client.call("PING")).toBe("PONG");
    }, 60_000);
    return node;
  }

  /** A login at one node, through TLS. */
  async connect({ tlsPort }: SetNode, user = username, secret = password): Promise<Redis> {
    const redis = new Redis({
      host: "127.0.0.1",
      port: tlsPort,
      username: user,
      password: secret,
      tls: { ca },
      lazyConnect: true,
      enableReadyCheck: false,
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
    });
    let reason: Error | undefined;
    redis.on("error", (error: Error) => {
      reason = error;
    });
    this.#clients.push(redis);
    try {
      await redis.connect();
      await redis.call("PING");
    } catch (error) {
      redis.disconnect();
      throw reason ?? error;
    }
    return redis;
  }

  /** As `connectNode`, for addresses as the nodes announce them: these are without TLS. */
  readonly connectAnnounced: typeof connectNode = (server, { host, port }, options) => {
    const node = this.nodes.find((known) => known.port === port);
    return connectNode(server, { host, port: node?.tlsPort ?? port }, options);
  };

  server(changes: Pick<RedisServer, "topology" | "sentinel">, nodes: readonly SetNode[]): RedisServer {
    return { ...changes, nodes: nodes.map(({ port }) => ({ host: "127.0.0.1", port })), username, password, ca };
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    for (const proxy of this.#proxies) proxy.close();
    await Promise.all(
      this.#children.map((child) => {
        const ended = new Promise<unknown>((resolve) => child.once("exit", resolve));
        return child.exitCode === null && child.kill("SIGKILL") ? ended : Promise.resolve();
      }),
    );
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Three primaries, and a replica of the first. */
export async function startCluster(): Promise<{
  set: RedisSet;
  primaries: SetNode[];
  replica: SetNode;
  server: RedisServer;
}> {
  const set = new RedisSet();
  const started: { node: SetNode; bus: number; client: Redis }[] = [];
  for (const name of ["a", "b", "c", "replica"]) {
    const bus = await freePort();
    const lines = [
      "cluster-enabled yes",
      `cluster-port ${bus}`,
      "cluster-node-timeout 5000",
      "cluster-announce-ip 127.0.0.1",
    ];
    const node = await set.start(name, lines);
    started.push({ node, bus, client: await set.connect(node) });
  }
  const [first, , , last] = started;
  if (first === undefined || last === undefined) throw new Error("nothing was started");
  const bounds = [0, 5_461, 10_923, 16_384];
  for (const [index, { client }] of started.slice(0, 3).entries()) {
    await client.call("CLUSTER", "ADDSLOTSRANGE", String(bounds[index]), String((bounds[index + 1] ?? 0) - 1));
  }
  for (const { node, bus } of started.slice(1)) {
    await first.client.call("CLUSTER", "MEET", "127.0.0.1", String(node.port), String(bus));
  }
  const settled = async (nodes: number): Promise<void> => {
    await vi.waitFor(async () => {
      for (const { client } of started) {
        const info = String(await client.call("CLUSTER", "INFO"));
        expect(info).toContain("cluster_state:ok");
        expect(info).toContain(`cluster_known_nodes:${nodes}`);
      }
    }, 60_000);
  };
  await settled(4);
  const id = String(await first.client.call("CLUSTER", "MYID"));
  await last.client.call("CLUSTER", "REPLICATE", id);
  await vi.waitFor(async () => {
    expect(JSON.stringify(await first.client.call("CLUSTER", "SHARDS"))).toMatch(
      /"replica".*"health","online"|"health","online".*"replica"/,
    );
    expect(String(await last.client.call("INFO", "replication"))).toContain("master_link_status:up");
  }, 60_000);
  return {
    set,
    primaries: started.slice(0, 3).map(({ node }) => node),
    replica: last.node,
    server: set.server({ topology: "cluster" }, [first.node]),
  };
}

/** A primary, its replica, and a sentinel that watches them. */
export async function startSentinelSet(): Promise<{
  set: RedisSet;
  data: SetNode[];
  sentinel: SetNode;
  server: RedisServer;
}> {
  const set = new RedisSet();
  const primary = await set.start("primary", []);
  const replica = await set.start("replica", [`replicaof 127.0.0.1 ${primary.port}`]);
  const client = await set.connect(replica);
  await vi.waitFor(async () => {
    expect(String(await client.call("INFO", "replication"))).toContain("master_link_status:up");
  }, 60_000);
  const sentinel = await set.start(
    "sentinel",
    [
      `sentinel monitor main 127.0.0.1 ${primary.port} 1`,
      `sentinel auth-user main ${username}`,
      `sentinel auth-pass main ${password}`,
      "sentinel down-after-milliseconds main 5000",
      "sentinel failover-timeout main 5000",
    ],
    "sentinel",
  );
  const watching = await set.connect(sentinel);
  await vi.waitFor(async () => {
    expect(await watching.call("SENTINEL", "REPLICAS", "main")).toHaveLength(1);
  }, 60_000);
  const server = set.server({ topology: "sentinel", sentinel: { name: "main" } }, [sentinel]);
  return { set, data: [primary, replica], sentinel, server };
}

/** @throws RangeError where the list has no such item */
export function nth<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`there is no item ${index}`);
  return item;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
