/** Programs that are downloaded once, each set into a folder of its own that several folders of services share. */
import { createHash, randomBytes } from "node:crypto";
import { readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ServicesError } from "./error.ts";
import { privateFolder, readIfThere } from "./files.ts";
import { runGuarded } from "./guard.ts";
import { withLock } from "./lock.ts";

export type Progress = (line: string) => void;
export type Environment = Readonly<Record<string, string | undefined>>;

/** Runs one command; `what` is shown with the time that it has taken. @throws ServicesError with the end of its output */
export type Run = (what: string, argv: readonly string[], env?: Environment) => Promise<void>;

/**
 * Makes `folder` by `make`, unless it was made from the same `contents`. A half-made folder is made anew: it grows under
 * another name and is renamed when it is complete.
 */
export async function madeOnce(
  folder: string,
  contents: string,
  make: (temporary: string) => Promise<void>,
  progress: Progress,
  signal?: AbortSignal,
): Promise<void> {
  if (await isMade(folder, contents)) return;
  await privateFolder(dirname(folder));
  const install = async (): Promise<void> => {
    if (await isMade(folder, contents)) return;
    await removeHalfMade(folder);
    const temporary = `${folder}.${randomBytes(4).toString("hex")}.new`;
    try {
      await make(temporary);
      await writeFile(join(temporary, "complete"), digestOf(contents));
      await rm(folder, { recursive: true, force: true });
      await rename(temporary, folder);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  };
  await withLock(`${folder}.lock`, progress, install, signal);
}

/** Whether `folder` is complete and was made from the same `contents` for a machine like this one. */
export async function isMade(folder: string, contents: string): Promise<boolean> {
  return (await readIfThere(join(folder, "complete"))) === digestOf(contents);
}

function digestOf(contents: string): string {
  return createHash("sha256").update(`${process.platform} ${process.arch}\n${contents}`).digest("hex");
}

/** What starts left behind that were killed while they installed. */
async function removeHalfMade(made: string): Promise<void> {
  const folder = dirname(made);
  for (const entry of await readdir(folder)) {
    if (entry.startsWith(`${basename(made)}.`) && entry.endsWith(".new")) {
      await rm(join(folder, entry), { recursive: true, force: true });
    }
  }
}

export function runner(cwd: string, progress: Progress, signal?: AbortSignal): Run {
  return async (what, argv, env = pythonEnvironment()) => {
    const started = performance.now();
    const seconds = (): string => `${((performance.now() - started) / 1000).toFixed(0)} s`;
    progress(what);
    const ticker = setInterval(() => {
      progress(`${what}: ${seconds()}`);
    }, 5_000);
    try {
      const { code, output } = await runGuarded({ argv, cwd, env }, signal);
      if (code === 0) return;
      const tail = output.trim().split("\n").slice(-15).join("\n");
      throw new ServicesError(`${what}: failed after ${seconds()} (exit code ${code}).\n${tail}`);
    } finally {
      clearInterval(ticker);
    }
  };
}

/** Without what would make Python or pip look at, or install to, another place. */
export function pythonEnvironment(env: Environment = process.env): Environment {
  const unwanted = /^(PYTHONHOME|PYTHONPATH|PIP_(USER|TARGET|PREFIX|ROOT|REQUIRE_VIRTUALENV|CONSTRAINT|NO_BINARY))$/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !unwanted.test(name)));
}

/** Installs exactly what a file of requirements names, each checked against its hash. */
export function pipInstall(python: string, requirements: string): string[] {
  const pip = [python, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"];
  const pinned = ["--require-hashes", "--only-binary", ":all:", "--no-deps", "-r", requirements];
  return [...pip, "--quiet", "--progress-bar", "off", ...pinned];
}
