/** One start at a time in a folder: a file that names the process that holds it. */
import { randomBytes } from "node:crypto";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { errorCode, isMissing } from "./files.ts";
import { isRunning, processRecord, processRecordSchema } from "./process.ts";

/**
 * Runs `action` while holding the lock file `path`. Waits for another holder, and says so once; takes over the lock
 * of a process that has ended.
 */
export async function withLock<T>(
  path: string,
  progress: (line: string) => void,
  action: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const own = `${path}.${randomBytes(6).toString("hex")}`;
  await writeFile(own, JSON.stringify({ ...processRecord(process.pid), token: own }), { mode: 0o600 });
  try {
    let said = false;
    while (!(await take(own, path))) {
      const holder = await readHolder(path);
      if (holder?.running === false) await removeStale(path, holder.text);
      if (holder?.running === true) {
        if (!said) progress(`process ${holder.pid} is already starting here: waiting for it`);
        said = true;
        await delay(100, undefined, { signal });
      }
    }
    try {
      return await action();
    } finally {
      await rm(path, { force: true });
    }
  } finally {
    await rm(own, { force: true });
  }
}

/** `link` makes the finished file appear under the lock's name, or fails when there is one. */
async function take(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  }
}

interface Holder {
  readonly pid: number;
  readonly running: boolean;
  readonly text: string;
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const text = await readFile(path, "utf8");
    const record = processRecordSchema.safeParse(JSON.parse(text)).data;
    return { pid: record?.pid ?? 0, running: record !== undefined && isRunning(record), text };
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (error instanceof SyntaxError) return { pid: 0, running: false, text: "" };
    throw error;
  }
}

/** Two waiters may see the same stale lock: whoever moved away a newer one puts it back. */
async function removeStale(path: string, text: string): Promise<void> {
  const aside = `${path}.${randomBytes(6).toString("hex")}.stale`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  if ((await readFile(aside, "utf8")) !== text && text !== "") await take(aside, path);
  await rm(aside, { force: true });
}
