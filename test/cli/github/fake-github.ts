/** As much of GitHub's API as the posters use, on the loopback interface. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly authorization: string | undefined;
}

export class FakeGitHub {
  readonly calls: Call[] = [];
  readonly #server: Server;
  url = "";

  /** @param answers - by method and path without its query; a list is given out in pages of 100 */
  constructor(answers: Readonly<Record<string, unknown>>) {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const url = new URL(request.url ?? "/", "http://github");
        const path = url.pathname.replace(/^\/repos\/octo\/tenancy/, "");
        const text = Buffer.concat(chunks).toString();
        this.calls.push({
          method: request.method ?? "",
          path: `${path}${url.search}`,
          body: text === "" ? undefined : (JSON.parse(text) as unknown),
          authorization: request.headers.authorization,
        });
        const answer = answers[`${request.method ?? ""} ${path}`];
        response.setHeader("content-type", "application/json");
        if (answer === undefined) {
          response.statusCode = 404;
          response.end(JSON.stringify({ message: "Not Found" }));
          return;
        }
        const page = Number(url.searchParams.get("page") ?? "1");
        const part: unknown = Array.isArray(answer) ? answer.slice((page - 1) * 100, page * 100) : answer;
        response.end(JSON.stringify(part));
      });
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  /** What was written. */
  get written(): { method: string; path: string; body: unknown }[] {
    return this.calls
      .filter(({ method }) => method !== "GET")
      .map(({ method, path, body }) => ({ method, path, body }));
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
