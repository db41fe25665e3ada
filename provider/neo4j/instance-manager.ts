/** Client of a manager of Neo4j Community instances: HTTPS and JSON (docs/neo4j.md). */
import { request } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Neo4jInstances } from "../config.ts";
import { ProviderError } from "../handler.ts";
import { messageOf } from "../message.ts";

const instanceSchema = z.object({
  name: z.string().min(1),
  state: z.enum(["running", "stopped", "failed"]),
  uri: z.string().regex(/^bolt\+s:\/\/[^/@\s]+$/),
  mark: z.string(),
  reason: z.string().optional(),
});
export type Instance = z.infer<typeof instanceSchema>;

const availabilitySchema = z.discriminatedUnion("available", [
  z.object({ available: z.literal(true), version: z.string() }),
  z.object({ available: z.literal(false), reason: z.string() }),
]);
export type Availability = z.infer<typeof availabilitySchema>;

export interface WantedInstance {
  readonly password: string;
  /** Kept by the manager as it is. */
  readonly mark: string;
  readonly running: boolean;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** @default true */
  readonly retry?: boolean;
}

export interface InstanceManager {
  readonly endpoint: string;
  /** Whether instances can be made; where not, what to install. */
  available(options?: CallOptions): Promise<Availability>;
  get(name: string, options?: CallOptions): Promise<Instance | undefined>;
  list(options?: CallOptions): Promise<readonly Instance[]>;
  /** Resolves when the instance is as wanted and its login works. */
  put(name: string, wanted: WantedInstance, options?: CallOptions): Promise<Instance>;
  /** Ends the process and destroys its data; so does a second call. */
  remove(name: string, options?: CallOptions): Promise<void>;
}

