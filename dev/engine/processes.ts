/** Child processes of the engine: the program and the providers. All of them end with the run. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface ProcessOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly onLine?: (line: string) => void;
}

export interface Child {
  /** First line on standard output. */
  firstLine(limit: number): Promise<string>;
  /** Exit code; undefined after a signal. Rejects where the program cannot be started. */
  readonly ended: Promise<number | undefined>;
  /** Last lines on standard error. */
  lastErrors(): string;
  /** Asks it to end, and ends it after 5 seconds. */
  end(): Promise<void>;
}

const errorLines = 20;
const patience = 5_000;
const drainLimit = 1_000;

export function startProcess(command: string, args: readonly string[], { cwd, env, onLine }: ProcessOptions): Child {
  const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  const errors: string[] = [];
  let sayFirst: (line: string) => void;
  const first = new Promise<string>((resolve) => (sayFirst = resolve));
  createInterface({ input: child.stdout }).on("line", (line) => {
    sayFirst(line.trim());
    onLine?.(line);
  });
  createInterface({ input: child.stderr }).on("line", (line) => {
    errors.push(line);
    if (errors.length > errorLines) errors.shift();
  });
  const ended = new Promise<number | undefined>((resolve, reject) => {
    child.on("error", reject);
    // What it printed last comes before `close`; a grandchild that keeps the pipe open must not delay the end.
    child.on("exit", (code) => setTimeout(resolve, drainLimit, code ?? undefined).unref());
    child.on("close", (code) => {
      resolve(code ?? undefined);
    });
  });
  ended.catch(() => undefined);
  return {
    ended,
    lastErrors: () => errors.join("\n"),
    async firstLine(limit) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          reject(new Error(`it said nothing within ${limit / 1000} seconds`));
        }, limit);
      });
      const gone = ended.then((code) => {
        throw new Error(`it ended with exit code ${code ?? "(signal)"}`);
      });
      try {
        return await Promise.race([first, late, gone]);
      } finally {
        clearTimeout(timer);
      }
    },
    async end() {
      if (child.pid === undefined) return;
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), patience);
      await ended.catch(() => undefined);
      clearTimeout(timer);
    },
  };
}
