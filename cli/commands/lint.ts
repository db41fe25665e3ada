/** `tenancy lint`: every fault of the SQL of templates and tenants. */
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { loadRegistry } from "../../tenants/load.ts";
import { UserError } from "../user-error.ts";
import { jsonReport, sarifReport, textReport } from "../lint/report.ts";
import { runLint } from "../lint/run.ts";
import { colours } from "./check.ts";

const project = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

interface Options {
  readonly file?: string;
  readonly registry?: string;
  readonly templates?: string;
  readonly json?: boolean;
  readonly sarif?: boolean;
}

export function lintCommand(): Command {
  return new Command("lint")
    .description("tell every fault of the SQL of templates and tenants; ends with 1 if there is an error")
    .argument("[template...]", "only these templates (default: all of them, and every tenant's own files)")
    .option("--file <path>", "only this file")
    .option("--registry <path>", "file of the registry (default: tenants/registry.yaml of the project)")
    .option(
      "--templates <path>",
      "folder of the templates, without --registry apart from any tenant (default: templates/ of the project)",
    )
    .option("--json", "write one JSON object: ok, files, errors, warnings, faults")
    .option("--sarif", "write SARIF 2.1.0 for code scanning")
    .action(async (names: readonly string[], options: Options) => {
      const { file, json, sarif } = options;
      if (file !== undefined && names.length > 0) throw new UserError("Name templates, or one --file, not both.");
      if (json === true && sarif === true) throw new UserError("Choose --json or --sarif, not both.");
      const templates = resolve(options.templates ?? join(project, "templates"));
      const path = options.registry ?? join(project, "tenants", "registry.yaml");
      // The project's registry names the project's templates, which another folder does not have.
      const without = options.templates !== undefined && options.registry === undefined;
      const registry = without ? undefined : loadRegistry(path, { templates });
      const report = await runLint({ templates, registry, names, file });
      const text =
        json === true
          ? `${jsonReport(report)}\n`
          : sarif === true
            ? sarifReport(report, version())
            : `${textReport(report, process.stdout.isTTY ? colours : undefined)}\n`;
      process.stdout.write(text);
      process.exitCode = report.faults.some(({ severity }) => severity === "error") ? 1 : 0;
    });
}

function version(): string {
  return String((JSON.parse(readFileSync(join(project, "package.json"), "utf8")) as { version: unknown }).version);
}
