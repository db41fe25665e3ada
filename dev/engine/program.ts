/** The stack's program and what Pulumi.yaml says of it. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { Child } from "./child.ts";
import { parallel } from "./run.ts";
import type { Run } from "./run.ts";

const projectSchema = z.object({
  name: z.string().min(1),
  main: z.string().default("."),
  plugins: z.object({ providers: z.array(z.object({ name: z.string(), path: z.string() })) }),
});

export interface Project {
  readonly name: string;
  readonly main: string;
  /** Path of the native provider's program. */
  readonly provider: string;
}

export async function readProject(folder: string): Promise<Project> {
  const path = join(folder, "Pulumi.yaml");
  const { name, main, plugins } = projectSchema.parse(parse(await readFile(path, "utf8")));
  const entry = plugins.providers.find((provider) => provider.name === "tenancy");
  if (entry === undefined) throw new Error(`${path} names no provider tenancy under plugins.providers`);
  return { name, main, provider: resolve(folder, entry.path, "pulumi-resource-tenancy") };
}

export interface ProgramOptions {
  readonly projectDir: string;
  readonly stack: string;
  /** Of the monitor. */
  readonly address: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Ends with the program; a failure of the run ends the program, too. */
export async function runProgram(run: Run, project: Project, options: ProgramOptions): Promise<void> {
  const { projectDir, stack, address, env } = options;
  const runner = createRequire(join(projectDir, "package.json")).resolve("@pulumi/pulumi/cmd/run/index.js");
  const flags = {
    monitor: address,
    engine: address,
    project: project.name,
    stack,
    pwd: projectDir,
    "root-directory": projectDir,
    organization: "organization",
    parallel: String(parallel),
  };
  const args = [
    "--stack-trace-limit=0",
    runner,
    ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]),
    ...(run.preview ? ["--dry-run"] : []),
    project.main,
  ];
  const child = new Child(process.execPath, args, { cwd: projectDir, env }, (line) => {
    run.say("info", line);
  });
  try {
    const code = await Promise.race([child.ended, run.failure]);
    if (code === 0 || run.hasFailed()) return;
    run.fail(`the program ended with ${code === undefined ? "a signal" : `exit code ${code}`}. ${child.lastErrors()}`);
  } finally {
    // What was asked of the providers is finished before their requests' program ends.
    await run.idle();
    await child.end();
  }
}
