/** Runs the pack over the registrations of a stack's program. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import type { Project } from "../../cli/project.ts";
import { rules } from "../catalogue.ts";
import type { Configuration } from "../configuration.ts";
import { evaluate } from "../evaluate.ts";
import type { Resource } from "../rule.ts";
import { collectRegistrations } from "./registrations.ts";
import type { Report } from "./report.ts";
import { type ConfigOptions, programConfig } from "./stack-config.ts";

export interface CheckOptions extends ConfigOptions {
  readonly project: Project;
  readonly configuration: Configuration;
  /** How the report names the configuration. */
  readonly posture: string;
  /** @default the present */
  readonly now?: Date;
  /** Where packages are found. @default the project's folder */
  readonly packagesDir?: string;
}

const manifestSchema = z.object({ version: z.string() });
const pulumiYaml = z.object({ main: z.string().default("index.ts") });

/** @throws ProgramError when the program does not run to its end; UserError for files that are not there. */
export async function checkStack(options: CheckOptions): Promise<{ report: Report; resources: readonly Resource[] }> {
  const { project, configuration, posture, now = new Date(), packagesDir } = options;
  const started = Date.now();
  const { values, notes } = programConfig(project, options);
  const { main } = pulumiYaml.parse(parse(readFileSync(join(project.dir, "Pulumi.yaml"), "utf8")));
  const resources = await collectRegistrations({
    projectDir: project.dir,
    project: project.name,
    stack: project.stack,
    main,
    config: values,
    ...(packagesDir === undefined ? {} : { packagesDir }),
  });
  const verdicts = evaluate(rules, resources, configuration, { stack: project.stack, now });
  const registry = resolve(project.dir, values["tenancy:registry"] ?? "tenants/registry.yaml");
  const report: Report = {
    project: project.name,
    stack: project.stack,
    version: packVersion(),
    posture,
    startedAt: now.toISOString(),
    seconds: (Date.now() - started) / 1000,
    resources: resources.length,
    rules,
    configuration,
    verdicts,
    notes,
    registry: relative(project.dir, registry),
    records: recordsOf(registry, project.dir),
  };
  return { report, resources };
}

export function packVersion(): string {
  const path = resolve(import.meta.dirname, "..", "package.json");
  return manifestSchema.parse(JSON.parse(readFileSync(path, "utf8"))).version;
}

/** Where each tenant's record begins: by the keys' lines, since the program has read the files already. */
function recordsOf(registry: string, projectDir: string): Report["records"] {
  const records = new Map<string, { file: string; line: number }>();
  const file = relative(projectDir, registry);
  const lines = existsSync(registry) ? readFileSync(registry, "utf8").split("\n") : [];
  const start = lines.findIndex((line) => line.startsWith("tenants:"));
  for (const [index, line] of start === -1 ? [] : lines.slice(start + 1).entries()) {
    if (/^\S/.test(line) && !line.startsWith("#")) break;
    const id = /^ {2}["']?([a-z0-9-]+)["']?:/.exec(line)?.[1];
    if (id !== undefined) records.set(id, { file, line: start + index + 2 });
  }
  const folder = join(dirname(registry), "registry.d");
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const id = /^([a-z0-9-]+)\.yaml$/.exec(name)?.[1];
    if (id !== undefined) records.set(id, { file: relative(projectDir, join(folder, name)), line: 1 });
  }
  return records;
}
