import { Command, Option } from "commander";
import { type Engine, operations, type Operation } from "../engine.ts";
import { type EngineName, engineNames, openEngine } from "../engines.ts";
import { operate } from "../operation.ts";
import { previewRefresh } from "../refresh-preview.ts";
import { developmentStack, openProject, recordedEngine } from "../project.ts";
import { registryGate } from "../registry-gate.ts";
import { isExpected } from "../run-main.ts";
import { UserError } from "../user-error.ts";
import { couldNotTell } from "../verdict.ts";

interface Flags {
  readonly stack: string;
  readonly engine?: EngineName;
  readonly replace?: string[];
  readonly previewOnly?: boolean;
}

const summaries: Record<Operation, string> = {
  preview: "show what an update would change",
  up: "make every store match the registry",
  refresh: "read the stores' real state; the next update mends what differs",
  destroy: "remove everything; refused while a tenant is not offboarded",
};

/** `preview`, `up`, `refresh` and `destroy`. */
export function operationCommands(): Command[] {
  return operations.map((operation) => {
    const command = engineOptions(new Command(operation).description(summaries[operation]));
    if (operation === "up" || operation === "preview") {
      command.option("--replace <urn...>", "replace a resource although nothing asks for it");
    }
    if (operation === "refresh") {
      command.option("--preview-only", "tell what differs and note nothing; 0 no drift, 1 drift, 2 could not tell");
    }
    return command.action(async (flags: Flags) => {
      try {
        await runOperation(operation, flags, []);
      } catch (error) {
        // Its exit code 1 is a verdict.
        if (flags.previewOnly !== true || !isExpected(error)) throw error;
        process.stderr.write(`error: ${error.message}\n`);
        process.exitCode = couldNotTell;
      }
    });
  });
}

/** `adopt <id…>`: one update that may take over data which the state does not know. */
export function adoptCommand(): Command {
  return engineOptions(
    new Command("adopt")
      .description("update, and take over existing data of the named tenants that the state does not know")
      .argument("<id...>", "ids of tenants in the registry"),
  ).action(async (ids: string[], flags: Flags) => {
    await runOperation("up", flags, ids);
  });
}

export function stackOption(): Option {
  return new Option("--stack <name>", "the stack").default(developmentStack).env("PULUMI_STACK");
}

export function engineOptions(command: Command): Command {
  return command
    .addOption(stackOption())
    .addOption(new Option("--engine <name>", "only at a stack's first run").choices(engineNames));
}

async function runOperation(operation: Operation, flags: Flags, adopt: readonly string[]): Promise<void> {
  const project = openProject(flags.stack);
  if (flags.stack !== developmentStack) refuseDebugging();
  const registry = registryGate(project);
  const unknown = adopt.filter((id) => !registry.ids.includes(id));
  if (unknown.length > 0) {
    throw new UserError(
      `adopt: ${unknown.map((id) => JSON.stringify(id)).join(", ")} not in ${registry.path}; it has ${registry.ids.join(", ") || "no tenant"}.`,
    );
  }
  const first = recordedEngine(project) === undefined;
  const engine = await openEngine(project, {
    wanted: flags.engine,
    progress: (line) => process.stderr.write(`${line}\n`),
  });
  if (operation === "destroy") await refuseLiveTenants(engine);
  console.log(`${operation} of stack ${project.stack} with ${engine.title}`);
  console.log(registry.summary);
  if (flags.previewOnly === true) {
    process.exitCode = await previewRefresh(engine);
    return;
  }
  const ok = await operate(engine, operation, { adopt, first, ...(flags.replace ? { replace: flags.replace } : {}) });
  process.exitCode = ok ? 0 : 1;
}

/** The engine would name each protected resource, and advise to unprotect it in the state. */
async function refuseLiveTenants(engine: Engine): Promise<void> {
  const { tenants } = await engine.outputs();
  const live = Object.entries((tenants ?? {}) as Record<string, { state?: string }>)
    .filter(([, { state }]) => state !== "offboarding")
    .map(([id]) => id);
  if (live.length === 0) return;
  throw new UserError(
    `destroy: ${live.length} ${live.length === 1 ? "tenant is" : "tenants are"} not offboarded: ${live.slice(0, 10).join(", ")}` +
      `${live.length > 10 ? ", …" : ""}. Nothing was changed. Set \`state: offboarding\` and a \`backupWaiver\` for each ` +
      `in the registry, run \`npm run up\`, then destroy.`,
  );
}

/** These switches of the engine print passwords. */
function refuseDebugging(): void {
  const set = ["PULUMI_DEBUG_GRPC", "PULUMI_DEBUG_PROMISE_LEAKS"].filter((name) => process.env[name] !== undefined);
  if (set.length > 0) {
    throw new UserError(
      `${set.join(", ")} prints passwords: it is only allowed with the stack ${developmentStack}. Unset it.`,
    );
  }
}
