/** The manager of Neo4j instances with a stand-in for Neo4j: what it remembers, starts, ends and tells. */
import { once } from "node:events";
import { existsSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { mkdtemp, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Instances } from "../../../dev/services/neo4j/instances.ts";
import { processesOf } from "../../support/processes.ts";
import { fakeEngine, type FakeEngine } from "./fake-engine.ts";

const wanted = { password: "the-wanted-1", mark: "a mark", running: true };

let dir: string;
let engine: FakeEngine;
let instances: Instances;
let lines: string[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tenancy-"));
  await mkdir(join(dir, "logs"));
  engine = fakeEngine();
  lines = [];
  instances = await open();
});
afterEach(async () => {
  await instances.close();
  await rm(dir, { recursive: true, force: true });
});

function open(): Promise<Instances> {
  return Instances.open({ dir, engine, progress: (line) => lines.push(line) });
}

/** The manager anew, as after `npm run dev:down` and `npm run dev`. */
async function restart(): Promise<void> {
  await instances.close();
  instances = await open();
}

const home = (name: string): string => join(dir, "data", "neo4j", "homes", name);
const file = (): string => join(dir, "data", "neo4j", "instances.json");

/** Processes that have the instance's folder as their working folder. */
async function pidsOf(name: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry));
  return pids.filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === home(name);
    } catch {
      return false;
    }
  });
}

async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(10);
}

it("makes an instance once, and asked again it does nothing", async () => {
  const first = await instances.put("ekn-42", wanted);
  expect(first).toEqual({
    name: "ekn-42",
    state: "running",
    uri: expect.stringMatching(/^bolt\+s:\/\/127\.0\.0\.1:\d+$/) as string,
    mark: "a mark",
  });
  const pids = await pidsOf("ekn-42");
  expect(pids.length).toBeGreaterThan(0);
  expect(await instances.put("ekn-42", wanted)).toEqual(first);
  expect(await pidsOf("ekn-42")).toEqual(pids);
  expect(engine.made).toBe(1);
  expect(instances.list()).toEqual([first]);
  expect(instances.get("ekn-43")).toBeUndefined();
});

it("gives each instance a port and a folder of its own", async () => {
  const [a, b] = await Promise.all([instances.put("a-1", wanted), instances.put("b-1", wanted)]);
  expect(a.uri).not.toBe(b.uri);
  expect((await readdir(join(dir, "data", "neo4j", "homes"))).sort()).toEqual(["a-1", "b-1"]);
});

it("begins with a password that nobody was told, and ends with the wanted one in a file for its owner only", async () => {
  const passwords: string[] = [];
  engine.beforeChange = () => passwords.push(readFileSync(join(home("ekn-42"), "password"), "utf8"));
  await instances.put("ekn-42", wanted);
  // neo4j-admin takes a password with a hyphen in front for an option.
  expect(passwords).toEqual([expect.stringMatching(/^[0-9a-f]{48}$/)]);
  expect(readFileSync(join(home("ekn-42"), "password"), "utf8")).toBe("the-wanted-1");
  expect(statSync(file()).mode & 0o777).toBe(0o600);
  expect(JSON.parse(readFileSync(file(), "utf8"))).toMatchObject({
    instances: { "ekn-42": { password: "the-wanted-1", running: true, made: true } },
  });
});

it("changes the password of a running instance without a restart", async () => {
  await instances.put("ekn-42", wanted);
  const pids = await pidsOf("ekn-42");
  await instances.put("ekn-42", { ...wanted, password: "the-wanted-2", mark: "another" });
  expect(await pidsOf("ekn-42")).toEqual(pids);
  expect(readFileSync(join(home("ekn-42"), "password"), "utf8")).toBe("the-wanted-2");
  expect(instances.get("ekn-42")?.mark).toBe("another");
});

it.each(["before", "after"] as const)(
  "a crash right %s the server took a new password locks nobody out",
  async (when) => {
    await instances.put("ekn-42", wanted);
    const crash = (): void => {
      throw new Error("the connection was lost");
    };
    if (when === "before") engine.beforeChange = crash;
    else engine.afterChange = crash;
    await expect(instances.put("ekn-42", { ...wanted, password: "the-wanted-2" })).rejects.toThrow(
      "connection was lost",
    );
    engine.beforeChange = engine.afterChange = () => undefined;
    await restart();
    expect(await instances.startAll()).toMatchObject([{ name: "ekn-42", state: "running" }]);
    await instances.put("ekn-42", { ...wanted, password: "the-wanted-2" });
    expect(readFileSync(join(home("ekn-42"), "password"), "utf8")).toBe("the-wanted-2");
    expect(readFileSync(file(), "utf8")).not.toContain("nextPassword");
  },
);

