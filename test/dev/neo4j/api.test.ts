/** The API of the Neo4j instances: who may call it, what it takes, what it answers. */
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ensureCertificates } from "../../../dev/services/certificates.ts";
import { callApi, type ApiAddress, type ApiAnswer } from "../../../dev/services/neo4j/client.ts";
import { startApi } from "../../../dev/services/neo4j/api.ts";
import { communityEngine, type Engine } from "../../../dev/services/neo4j/engine.ts";
import { Instances } from "../../../dev/services/neo4j/instances.ts";
import { freePort, paths } from "../../../dev/services/state.ts";
import { fakeEngine } from "./fake-engine.ts";

const token = "the-token-of-the-tests";
const password = "the-wanted-1";
const dir = mkdtempSync(join(tmpdir(), "tenancy-"));
const closing: (() => Promise<void>)[] = [];
let api: ApiAddress;

beforeAll(async () => {
  mkdirSync(join(dir, "logs"));
  await ensureCertificates(dir);
  api = await serve(dir, fakeEngine());
});
afterAll(async () => {
  for (const close of closing) await close();
  rmSync(dir, { recursive: true, force: true });
});

async function serve(folder: string, engine: Engine): Promise<ApiAddress> {
  const at = paths(dir);
  const [certificate, key] = [readFileSync(at.serverCertificate, "utf8"), readFileSync(at.serverKey, "utf8")];
  const instances = await Instances.open({ dir: folder, engine, progress: () => undefined });
  const port = await freePort();
  const server = await startApi({ port, token, certificate, key, instances });
  closing.push(async () => {
    server.close();
    await instances.close();
  });
  return { endpoint: `https://127.0.0.1:${String(port)}`, token, ca: readFileSync(at.caCertificate, "utf8") };
}

function call(method: string, path: string, body?: unknown, address = api): Promise<ApiAnswer> {
  return callApi(address, method, path, { body });
}

it.each([
  ["no token", undefined],
  ["another token", "the-token-of-the-testz"],
  ["a part of the token", "the-token"],
])("refuses %s on every path, and does nothing", async (_, wrong) => {
  for (const [method, path] of [
    ["GET", "/v1"],
    ["GET", "/v1/instances"],
    ["POST", "/v1/start"],
    ["PUT", "/v1/instances/refused-1"],
    ["DELETE", "/v1/instances/refused-1"],
    ["GET", "/anything"],
  ] as const) {
    const answer = await call(method, path, { password, mark: "", running: true }, { ...api, token: wrong });
    expect(answer).toEqual({ status: 401, body: { error: "the bearer token is missing or wrong" } });
  }
  expect((await call("GET", "/v1/instances/refused-1")).status).toBe(404);
});

it("speaks TLS only, by the services' authority only", async () => {
  await expect(call("GET", "/v1", undefined, { ...api, ca: undefined })).rejects.toThrow(/unable to verify/);
  const socket = connect({ host: "127.0.0.1", port: Number(new URL(api.endpoint).port) });
  socket.write(`GET /v1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n\r\n`);
  let answer = "";
  for await (const chunk of socket) answer += String(chunk);
  expect(answer).toBe("");
});

it("makes, tells of and removes an instance", async () => {
  const wanted = { password, mark: "a mark", running: true };
  const made = await call("PUT", "/v1/instances/ekn-42", wanted);
  const instance = {
    name: "ekn-42",
    state: "running",
    uri: expect.stringMatching(/^bolt\+s:\/\/127\.0\.0\.1:\d+$/) as string,
    mark: "a mark",
  };
  expect(made).toEqual({ status: 200, body: instance });
  expect(await call("GET", "/v1/instances/ekn-42")).toEqual(made);
  expect(await call("GET", "/v1/instances")).toEqual({ status: 200, body: { instances: [made.body] } });
  expect(await call("POST", "/v1/start")).toEqual({ status: 200, body: { instances: [made.body] } });
  expect(await call("DELETE", "/v1/instances/ekn-42")).toEqual({ status: 204, body: undefined });
  expect(await call("DELETE", "/v1/instances/ekn-42")).toEqual({ status: 204, body: undefined });
  expect(await call("GET", "/v1/instances/ekn-42")).toEqual({
    status: 404,
    body: { error: "ekn-42: there is no such instance" },
  });
});

