/** Chooses the engine of a stack, once and for all. */
import { join } from "node:path";
import type { Engine } from "./engine.ts";
import { findPulumi } from "./find-pulumi.ts";
import {
  developmentPassphrase,
  developmentStack,
  type Project,
  recordedEngine,
  recordEngine,
  stackConfig,
} from "./project.ts";
import { PulumiEngine } from "./pulumi-engine.ts";
import { UserError } from "./user-error.ts";

export const engineNames = ["pulumi", "local"] as const;
export type EngineName = (typeof engineNames)[number];

export interface OpenEngineOptions {
  /** Asked for by `--engine`; only the first run of a stack may choose. */
  readonly wanted?: EngineName | undefined;
  readonly progress: (line: string) => void;
}

/**
 * Opens the stack's engine: the one that its first run recorded; else the Pulumi CLI where it is or can be had; else
 * the local engine.
 *
 * @throws UserError when another engine than the recorded one is asked for, or the recorded one cannot be had.
 */
export async function openEngine(project: Project, options: OpenEngineOptions): Promise<Engine> {
  const recorded = recordedEngine(project);
  const { wanted } = options;
  if (recorded !== undefined && wanted !== undefined && wanted !== recorded) {
    throw new UserError(
      `stack ${project.stack} has its state in the engine ${recorded}; ${wanted} would begin with an empty state and ` +
        `make everything a second time. Carry the state over with \`npm run tenancy -- engine move ${wanted}\`.`,
    );
  }
  const name = wanted ?? recorded;
  if (name === "local") return openRecorded(project, "local", localEngine);
  const found = await findPulumi(project.dir, options.progress);
  if (found.kind === "found") return openRecorded(project, "pulumi", () => PulumiEngine.open(project, found));
  // Another machine's state of a real stack cannot be seen from here: an empty one must not take its place.
  if (name === "pulumi" || project.stack !== developmentStack) {
    throw new UserError(
      `${found.reason}. Stack ${project.stack} needs the Pulumi CLI: ` +
        `install the Pulumi CLI (https://www.pulumi.com/docs/install/) or let this machine reach its download.`,
    );
  }
  options.progress(`${found.reason}: using the local engine`);
  return openRecorded(project, "local", localEngine);
}

/** The engine itself, whatever the record says: for `engine move`. */
export async function openEngineUnrecorded(
  project: Project,
  name: EngineName,
  progress: (line: string) => void,
): Promise<Engine> {
  if (name === "local") return localEngine(project);
  const found = await findPulumi(project.dir, progress);
  if (found.kind === "missing") throw new UserError(`${found.reason}.`);
  return PulumiEngine.open(project, found);
}

async function openRecorded(
  project: Project,
  name: EngineName,
  open: (project: Project) => Promise<Engine>,
): Promise<Engine> {
  const engine = await open(project);
  if (recordedEngine(project) === undefined) recordEngine(project, name);
  return engine;
}

async function localEngine(project: Project): Promise<Engine> {
  // Only loaded where it is used: nothing but development and tests depends on it.
  const { createLocalEngine } = await import("../dev/engine/index.ts");
  const config = Object.entries(stackConfig(project)).map(([key, value]) => {
    if (typeof value === "object" && value !== null && "secure" in value) {
      throw new UserError(
        `Pulumi.${project.stack}.yaml: ${key} is a secure value, which the local engine cannot decrypt. ` +
          `Use the Pulumi CLI, or name a file with tenancy:platformFile.`,
      );
    }
    return [key, { value: typeof value === "string" ? value : JSON.stringify(value), secret: false }] as const;
  });
  return createLocalEngine({
    projectDir: project.dir,
    stack: project.stack,
    stateFile: join(project.devDir, "state", `${project.stack}.local.json`),
    passphrase: developmentPassphrase(project).passphrase,
    config: Object.fromEntries(config),
  });
}
