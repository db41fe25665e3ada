/** A manager of instances over HTTPS that keeps them in memory: as docs/neo4j.md describes it, with a record of calls. */
import type { AddressInfo } from "node:net";
import { createServer } from "node:https";

export interface FakeInstance {
  name: string;
  state: "running" | "stopped" | "failed";
  uri: string;
  mark: string;
  password: string;
  reason?: string;
}

export interface FakeManager {
  readonly endpoint: string;
  readonly instances: Map<string, FakeInstance>;
  /** Method and path of every call, refused ones too. */
  readonly calls: string[];
  /** What the next calls answer instead. */
  readonly next: { status: number; body: string }[];
  unavailable: string | undefined;
  close(): Promise<void>;
}

interface Wanted {
  password: string;
  mark: string;
  running: boolean;
}

export async function startFakeManager(options: {
  readonly certificate: string;
  readonly key: string;
  readonly token: string;
  /** Address of the Bolt server that stands in for every instance. */
  readonly uri: string;
}): Promise<FakeManager> {
  const instances = new Map<string, FakeInstance>();
  const calls: string[] = [];
  const next: { status: number; body: string }[] = [];

  function answer(method: string, path: string, body: string): { status: number; body?: unknown } {
    if (method === "GET" && path === "/v1") {
      const reason = manager.unavailable;
      return {
        status: 200,
        body: reason === undefined ? { available: true, version: "2026.08.1" } : { available: false, reason },
      };
    }
    if (method === "GET" && path === "/v1/instances") {
      return { status: 200, body: { instances: [...instances.values()].map(shown) } };
    }
    const name = /^\/v1\/instances\/([a-z0-9-]+)$/.exec(path)?.[1] ?? "";
    const live = instances.get(name);
    if (method === "GET")
      return live === undefined
        ? { status: 404, body: { error: "no such instance" } }
        : { status: 200, body: shown(live) };
    if (method === "DELETE") {
      instances.delete(name);
      return { status: 204 };
    }
    if (manager.unavailable !== undefined) return { status: 503, body: { error: manager.unavailable } };
    const { password, mark, running } = JSON.parse(body) as Wanted;
    const made: FakeInstance = { name, state: running ? "running" : "stopped", uri: options.uri, mark, password };
    instances.set(name, made);
    return { status: 200, body: shown(made) };
  }

  const server = createServer({ cert: options.certificate, key: options.key }, (request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const [method, path] = [request.method ?? "", request.url ?? ""];
      calls.push(`${method} ${path}`);
      const planned = next.shift();
      if (planned !== undefined) {
        response.writeHead(planned.status).end(planned.body);
        return;
      }
      const authorized = request.headers.authorization === `Bearer ${options.token}`;
      const given = authorized ? answer(method, path, body) : { status: 401, body: { error: "unauthorized" } };
      response.writeHead(given.status, { "content-type": "application/json" });
      response.end(given.body === undefined ? undefined : JSON.stringify(given.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const manager: FakeManager = {
    endpoint: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    instances,
    calls,
    next,
    unavailable: undefined,
    close: () =>
      new Promise((resolve) =>
        server.close(() => {
          resolve();
        }),
      ),
  };
  return manager;
}

/** The password is never shown. */
function shown({ name, state, uri, mark, reason }: FakeInstance) {
  return { name, state, uri, mark, reason };
}
