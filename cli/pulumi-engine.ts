/** The Pulumi CLI as the engine, driven through the Automation API. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual, promisify } from "node:util";
import { z } from "zod";
import * as automation from "@pulumi/pulumi/automation/index.js";
import { parse } from "yaml";
import { isAdoptable } from "../provider/mark.ts";
import type { FoundPulumi } from "./find-pulumi.ts";
import { writePrivate } from "./private-file.ts";
import { developmentPassphrase, developmentStack, isLivingProcess, type Project } from "./project.ts";
import type { Diagnostic, Engine, Operation, RunOptions, RunResult, StackExport, Step, StepKind } from "./engine.ts";
import { UserError } from "./user-error.ts";
import { messageOf } from "../provider/message.ts";

/** Updates run so many operations at once; the provider bounds its own connections. */
const parallel = 32;

/** What makes updates of many tenants faster; docs/benchmarks.md has the figures. */
const tuning = {
  /** Diffs of several resources at once, instead of one after another. */
  PULUMI_PARALLEL_DIFF: "true",
  /** The CLI's heap may grow fourfold between two collections: 0.3 GB more at 1,000 tenants, and a fifth less work. */
  GOGC: "300",
};

const stepKinds: Readonly<Record<string, StepKind | undefined>> = {
  same: "same",
  create: "create",
  update: "update",
  "create-replacement": "replace",
  delete: "delete",
  read: "read",
  refresh: "refresh",
};

const configSchema = z.record(z.string(), z.object({ value: z.string() }));

const lockSchema = z.object({ pid: z.number(), hostname: z.string() });

export class PulumiEngine implements Engine {
  readonly name = "pulumi";
  readonly title: string;
  readonly #project: Project;
  readonly #stack: automation.Stack;
  /** Set for the development stack: its configuration file with the salt, outside of version control. */
  readonly #configFile: string | undefined;

  private constructor(project: Project, stack: automation.Stack, version: string, configFile: string | undefined) {
    this.#project = project;
    this.#stack = stack;
    this.#configFile = configFile;
    this.title = `Pulumi CLI ${version}`;
  }

  static async open(project: Project, pulumi: FoundPulumi): Promise<PulumiEngine> {
    // The CLI starts language host and plugins from PATH; the folder of npm's launcher must not come first.
    const path = (process.env.PATH ?? "").split(delimiter).filter((folder) => !folder.endsWith("node_modules/.bin"));
    const node = dirname(process.execPath);
    process.env.PATH = [node, pulumi.bin, ...path.filter((folder) => folder !== node)].join(delimiter);
    const development = project.stack === developmentStack ? developmentSettings(project) : undefined;
    const set = Object.entries(tuning).filter(([name]) => process.env[name] === undefined);
    const envVars = { PULUMI_SKIP_UPDATE_CHECK: "true", ...Object.fromEntries(set), ...development?.env };
    if (development !== undefined) await initDevelopmentStack(project, envVars);
    const pulumiCommand = await automation.PulumiCommand.get();
    const workspace = await automation.LocalWorkspace.create({ workDir: project.dir, envVars, pulumiCommand });
    const stack = await selectStack(project, workspace);
    return new PulumiEngine(project, stack, pulumi.version, development?.configFile);
  }