it("tells of a password that somebody else changed, without either password", async () => {
  await instances.put("ekn-42", wanted);
  await writeFile(join(home("ekn-42"), "password"), "somebody-else's");
  await expect(instances.put("ekn-42", wanted)).rejects.toMatchObject({
    status: 500,
    message: "ekn-42: refuses the login",
  });
});

it("stops an instance, keeps its data, and starts it on the same port", async () => {
  const { uri } = await instances.put("ekn-42", wanted);
  await writeFile(join(home("ekn-42"), "graph"), "data");
  expect(await instances.put("ekn-42", { ...wanted, running: false })).toEqual({
    name: "ekn-42",
    state: "stopped",
    uri,
    mark: "a mark",
  });
  expect(await pidsOf("ekn-42")).toEqual([]);
  expect(await instances.put("ekn-42", wanted)).toMatchObject({ state: "running", uri });
  expect(readFileSync(join(home("ekn-42"), "graph"), "utf8")).toBe("data");
  expect(engine.made).toBe(1);
});

it("a stopped instance gets its new password when it is wanted again", async () => {
  await instances.put("ekn-42", { ...wanted, running: false });
  expect(await pidsOf("ekn-42")).toEqual([]);
  await instances.put("ekn-42", { ...wanted, password: "the-wanted-2", running: false });
  expect(await pidsOf("ekn-42")).toEqual([]);
  await instances.put("ekn-42", { ...wanted, password: "the-wanted-3" });
  expect(readFileSync(join(home("ekn-42"), "password"), "utf8")).toBe("the-wanted-3");
});

it("tells of an instance that crashed, with the end of its log, and starts it again when asked", async () => {
  engine.script = "while [ ! -e crash ]; do sleep 0.02; done; echo out of memory; exit 3";
  const { uri } = await instances.put("ekn-42", wanted);
  await writeFile(join(home("ekn-42"), "crash"), "");
  const reason = (): string | undefined => instances.get("ekn-42")?.reason;
  await waitFor(() => reason()?.includes("log") === true);
  expect(instances.get("ekn-42")?.state).toBe("failed");
  expect(reason()).toBe(`ended with exit code 3. The end of ${join(dir, "logs", "neo4j-ekn-42.log")}:\nout of memory`);
  expect(lines).toContain("Neo4j ekn-42 ended with exit code 3");
  await rm(join(home("ekn-42"), "crash"));
  expect(await instances.put("ekn-42", wanted)).toEqual({ name: "ekn-42", state: "running", uri, mark: "a mark" });
});

it("an instance that ends while it starts is a fault with the end of its log, in which no password stands", async () => {
  engine.hold = () => new Promise(() => undefined);
  engine.script = 'echo "password $(cat password) is wrong"; exit 7';
  const attempt = instances.put("ekn-42", wanted);
  await expect(attempt).rejects.toMatchObject({ status: 500 });
  await expect(attempt).rejects.toThrow(
    /^ekn-42: ended with exit code 7\. The end of .*neo4j-ekn-42\.log:\npassword \[secret\] is wrong$/,
  );
  expect(instances.get("ekn-42")).toMatchObject({ state: "failed" });
});

it("an instance that ends right after its login had worked is a fault, too", async () => {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  engine.changePassword = () => promise;
  engine.script = "while [ ! -e crash ]; do sleep 0.02; done; exit 3";
  const attempt = expect(instances.put("ekn-42", wanted)).rejects.toMatchObject({ status: 500 });
  await waitFor(() => instances.get("ekn-42")?.state === "running");
  await writeFile(join(home("ekn-42"), "crash"), "");
  await waitFor(() => instances.get("ekn-42")?.state === "failed");
  resolve(undefined);
  await attempt;
});

it("refuses a second change of an instance while one is under way, and goes on with others", async () => {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  engine.hold = () => promise;
  const slow = instances.put("ekn-42", wanted);
  const busy = { status: 409, message: "ekn-42: another change of this instance is under way" };
  await expect(instances.put("ekn-42", wanted)).rejects.toMatchObject(busy);
  await expect(instances.remove("ekn-42")).rejects.toMatchObject(busy);
  expect(await instances.put("ekn-43", { ...wanted, running: false })).toMatchObject({ state: "stopped" });
  resolve(undefined);
  expect(await slow).toMatchObject({ state: "running" });
});

it("removes process, data, log and record, also when there is nothing to remove", async () => {
  await instances.put("ekn-42", wanted);
  await instances.put("ekn-43", wanted);
  await instances.remove("ekn-42");
  expect(await pidsOf("ekn-42")).toEqual([]);
  expect(existsSync(home("ekn-42"))).toBe(false);
  expect(await readdir(join(dir, "logs"))).toEqual(["neo4j-ekn-43.log"]);
  expect(readFileSync(file(), "utf8")).not.toContain("ekn-42");
  expect(instances.list().map(({ name }) => name)).toEqual(["ekn-43"]);
  await instances.remove("ekn-42");
});

