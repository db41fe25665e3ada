/** Processes by id and start time, because the system gives an id anew once its process has ended. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { ServicesError } from "./error.ts";

export const processRecordSchema = z.object({
  pid: z.int().positive(),
  /** Start time as the system tells it: compared, never parsed. */
  started: z.string().min(1),
});
export type ProcessRecord = z.infer<typeof processRecordSchema>;

/** The record of a process that runs now; undefined when it has ended or is a zombie that nobody has reaped. */
export function processRecord(pid: number): ProcessRecord | undefined {
  const started = process.platform === "linux" ? startOnLinux(pid) : startByPs(pid);
  return started === undefined ? undefined : { pid, started };
}

/** Whether this very process still runs, and not another one under its id. */
export function isRunning(record: ProcessRecord): boolean {
  return processRecord(record.pid)?.started === record.started;
}

/** Ends processes: SIGTERM, and SIGKILL to those that still run after `graceMs`. Returns when none is left. */
export async function endProcesses(records: readonly ProcessRecord[], graceMs: number): Promise<void> {
  signalAll(records, "SIGTERM");
  if (await waitForEnd(records, graceMs)) return;
  signalAll(records, "SIGKILL");
  if (await waitForEnd(records, 5_000)) return;
  const left = records.filter(isRunning).map((record) => record.pid);
  throw new ServicesError(`processes ${left.join(", ")} do not end on SIGKILL; end them by hand`);
}

/** Whether all have ended within the time. */
export async function waitForEnd(records: readonly ProcessRecord[], timeoutMs: number): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  while (records.some(isRunning)) {
    if (performance.now() > end) return false;
    await delay(25);
  }
  return true;
}

function signalAll(records: readonly ProcessRecord[], signal: NodeJS.Signals): void {
  for (const record of records) {
    if (!isRunning(record)) continue;
    try {
      process.kill(record.pid, signal);
    } catch {
      // It ended in between; waitForEnd tells.
    }
  }
}

function startOnLinux(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // The command's name is in parentheses and may hold spaces: proc_pid_stat(5), fields 3 (state) and 22 (start time).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
}

function startByPs(pid: number): string | undefined {
  try {
    const line = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
    const [state, ...started] = line.split(/\s+/);
    return state === undefined || state.startsWith("Z") || started.length === 0 ? undefined : started.join(" ");
  } catch {
    return undefined;
  }
}
