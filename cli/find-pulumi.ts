/** Finds a Pulumi CLI and the plugins that the stack needs, within seconds. */
import { execFile } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** How long to wait for the first byte of a download's server before going on without it. */
const reachLimitMs = 3000;
const downloadLimitMs = 10 * 60_000;

export interface FoundPulumi {
  readonly kind: "found";
  /** Folder of the `pulumi` command. */
  readonly bin: string;
  readonly version: string;
}
export interface NoPulumi {
  readonly kind: "missing";
  /** Why not, in one sentence. */
  readonly reason: string;
}

/**
 * Looks on PATH, then at the official npm package `pulumi`, which downloads the CLI into `~/.pulumi/versions`.
 * The plugin of @pulumi/random has to be there, too, or to be had.
 */
export async function findPulumi(
  projectDir: string,
  progress: (line: string) => void,
): Promise<FoundPulumi | NoPulumi> {
  const found = (await onPath()) ?? (await fromPackage(projectDir, progress));
  if (found.kind === "missing") return found;
  const missing = await ensureRandomPlugin(projectDir, found, progress);
  return missing ?? found;
}

async function onPath(): Promise<FoundPulumi | undefined> {
  // npm puts node_modules/.bin first on PATH: what lies there is the package's launcher, asked for later.
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => !folder.endsWith("node_modules/.bin"));
  for (const bin of folders) {
    if (!isExecutable(join(bin, "pulumi"))) continue;
    const version = await versionOf(join(bin, "pulumi"));
    if (version !== undefined) return { kind: "found", bin, version };
  }
  return undefined;
}

async function fromPackage(projectDir: string, progress: (line: string) => void): Promise<FoundPulumi | NoPulumi> {
  const manifest = join(projectDir, "node_modules", "pulumi", "package.json");
  if (!existsSync(manifest))
    return { kind: "missing", reason: "no `pulumi` on PATH, and its npm package is not installed" };
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
  const bin = join(pulumiHome(), "versions", version, "bin");
  if (!isExecutable(join(bin, "pulumi"))) {
    if (!(await reachable("https://get.pulumi.com"))) {
      return { kind: "missing", reason: "no `pulumi` on PATH, and its download is out of reach" };
    }
    progress(`downloading the Pulumi CLI ${version} (once) …`);
    try {
      const launcher = join(dirname(manifest), "run.js");
      await run(process.execPath, [launcher, "version"], { timeout: downloadLimitMs, env: quietEnv() });
    } catch {
      return { kind: "missing", reason: `no \`pulumi\` on PATH, and the download of version ${version} failed` };
    }
  }
  const installed = await versionOf(join(bin, "pulumi"));
  if (installed === undefined) return { kind: "missing", reason: `${join(bin, "pulumi")} does not run` };
  return { kind: "found", bin, version: installed };
}

async function ensureRandomPlugin(
  projectDir: string,
  pulumi: FoundPulumi,
  progress: (line: string) => void,
): Promise<NoPulumi | undefined> {
  const manifest = join(projectDir, "node_modules", "@pulumi", "random", "package.json");
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
  const name = "pulumi-resource-random";
  const folders = [...(process.env.PATH ?? "").split(delimiter), pulumi.bin];
  if (folders.some((folder) => isExecutable(join(folder, name)))) return undefined;
  const plugins = join(pulumiHome(), "plugins");
  if (existsSync(plugins) && readdirSync(plugins).some((entry) => entry.startsWith("resource-random-v"))) {
    return undefined;
  }
  if (await reachable("https://get.pulumi.com")) {
    progress(`downloading the plugin random ${version} (once) …`);
    try {
      await run(join(pulumi.bin, "pulumi"), ["plugin", "install", "resource", "random", version], {
        timeout: downloadLimitMs,
        env: quietEnv(),
      });
      return undefined;
    } catch {
      // Said below: without the plugin there is no update.
    }
  }
  return {
    kind: "missing",
    reason: `Pulumi CLI ${pulumi.version} is there, but its plugin random ${version} is not and cannot be downloaded`,
  };
}

async function versionOf(command: string): Promise<string | undefined> {
  try {
    const { stdout } = await run(command, ["version"], { timeout: 10_000, env: quietEnv() });
    return stdout.trim().replace(/^v/, "");
  } catch {
    return undefined;
  }
}

async function reachable(url: string): Promise<boolean> {
  try {
    await fetch(url, { method: "HEAD", redirect: "manual", signal: AbortSignal.timeout(reachLimitMs) });
    return true;
  } catch {
    return false;
  }
}

function quietEnv(): NodeJS.ProcessEnv {
  return { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" };
}

function pulumiHome(): string {
  return process.env.PULUMI_HOME ?? join(homedir(), ".pulumi");
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