it("a removed instance that is made again has nothing of the old one", async () => {
  await instances.put("ekn-42", wanted);
  await writeFile(join(home("ekn-42"), "graph"), "data");
  await instances.remove("ekn-42");
  await instances.put("ekn-42", wanted);
  expect(existsSync(join(home("ekn-42"), "graph"))).toBe(false);
});

it("after a restart it starts what ran, with the same port and password, and leaves stopped what was stopped", async () => {
  const { uri } = await instances.put("a-1", wanted);
  await instances.put("b-1", { ...wanted, running: false });
  await restart();
  expect(await pidsOf("a-1")).toEqual([]);
  expect(await instances.startAll()).toMatchObject([
    { name: "a-1", state: "running", uri },
    { name: "b-1", state: "stopped" },
  ]);
  expect(engine.made).toBe(2);
  expect(readFileSync(join(home("a-1"), "password"), "utf8")).toBe("the-wanted-1");
});

it("one instance that does not start keeps no other from starting", async () => {
  await instances.put("a-1", wanted);
  await instances.put("b-1", wanted);
  await restart();
  engine.hold = (place) => (place === home("a-1") ? new Promise(() => undefined) : Promise.resolve());
  engine.script = 'case "$PWD" in */a-1) exit 1 ;; esac; exec sleep 1000';
  expect(await instances.startAll()).toMatchObject([
    { name: "a-1", state: "failed", reason: expect.stringContaining("a-1: ended with exit code 1") as string },
    { name: "b-1", state: "running" },
  ]);
});

it("takes another port when a program has taken the old one", async () => {
  const before = await instances.put("ekn-42", { ...wanted, running: false });
  const other = createServer();
  await new Promise<void>((done) => other.listen(Number(new URL(before.uri).port), "127.0.0.1", done));
  const after = await instances.put("ekn-42", wanted);
  other.close();
  expect(after.uri).not.toBe(before.uri);
  expect(after.state).toBe("running");
});

it("what a crash left half made is made anew", async () => {
  engine.make = () => Promise.reject(new Error("killed"));
  await expect(instances.put("ekn-42", wanted)).rejects.toThrow("ekn-42: killed");
  await writeFile(join(home("ekn-42"), "half"), "");
  engine = fakeEngine();
  await restart();
  expect(await instances.startAll()).toMatchObject([{ state: "stopped" }]);
  expect(await instances.put("ekn-42", wanted)).toMatchObject({ state: "running" });
  expect(existsSync(join(home("ekn-42"), "half"))).toBe(false);
});

it("closing ends every process and gives up what is under way", async () => {
  await instances.put("a-1", wanted);
  engine.hold = () => new Promise(() => undefined);
  const slow = expect(instances.put("b-1", wanted)).rejects.toMatchObject({
    status: 503,
    message: "the services are being stopped",
  });
  await waitFor(() => existsSync(join(dir, "logs", "neo4j-b-1.log")));
  await instances.close();
  await slow;
  expect([...(await pidsOf("a-1")), ...(await pidsOf("b-1"))]).toEqual([]);
  expect(await processesOf(home("b-1"))).toEqual([]);
  await expect(instances.put("a-1", wanted)).rejects.toMatchObject({ status: 503 });
});

it("closing waits for what is under way to have ended", async () => {
  let ended = false;
  engine.make = async (_place, _password, signal) => {
    await once(signal, "abort");
    await delay(50);
    ended = true;
  };
  const slow = expect(instances.put("a-1", wanted)).rejects.toMatchObject({ status: 503 });
  await waitFor(() => existsSync(home("a-1")));
  await instances.close();
  expect(ended).toBe(true);
  await slow;
});

it("without Java it says what to install, still stops what runs, and tries again when asked again", async () => {
  await instances.put("ekn-42", wanted);
  await restart();
  engine.missing = "Neo4j needs Java 21";
  expect(await instances.about()).toEqual({ available: false, reason: "Neo4j needs Java 21" });
  expect(await instances.startAll()).toMatchObject([{ state: "failed", reason: "Neo4j needs Java 21" }]);
  await expect(instances.put("ekn-42", wanted)).rejects.toMatchObject({ status: 503, message: "Neo4j needs Java 21" });
  expect(await instances.put("ekn-42", { ...wanted, running: false })).toMatchObject({ state: "stopped" });
  engine.missing = undefined;
  expect(await instances.about()).toEqual({
    available: true,
    version: "0.0.0",
    status: "failed: Neo4j needs Java 21",
  });
  expect(await instances.put("ekn-42", wanted)).toMatchObject({ state: "running" });
  expect(await instances.about()).toEqual({ available: true, version: "0.0.0" });
});

it("a damaged file is refused by name", async () => {
  await instances.close();
  await writeFile(file(), '{"instances":{"ekn-42":{}}}');
  await expect(open()).rejects.toThrow(/instances\.json: written by another version of this program or damaged/);
  await rm(file());
});
