/** The machine's processes, from ps: works on Linux and macOS. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

export async function processes(): Promise<ProcessEntry[]> {
  const { stdout } = await promisify(execFile)("ps", ["-A", "-ww", "-o", "pid=,ppid=,args="], { maxBuffer: 2 ** 26 });
  return stdout.split("\n").flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line);
    if (match === null) return [];
    return [{ pid: Number(match[1]), parent: Number(match[2]), command: match[3] ?? "" }];
  });
}

/** Everything that a process started, however deep. */
export async function descendants(pid: number): Promise<ProcessEntry[]> {
  const all = await processes();
  const found: ProcessEntry[] = [];
  const parents = [pid];
  for (let parent = parents.pop(); parent !== undefined; parent = parents.pop()) {
    for (const entry of all.filter((candidate) => candidate.parent === parent)) {
      found.push(entry);
      parents.push(entry.pid);
    }
  }
  return found;
}

/** Processes whose command line names a folder. */
export async function processesOf(folder: string): Promise<string[]> {
  return (await processes()).map(({ command }) => command).filter((command) => command.includes(folder));
}
