/**
 * The one process that owns the services' children, their logs, the TLS ports and the Neo4j instances. Started by `startServices` with the
 * services' folder as its argument; nothing secret is in its arguments.
 *
 * Its standard input is held by the launcher: when that closes before the line `release` came, the launcher has died
 * and everything is stopped. SIGHUP starts what is missing, SIGTERM stops everything.
 */
import { closeSync, openSync, renameSync, statSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import type { Server } from "node:tls";
import { spawnGuarded, type Guarded } from "./guard.ts";
import { errorMessage, readIfThere, writePrivate } from "./files.ts";
import { openManager, type Manager } from "./neo4j/manager.ts";
import { processRecord, type ProcessRecord } from "./process.ts";
import { cleanUp, serviceList } from "./services.ts";
import type { Service } from "./service.ts";
import { paths, readState, type Pids, type ServiceName, type State } from "./state.ts";
import { startTlsProxy } from "./tls-proxy.ts";

const largestLog = 10_000_000;
const folderCheckMs = 1_000;

const dir = process.argv[2];
if (dir === undefined) throw new Error("usage: supervisor.ts <folder of the services>");
const at = paths(dir);
const own = ownRecord();
const running = new Map<ServiceName, Guarded>();
const proxies = new Map<ServiceName, Server>();
const status: Pids["services"] = {};
let launched: State | undefined;
let neo4j: Manager | undefined;
const ending = new AbortController();
let stopping = false;
let released = false;
let queue = Promise.resolve();

// The sockets of servers are named relative to this folder.
process.chdir(dir);
process.on("SIGTERM", stop);
process.on("SIGINT", stop);
process.on("SIGHUP", () => {
  enqueue(startMissing);
});
process.on("uncaughtException", (error) => {
  console.error(error);
  stop();
});
process.stdin.on("data", (chunk: Buffer) => {
  if (chunk.toString().includes("release")) released = true;
});
process.stdin.on("error", launcherGone);
process.stdin.on("close", launcherGone);
setInterval(() => {
  void isOurs().then((ours) => {
    if (!ours) stop();
  });
}, folderCheckMs).unref();
enqueue(startMissing);

function launcherGone(): void {
  if (!released) stop();
}

function stop(): void {
  if (stopping) return;
  stopping = true;
  ending.abort();
  enqueue(stopAll);
}

/** One thing after the other, so that a stop never runs beside a start. */
function enqueue(action: () => Promise<void>): void {
  queue = queue.then(action).catch((error: unknown) => {
    log(errorMessage(error));
    stop();
  });
}

async function startMissing(): Promise<void> {
  const state = await readState(dir ?? "");
  if (state === undefined || stopping) return;
  launched = state;
  neo4j ??= await openManager(dir ?? "", state, log);
  for (const service of serviceList(state)) {
    if (!running.has(service.name)) await start(service, state);
  }
  await report();
}

async function start(service: Service, state: State): Promise<void> {
  const ca = await readFile(at.caCertificate, "utf8");
  await service.before?.({ dir: dir ?? "", state, ca }, ending.signal);
  const command = service.command({ dir: dir ?? "", state });
  const output = openLog(service.name);
  const guarded = spawnGuarded(command, output);
  closeSync(output);
  running.set(service.name, guarded);
  const pid = await guarded.pid.catch(() => undefined);
  const guard = processRecord(guarded.guard.pid ?? 0) ?? { pid: guarded.guard.pid ?? process.pid, started: "ended" };
  status[service.name] = {
    guard,
    process: (pid === undefined ? undefined : processRecord(pid)) ?? { pid: pid ?? guard.pid, started: "ended" },
  };
  void guarded.exit.then((code) => {
    running.delete(service.name);
    const entry = status[service.name];
    if (entry !== undefined) status[service.name] = { ...entry, exit: { code, at: new Date().toISOString() } };
    log(`${service.name} ended with exit code ${code}`);
    if (!stopping) enqueue(report);
  });
  if (service.proxy !== undefined) await openProxy(service, state);
}

async function openProxy({ name, proxy }: Service, state: State): Promise<void> {
  const old = proxies.get(name);
  old?.close();
  if (proxy === undefined) return;
  const [certificate, key] = await Promise.all([
    readFile(at.serverCertificate, "utf8"),
    readFile(at.serverKey, "utf8"),
  ]);
  proxies.set(name, await startTlsProxy({ port: state.ports[proxy.port], socket: proxy.socket, certificate, key }));
}

async function report(): Promise<void> {
  if (stopping || !(await isOurs())) return;
  const pids: Pids = { supervisor: own, services: status };
  await writePrivate(at.pids, `${JSON.stringify(pids, null, 2)}\n`);
}

async function stopAll(): Promise<void> {
  for (const proxy of proxies.values()) proxy.close();
  const instances = neo4j?.close();
  const ends = [...running.values()].map((guarded) => {
    guarded.stop();
    return guarded.exit;
  });
  await Promise.all([instances, ...ends]);
  if (launched !== undefined) await cleanUp(launched);
  const ours = (await readIfThere(at.pids))?.includes(`"started": "${own.started}"`) ?? false;
  if (ours) await rm(at.pids, { force: true });
  process.exit(0);
}

/** Whether the folder is still there, and no other supervisor's. */
async function isOurs(): Promise<boolean> {
  return (await readIfThere(at.state).catch(() => undefined)) !== undefined;
}

function log(line: string): void {
  console.log(`${new Date().toISOString()} ${line}`);
}

function openLog(name: ServiceName): number {
  const path = at.log(name);
  try {
    if (statSync(path).size > largestLog) renameSync(path, `${path}.1`);
  } catch {
    // The first start has no log yet.
  }
  return openSync(path, "a", 0o600);
}

function ownRecord(): ProcessRecord {
  const record = processRecord(process.pid);
  if (record === undefined) throw new Error("the system does not tell when this process started");
  return record;
}