export interface ManagerOptions {
  /** How long a lost connection, and an instance that another change holds, are tried again. @default 20000 */
  readonly retryForMs?: number;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** The manager cannot be reached now; `check` only warns of it. */
export class UnreachableError extends ProviderError {}

/** The first instance of all may have to be downloaded. */
const callTimeoutMs = 600_000;
const bodyLimit = 1_000_000;

export function connectManager(server: Neo4jInstances, { retryForMs = 20_000 }: ManagerOptions = {}): InstanceManager {
  const where = `Neo4j instance manager ${server.endpoint}`;

  async function call(
    method: string,
    path: string,
    { signal, retry = true }: CallOptions = {},
    payload?: object,
  ): Promise<Answer> {
    const what = `${method} ${path}`;
    const deadline = Date.now() + (retry ? retryForMs : 0);
    for (let delay = 100; ; delay = Math.min(delay * 2, 2_000)) {
      let fault: ProviderError;
      try {
        const answer = await send(server, method, path, payload, signal);
        // 409: another change of this instance is under way.
        if (answer.status !== 409 && answer.status !== 502 && answer.status !== 504) return answer;
        fault = new UnreachableError(
          `${where}: ${what} failed: ${answer.status} ${errorText(answer)}. Run the update again.`,
        );
      } catch (error) {
        if (error instanceof ProviderError) throw error;
        fault = explain(error, where, what);
        if (!(fault instanceof UnreachableError)) throw fault;
      }
      if (Date.now() + delay > deadline) throw fault;
      await sleep(delay, undefined, { signal }).catch(() => {
        throw new ProviderError(`${where}: ${what} was cancelled.`);
      });
    }
  }

  function expectStatus(answer: Answer, what: string, ...statuses: readonly number[]): void {
    if (statuses.includes(answer.status)) return;
    if (answer.status === 401 || answer.status === 403) {
      throw new ProviderError(
        `${where}: ${what} failed: the manager refused the configured token. Correct \`token\` of this Neo4j server in the platform's configuration.`,
      );
    }
    throw new ProviderError(`${where}: ${what} failed: ${answer.status} ${errorText(answer)}`);
  }

  function parsed<T>(schema: z.ZodType<T>, answer: Answer, what: string): T {
    const { success, data } = schema.safeParse(answer.body);
    if (success) return data;
    throw new ProviderError(
      `${where}: ${what} gave an answer that is none of an instance manager. Correct \`endpoint\`.`,
    );
  }

  const pathOf = (name: string) => `/v1/instances/${encodeURIComponent(name)}`;

  return {
    endpoint: server.endpoint,
    async available(options) {
      const answer = await call("GET", "/v1", options);
      expectStatus(answer, "GET /v1", 200);
      return parsed(availabilitySchema, answer, "GET /v1");
    },
    async get(name, options) {
      const answer = await call("GET", pathOf(name), options);
      expectStatus(answer, `GET ${pathOf(name)}`, 200, 404);
      return answer.status === 404 ? undefined : parsed(instanceSchema, answer, `GET ${pathOf(name)}`);
    },
    async list(options) {
      const answer = await call("GET", "/v1/instances", options);
      expectStatus(answer, "GET /v1/instances", 200);
      return parsed(z.object({ instances: z.array(instanceSchema) }), answer, "GET /v1/instances").instances;
    },
    async put(name, wanted, options) {
      const answer = await call("PUT", pathOf(name), options, wanted);
      expectStatus(answer, `PUT ${pathOf(name)}`, 200);
      return parsed(instanceSchema, answer, `PUT ${pathOf(name)}`);
    },
    async remove(name, options) {
      const answer = await call("DELETE", pathOf(name), options);
      expectStatus(answer, `DELETE ${pathOf(name)}`, 204);
    },
  };
}

function send(
  { endpoint, token, ca }: Neo4jInstances,
  method: string,
  path: string,
  payload: object | undefined,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  const body = payload === undefined ? undefined : JSON.stringify(payload);
  return new Promise((resolve, reject) => {
    const call = request(
      new URL(path, endpoint),
      {
        method,
        // A connection of its own for each call: a manager that was started anew has closed the old ones.
        agent: false,
        signal,
        timeout: callTimeoutMs,
        ...(ca === undefined ? {} : { ca }),
        headers: {
          authorization: `Bearer ${token}`,
          accept: "application/json",
          ...(body === undefined
            ? {}
            : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
        },
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
          if (text.length > bodyLimit) response.destroy(new Error("the answer is too long"));
        });
        response.on("error", reject);
        response.on("end", () => {
          resolve({ status: response.statusCode ?? 0, body: toJson(text) });
        });
      },
    );
    call.on("timeout", () => call.destroy(Object.assign(new Error("timed out"), { code: "ETIMEDOUT" })));
    call.on("error", reject);
    call.end(body);
  });
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function errorText({ body }: Answer): string {
  const { data } = z.object({ error: z.string() }).safeParse(body);
  return data === undefined ? "without a reason" : data.error.slice(0, 500);
}

function explain(error: unknown, where: string, what: string): ProviderError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (error instanceof Error && error.name === "AbortError")
    return new ProviderError(`${where}: ${what} was cancelled.`);
  if (code === "CERT_HAS_EXPIRED") {
    return new ProviderError(`${where}: its certificate has expired. Renew it and run the update again.`);
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return new ProviderError(
      `${where}: its certificate is not for this host. Use the host that the certificate names.`,
    );
  }
  if (/CERT|SIGNATURE|SELF_SIGNED|ISSUER/.test(code)) {
    return new ProviderError(
      `${where}: its certificate is not signed by a trusted authority (${code}). Set \`ca\` of this Neo4j server to the authority's PEM text.`,
    );
  }
  if (/SSL|TLS|EPROTO/.test(code))
    return new ProviderError(`${where}: no TLS on this port (${code}). Correct \`endpoint\`.`);
  const reason = code === "" ? messageOf(error) : code;
  return new UnreachableError(
    `${where}: ${what} failed: ${reason}. Start it or correct \`endpoint\`, then run the update again.`,
  );
}
