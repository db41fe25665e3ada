/** Child processes of the engine: the program and the providers. All of them end with the run. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const errorLines = 20;
/** Milliseconds. */
const patience = 5_000;
const drainLimit = 1_000;

export class Child {
  /** Exit code; undefined after a signal. Rejects where the program cannot be started. */
  readonly ended: Promise<number | undefined>;
  readonly #process;
  readonly #errors: string[] = [];

  constructor(
    command: string,
    args: readonly string[],
    options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
    onLine: (line: string) => void,
  ) {
    const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    createInterface({ input: child.stdout }).on("line", onLine);
    createInterface({ input: child.stderr }).on("line", (line) => {
      this.#errors.push(line);
      if (this.#errors.length > errorLines) this.#errors.shift();
    });
    this.ended = new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => {
        resolve(code ?? undefined);
      });
      // What it printed last comes before `close`; a grandchild that keeps the pipe open must not delay the end.
      child.on("exit", (code) => setTimeout(resolve, drainLimit, code ?? undefined).unref());
    });
    this.ended.catch(() => undefined);
  }

  /** Last lines on standard error. */
  lastErrors(): string {
    return this.#errors.join("\n");
  }

  /** Asks it to end, and ends it after 5 seconds. */
  async end(): Promise<void> {
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), patience);
    await this.ended.catch(() => undefined);
    clearTimeout(timer);
  }
}
