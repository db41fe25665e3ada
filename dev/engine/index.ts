/**
 * A small engine for development and tests, for machines that have no Pulumi CLI: it runs the same program and the
 * same provider over the public protocol, with the state in one local file. docs/engines.md says what it leaves out.
 */
import { mkdir } from "node:fs/promises";
import { delimiter, dirname } from "node:path";
import type { Engine, Operation, RunOptions, RunResult, StackExport } from "../../cli/engine.ts";
import { Deployment } from "./deployment.ts";
import { deleteLeftovers, refresh } from "./leftovers.ts";
import { acquireLock } from "./lock.ts";
import { addServices, startServer } from "./monitor.ts";
import { Plugin } from "./plugin.ts";
import { readProject, runProgram } from "./program.ts";
import { stackType, tenancyProviderType } from "./resource.ts";
import type { Resource } from "./resource.ts";
import { Run } from "./run.ts";
import { Saver } from "./saver.ts";
import { Snapshot } from "./snapshot.ts";
import { formatState, loadState, parseState, writeState } from "./state.ts";
import { plain } from "./values.ts";

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
  /** Milliseconds to wait for another run on the same state. @default 60000 */
  readonly lockLimit?: number;
}

export function createLocalEngine(options: LocalEngineOptions): Engine {
  const { stateFile, passphrase, lockLimit = 60_000 } = options;
  const locked = async <T>(work: () => Promise<T>): Promise<T> => {
    await mkdir(dirname(stateFile), { recursive: true });
    const release = await acquireLock(stateFile, lockLimit);
    try {
      return await work();
    } finally {
      await release();
    }
  };
  return {
    name: "local",
    title: "local engine (development and tests only)",
    run(operation, runOptions = {}) {
      const work = (): Promise<RunResult> => operate(options, operation, runOptions);
      return operation === "preview" || runOptions.previewOnly === true ? work() : locked(work);
    },
    async outputs() {
      const { resources } = await loadState(stateFile, passphrase);
      return plain(resources.find(({ type }) => type === stackType)?.outputs ?? {});
    },
    config: () =>
      Promise.resolve(Object.fromEntries(Object.entries(options.config).map(([key, { value }]) => [key, value]))),
    async exportState() {
      return JSON.parse(formatState(await loadState(stateFile, passphrase))) as StackExport;
    },
    async importState(exported) {
      const state = await parseState(exported, passphrase);
      await locked(() => writeState(stateFile, state));
    },
  };
}

async function operate(engine: LocalEngineOptions, operation: Operation, options: RunOptions): Promise<RunResult> {
  const { projectDir, stack, stateFile, passphrase } = engine;
  const project = await readProject(projectDir);
  const { crypter, resources } = await loadState(stateFile, passphrase);
  const snapshot = new Snapshot(resources);
  const saver = new Saver(() => writeState(stateFile, { crypter, resources: snapshot.list() }));
  const preview = operation === "preview" || options.previewOnly === true;
  const env = environment(engine, options);
  const { server, address } = await startServer();
  const owner = (): Resource | undefined => snapshot.list().find(({ type }) => type === tenancyProviderType);
  const plugin = new Plugin({ executable: project.provider, address, cwd: projectDir, env, owner });
  const touch = (): void => {
    if (!preview) saver.touch();
  };
  const run = new Run(preview, snapshot, plugin, touch, options);
  const deployment = new Deployment(run, { project: project.name, stack });
  addServices(server, run, deployment);
  const cancel = (): void => {
    run.fail("the run was cancelled: what was under way is finished and saved");
    plugin.cancel().catch(() => undefined);
  };
  options.signal?.addEventListener("abort", cancel, { once: true });
  try {
    if (options.signal?.aborted === true) cancel();
    else if (operation === "refresh") await refresh(run);
    else {
      if (operation !== "destroy") await runProgram(run, project, { projectDir, stack, address, env });
      if (!run.hasFailed()) await deleteLeftovers(run);
    }
  } finally {
    options.signal?.removeEventListener("abort", cancel);
    await run.idle();
    await plugin.stop();
    server.forceShutdown();
    if (!preview) await saver.flush();
  }
  const { steps, diagnostics } = run;
  return { ok: !run.hasFailed(), steps, diagnostics, ...(preview && { outputsChanged: deployment.outputsChanged }) };
}

function environment({ env, config }: LocalEngineOptions, { adopt = [] }: RunOptions): NodeJS.ProcessEnv {
  const secretKeys = Object.keys(config).filter((key) => config[key]?.secret === true);
  const values = Object.fromEntries(Object.entries(config).map(([key, { value }]) => [key, value]));
  const all: NodeJS.ProcessEnv = {
    ...process.env,
    ...env,
    // The provider is started as a program of its own, which looks for `node`.
    PATH: [dirname(process.execPath), env?.PATH ?? process.env.PATH ?? ""].join(delimiter),
    PULUMI_CONFIG: JSON.stringify(values),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(secretKeys),
    TENANCY_ADOPT: adopt.join(","),
  };
  delete all.PULUMI_CONFIG_PASSPHRASE;
  return all;
}
