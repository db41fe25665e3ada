/**
 * The embedded servers for development and tests: PostgreSQL with pgvector, Valkey, SeaweedFS and, for each tenant that
 * asks for one, Neo4j; all on 127.0.0.1, all with TLS by a certificate authority of their own. Everything they have lies
 * in one folder.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile, realpath } from "node:fs/promises";
import { Socket } from "node:net";
import { dirname, join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Platform } from "../../provider/config.ts";
import { ensureCertificates } from "./certificates.ts";
import { privateFolder } from "./files.ts";
import { waitUntilHealthy } from "./health.ts";
import { withLock } from "./lock.ts";
import { allEnded, look, portsInUse } from "./look.ts";
import { prepareInstances, startInstances } from "./neo4j/client.ts";
import { managerAddress } from "./neo4j/manager.ts";
import { readPlatform, writePlatform } from "./platform.ts";
import { ServicesError } from "./error.ts";
import { ensurePrograms, pythonOf } from "./python.ts";
import { unprivileged } from "./run-as.ts";
import type { Context, Service } from "./service.ts";
import { serviceList } from "./services.ts";
import {
  choosePorts,
  newSecrets,
  paths,
  readPids,
  readState,
  upgradeState,
  writeState,
  type ServiceName,
  type State,
} from "./state.ts";
import { stopServices } from "./stop.ts";

export { stopServices } from "./stop.ts";
export { ServicesError } from "./error.ts";

export interface StartOptions {
  /** Folder of the services: data, passwords, ports, logs. Made when it is not there. */
  readonly dir: string;
  /** Folder of the programs, which several `dir`s may share; Neo4j's lie beside it. @default `<dir>/python` */
  readonly pythonDir?: string;
  /** Whether the services end with this process, however it ends, or live on until `stopServices`. */
  readonly mode: "attached" | "detached";
  /** Independent Valkey servers. @default 1 */
  readonly redisNodes?: 1 | 2;
  /** False trades safety of the data after a crash of the machine for speed. @default true */
  readonly durable?: boolean;
  /**
   * Lifetime of the server's certificate in days, for tests: zero or less makes one that has expired.
   * @default 365, renewed when fewer than 30 days are left
   */
  readonly certificateDays?: number;
  /** Takes short lines without an end of line. */
  readonly progress: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface Services {
  readonly platform: Platform;
  /** PEM file of the authority that signed the servers' certificate. */
  readonly caFile: string;
  readonly dir: string;
  /** Process ids of the supervisor and of each service. */
  readonly pids: Readonly<Record<string, number>>;
  readonly bin: {
    readonly psql: string;
    readonly pgDump: string;
    readonly pgRestore: string;
    readonly valkeyServer: string;
  };
  /** Names of the services that this call started; empty when all ran already. */
  readonly started: readonly string[];
  /**
   * Downloads what Neo4j instances need, and writes into `platform.json` whether they can be had.
   *
   * @returns why not, with what to install
   */
  prepareNeo4j(progress: (line: string) => void, signal?: AbortSignal): Promise<string | undefined>;
  stop(): Promise<void>;
}

/**
 * Starts what does not run yet and returns when every service answers. Can be run again at any time: ports, passwords
 * and data stay.
 *
 * @throws ServicesError for what the user can mend
 */
export async function startServices(options: StartOptions): Promise<Services> {
  const dir = await privateFolder(resolve(options.dir));
  return withLock(paths(dir).lock, options.progress, () => start(dir, options), options.signal);
}

/** The services of a folder; undefined unless all of them run and answer. */
export async function readServices(dir: string): Promise<Services | undefined> {
  const found = await look(resolve(dir));
  return found?.missing.length === 0 && found.instances ? describe(found.context, []) : undefined;
}

async function start(dir: string, options: StartOptions): Promise<Services> {
  const { progress, signal } = options;
  const wanted = wantedServices(options);
  const pythonDir = resolve(options.pythonDir ?? join(dir, "python"));
  const neo4j = join(dirname(await realpath(pythonDir).catch(() => pythonDir)), "neo4j");
  const upgraded = await upgradeState(dir, { neo4j, python: pythonOf(pythonDir) });
  const found = await look(dir);
  const certificateIsNew = await ensureCertificates(dir, options.certificateDays);
  const same =
    found !== undefined && found.instances && sameNames(found.context.state.services, wanted) && !certificateIsNew;
  if (same && found.missing.length === 0) {
    await resumeInstances(found.context, options);
    if (upgraded) await writePlatform(dir, found.context.state);
    return describe(found.context, []);
  }
  // Only a server that has ended can be started beside the others; one that hangs or must change needs an end first.
  const crashed = same && (await allEnded(dir, found.missing));
  if (!crashed) await stopServices(dir);

  const runAs = unprivileged();
  const programs = await ensurePrograms(pythonDir, runAs, progress, signal);
  const old = await readState(dir);
  const inUse = new Set(crashed && old !== undefined ? portsInUse(found, old) : []);
  const state: State = {
    ports: await choosePorts(old?.ports, inUse, progress),
    secrets: old?.secrets ?? newSecrets(),
    services: wanted,
    durable: options.durable ?? true,
    certificateDays: options.certificateDays,
    programs: { ...programs, neo4j, postgresPrefix: [...runAs.prefix], postgresOwner: runAs.owner },
  };
  await writeState(dir, state);
  const context: Context = { dir, state, ca: await readFile(paths(dir).caCertificate, "utf8") };
  await privateFolder(paths(dir).logs);
  const starting = crashed ? found.missing : serviceList(state);
  await Promise.all(starting.map((service) => service.prepare(context, signal)));
  await launch(context, starting, options, crashed);
  await writePlatform(dir, state);
  return describe(
    context,
    starting.map((service) => service.name),
  );
}

