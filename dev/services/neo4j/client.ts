/** A caller of the instances' API. */
import { request } from "node:https";
import { z } from "zod";
import { ServicesError } from "../error.ts";

export interface ApiAddress {
  /** As in `https://127.0.0.1:12345`. */
  readonly endpoint: string;
  readonly token?: string;
  /** Certificate authority, PEM. */
  readonly ca?: string;
  /** False where a test asked for an expired certificate. @default true */
  readonly verify?: boolean;
}

export interface ApiAnswer {
  readonly status: number;
  /** Undefined when the answer has none. */
  readonly body: unknown;
}

export interface CallOptions {
  readonly body?: unknown;
  /** No default: a first start downloads Neo4j and may take minutes. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export async function callApi(
  { endpoint, token, ca, verify }: ApiAddress,
  method: string,
  path: string,
  { body, timeoutMs, signal }: CallOptions = {},
): Promise<ApiAnswer> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
  };
  const limits = [signal, timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs)];
  const ended = AbortSignal.any(limits.filter((limit) => limit !== undefined));
  return new Promise((resolve, reject) => {
    const call = request(
      `${endpoint}${path}`,
      { method, headers, ca, rejectUnauthorized: verify ?? true, agent: false, signal: ended },
      (response) => {
        let answer = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (answer += chunk));
        response.on("error", reject);
        response.on("end", () => {
          resolve({ status: response.statusCode ?? 0, body: answer === "" ? undefined : JSON.parse(answer) });
        });
      },
    );
    call.on("error", reject);
    call.end(text);
  });
}

const aboutSchema = z.object({
  available: z.boolean(),
  reason: z.string().optional(),
  status: z.string().optional(),
});

/**
 * Downloads what instances need, telling each step once.
 *
 * @returns why they cannot be had on this machine, with what to install; undefined where they can
 */
export async function prepareInstances(
  address: ApiAddress,
  progress: (line: string) => void,
  signal?: AbortSignal,
): Promise<string | undefined> {
  let told = "";
  const timer = setInterval(() => {
    void callApi(address, "GET", "/v1", { timeoutMs: 5_000 })
      .then(({ body }) => {
        const { status = "" } = aboutSchema.parse(body);
        if (status === "" || status === told) return;
        told = status;
        progress(status);
      })
      .catch(() => undefined);
  }, 500);
  try {
    const { status, body } = await callApi(address, "POST", "/v1/prepare", { signal });
    if (status === 404) {
      throw new ServicesError(
        "The services that run are of an older version of this program. Stop them with `npm run dev:down`, which keeps " +
          "the data, and run this again.",
      );
    }
    const about = aboutSchema.safeParse(body);
    if (status !== 200 || !about.success) {
      throw new ServicesError(`The API of the Neo4j instances answers with HTTP status ${status}`);
    }
    return about.data.available ? undefined : (about.data.reason ?? "it cannot be had");
  } finally {
    clearInterval(timer);
  }
}

const listSchema = z.object({
  instances: z.array(z.object({ name: z.string(), state: z.string(), uri: z.string(), reason: z.string().optional() })),
});
export type ListedInstances = z.infer<typeof listSchema>["instances"];

/** Throws when the API does not answer as it should. */
export async function listInstances(address: ApiAddress, timeoutMs: number): Promise<ListedInstances> {
  return listed(await callApi(address, "GET", "/v1/instances", { timeoutMs }));
}

/** Starts every instance that is to run and does not; answers when they run or have failed. */
export async function startInstances(address: ApiAddress, signal?: AbortSignal): Promise<ListedInstances> {
  return listed(await callApi(address, "POST", "/v1/start", { signal }));
}

function listed({ status, body }: ApiAnswer): ListedInstances {
  const parsed = listSchema.safeParse(body);
  if (status === 200 && parsed.success) return parsed.data.instances;
  throw new ServicesError(`The API of the Neo4j instances answers with HTTP status ${status}`);
}
