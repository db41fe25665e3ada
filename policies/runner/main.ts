/** `npm run policy`: the pack over a stack's registrations, without a CLI, a server or a credential. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { Command, Option } from "commander";
import { developmentStack, openProject } from "../../cli/project.ts";
import { runMain } from "../../cli/run-main.ts";
import { UserError } from "../../cli/user-error.ts";
import { withVerdict } from "../../cli/verdict.ts";
import { rules } from "../catalogue.ts";
import { checkConfiguration, type Configuration, ConfigurationError, merge } from "../configuration.ts";
import { isPosture, postureConfiguration, postures } from "../postures.ts";
import { checkStack } from "./check.ts";
import { jsonReport } from "./json.ts";
import { junitReport } from "./junit.ts";
import { ProgramError } from "./registrations.ts";
import { exitCode, type Report } from "./report.ts";
import { sarifReport } from "./sarif.ts";
import { textReport } from "./text.ts";

const formats: Readonly<Record<string, (report: Report) => string>> = {
  text: textReport,
  json: jsonReport,
  junit: junitReport,
  sarif: sarifReport,
};

interface Flags {
  readonly stack: string;
  readonly format: string;
  readonly output?: string;
  readonly posture: string;
  readonly config?: string;
  readonly platform?: string;
}

const command = new Command("policy")
  .description("check a stack against the policy pack; 0 passed, 1 refused, 2 could not run")
  .option("--stack <name>", "the stack whose configuration is used", developmentStack)
  .addOption(new Option("--format <name>", "form of the report").choices(Object.keys(formats)).default("text"))
  .option("--output <file>", "write the report there and not to standard output")
  .addOption(new Option("--posture <name>", "how strict").choices(Object.keys(postures)).default("baseline"))
  .option("--config <file>", "JSON of the form of --policy-pack-config, which comes on top of the posture")
  .option("--platform <file>", "JSON or YAML of the platform's servers, instead of the stack's configuration");

async function run(): Promise<number> {
  const flags = command.opts<Flags>();
  try {
    const project = openProject(flags.stack);
    const { posture, configuration } = configurationOf(flags);
    const { report } = await checkStack({ project, posture, configuration, platformFile: flags.platform });
    const text = formats[flags.format]?.(report) ?? "";
    if (flags.output === undefined) process.stdout.write(text);
    else writeFileSync(resolve(flags.output), text);
    return exitCode(report);
  } catch (error) {
    if (error instanceof ProgramError || error instanceof ConfigurationError) throw new UserError(error.message);
    throw error;
  }
}

function configurationOf({ posture, config }: Flags): { posture: string; configuration: Configuration } {
  const base = isPosture(posture) ? postureConfiguration(posture) : {};
  if (config === undefined) return { posture, configuration: base };
  const path = resolve(config);
  if (!existsSync(path)) throw new UserError(`--config ${JSON.stringify(config)} is not there.`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    throw new UserError(`--config ${JSON.stringify(config)} is not JSON.`);
  }
  const own = checkConfiguration(parsed, rules, config);
  // `all` is for whatever the site's file does not name, as with the CLI: the posture's own levels give way to it.
  const levels = own.all === undefined ? base : withoutLevels(base);
  return { posture: `${posture} and ${basename(config)}`, configuration: merge(levels, own) };
}

function withoutLevels(configuration: Configuration): Configuration {
  return Object.fromEntries(
    Object.entries(configuration).map(([name, entry]) => {
      const { enforcementLevel: _, ...settings } = typeof entry === "string" ? { enforcementLevel: entry } : entry;
      return [name, settings];
    }),
  );
}

await runMain(() => withVerdict(command, run).parseAsync());
