/**
 * A small engine for development and tests, for machines that have no Pulumi CLI: it runs the same program and the
 * same provider over the public protocol, with the state in one local file. docs/engines.md says what it leaves out.
 */
import { dirname, join, delimiter } from "node:path";
import { createRequire } from "node:module";
import { mkdir } from "node:fs/promises";
import type { Engine, Operation, RunOptions, RunResult, StackExport } from "../../cli/engine.ts";
import { deleteLeftovers } from "./deletion.ts";
import { Deployment } from "./deployment.ts";
import { acquireLock } from "./lock.ts";
import { startServer } from "./monitor.ts";
import { Plugin } from "./plugin.ts";
import { startProcess } from "./processes.ts";
import { providerExecutable, readProject } from "./project.ts";
import type { Project } from "./project.ts";
import { Providers } from "./providers.ts";
import { refresh } from "./refresh.ts";
import { stackType } from "./resource.ts";
import { Run } from "./run.ts";
import { Snapshot } from "./snapshot.ts";
import { asExport, formatState, parseState } from "./state-format.ts";
import { loadState, Saver, writeState } from "./state-file.ts";
import { plain, secret } from "./values.ts";

export interface LocalEngineOptions {
  /** Absolute path of the folder that holds Pulumi.yaml. */
  readonly projectDir: string;
  readonly stack: string;
  /** Absolute path; made with mode 0600 by the first run. */
  readonly stateFile: string;
  readonly passphrase: string;
  /** The stack's configuration by full key, as in `tenancy:platformFile`. */
  readonly config: Readonly<Record<string, { readonly value: string; readonly secret: boolean }>>;
  /** Added to this process's environment for the program and the providers. */
  readonly env?: Readonly<Record<string, string>>;
  /** @default the Node.js that runs this */
  readonly node?: string;
  /** Resources that are worked on at once. @default 32 */
  readonly parallel?: number;
  /** Milliseconds to wait for another run on the same state. @default 60000 */
  readonly lockLimit?: number;
}

export function createLocalEngine(options: LocalEngineOptions): Engine {
  return new LocalEngine(options);
}

class LocalEngine implements Engine {
  readonly name = "local";
  readonly title = "local engine (development and tests only)";
  readonly #options: LocalEngineOptions;

  constructor(options: LocalEngineOptions) {
    this.#options = options;
  }

  async run(operation: Operation, options: RunOptions = {}): Promise<RunResult> {
    if (operation === "preview") return this.#operate(operation, options);
    return this.#locked(() => this.#operate(operation, options));
  }

