import { Command } from "commander";
import { openProject, recordedEngine, recordEngine } from "../project.ts";
import { type EngineName, engineNames, openEngineUnrecorded } from "../engines.ts";
import { UserError } from "../user-error.ts";
import { stackOption } from "./operations.ts";

interface Flags {
  readonly stack: string;
}

/** `engine show` and `engine move <engine>`. */
export function engineCommand(): Command {
  const command = new Command("engine").description("which engine holds a stack's state, and moving it to the other");
  command
    .command("show")
    .description("print the engine that the stack's first run recorded")
    .addOption(stackOption())
    .action((flags: Flags) => {
      console.log(recordedEngine(openProject(flags.stack)) ?? "none yet: the next run chooses");
    });
  command
    .command("move")
    .description("carry a stack's state over to the other engine, secrets included")
    .argument("<engine>", engineNames.join(" or "))
    .addOption(stackOption())
    .action(async (target: string, flags: Flags) => {
      await moveEngine(target, flags.stack);
    });
  return command;
}

async function moveEngine(target: string, stack: string): Promise<void> {
  const name = engineNames.find((candidate) => candidate === target);
  if (name === undefined) {
    throw new UserError(`engine ${JSON.stringify(target)} is unknown; allowed are ${engineNames.join(" and ")}.`);
  }
  const project = openProject(stack);
  const from = recordedEngine(project);
  if (from === undefined) throw new UserError(`stack ${stack} has no state yet: choose with \`up --engine ${name}\`.`);
  if (from === name) throw new UserError(`stack ${stack} has its state in the engine ${name} already.`);
  const progress = (line: string): void => void process.stderr.write(`${line}\n`);
  const source = await openEngineUnrecorded(project, from, progress);
  const destination = await openEngineUnrecorded(project, name, progress);
  const state = await source.exportState();
  await destination.importState(state);
  assertCarriedOver(resourceUrns(state.deployment), resourceUrns((await destination.exportState()).deployment), name);
  // Recorded last: a crash before leaves the old engine in charge, whose state is still whole.
  recordEngine(project, name);
  console.log(`stack ${stack}: ${resourceUrns(state.deployment).length} resources moved from ${from} to ${name}`);
}

function resourceUrns(deployment: Record<string, unknown>): string[] {
  return ((deployment.resources ?? []) as { urn: string }[]).map(({ urn }) => urn).sort();
}

function assertCarriedOver(before: readonly string[], after: readonly string[], name: EngineName): void {
  const missing = before.filter((urn) => !after.includes(urn));
  if (missing.length > 0) {
    throw new UserError(
      `${missing.length} resources did not arrive in ${name}: ${missing.slice(0, 3).join(", ")}. Nothing was switched.`,
    );
  }
}
