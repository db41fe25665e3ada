/** Sends requests over few kept connections, and gives what was answered in short. */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { errorCode } from "../../provider/storage/errors.ts";
import type { Wire } from "./sign.ts";
import { messageOf } from "../../provider/message.ts";

export interface Answer {
  readonly status: number;
  /** As in `403 AccessDenied`; the status alone where the answer has no code, as that of HEAD. */
  readonly code: string;
  /** The begin of the body, at most 64 KB. Never shown: it may hold data. */
  readonly body: string;
}

export interface Transport {
  /** @throws Error without an answer. Nothing is repeated but what met a kept connection that the server had closed. */
  send(wire: Wire): Promise<Answer>;
  close(): void;
}

const timeoutMs = 15_000;
const bodyLimit = 64 * 1024;

/** @param maxSockets - requests that are under way at once; further ones wait */
export function openTransport(ca: string | undefined, maxSockets: number): Transport {
  const secure = new HttpsAgent({ keepAlive: true, maxSockets, ...(ca === undefined ? {} : { ca }) });
  // A refused plain connection is over.
  const plain = new HttpAgent({ keepAlive: false, maxSockets });
  return {
    send: (wire) => exchange(wire, secure, plain, true),
    close() {
      secure.destroy();
      plain.destroy();
    },
  };
}

function exchange(wire: Wire, secure: HttpsAgent, plain: HttpAgent, again: boolean): Promise<Answer> {
  const { protocol, hostname, port } = new URL(wire.origin);
  const headers = { ...wire.headers, "content-length": String(Buffer.byteLength(wire.body)) };
  const options = { method: wire.method, hostname, port, path: wire.target, headers, timeout: timeoutMs };
  return new Promise((resolve, reject) => {
    const onAnswer = (message: IncomingMessage) => {
      read(message).then(resolve, reject);
    };
    const request =
      protocol === "http:"
        ? httpRequest({ ...options, agent: plain }, onAnswer)
        : httpsRequest({ ...options, agent: secure }, onAnswer);
    request.on("timeout", () => request.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
    request.on("error", (error) => {
      if (again && request.reusedSocket && ["ECONNRESET", "EPIPE"].includes(errorCode(error))) {
        exchange(wire, secure, plain, false).then(resolve, reject);
      } else reject(error);
    });
    request.end(wire.body);
  });
}

async function read(message: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    if (size < bodyLimit) chunks.push(chunk);
    size += chunk.length;
  }
  const body = Buffer.concat(chunks).subarray(0, bodyLimit).toString("utf8");
  const status = message.statusCode ?? 0;
  const code = errorIn(body);
  return { status, code: code === undefined ? String(status) : `${status} ${code}`, body };
}

/** Code of an error in a body: also in one that came with 200, as those of a batch do. */
function errorIn(body: string): string | undefined {
  const at = body.search(/<Error[ >]|"__type"/);
  return at === -1 ? undefined : /<Code>([A-Za-z0-9.]{1,80})<\/Code>/.exec(body.slice(at))?.[1];
}

/** Code of a connection that was refused or broken off. */
export function failureOf(error: unknown): string {
  const code = errorCode(error);
  return code === "" || code === "Error" ? messageOf(error) : code;
}