it("says that Neo4j can be had, and which version", async () => {
  expect(await call("GET", "/v1")).toEqual({ status: 200, body: { available: true, version: "0.0.0" } });
});

it.each(["-a1", "a1-", "ab", "Ekn-42", "ekn_42", "a".repeat(64), "a%00b", "..%2f..%2fhomes"])(
  "refuses %j as a name, before anything is made or removed",
  async (name) => {
    for (const method of ["GET", "PUT", "DELETE"]) {
      const { status } = await call(method, `/v1/instances/${name}`, { password, mark: "", running: false });
      expect(status).toBe(400);
    }
    expect(await call("GET", "/v1/instances")).toEqual({ status: 200, body: { instances: [] } });
  },
);

it("refuses .. as a name from a client that sends it as it is", async () => {
  const { hostname, port } = new URL(api.endpoint);
  const headers = { authorization: `Bearer ${token}` };
  const call = request({ hostname, port, ca: api.ca, method: "DELETE", path: "/v1/instances/..", headers });
  const [response] = (await once(call.end(), "response")) as [IncomingMessage];
  response.resume();
  expect(response.statusCode).toBe(400);
});

it("names the methods that a path knows", async () => {
  expect(await call("POST", "/v1/instances/ekn-42")).toEqual({
    status: 405,
    body: { error: "POST /v1/instances/ekn-42: only GET, PUT, DELETE is allowed here" },
  });
  expect((await call("DELETE", "/v1/instances")).status).toBe(405);
  expect((await call("GET", "/v2")).status).toBe(404);
});

it.each([
  ["no body", undefined, "ekn-42: the body is not JSON"],
  ["a password too short", { password: "secret1", mark: "", running: true }, /password: must be 8 to 256 printable/],
  ["a password with a line end", { password: "secret-1\nx", mark: "", running: true }, /password: must be 8 to 256/],
  ["no mark", { password: "a-secret-word", running: true }, /^ekn-42: mark: /],
  ["a field too many", { password: "a-secret-word", mark: "", running: true, port: 1 }, /^ekn-42: body: .*"port"/],
  ["too long a body", { password: "a-secret-word", mark: "x".repeat(70_000), running: true }, /more than 65536 bytes/],
])("refuses %s without showing a password", async (_, body, message) => {
  const answer = await call("PUT", "/v1/instances/ekn-42", body);
  expect([400, 413]).toContain(answer.status);
  const { error } = answer.body as { error: string };
  expect(error).toMatch(message);
  expect(error).not.toContain("secret");
  expect((await call("GET", "/v1/instances/ekn-42")).status).toBe(404);
});

it("answers 503 with what to install where there is neither Java nor Python, and goes on with the rest", async () => {
  const folder = join(dir, "bare");
  mkdirSync(join(folder, "logs"), { recursive: true });
  const python = join(folder, "python");
  const bare = await serve(folder, communityEngine({ folder: join(folder, "neo4j"), python, env: { PATH: folder } }));
  const reason =
    `Neo4j needs Java 21 or newer on PATH or in JAVA_HOME (none was found), and Python 3.11 or newer, ` +
    `by which Neo4j's jars are downloaded (${python} does not run).`;
  expect(await call("GET", "/v1", undefined, bare)).toEqual({ status: 200, body: { available: false, reason } });
  expect(await call("POST", "/v1/prepare", undefined, bare)).toEqual({
    status: 200,
    body: { available: false, reason },
  });
  const put = await call("PUT", "/v1/instances/ekn-42", { password, mark: "", running: true }, bare);
  expect(put).toEqual({ status: 503, body: { error: reason } });
  expect(await call("GET", "/v1/instances", undefined, bare)).toEqual({ status: 200, body: { instances: [] } });
  expect((await call("DELETE", "/v1/instances/ekn-42", undefined, bare)).status).toBe(204);
});