  async run(operation: Operation, options: RunOptions = {}): Promise<RunResult> {
    const collector = new EventCollector(operation, options);
    const signal = options.signal === undefined ? {} : { signal: options.signal };
    const common = {
      parallel,
      color: "never" as const,
      suppressOutputs: true,
      suppressProgress: true,
      // The history that the Automation API reads after an update would be decrypted with the salt in the tracked
      // configuration file, and a new salt written into it.
      showSecrets: false,
      onEvent: (event: automation.EngineEvent) => {
        collector.take(event);
      },
      ...signal,
      ...(this.#configFile === undefined ? {} : { configFile: this.#configFile }),
    };
    const environment = this.#stack.workspace.envVars;
    environment.TENANCY_ADOPT = (options.adopt ?? []).join(",");
    delete environment.PULUMI_EXPERIMENTAL;
    delete environment.PULUMI_SKIP_CHECKPOINTS;
    if (operation !== "preview") {
      this.#clearDeadLocks();
      if (options.skipCheckpoints === true && (await this.#holdsOnlyAdoptable())) {
        environment.PULUMI_EXPERIMENTAL = "true";
        environment.PULUMI_SKIP_CHECKPOINTS = "true";
      }
    }
    try {
      const replace = options.replace === undefined ? {} : { replace: [...options.replace] };
      if (operation === "preview") await this.#stack.preview({ ...common, ...replace });
      else if (operation === "up") await this.#stack.up({ ...common, ...replace });
      else if (operation === "refresh" && options.previewOnly === true) await this.#stack.previewRefresh(common);
      else if (operation === "refresh") await this.#stack.refresh(common);
      else await this.#stack.destroy(common);
      return collector.result(true);
    } catch (error) {
      if (error instanceof automation.ConcurrentUpdateError) {
        collector.add({
          severity: "error",
          message:
            `stack ${this.#project.stack}: another update is running. Wait until it has ended and run this again; ` +
            `if its machine is gone, \`pulumi cancel\` removes its lock.`,
        });
      } else if (!collector.hasErrors) {
        collector.add({ severity: "error", message: failureText(error) });
      }
      return collector.result(false);
    }
  }

  async outputs(): Promise<Readonly<Record<string, unknown>>> {
    const outputs = await this.#stack.outputs();
    return Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, value as unknown]));
  }

  async config(): Promise<Readonly<Record<string, string>>> {
    const file = this.#configFile === undefined ? [] : ["--config-file", this.#configFile];
    const shown = ["config", "--stack", this.#project.stack, "--json", "--show-secrets", ...file];
    const parsed = configSchema.safeParse(JSON.parse(await this.#command(shown)));
    if (!parsed.success) throw new UserError(`stack ${this.#project.stack}: \`pulumi config\` gave no configuration.`);
    return Object.fromEntries(Object.entries(parsed.data).map(([key, { value }]) => [key, value]));
  }

  async exportState(): Promise<StackExport> {
    const text = await this.#command(["stack", "export", "--stack", this.#project.stack]);
    return JSON.parse(text) as StackExport;
  }

  async importState(state: StackExport): Promise<void> {
    const file = join(this.#project.devDir, "import.json");
    writePrivate(file, JSON.stringify(state));
    try {
      await this.#command(["stack", "import", "--stack", this.#project.stack, "--file", file]);
    } finally {
      rmSync(file, { force: true });
    }
  }

  #command(args: string[]): Promise<string> {
    return runPulumi(args, this.#project.dir, this.#stack.workspace.envVars);
  }

  /** Whether a crash can orphan nothing: every resource in the state is adopted again by its handler. */
  async #holdsOnlyAdoptable(): Promise<boolean> {
    const { deployment } = await this.exportState();
    const resources = (deployment.resources ?? []) as { type: string }[];
    return resources.every(({ type }) => isAdoptable(type));
  }

  /** A killed CLI leaves its lock in the file backend; one of a dead process on this host holds nothing. */
  #clearDeadLocks(): void {
    const url = this.#stack.workspace.envVars.PULUMI_BACKEND_URL ?? process.env.PULUMI_BACKEND_URL ?? "";
    if (!url.startsWith("file:///")) return;
    const folder = join(url.slice("file://".length), ".pulumi", "locks", "organization", this.#project.name);
    const locks = join(folder, this.#project.stack);
    if (!existsSync(locks)) return;
    for (const file of readdirSync(locks).filter((name) => name.endsWith(".json"))) {
      const lock = lockSchema.safeParse(JSON.parse(readFileSync(join(locks, file), "utf8")));
      if (!lock.success || isLivingProcess(lock.data.pid, lock.data.hostname)) continue;
      rmSync(join(locks, file), { force: true });
    }
  }
}

/** Turns the engine's events into steps and diagnostics. */
class EventCollector {
  readonly #operation: Operation;
  readonly #options: RunOptions;
  readonly #steps: Step[] = [];
  readonly #diagnostics: Diagnostic[] = [];
  #outputsChanged = false;

  constructor(operation: Operation, options: RunOptions) {
    this.#operation = operation;
    this.#options = options;
  }

  get hasErrors(): boolean {
    return this.#diagnostics.some(({ severity }) => severity === "error");
  }

  take(event: automation.EngineEvent): void {
    const step = this.#operation === "preview" ? event.resourcePreEvent : event.resOutputsEvent;
    const ended = event.resOutputsEvent?.metadata;
    if (ended?.type === "pulumi:pulumi:Stack") {
      this.#outputsChanged = !isDeepStrictEqual(ended.old?.outputs ?? {}, ended.new?.outputs ?? {});
    }
    if (step !== undefined) this.#step(step.metadata);
    const { diagnosticEvent: diagnostic } = event;
    if (diagnostic === undefined) return;
    const message = plainText(diagnostic.message).trim();
    // A plugin on PATH is what findPulumi asked for.
    if (message === "" || /^using pulumi-resource-\S+ from \$PATH/.test(message)) return;
    if (diagnostic.ephemeral === true) {
      this.#options.onStatus?.(diagnostic.urn ?? "", message);
      return;
    }
    const severity =
      diagnostic.severity === "error" || diagnostic.severity === "warning" ? diagnostic.severity : "info";
    this.add({ severity, message, ...(diagnostic.urn ? { urn: diagnostic.urn } : {}) });
  }

  add(diagnostic: Diagnostic): void {
    this.#diagnostics.push(diagnostic);
    this.#options.onDiagnostic?.(diagnostic);
  }

  result(ok: boolean): RunResult {
    return { ok, steps: this.#steps, diagnostics: this.#diagnostics, outputsChanged: this.#outputsChanged };
  }

  #step(metadata: automation.StepEventMetadata): void {
    const kind = stepKinds[metadata.op];
    if (kind === undefined) return;
    const changed = Object.keys(metadata.detailedDiff ?? {});
    const step = { kind, urn: metadata.urn, changed: changed.length > 0 ? changed : (metadata.diffs ?? []) };
    this.#steps.push(step);
    this.#options.onStep?.(step);
  }
}

function developmentSettings(project: Project): { env: Record<string, string>; configFile: string } {
  return {
    env: {
      PULUMI_BACKEND_URL: `file://${join(project.devDir, "state")}`,
      PULUMI_CONFIG_PASSPHRASE_FILE: developmentPassphrase(project).file,
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    },
    configFile: join(project.devDir, `Pulumi.${project.stack}.yaml`),
  };
}

/**
 * `pulumi stack init` writes the salt of the passphrase into Pulumi.<stack>.yaml. That file is in version control, the
 * passphrase is this machine's: so the stack is made from a folder in `.dev/`, and updates get a copy of the
 * configuration with the salt.
 */
async function initDevelopmentStack(project: Project, env: Record<string, string>): Promise<void> {
  const folder = join(project.devDir, "init");
  const saltFile = join(folder, `Pulumi.${project.stack}.yaml`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  mkdirSync(join(project.devDir, "state"), { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, "Pulumi.yaml"), `name: ${project.name}\nruntime: nodejs\n`);
  const state = join(project.devDir, "state", ".pulumi", "stacks", project.name, `${project.stack}.json`);
  if (!existsSync(state) || !existsSync(saltFile)) {
    try {
      await runPulumi(["stack", "init", project.stack], folder, env);
    } catch (error) {
      // Another first run was faster, and is about to write the salt.
      if (!(error instanceof UserError) || !error.message.includes("already exists")) throw error;
      for (let waited = 0; !existsSync(saltFile) && waited < 5000; waited += 100) await sleep(100);
    }
  }
  const salt = z.object({ encryptionsalt: z.string() }).safeParse(parse(readFileSync(saltFile, "utf8")));
  if (!salt.success) {
    throw new UserError(
      `${saltFile} has no encryptionsalt: the state cannot be decrypted. \`npm run dev:reset\` begins anew.`,
    );
  }
  const tracked = readFileSync(join(project.dir, `Pulumi.${project.stack}.yaml`), "utf8");
  const text = `${tracked.trimEnd()}\nencryptionsalt: ${salt.data.encryptionsalt}\n`;
  writePrivate(join(project.devDir, `Pulumi.${project.stack}.yaml`), text);
}

/** @throws UserError with what the CLI printed on standard error. */
async function runPulumi(args: string[], cwd: string, env: Record<string, string>): Promise<string> {
  try {
    const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 2 ** 30 };
    const { stdout } = await promisify(execFile)("pulumi", [...args, "--non-interactive"], options);
    return stdout;
  } catch (error) {
    const stderr = error instanceof Error && "stderr" in error ? String(error.stderr) : String(error);
    throw new UserError(`pulumi ${args.slice(0, 2).join(" ")}: ${plainText(stderr).trim()}`);
  }
}

async function selectStack(project: Project, workspace: automation.LocalWorkspace): Promise<automation.Stack> {
  try {
    return await automation.Stack.select(project.stack, workspace);
  } catch (error) {
    if (error instanceof automation.StackNotFoundError) {
      throw new UserError(
        `stack ${project.stack} does not exist in the backend. Create it with \`pulumi stack init ${project.stack}\`, ` +
          `or choose another with --stack.`,
      );
    }
    throw new UserError(failureText(error));
  }
}

/** What the CLI printed on standard error, without the Automation API's dump of streams and stack. */
function failureText(error: unknown): string {
  const text = messageOf(error);
  const stderr = /stderr: ([\s\S]*?)(?:\n err\?:|$)/.exec(text)?.[1] ?? text;
  // The CLI's own words, without the command line that the Automation API puts before them.
  return plainText(stderr)
    .replace(/^Command failed with exit code \d+: .*\n?/, "")
    .replace(/^error: /, "")
    .trim();
}

/** Without the engine's colour tags. */
function plainText(text: string): string {
  return text.replaceAll(/<\{%.*?%\}>/g, "");
}
