/** The jars of Neo4j Community: a locked list, each checked against its SHA-256 before it is used. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import pLimit from "p-limit";
import { ServicesError } from "../error.ts";
import { errorMessage, isMissing, privateFolder } from "../files.ts";
import { runGuarded } from "../guard.ts";
import { pythonEnvironment, type Environment, type Progress } from "../install.ts";
import { withLock } from "../lock.ts";

/** Maven coordinates and SHA-256 of what `org.neo4j:neo4j` of this version needs to run, one jar a line. */
export const lockFile = join(import.meta.dirname, "..", "neo4j-jars.lock");
export const neo4jVersion = "2026.08.1";

const fetchScript = join(import.meta.dirname, "fetch-jars.py");
/** Processes that download at the same time, and jars that each of them gets. */
const downloads = 4;
const batch = 8;

export interface Jar {
  /** As in `org.neo4j:neo4j:2026.08.1` or `io.netty:netty:jar:linux-x86_64:4.2.1`. */
  readonly coordinates: string;
  readonly sha256: string;
  readonly file: string;
}

export interface JarOptions {
  readonly python: string;
  /** Gives the folder of the client of Maven repositories; asked only when something is to be downloaded. */
  readonly client: () => Promise<string>;
  readonly env: Environment;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

export async function readJarLock(path: string = lockFile): Promise<readonly Jar[]> {
  const text = await readFile(path, "utf8");
  return text
    .trim()
    .split("\n")
    .map((line, index) => {
      const match = /^([\w.-]+):([\w.-]+):(?:jar:([\w.-]+):)?([\w.-]+) ([0-9a-f]{64})$/.exec(line);
      if (match === null) {
        throw new ServicesError(`${path}:${index + 1}: "${line}" is not "group:artifact:version sha256"`);
      }
      const [, , artifact = "", classifier, version = "", sha256 = ""] = match;
      const [coordinates = ""] = line.split(" ");
      const file = `${artifact}-${version}${classifier === undefined ? "" : `-${classifier}`}.jar`;
      return { coordinates, sha256, file };
    });
}

/**
 * Sees to it that `folder` holds the jars of the list and nothing else. What is there and right is not downloaded again;
 * what is there and wrong is.
 *
 * @returns the jars' paths
 * @throws ServicesError which names the jar that cannot be downloaded or is another than the list says
 */
export async function ensureJars(folder: string, jars: readonly Jar[], options: JarOptions): Promise<string[]> {
  await privateFolder(folder);
  if ((await missing(folder, jars)).length > 0) {
    await withLock(`${folder}.lock`, options.progress, () => download(folder, jars, options), options.signal);
  }
  return jars.map(({ file }) => join(folder, file));
}

async function download(folder: string, jars: readonly Jar[], options: JarOptions): Promise<void> {
  const wanted = new Set(jars.map(({ file }) => file));
  for (const entry of await readdir(folder)) {
    if (!wanted.has(entry)) await rm(join(folder, entry), { recursive: true, force: true });
  }
  const left = await missing(folder, jars);
  if (left.length === 0) return;
  const client = await options.client();
  let done = jars.length - left.length;
  const say = (): void => {
    options.progress(`Neo4j ${neo4jVersion}: jars downloaded: ${done} of ${jars.length}`);
  };
  say();
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  const limit = pLimit(downloads);
  const batches = Array.from({ length: Math.ceil(left.length / batch) }, (_, index) =>
    left.slice(index * batch, (index + 1) * batch),
  );
  let fault: Error | undefined;
  const tasks = batches.map((part) =>
    limit(async () => {
      try {
        await downloadBatch(folder, part, client, { ...options, signal });
        done += part.length;
        say();
      } catch (error) {
        fault ??= error instanceof Error ? error : new Error(errorMessage(error));
        failed.abort();
      }
    }),
  );
  await Promise.all(tasks);
  if (fault !== undefined) throw fault;
}

async function downloadBatch(
  folder: string,
  jars: readonly Jar[],
  client: string,
  options: Pick<JarOptions, "python" | "env" | "signal">,
): Promise<void> {
  options.signal?.throwIfAborted();
  const temporary = await mkdtemp(join(folder, "new-"));
  try {
    const argv = [options.python, fetchScript, temporary, ...jars.map(({ coordinates }) => coordinates)];
    const env = { ...pythonEnvironment(options.env), PYTHONPATH: client };
    const { code, output } = await runGuarded({ argv, cwd: folder, env }, options.signal);
    if (code !== 0) {
      const tail = output.trim().split("\n").slice(-3).join("\n");
      throw new ServicesError(`The jars of Neo4j ${neo4jVersion} cannot be downloaded: ${tail}`);
    }
    for (const jar of jars) {
      const found = await sha256(join(temporary, jar.file));
      if (found !== jar.sha256) {
        throw new ServicesError(
          `${jar.file} (${jar.coordinates}): the repository gave a file with SHA-256 ${found ?? "(none)"}, ` +
            `${lockFile} allows only ${jar.sha256}. It was not kept. ` +
            "Ask who runs the repository, or name another one in TENANCY_MAVEN_REPOSITORY.",
        );
      }
      await rename(join(temporary, jar.file), join(folder, jar.file));
    }
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function missing(folder: string, jars: readonly Jar[]): Promise<readonly Jar[]> {
  const limit = pLimit(downloads);
  const sums = await limit.map(jars, (jar) => sha256(join(folder, jar.file)));
  return jars.filter((jar, index) => sums[index] !== jar.sha256);
}

async function sha256(path: string): Promise<string | undefined> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  return hash.digest("hex");
}
