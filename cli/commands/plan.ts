/** `tenancy plan`: what a branch changes, tenant by tenant, before anybody approves it. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { Command, Option } from "commander";
import { RegistryError } from "../../tenants/load.ts";
import { type EngineName, engineNames } from "../engines.ts";
import type { Plan } from "../plan/plan.ts";
import { openProject, type Project } from "../project.ts";
import { isExpected } from "../run-main.ts";
import { UserError } from "../user-error.ts";
import { couldNotTell, withVerdict } from "../verdict.ts";
import { stackOption } from "./operations.ts";

const formats = ["text", "markdown", "json"] as const;

interface Flags {
  readonly base: string;
  readonly stack: string;
  readonly format: (typeof formats)[number];
  readonly output?: string;
  readonly posture: string;
  readonly policyConfig?: string;
  readonly platform?: string;
  readonly live?: boolean;
  readonly engine?: EngineName;
}

export function planCommand(): Command {
  const command = new Command("plan")
    .description("show what this branch changes, tenant by tenant; 0 fine or dangerous, 1 refused, 2 no plan")
    .requiredOption("--base <ref>", "branch, tag or commit that the branch is compared with, as in origin/main")
    .addOption(stackOption())
    .addOption(new Option("--format <name>", "form of the plan").choices(formats).default("text"))
    .option("--output <file>", "write the plan there and not to standard output")
    .option("--posture <name>", "how strict the policies are: baseline or regulated", "baseline")
    .option("--policy-config <file>", "JSON of the form of --policy-pack-config, which comes on top of the posture")
    .option("--platform <file>", "JSON or YAML of the platform's servers, instead of the stack's configuration")
    .option("--live", "add the engine's own preview, which needs the servers and the stack's state")
    .addOption(new Option("--engine <name>", "of --live, only at a stack's first run").choices(engineNames));
  return withVerdict(command, () => runPlan(command.opts<Flags>()));
}

async function runPlan(flags: Flags): Promise<number> {
  const write = (text: string): void => {
    if (flags.output === undefined) process.stdout.write(text);
    else {
      mkdirSync(dirname(resolve(flags.output)), { recursive: true });
      writeFileSync(resolve(flags.output), text);
    }
  };
  const project = openProject(flags.stack);
  // What the plan is made with is loaded late: it brings the clients of all servers.
  const { faultsMarkdown, failureMarkdown, planMarkdown } = await import("../plan/markdown.ts");
  const { faultsJson, faultsText, planJson, planText } = await import("../plan/plain.ts");
  try {
    const made = await makePlan(project, flags);
    write({ text: planText, markdown: planMarkdown, json: planJson }[flags.format](made));
    return made.rating === "refused" ? 1 : 0;
  } catch (error) {
    if (error instanceof RegistryError) {
      write({ text: faultsText, markdown: faultsMarkdown, json: faultsJson }[flags.format](error.faults));
      return 1;
    }
    // A comment that was never updated would show an old plan as if it were this one's.
    if (!isExpected(error)) throw error;
    if (flags.format === "markdown") write(failureMarkdown(error.message));
    process.stderr.write(`error: ${error.message}\n`);
    return couldNotTell;
  }
}

async function makePlan(project: Project, flags: Flags): Promise<Plan> {
  const { plan } = await import("../plan/make.ts");
  const { posture, configuration } = await policiesOf(flags);
  return plan({
    project,
    base: flags.base,
    posture,
    configuration,
    platformFile: flags.platform,
    ...(flags.live === true ? { live: () => live(project, flags.engine) } : {}),
  });
}

async function live(project: Project, wanted: EngineName | undefined) {
  const [{ openEngine }, { livePreview }] = await Promise.all([import("../engines.ts"), import("../plan/live.ts")]);
  const progress = (line: string): void => void process.stderr.write(`${line}\n`);
  return livePreview(await openEngine(project, { wanted, progress }));
}

async function policiesOf({ posture, policyConfig }: Flags) {
  const { isPosture, postureConfiguration, postures } = await import("../../policies/postures.ts");
  const { checkConfiguration, ConfigurationError, merge } = await import("../../policies/configuration.ts");
  const { rules } = await import("../../policies/catalogue.ts");
  if (!isPosture(posture)) {
    throw new UserError(`--posture ${JSON.stringify(posture)}: allowed are ${Object.keys(postures).join(", ")}.`);
  }
  const base = postureConfiguration(posture);
  if (policyConfig === undefined) return { posture, configuration: base };
  if (!existsSync(policyConfig)) throw new UserError(`--policy-config ${JSON.stringify(policyConfig)} is not there.`);
  try {
    const own = checkConfiguration(JSON.parse(readFileSync(policyConfig, "utf8")), rules, policyConfig);
    return { posture: `${posture} and ${policyConfig}`, configuration: merge(base, own) };
  } catch (error) {
    if (error instanceof ConfigurationError) throw new UserError(error.message);
    throw new UserError(`--policy-config ${JSON.stringify(policyConfig)} is not JSON.`);
  }
}
