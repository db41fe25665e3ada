/** The instances of a folder of services: each a server of its own with data, port, password and life of its own. */
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import pLimit from "p-limit";
import { errorMessage, privateFolder } from "../files.ts";
import type { Progress } from "../install.ts";
import { freePort, isFree, paths } from "../state.ts";
import type { BoltServer } from "./bolt.ts";
import type { Engine } from "./engine.ts";
import { InstanceFault } from "./fault.ts";
import { Processes } from "./processes.ts";
import { InstanceRecords, type InstanceRecord } from "./records.ts";
import type { ServerPlace } from "./server.ts";

export interface Instance {
  readonly name: string;
  readonly state: "running" | "stopped" | "failed";
  readonly uri: string;
  readonly mark: string;
  /** Why it failed. */
  readonly reason?: string;
}

export interface Wanted {
  readonly password: string;
  readonly mark: string;
  readonly running: boolean;
}

export interface InstancesOptions {
  /** Folder of the services. */
  readonly dir: string;
  readonly engine: Engine;
  readonly progress: Progress;
  /** False where a test asked for an expired certificate. @default true */
  readonly verify?: boolean;
}

/** Starts at the same time: each takes a processor for seconds. */
const starts = 2;

export class Instances {
  readonly #options: InstancesOptions;
  readonly #records: InstanceRecords;
  readonly #processes: Processes;
  readonly #busy = new Set<string>();
  readonly #changes = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  #preparing: Promise<void> | undefined;
  #status: string | undefined;

