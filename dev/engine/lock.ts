/** One run at a time on a state file: a lock file beside it names the process that holds it. */
import { randomBytes } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";

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
 * @throws Error that names the process that holds it.
 */
export async function acquireLock(stateFile: string, limit: number): Promise<() => Promise<void>> {
  const path = `${stateFile}.lock`;
  const end = Date.now() + limit;
  const mine: Holder = {
    pid: process.pid,
    host: hostname(),
    processStart: await processStart(process.pid),
    since: new Date().toISOString(),
  };
  for (;;) {
    try {
      await writeFile(path, JSON.stringify(mine), { flag: "wx", mode: 0o600 });
      return () => rm(path, { force: true });
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    const text = await readFile(path, "utf8").catch(() => "");
    const holder = parse(text);
    if (holder?.host === mine.host && (await isGone(holder))) {
      await takeAway(path, text);
    } else if (Date.now() >= end) {
      const who = holder === undefined ? "an unknown process" : `process ${holder.pid} on ${holder.host}`;
      throw new Error(
        `another run holds the stack's state since ${holder?.since ?? "an unknown time"}: ${who}. ` +
          `Wait until it ends, or end it. If it is certainly gone, remove ${path}.`,
      );
    } else {
      await sleep(100);
    }
  }
}

function parse(text: string): Holder | undefined {
  try {
    return holderSchema.safeParse(JSON.parse(text)).data;
  } catch {
    // Empty for the moment between its creation and its content.
    return undefined;
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
  const aside = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  const moved = await readFile(aside, "utf8").catch(() => text);
  // A live run's lock was moved: it goes back where it was.
  if (moved !== text) await rename(aside, path);
  else await rm(aside, { force: true });
}

async function processStart(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The second field, the program's name, may hold spaces: count from its closing parenthesis.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}
