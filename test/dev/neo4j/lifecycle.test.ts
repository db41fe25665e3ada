/** Neo4j instances with the services around them: a restart, a launcher that is killed, the folder of an older version. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import neo4j, { type Config } from "neo4j-driver";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readServices, startServices, stopServices, type Services } from "../../../dev/services/index.ts";
import { callApi, type ApiAnswer } from "../../../dev/services/neo4j/client.ts";
import { readPids } from "../../../dev/services/state.ts";
import { pythonDir } from "../../support/global-setup.ts";
import { processes, processesOf } from "../../support/processes.ts";

const project = join(import.meta.dirname, "..", "..", "..");
const password = "password-of-kept";
const dir = mkdtempSync(join(tmpdir(), "tenancy-"));
const lines: string[] = [];
let services: Services;
let uri: string;

function start(): Promise<Services> {
  const progress = (line: string): void => void lines.push(line);
  return startServices({ dir, pythonDir, mode: "attached", durable: false, progress });
}

function call(method: string, path: string, body?: unknown): Promise<ApiAnswer> {
  const { main } = services.platform.neo4j;
  if (main?.kind !== "instances") throw new Error("the services have no instances");
  return callApi(main, method, path, { body });
}

async function statement(text: string): Promise<Record<string, unknown>[]> {
  const config: Partial<Config> = {
    encrypted: "ENCRYPTION_ON",
    trust: "TRUST_CUSTOM_CA_SIGNED_CERTIFICATES",
    trustedCertificates: [services.caFile],
    disableLosslessIntegers: true,
  };
  const driver = neo4j.driver(uri.replace("+s", ""), neo4j.auth.basic("neo4j", password), config);
  try {
    return (await driver.executeQuery(text)).records.map((record) => record.toObject());
  } finally {
    await driver.close();
  }
}

beforeAll(async () => {
  services = await start();
  const { status, body } = await call("PUT", "/v1/instances/kept-1", { password, mark: "", running: true });
  if (status !== 200) throw new Error(JSON.stringify(body));
  uri = (body as { uri: string }).uri;
  await statement("CREATE (:Kept {n: 42})");
}, 600_000);
afterAll(async () => {
  await stopServices(dir);
  rmSync(dir, { recursive: true, force: true });
});

it("a start beside running services starts an instance that crashed, and nothing else", async () => {
  const before = services.pids;
  const [java = 0, ...more] = await javaOf("kept-1");
  expect(more).toEqual([]);
  process.kill(java, "SIGKILL");
  while (((await call("GET", "/v1/instances/kept-1")).body as { state: string }).state !== "failed") await delay(50);
  expect((await call("GET", "/v1/instances/kept-1")).body).toMatchObject({
    reason: expect.stringContaining("ended with exit code 137") as string,
  });
  services = await start();
  expect(services.started).toEqual([]);
  expect(services.pids).toEqual(before);
  expect(await statement("MATCH (k:Kept) RETURN k.n AS n")).toEqual([{ n: 42 }]);
});

it("a restart starts what ran with port, password and graph, and nothing is left when its launcher is killed", async () => {
  await stopServices(dir);
  expect(await processesOf(dir)).toEqual([]);
  const options = JSON.stringify({ dir, pythonDir, mode: "attached", durable: false });
  const code = `
    import { startServices } from ${JSON.stringify(join(project, "dev", "services", "index.ts"))};
    await startServices({ ...${options}, progress: console.log });
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  while (!output.includes("Neo4j kept-1: running")) await delay(50);
  expect((await call("GET", "/v1/instances/kept-1")).body).toEqual({ name: "kept-1", state: "running", uri, mark: "" });
  expect(await statement("MATCH (k:Kept) RETURN k.n AS n")).toEqual([{ n: 42 }]);
  child.kill("SIGKILL");
  while ((await processesOf(dir)).length > 0) await delay(50);
  expect(await readPids(dir)).toBeUndefined();
});

it("the folder of a version without Neo4j gets what it lacks and keeps all passwords and ports", async () => {
  const file = join(dir, "state.json");
  const state = JSON.parse(readFileSync(file, "utf8")) as Record<string, Record<string, unknown>>;
  const older = structuredClone(state);
  delete older.ports?.["neo4j-api"];
  delete older.secrets?.neo4jApi;
  delete older.programs?.neo4j;
  delete older.programs?.python;
  writeFileSync(file, JSON.stringify(older));
  rmSync(join(dir, "data", "neo4j"), { recursive: true });
  services = await start();
  const upgraded = JSON.parse(readFileSync(file, "utf8")) as typeof state;
  expect(upgraded).toEqual({
    ...state,
    ports: { ...state.ports, "neo4j-api": expect.any(Number) as number },
    secrets: { ...state.secrets, neo4jApi: expect.stringMatching(/^[\w-]{32}$/) as string },
  });
  expect(upgraded.secrets?.neo4jApi).not.toBe(state.secrets?.neo4jApi);
  expect((await call("GET", "/v1/instances")).body).toEqual({ instances: [] });
  expect(await readServices(dir)).toBeDefined();
});

async function javaOf(name: string): Promise<number[]> {
  return (await processes())
    .filter(
      ({ command }) => command.includes(join(dir, "data", "neo4j", "homes", name)) && !command.startsWith("/bin/sh"),
    )
    .map(({ pid }) => pid);
}