  private constructor(options: InstancesOptions, records: InstanceRecords) {
    this.#options = options;
    this.#records = records;
    this.#processes = new Processes({
      log: (name) => this.#log(name),
      masked: (name, text) => this.#masked(name, text),
      progress: options.progress,
    });
  }

  static async open(options: InstancesOptions): Promise<Instances> {
    return new Instances(options, await InstanceRecords.open(folderOf(options.dir)));
  }

  async about(): Promise<object> {
    const { engine } = this.#options;
    const reason = await engine.obstacle();
    const status = this.#status === undefined ? {} : { status: this.#status };
    return reason === undefined
      ? { available: true, version: engine.version, ...status }
      : { available: false, reason, ...status };
  }

  /** Downloads what the first instance needs, and answers as `about`: with a reason where it cannot be had. */
  async prepare(): Promise<object> {
    try {
      await this.#prepare();
    } catch (error) {
      if (!(error instanceof InstanceFault)) throw error;
      return { available: false, reason: error.message };
    }
    return this.about();
  }

  list(): Instance[] {
    return this.#records.names().flatMap((name) => this.get(name) ?? []);
  }

  get(name: string): Instance | undefined {
    const record = this.#records.get(name);
    if (record === undefined) return undefined;
    const reason = this.#processes.failure(name);
    const state = this.#processes.isReady(name) ? "running" : reason === undefined ? "stopped" : "failed";
    const uri = `bolt+s://127.0.0.1:${record.port}`;
    return { name, state, uri, mark: record.mark, ...(state === "failed" ? { reason } : {}) };
  }

  /** Makes the instance what is wanted, whatever it is now. */
  put(name: string, wanted: Wanted): Promise<Instance> {
    return this.#alone(name, async () => {
      let record = this.#records.get(name);
      const wasReady = this.#processes.isReady(name);
      // Without Java an instance can still be stopped.
      if (record?.made !== true || (wanted.running && !wasReady)) await this.#prepare();
      if (record?.made !== true) record = await this.#make(name, wanted.mark, record?.port);
      record = await this.#save(name, { ...record, mark: wanted.mark, running: wanted.running });
      if (wanted.running && !wasReady) record = await this.#start(name, record);
      // A stopped server takes no password; it gets it when it is wanted again.
      if (wanted.running || wasReady) await this.#settlePassword(name, record, wanted.password);
      if (!wanted.running) await this.#processes.stop(name);
      return this.#told(name);
    });
  }

  /** Ends the instance and destroys its data. Does nothing when it is not there. */
  remove(name: string): Promise<void> {
    return this.#alone(name, async () => {
      const record = this.#records.get(name);
      if (record === undefined) return;
      await this.#processes.stop(name);
      // After a crash in between nobody takes the rest for a graph.
      await this.#save(name, { ...record, made: false, running: false });
      await rm(this.#place(name, record.port).home, { recursive: true, force: true });
      await rm(this.#log(name), { force: true });
      await this.#records.remove(name);
    });
  }

  /** Starts every instance that is to run and does not. A failure is told by the instance. */
  async startAll(): Promise<Instance[]> {
    const missing = this.#records.names().filter((name) => {
      const record = this.#records.get(name);
      return record?.running === true && record.made && !this.#processes.isReady(name) && !this.#busy.has(name);
    });
    await pLimit(starts).map(missing, async (name) => {
      try {
        await this.#alone(name, async () => {
          await this.#prepare();
          const record = this.#records.get(name);
          if (record?.running === true && !this.#processes.isReady(name)) await this.#start(name, record);
        });
      } catch (error) {
        if (!this.#busy.has(name)) this.#processes.fail(name, errorMessage(error));
      }
    });
    return this.list();
  }

  /** Ends every process; returns when none is left. */
  async close(): Promise<void> {
    this.#closing.abort(new InstanceFault(503, "the services are being stopped"));
    await this.#processes.stopAll();
    await Promise.allSettled(this.#changes);
  }

  async #alone<T>(name: string, action: () => Promise<T>): Promise<T> {
    if (this.#busy.has(name)) throw new InstanceFault(409, `${name}: another change of this instance is under way`);
    this.#busy.add(name);
    try {
      this.#closing.signal.throwIfAborted();
      const change = action();
      this.#changes.add(change);
      return await change.finally(() => this.#changes.delete(change));
    } catch (error) {
      if (error instanceof InstanceFault) throw error;
      throw new InstanceFault(500, `${name}: ${this.#masked(name, errorMessage(error))}`);
    } finally {
      this.#busy.delete(name);
    }
  }

  /** Downloads once, however many ask at the same time. */
  async #prepare(): Promise<void> {
    const progress = (line: string): void => {
      this.#status = line;
      this.#options.progress(line);
    };
    this.#preparing ??= this.#options.engine.prepare(progress, this.#closing.signal);
    try {
      await this.#preparing;
      this.#status = undefined;
    } catch (error) {
      this.#preparing = undefined;
      this.#closing.signal.throwIfAborted();
      this.#status = `failed: ${errorMessage(error)}`;
      this.#options.progress(this.#status);
      throw new InstanceFault(503, errorMessage(error));
    }
  }

  /** What a crash left of an earlier attempt, or of a removal, goes. */
  async #make(name: string, mark: string, oldPort?: number): Promise<InstanceRecord> {
    const port = await this.#port(oldPort);
    // In hexadecimal: neo4j-admin takes a password with a hyphen in front for an option.
    const password = randomBytes(24).toString("hex");
    const record = { port, password, mark, running: false, made: false };
    await this.#save(name, record);
    const place = this.#place(name, port);
    await rm(place.home, { recursive: true, force: true });
    await privateFolder(place.home);
    await this.#options.engine.make(place, record.password, this.#closing.signal);
    return this.#save(name, { ...record, made: true });
  }

  async #start(name: string, old: InstanceRecord): Promise<InstanceRecord> {
    const { engine } = this.#options;
    const record = await this.#save(name, { ...old, port: await this.#port(old.port) });
    const place = this.#place(name, record.port);
    await engine.configure(place);
    const passwords = [record.password, ...(record.nextPassword === undefined ? [] : [record.nextPassword])];
    const login = (signal: AbortSignal): Promise<string> => engine.login(this.#server(record), passwords, signal);
    const password = await this.#processes.start(name, engine.command(place), login, this.#closing.signal);
    return this.#save(name, { ...record, password, nextPassword: undefined });
  }

  /** The new password is remembered before it is set, so that a crash in between locks nobody out. */
  async #settlePassword(name: string, record: InstanceRecord, password: string): Promise<void> {
    const { engine } = this.#options;
    const server = this.#server(record);
    const known = await engine.login(server, [record.password, password], this.#closing.signal);
    if (known !== password) {
      await this.#save(name, { ...record, nextPassword: password });
      await engine.changePassword(server, known, password);
    }
    await this.#save(name, { ...record, password, nextPassword: undefined });
  }

  /** The port that it had, unless another program has taken it. */
  async #port(old?: number): Promise<number> {
    if (old !== undefined && (await isFree(old))) return old;
    const taken = new Set(this.#records.ports());
    let port = await freePort();
    while (taken.has(port)) port = await freePort();
    return port;
  }

  async #save(name: string, record: InstanceRecord): Promise<InstanceRecord> {
    await this.#records.set(name, record);
    return record;
  }

  #told(name: string): Instance {
    const instance = this.get(name);
    if (instance === undefined) throw new InstanceFault(404, `${name}: there is no such instance`);
    // It may have ended after its login had worked.
    if (instance.state === "failed") throw new InstanceFault(500, `${name}: ${instance.reason ?? "ended"}`);
    return instance;
  }

  #place(name: string, port: number): ServerPlace {
    return { dir: this.#options.dir, home: join(folderOf(this.#options.dir), "homes", name), port };
  }

  #server({ port }: InstanceRecord): BoltServer {
    const { dir, verify } = this.#options;
    return { port, caFile: paths(dir).caCertificate, verify: verify ?? true };
  }

  #log(name: string): string {
    return paths(this.#options.dir).log(`neo4j-${name}`);
  }

  #masked(name: string, text: string): string {
    const record = this.#records.get(name);
    const secrets = [record?.password, record?.nextPassword].filter((secret) => secret !== undefined && secret !== "");
    return secrets.reduce<string>((shown, secret) => shown.replaceAll(secret ?? "", "[secret]"), text);
  }
}

/** Data, passwords and ports of the instances. */
function folderOf(dir: string): string {
  return join(dir, "data", "neo4j");
}
