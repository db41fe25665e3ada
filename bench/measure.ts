/** Runs a command and measures it: seconds, and the memory of it and all that it starts. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

export interface Measured {
  readonly seconds: number;
  /** Largest resident size of one process, in MB. */
  readonly largestMb: number;
  /** Largest sum over all processes at one moment, in MB. */
  readonly totalMb: number;
  readonly output: string;
}

/** How often the processes' memory is read. */
const sampleMs = 250;

/** @throws Error with the output when the command fails. */
export async function measure(
  command: readonly [string, ...string[]],
  cwd: string,
  env: Record<string, string> = {},
): Promise<Measured> {
  const started = performance.now();
  const [program, ...args] = command;
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, CI: "true", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  let largestMb = 0;
  let totalMb = 0;
  const timer = setInterval(() => {
    const sizes = treeSizes(child.pid ?? 0);
    largestMb = Math.max(largestMb, ...sizes);
    totalMb = Math.max(
      totalMb,
      sizes.reduce((sum, size) => sum + size, 0),
    );
  }, sampleMs);
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  clearInterval(timer);
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${String(code)}:\n${output}`);
  return { seconds: (performance.now() - started) / 1000, largestMb, totalMb, output };
}

/** Resident sizes in MB of a process and its descendants; empty where there is no /proc. */
function treeSizes(root: number): number[] {
  const parents = new Map<number, number>();
  const sizes = new Map<number, number>();
  for (const name of listProcesses()) {
    try {
      const status = readFileSync(`/proc/${name}/status`, "utf8");
      parents.set(Number(name), Number(/^PPid:\s+(\d+)/m.exec(status)?.[1] ?? "0"));
      sizes.set(Number(name), Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? "0") / 1024);
    } catch {
      // It ended in between.
    }
  }
  const inTree = (pid: number): boolean => {
    for (let current: number | undefined = pid; current !== undefined && current > 1; current = parents.get(current)) {
      if (current === root) return true;
    }
    return false;
  };
  return [...sizes].filter(([pid]) => inTree(pid)).map(([, size]) => size);
}

function listProcesses(): string[] {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}
