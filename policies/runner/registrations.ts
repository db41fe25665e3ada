/**
 * Every resource that a stack's program registers, without an engine, a provider or a server: the program runs under
 * the SDK's own runner, as the CLI starts it for a preview, against a monitor that only writes down.
 */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Resource } from "../rule.ts";
import { startMonitor } from "./monitor.ts";

export interface ProgramToCheck {
  /** Absolute path of the folder that holds Pulumi.yaml. */
  readonly projectDir: string;
  readonly project: string;
  readonly stack: string;
  /** The program's file from the folder. */
  readonly main: string;
  /** The stack's configuration by full key, as in `tenancy:platform`; objects as JSON. */
  readonly config: Readonly<Record<string, string>>;
  /** Keys of `config` whose values are secrets. */
  readonly secretKeys?: readonly string[];
  /** Where packages are found. @default projectDir */
  readonly packagesDir?: string;
}

/** The program could not be run to its end, so that nobody can tell what the stack would have. */
export class ProgramError extends Error {
  override readonly name = "ProgramError";
}

/** Exit code of the SDK's runner for an error that was told to the engine already. */
const lastLines = 20;

/** @throws ProgramError with what the program said. */
export async function collectRegistrations(program: ProgramToCheck): Promise<readonly Resource[]> {
  const { projectDir, project, stack, main, config, secretKeys = [], packagesDir = projectDir } = program;
  const runner = createRequire(join(packagesDir, "package.json")).resolve("@pulumi/pulumi/cmd/run/index.js");
  const monitor = await startMonitor(project, stack);
  try {
    const flags = {
      monitor: monitor.address,
      engine: monitor.address,
      project,
      stack,
      pwd: projectDir,
      "root-directory": projectDir,
      organization: "organization",
      parallel: "16",
    };
    const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
    const child = spawn(process.execPath, ["--stack-trace-limit=0", runner, ...args, "--dry-run", main], {
      cwd: projectDir,
      stdio: ["ignore", "ignore", "pipe"],
      env: {
        ...programEnvironment(),
        PULUMI_CONFIG: JSON.stringify(config),
        PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(secretKeys),
      },
    });
    const lines: string[] = [];
    child.stderr.on("data", (chunk: Buffer) => {
      lines.push(
        ...chunk
          .toString()
          .split("\n")
          .filter((line) => line.trim() !== ""),
      );
      lines.splice(0, Math.max(0, lines.length - lastLines));
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    if (code !== 0 || monitor.errors.length > 0) {
      const said = monitor.errors.length > 0 ? monitor.errors : lines;
      throw new ProgramError(`the stack's program did not run to its end:\n  ${said.join("\n  ")}`);
    }
    return [...monitor.resources];
  } finally {
    monitor.close();
  }
}

/** The caller's own engine, and credentials that it may have in its environment, are none of the program's business. */
function programEnvironment(): NodeJS.ProcessEnv {
  const left = Object.entries(process.env).filter(
    ([name]) => !/^(PULUMI_|AWS_|KUBECONFIG$|KUBERNETES_|PG|VITEST|NODE_OPTIONS$|npm_)/.test(name),
  );
  return { ...Object.fromEntries(left), NODE_OPTIONS: "--disable-warning=ExperimentalWarning" };
}