/** Starts the supervisor, or has the running one start what is missing, and waits for the services. */
async function launch(
  context: Context,
  starting: readonly Service[],
  { mode, progress, signal }: StartOptions,
  supervised: boolean,
): Promise<void> {
  const { dir } = context;
  const supervisor = supervised ? undefined : spawnSupervisor(dir);
  try {
    if (supervisor === undefined) await wakeSupervisor(dir);
    else await firstReport(dir, supervisor, signal);
    await Promise.all(
      starting.map(async (service) => {
        const begun = performance.now();
        await waitUntilHealthy(service, context, signal);
        await service.finish?.(context);
        progress(`${service.title}: ready in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
      }),
    );
    await resumeInstances(context, { progress, signal });
  } catch (error) {
    if (supervisor !== undefined) await stopServices(dir);
    throw error;
  }
  if (supervisor === undefined) return;
  if (mode === "detached") {
    await new Promise<void>((done) => supervisor.stdin?.end("release\n", done));
  }
}

/** An instance that does not start is told and keeps nothing else from starting. */
async function resumeInstances(
  context: Context,
  { progress, signal }: Pick<StartOptions, "progress" | "signal">,
): Promise<void> {
  for (const { name, state, reason } of await startInstances(managerAddress(context), signal)) {
    progress(`Neo4j ${name}: ${state}${reason === undefined ? "" : ` (${reason})`}`);
  }
}

function spawnSupervisor(dir: string): ChildProcess {
  const log = openSync(paths(dir).log("supervisor"), "a", 0o600);
  const supervisor = spawn(process.execPath, [join(import.meta.dirname, "supervisor.ts"), dir], {
    cwd: dir,
    detached: true,
    stdio: ["pipe", log, log],
  });
  closeSync(log);
  // A supervisor that ends early is told by its log; neither it nor its pipe keeps this process alive.
  supervisor.stdin?.on("error", () => undefined);
  supervisor.unref();
  if (supervisor.stdin instanceof Socket) supervisor.stdin.unref();
  return supervisor;
}

async function firstReport(dir: string, supervisor: ChildProcess, signal?: AbortSignal): Promise<void> {
  while ((await readPids(dir))?.supervisor.pid !== supervisor.pid) {
    if (supervisor.exitCode !== null || supervisor.signalCode !== null || supervisor.pid === undefined) {
      const tail = (await readFile(paths(dir).log("supervisor"), "utf8")).trimEnd().split("\n").slice(-15);
      throw new ServicesError(`The services' supervisor ended. The end of its log:\n${tail.join("\n")}`);
    }
    await delay(20, undefined, { signal });
  }
}

async function wakeSupervisor(dir: string): Promise<void> {
  const pids = await readPids(dir);
  if (pids === undefined) throw new ServicesError("The services were stopped meanwhile; run the command again.");
  const before = JSON.stringify(pids.services);
  process.kill(pids.supervisor.pid, "SIGHUP");
  while (JSON.stringify((await readPids(dir))?.services) === before) await delay(20);
}

async function describe(context: Context, started: readonly ServiceName[]): Promise<Services> {
  const { dir, state } = context;
  const pids = await readPids(dir);
  const bin = join(state.programs.postgres, "bin");
  return {
    platform: await readPlatform(dir, state),
    caFile: paths(dir).caCertificate,
    dir,
    pids: Object.fromEntries([
      ["supervisor", pids?.supervisor.pid ?? 0],
      ...Object.entries(pids?.services ?? {}).map(([name, entry]) => [name, entry.process.pid] as const),
    ]),
    bin: {
      psql: join(bin, "psql"),
      pgDump: join(bin, "pg_dump"),
      pgRestore: join(bin, "pg_restore"),
      valkeyServer: state.programs.valkeyServer,
    },
    started,
    prepareNeo4j: async (progress, signal) => {
      const reason = await prepareInstances(managerAddress(context), progress, signal);
      await writePlatform(dir, state, reason);
      return reason;
    },
    stop: async () => {
      await stopServices(dir);
    },
  };
}

function wantedServices({ redisNodes }: StartOptions): ServiceName[] {
  return redisNodes === 2 ? ["postgres", "redis-1", "redis-2", "storage"] : ["postgres", "redis-1", "storage"];
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}
