/** Requests to a Kubernetes API server, and what its answers mean. */
import { Agent, request as httpsRequest } from "node:https";
import { z } from "zod";
import type { Outcome } from "../attempt.ts";
import type { Access } from "./kubeconfig.ts";

export interface ApiRequest {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** From `/api` on, with its query. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Asks as another user: `Impersonate-User`. */
  readonly impersonate?: string;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** No answer of the API server: without what was sent. */
export class ApiError extends Error {
  override readonly name = "ApiError";
}

const timeoutMs = 15_000;
/** An answer is a list at most; more is not read. */
const mostBytes = 64 * 2 ** 20;

/** One user's way to one API server. */
export class Api {
  readonly #access: Access;
  readonly #agent: Agent;

  constructor(access: Access) {
    this.#access = access;
    const { ca, serverName, insecure, certificate } = access;
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: 8,
      ...(ca === undefined ? {} : { ca }),
      ...(serverName === undefined ? {} : { servername: serverName }),
      rejectUnauthorized: !insecure,
      ...certificate,
    });
  }

  /** The same server with this token alone. */
  as(token: string): Api {
    return new Api({ ...this.#access, certificate: undefined, token });
  }

  close(): void {
    this.#agent.destroy();
  }

  /** @throws ApiError when there is no answer. */
  ask({ method, path, body, impersonate }: ApiRequest): Promise<Answer> {
    const { server, token } = this.#access;
    const text = body === undefined ? undefined : JSON.stringify(body);
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    return new Promise((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException): void => {
        reject(new ApiError(`${server} does not answer: ${error.code ?? error.message}`));
      };
      const request = httpsRequest(
        server + path,
        {
          method,
          agent: this.#agent,
          timeout: timeoutMs,
          headers: {
            accept: "application/json",
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
            ...(impersonate === undefined ? {} : { "impersonate-user": impersonate }),
            ...(text === undefined ? {} : { "content-type": type, "content-length": Buffer.byteLength(text) }),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          let size = 0;
          response.on("data", (chunk: Buffer) => {
            size += chunk.length;
            if (size > mostBytes) response.destroy(new Error("the answer is too long"));
            else chunks.push(chunk);
          });
          response.on("error", fail);
          response.on("end", () => {
            resolve({ status: response.statusCode ?? 0, body: json(Buffer.concat(chunks).toString("utf8")) });
          });
        },
      );
      request.on("timeout", () => request.destroy(new Error(`nothing for ${timeoutMs / 1000} s`)));
      request.on("error", fail);
      request.end(text);
    });
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const statusSchema = z.looseObject({
  kind: z.literal("Status"),
  reason: z.string().optional(),
  message: z.string().optional(),
  details: z.looseObject({ name: z.string().optional() }).optional(),
});

/**
 * What an answer says about the right to ask. The server looks at rights first, then at admission, then at the object:
 * whoever is told that an object is missing or wrong may have it.
 */
export function outcomeOf({ status, body }: Answer): Outcome {
  const parsed = statusSchema.safeParse(body);
  const { reason, message, details } = parsed.success ? parsed.data : {};
  const name = reason === undefined || reason === "" ? String(status) : `${status} ${reason}`;
  if (status === 403) return { kind: "denied", code: refusalOf(message ?? "") };
  if (status === 422 && message?.includes("disallowed by cluster policy") === true) {
    return { kind: "denied", code: refusals.privileged };
  }
  if (status >= 200 && status < 300) return { kind: "allowed", evidence: String(status) };
  const reached = status === 400 || status === 409 || status === 422;
  // Without a name it is the path that is unknown.
  const missing = status === 404 && details?.name !== undefined && details.name !== "";
  if (reached || missing) return { kind: "allowed", evidence: `authorised, then ${name}` };
  return { kind: "failed", reason: `the API server answers ${name}` };
}

/** Who refused: the authorizer, Pod Security, the quota, or an API server that allows no privileged container at all. */
export const refusals = {
  rights: "403 Forbidden",
  podSecurity: "403 PodSecurity",
  quota: "403 exceeded quota",
  privileged: "422 disallowed by cluster policy",
} as const;

/** The sentences are Kubernetes' own: apiserver/pkg/endpoints/handlers/responsewriters/errors.go and the two plugins. */
function refusalOf(message: string): string {
  if (message.includes('violates PodSecurity "')) return refusals.podSecurity;
  if (message.includes("exceeded quota: ")) return refusals.quota;
  if (/ cannot [a-z*]+ (resource|path) "/.test(message)) return refusals.rights;
  return "403 for another reason";
}
