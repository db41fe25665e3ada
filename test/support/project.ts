/** A copy of the project in a folder of its own, run as a user runs it, against the tests' servers. */
import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { stringify } from "yaml";
import type { EngineName } from "../../cli/engines.ts";
import { findPulumi } from "../../cli/find-pulumi.ts";
import { copyProject, writePlatformFile } from "../../dev/project-copy.ts";
import type { Platform } from "../../provider/config.ts";
import { services } from "./services.ts";

const root = resolve(import.meta.dirname, "..", "..");
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, for what may stand in either. */
  readonly text: string;
}

export type TenantSettings = Record<string, unknown>;

/** The engines of this machine: the local one always, the Pulumi CLI where it is. */
export async function availableEngines(): Promise<EngineName[]> {
  const found = await findPulumi(root, () => undefined);
  return found.kind === "found" ? ["local", "pulumi"] : ["local"];
}

export class TestProject {
  readonly dir: string;
  readonly engine: EngineName;
  /** Naming prefix of this project's tenants: servers are shared with other tests. */
  readonly prefix: string;
  readonly platform: Platform;
  /** Everything that was printed, but by `credentials`: secrets are looked for in it. */
  readonly printed: string[] = [];
  readonly #running = new Set<ChildProcess>();
  tenants: Record<string, TenantSettings> = {};
  maxDeletes = 1;
  profile: TenantSettings = {};
  /** By name, which has to be this project's own: roles belong to the whole server. */
  pools: Record<string, TenantSettings> = {};

  constructor(engine: EngineName) {
    const { platform, caFile } = services();
    this.engine = engine;
    this.prefix = `t${randomBytes(4).toString("hex")}`;
    this.dir = mkdtempSync(join(tmpdir(), `tenancy-${engine}-`));
    copyProject(this.dir);
    this.platform = structuredClone(platform);
    const { main } = this.platform.postgres;
    if (main !== undefined) {
      main.database = `e2e_${this.prefix}`;
      // Of its own: roles belong to the whole server, and a login that two projects set up is in the way of both.
      if (main.application !== undefined) main.application.user = `application_${this.prefix}`;
    }
    this.writePlatform(this.platform, caFile);
  }

  /** Writes `.dev/platform.json` as the embedded services do. */
  writePlatform(platform: Platform, caFile: string): void {
    writePlatformFile(this.dir, platform, caFile);
  }

  /** Writes the registry from `tenants`, `maxDeletes`, `profile` and `pools`. */
  writeRegistry(): void {
    const registry = {
      maxDeletes: this.maxDeletes,
      defaults: { region: "local", tier: "bridge", placement: { postgres: "main", redis: "main", storage: "main" } },
      profiles: {
        graph: {
          prefix: this.prefix,
          stores: ["postgres", "redis", "storage"],
          postgres: { template: "knowledge-graph" },
          ...this.profile,
        },
      },
      pools: this.pools,
      tenants: Object.fromEntries(
        Object.entries(this.tenants).map(([id, settings]) => [
          id,
          { displayName: id, externalId: `org_${id}`, owner: "team@example.com", profile: "graph", ...settings },
        ]),
      ),
    };
    writeFileSync(join(this.dir, "tenants", "registry.yaml"), stringify(registry));
  }

  /** Writes the registry and runs a command of `tenancy`. */
  async run(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
    this.writeRegistry();
    return this.start(args, env).done;
  }

  /** Starts a command; `child` can be killed. */
  start(args: readonly string[], env: Record<string, string> = {}): { child: ChildProcess; done: Promise<Outcome> } {
    const first = args[0] ?? "";
    const chooses = ["preview", "up", "refresh", "destroy", "adopt"].includes(first) && !args.includes("--engine");
    const choosing = chooses ? ["--engine", this.engine] : [];
    const child = spawn(process.execPath, [join(this.dir, "cli", "main.ts"), ...args, ...choosing], {
      cwd: this.dir,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...cleanEnv(), CI: "true", NODE_COMPILE_CACHE: join(root, ".dev", "node-cache"), ...env },
    });
    this.#running.add(child);
    const done = new Promise<Outcome>((resolveOutcome) => {
      let stdout = "";
      let stderr = "";
      child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
      child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
      child.on("close", (code) => {
        this.#running.delete(child);
        const text = `${stdout}${stderr}`;
        if (first !== "credentials") this.printed.push(text);
        resolveOutcome({ code, stdout, stderr, text });
      });
    });
    return { child, done };
  }

  async up(): Promise<Outcome> {
    return this.run(["up"]);
  }

  async credentials(id: string): Promise<Credentials> {
    const { code, stdout, text } = await this.run(["credentials", id, "--json"]);
    if (code !== 0) throw new Error(text);
    return JSON.parse(stdout) as Credentials;
  }

  /** Replaces text in a source file of this project. */
  edit(file: string, from: string, to: string): void {
    const path = join(this.dir, file);
    const text = readFileSync(path, "utf8");
    if (!text.includes(from)) throw new Error(`${file} does not contain ${from}`);
    writeFileSync(path, text.replace(from, to));
  }

  /** Path of the file that holds the stack's state. */
  get stateFile(): string {
    return this.engine === "local"
      ? join(this.dir, ".dev", "state", "dev.local.json")
      : join(this.dir, ".dev", "state", ".pulumi", "stacks", "tenancy", "dev.json");
  }

  /** Every text that this project left in its folders: state, backups, history, logs. */
  written(): string {
    return filesUnder(join(this.dir, ".dev"))
      .filter((path) => !/\/(platform\.json|passphrase)$/.test(path))
      .map((path) => readFileSync(path, "latin1"))
      .join("\n");
  }

  remove(): void {
    for (const child of this.#running) child.kill("SIGKILL");
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export interface Credentials {
  readonly postgres: {
    host: string;
    port: number;
    database: string;
    user: string;
    password: string;
    schema: string;
    tenantId?: string;
    caFile: string;
  };
  readonly redis: {
    host: string;
    port: number;
    username: string;
    password: string;
    keyPrefix: string;
    defaultTtlSeconds: number;
    caFile: string;
  };
  readonly storage: {
    endpoint: string;
    bucket: string;
    prefix: string;
    accessKeyId: string;
    secretAccessKey: string;
    region: string;
    caFile: string;
  };
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    const entry = statSync(path, { throwIfNoEntry: false });
    if (entry === undefined) return [];
    return entry.isDirectory() ? filesUnder(path) : [path];
  });
}

/** The test runner's own variables must not reach the program; npm's folder neither: it holds npm's `pulumi`. */
function cleanEnv(): NodeJS.ProcessEnv {
  const env = { ...process.env };
  for (const name of Object.keys(env)) {
    if (/^(VITEST|NODE_OPTIONS|PULUMI_|TENANCY_|npm_)/.test(name)) Reflect.deleteProperty(env, name);
  }
  env.PATH = (env.PATH ?? "")
    .split(delimiter)
    .filter((part) => !part.endsWith("node_modules/.bin"))
    .join(delimiter);
  return env;
}
