/** Where a project's files are, and what belongs to its stack. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { UserError } from "./user-error.ts";
import { writePrivate } from "./private-file.ts";

/** The stack of the embedded services: its backend, passphrase and servers lie in `.dev/`. */
export const developmentStack = "dev";

export interface Project {
  readonly dir: string;
  /** Name in Pulumi.yaml. */
  readonly name: string;
  readonly stack: string;
  /** Folder of what only this machine has; never in version control. */
  readonly devDir: string;
}

const pulumiYaml = z.object({ name: z.string().min(1) });
const stackName = /^[A-Za-z0-9_.-]{1,100}$/;

/** @throws UserError when the stack's name is not legal or Pulumi.yaml is not there. */
export function openProject(stack: string, dir = resolve(import.meta.dirname, "..")): Project {
  if (!stackName.test(stack)) {
    throw new UserError(
      `stack ${JSON.stringify(stack)}: a stack's name has letters, digits, "_", "." and "-" only, at most 100.`,
    );
  }
  const parsed = pulumiYaml.safeParse(parse(readFileSync(join(dir, "Pulumi.yaml"), "utf8")));
  if (!parsed.success) throw new UserError(`${join(dir, "Pulumi.yaml")} has no name.`);
  return { dir, name: parsed.data.name, stack, devDir: join(dir, ".dev") };
}

/** Values of `config:` in Pulumi.<stack>.yaml, as text; objects as JSON. Secure values stay as they are. */
export function stackConfig(project: Project): Record<string, unknown> {
  const path = join(project.dir, `Pulumi.${project.stack}.yaml`);
  if (!existsSync(path)) return {};
  const schema = z.object({ config: z.record(z.string(), z.unknown()).default({}) });
  const parsed = schema.safeParse(parse(readFileSync(path, "utf8")) ?? {});
  if (!parsed.success) throw new UserError(`${path}: config must be a map.`);
  return parsed.data.config;
}

/** The passphrase that encrypts the development stack's secrets: made once, readable for its owner only. */
export function developmentPassphrase(project: Project): { file: string; passphrase: string } {
  const file = join(project.devDir, "passphrase");
  if (!existsSync(file)) {
    mkdirSync(project.devDir, { recursive: true, mode: 0o700 });
    writePrivate(file, randomBytes(32).toString("base64url"));
  }
  return { file, passphrase: readFileSync(file, "utf8").trim() };
}

/** Which engine a stack's state belongs to; an empty second state would adopt, rotate and forget. */
export function recordedEngine(project: Project): "pulumi" | "local" | undefined {
  const path = engineRecord(project);
  if (!existsSync(path)) return undefined;
  const name = readFileSync(path, "utf8").trim();
  if (name === "pulumi" || name === "local") return name;
  throw new UserError(
    `${path} holds ${JSON.stringify(name)}; allowed is pulumi or local. Write the right one into it.`,
  );
}

export function recordEngine(project: Project, engine: "pulumi" | "local"): void {
  mkdirSync(join(project.devDir, "engines"), { recursive: true, mode: 0o700 });
  writePrivate(engineRecord(project), `${engine}\n`);
}

function engineRecord(project: Project): string {
  return join(project.devDir, "engines", project.stack);
}

/** A process on another machine cannot be seen from here: it counts as living. */
export function isLivingProcess(pid: number, host: string): boolean {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
