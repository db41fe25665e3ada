/** One run at a time on a state file: a lock file beside it names the process that holds it. */
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { UserError } from "../../cli/user-error.ts";

const holderSchema = z.object({
  pid: z.int().positive(),
  host: z.string(),
  /** Start of the process in clock ticks since boot, where the system tells: a pid may be used again. */
  processStart: z.string(),
  since: z.string(),
});
type Holder = z.infer<typeof holderSchema>;

/**
 * Waits for the lock at most `limit` milliseconds. The lock of a process that is gone is taken over.
 *
 * @returns a function that gives the lock back.
 * @throws UserError that names the process that holds it.
 */
export async function acquireLock(stateFile: string, limit: number): Promise<() => Promise<void>> {
  const path = `${stateFile}.lock`;
  const own = `${path}.${crypto.randomUUID()}`;
  const end = Date.now() + limit;
  const [pid, host, since] = [process.pid, hostname(), new Date().toISOString()];
  const mine: Holder = { pid, host, since, processStart: await processStart(pid) };
  await writeFile(own, JSON.stringify(mine), { mode: 0o600 });
  try {
    // A link is there with its content or not at all.
    while (!(await succeeds(link(own, path)))) {
      const text = await readFile(path, "utf8").catch(() => undefined);
      if (text === undefined) continue;
      const holder = parse(text, path);
      if (holder.host === host && (await isGone(holder))) {
        await takeAway(path, text);
      } else if (Date.now() < end) {
        await sleep(100);
      } else {
        throw new UserError(
          `another run holds the stack's state since ${holder.since}: process ${holder.pid} on ${holder.host}. ` +
            `Wait until it ends, or end it. If it is certainly gone, remove ${path}.`,
        );
      }
    }
  } finally {
    await rm(own);
  }
  return () => rm(path, { force: true });
}

function parse(text: string, path: string): Holder {
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    throw new UserError(`${path} is not a lock of this engine: remove it when no run is under way`);
  }
}

async function succeeds(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && ["EEXIST", "ENOENT"].includes(String(error.code))) return false;
    throw error;
  }
}

async function isGone(holder: Holder): Promise<boolean> {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
  return (await processStart(holder.pid)) !== holder.processStart;
}

/** Two runs may find the same dead lock: renaming lets only one of them take away what it read. */
async function takeAway(path: string, text: string): Promise<void> {
  const aside = `${path}.${crypto.randomUUID()}`;
  if (!(await succeeds(rename(path, aside)))) return;
  // A live run's lock was moved: it goes back where it was.
  if ((await readFile(aside, "utf8")) !== text) await rename(aside, path);
  else await rm(aside);
}

async function processStart(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The second field, the program's name, may hold spaces: count from its closing parenthesis.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}