  async outputs(): Promise<Readonly<Record<string, unknown>>> {
    const { resources } = await loadState(this.#options.stateFile, this.#options.passphrase);
    return plain(resources.find(({ type }) => type === stackType)?.outputs ?? {});
  }

  async exportState(): Promise<StackExport> {
    return asExport(formatState(await loadState(this.#options.stateFile, this.#options.passphrase)));
  }

  async importState(state: StackExport): Promise<void> {
    const { stateFile, passphrase } = this.#options;
    const parsed = await parseState(state, passphrase);
    await this.#locked(() => writeState(stateFile, formatState(parsed)));
  }

  async #locked<T>(work: () => Promise<T>): Promise<T> {
    const { stateFile, lockLimit = 60_000 } = this.#options;
    await mkdir(dirname(stateFile), { recursive: true });
    const release = await acquireLock(stateFile, lockLimit);
    try {
      return await work();
    } finally {
      await release();
    }
  }

  async #operate(operation: Operation, options: RunOptions): Promise<RunResult> {
    const { projectDir, stateFile, passphrase, parallel = 32, stack } = this.#options;
    const project = await readProject(projectDir);
    const { crypter, resources } = await loadState(stateFile, passphrase);
    const snapshot = new Snapshot(resources);
    const saver = new Saver(stateFile, crypter, () => snapshot.list());
    const preview = operation === "preview";
    const env = this.#environment(options);
    let address = "";
    const providers = new Providers(async (name) => {
      const executable = await providerExecutable(projectDir, project, name);
      return Plugin.start({ name, executable, engineAddress: address, cwd: projectDir, env });
    });
    const touch = (): void => {
      if (!preview) saver.touch();
    };
    const run = new Run({ preview, parallel, snapshot, providers, touch, options });
    const withProgram = operation === "preview" || operation === "up";
    const defaults = (name: string): Record<string, ReturnType<typeof secret>> => this.#configOf(name);
    const deployment = withProgram ? new Deployment(run, { project: project.name, stack, defaults }) : undefined;
    const server = await startServer(run, deployment);
    ({ address } = server);
    const cancel = (): void => {
      run.fail("the run was cancelled: what was under way is finished and saved");
      void providers.cancel();
    };
    options.signal?.addEventListener("abort", cancel, { once: true });
    try {
      if (options.signal?.aborted === true) cancel();
      if (deployment !== undefined) await this.#runProgram(run, project, server.address, env);
      else if (operation === "refresh") await refresh(run);
      if (deployment !== undefined || operation === "destroy") {
        if (!run.hasFailed()) await deleteLeftovers(run);
      }
    } finally {
      options.signal?.removeEventListener("abort", cancel);
      await run.idle();
      await providers.stop();
      await server.stop();
      if (!preview) await saver.flush();
    }
    return run.result();
  }

  /** Ends with the program; a failure ends the program, too. */
  async #runProgram(run: Run, project: Project, address: string, env: NodeJS.ProcessEnv): Promise<void> {
    const { projectDir, stack, parallel = 32, node = process.execPath } = this.#options;
    if (run.hasFailed()) return;
    const runner = createRequire(join(projectDir, "package.json")).resolve("@pulumi/pulumi/cmd/run/index.js");
    const flags = { monitor: address, engine: address, project: project.name, stack, pwd: projectDir };
    const child = startProcess(
      node,
      [
        "--stack-trace-limit=0",
        runner,
        ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]),
        ...["--root-directory", projectDir, "--organization", "organization", "--parallel", String(parallel)],
        ...(run.preview ? ["--dry-run"] : []),
        project.main,
      ],
      {
        cwd: projectDir,
        env,
        onLine: (line) => {
          run.say("info", line);
        },
      },
    );
    try {
      const code = await Promise.race([child.ended, run.stopped.then(() => "stopped" as const)]);
      if (code === 0 || run.hasFailed()) return;
      run.fail(
        `the program ended with ${code === undefined ? "a signal" : `exit code ${code}`}. ${child.lastErrors()}`,
      );
    } finally {
      // What was asked of the providers is finished before their requests' program ends.
      await run.idle();
      await child.end();
    }
  }

  #environment(options: RunOptions): NodeJS.ProcessEnv {
    const { env, config, node = process.execPath } = this.#options;
    const secretKeys = Object.keys(config).filter((key) => config[key]?.secret === true);
    const values = Object.fromEntries(Object.entries(config).map(([key, { value }]) => [key, value]));
    const all: NodeJS.ProcessEnv = {
      ...process.env,
      ...env,
      // The provider is started as a program of its own, which looks for `node`.
      PATH: [dirname(node), env?.PATH ?? process.env.PATH ?? ""].join(delimiter),
      PULUMI_CONFIG: JSON.stringify(values),
      PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(secretKeys),
      TENANCY_ADOPT: (options.adopt ?? []).join(","),
    };
    delete all.PULUMI_CONFIG_PASSPHRASE;
    return all;
  }

  /** Configuration in a package's own name space, as its default provider gets it. */
  #configOf(name: string): Record<string, ReturnType<typeof secret>> {
    const entries = Object.entries(this.#options.config).filter(([key]) => key.startsWith(`${name}:`));
    return Object.fromEntries(
      entries.map(([key, { value, secret: hidden }]) => [key.slice(name.length + 1), hidden ? secret(value) : value]),
    );
  }
}
