/** The instances over HTTPS with a bearer token. The paths and answers are described in docs/development-services.md. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import { z } from "zod";
import { errorMessage } from "../files.ts";
import { InstanceFault } from "./fault.ts";
import type { Instances } from "./instances.ts";

export interface ApiOptions {
  readonly port: number;
  readonly token: string;
  readonly certificate: string;
  readonly key: string;
  readonly instances: Instances;
}

const largestBody = 64 * 1024;
/** As Neo4j names its databases; a name is also a folder's. */
const namePattern = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

const wantedSchema = z.strictObject({
  // Neo4j takes nothing shorter; what is not printed may not be in a connection's settings.
  password: z.string().regex(/^[\x21-\x7e]{8,256}$/, "must be 8 to 256 printable ASCII characters without spaces"),
  mark: z.string().max(4096),
  running: z.boolean(),
});

/** Resolves when the port is open. */
export async function startApi(options: ApiOptions): Promise<Server> {
  const { certificate, key, port } = options;
  const server = createServer({ cert: certificate, key, minVersion: "TLSv1.2" }, (request, response) => {
    void answer(options, request, response);
  });
  // A client without TLS or with a distrust of the certificate: its own fault to report.
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return server;
}

async function answer(options: ApiOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    if (!isAuthorized(request, options.token)) throw new InstanceFault(401, "the bearer token is missing or wrong");
    const { status, body } = await dispatch(options.instances, request);
    send(response, status, body);
  } catch (error) {
    const status = error instanceof InstanceFault ? error.status : 500;
    send(response, status, { error: errorMessage(error) });
  }
}

/** Compared by their hashes: in a time that says nothing about either, whatever their lengths. */
function isAuthorized(request: IncomingMessage, token: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(request.headers.authorization ?? ""), digest(`Bearer ${token}`));
}

interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

async function dispatch(instances: Instances, request: IncomingMessage): Promise<Answer> {
  const { method = "" } = request;
  const path = (request.url ?? "").split("?", 1)[0] ?? "";
  const route = (allowed: Readonly<Record<string, () => Promise<Answer> | Answer>>): Promise<Answer> | Answer => {
    const handler = Object.hasOwn(allowed, method) ? allowed[method] : undefined;
    if (handler !== undefined) return handler();
    throw new InstanceFault(405, `${method} ${path}: only ${Object.keys(allowed).join(", ")} is allowed here`);
  };
  if (path === "/v1") return route({ GET: async () => ({ status: 200, body: await instances.about() }) });
  if (path === "/v1/instances") return route({ GET: () => ({ status: 200, body: { instances: instances.list() } }) });
  if (path === "/v1/start") {
    return route({ POST: async () => ({ status: 200, body: { instances: await instances.startAll() } }) });
  }
  if (path === "/v1/prepare") return route({ POST: async () => ({ status: 200, body: await instances.prepare() }) });
  const name = /^\/v1\/instances\/([^/]+)$/.exec(path)?.[1];
  if (name === undefined) throw new InstanceFault(404, `${path}: there is no such path`);
  if (!namePattern.test(name)) {
    throw new InstanceFault(
      400,
      `"${name.slice(0, 80)}" is no name of an instance: 3 to 63 characters of a-z, 0-9, "." and "-", ` +
        "of which the first and the last are letters or digits",
    );
  }
  return route({
    GET: () => {
      const instance = instances.get(name);
      if (instance === undefined) throw new InstanceFault(404, `${name}: there is no such instance`);
      return { status: 200, body: instance };
    },
    PUT: async () => ({ status: 200, body: await instances.put(name, await wanted(name, request)) }),
    DELETE: async () => {
      await instances.remove(name);
      return { status: 204 };
    },
  });
}

async function wanted(name: string, request: IncomingMessage): Promise<z.infer<typeof wantedSchema>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > largestBody) throw new InstanceFault(413, `${name}: the body has more than ${largestBody} bytes`);
    chunks.push(chunk as Buffer);
  }
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new InstanceFault(400, `${name}: the body is not JSON`);
  }
  const parsed = wantedSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  // Never the value: it may be the password.
  const faults = parsed.error.issues.map((issue) => `${issue.path.join(".") || "body"}: ${issue.message}`);
  throw new InstanceFault(400, `${name}: ${faults.join("; ")}`);
}

function send(response: ServerResponse, status: number, body?: unknown): void {
  // What a client still sends is not read: after a fault in the middle of its body the connection is at an end.
  if (!response.req.complete) response.setHeader("connection", "close");
  response.setHeader("cache-control", "no-store");
  if (body === undefined) {
    response.writeHead(status).end();
    return;
  }
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
