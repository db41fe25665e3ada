/** The processes of the instances: which of them run and answer, and what became of those that ended by themselves. */
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { errorMessage } from "../files.ts";
import { spawnGuarded, type Guarded, type GuardedCommand } from "../guard.ts";
import type { Progress } from "../install.ts";

export interface ProcessesOptions {
  /** Path of the log of an instance. */
  readonly log: (name: string) => string;
  /** Takes the passwords of an instance out of a text. */
  readonly masked: (name: string, text: string) => string;
  readonly progress: Progress;
}

const logLines = 8;

export class Processes {
  readonly #options: ProcessesOptions;
  readonly #running = new Map<string, Guarded>();
  readonly #ready = new Set<string>();
  readonly #failures = new Map<string, string>();

  constructor(options: ProcessesOptions) {
    this.#options = options;
  }

  isReady(name: string): boolean {
    return this.#ready.has(name);
  }

  /** Why it does not run although it should. */
  failure(name: string): string | undefined {
    return this.#failures.get(name);
  }

  fail(name: string, reason: string): void {
    this.#failures.set(name, reason);
  }

  /**
   * Starts a process and waits until it is ready.
   *
   * @param ready - waits for it; its signal aborts when the process ends
   * @throws with the end of its log; the process has ended then
   */
  async start<T>(
    name: string,
    command: GuardedCommand,
    ready: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    await this.stop(name);
    signal.throwIfAborted();
    const log = openSync(this.#options.log(name), "w", 0o600);
    const guarded = spawnGuarded(command, log);
    closeSync(log);
    this.#running.set(name, guarded);
    const ended = new AbortController();
    void guarded.exit.then((code) => {
      ended.abort(new Error(`ended with exit code ${code}`));
      return this.#ended(name, guarded, code);
    });
    try {
      const result = await ready(AbortSignal.any([ended.signal, signal]));
      ended.signal.throwIfAborted();
      this.#ready.add(name);
      return result;
    } catch (error) {
      // Waiting for one that has ended fails in ways that say nothing.
      const what = errorMessage(ended.signal.aborted ? ended.signal.reason : error);
      await end(guarded);
      signal.throwIfAborted();
      const reason = `${what}. ${await this.#logTail(name)}`;
      this.#failures.set(name, reason);
      throw new Error(reason, { cause: error });
    }
  }

  /** Ends the process if there is one, and forgets how an earlier one ended. */
  async stop(name: string): Promise<void> {
    this.#ready.delete(name);
    this.#failures.delete(name);
    const guarded = this.#running.get(name);
    if (guarded !== undefined) await end(guarded);
  }

  async stopAll(): Promise<void> {
    this.#ready.clear();
    await Promise.all([...this.#running.values()].map(end));
  }

  async #ended(name: string, guarded: Guarded, code: number): Promise<void> {
    if (this.#running.get(name) === guarded) this.#running.delete(name);
    // One that is stopped on purpose was taken from the set before.
    if (!this.#ready.delete(name)) return;
    this.#failures.set(name, `ended with exit code ${code}`);
    this.#options.progress(`Neo4j ${name} ended with exit code ${code}`);
    const tail = await this.#logTail(name);
    if (this.#failures.has(name)) this.#failures.set(name, `ended with exit code ${code}. ${tail}`);
  }

  async #logTail(name: string): Promise<string> {
    const path = this.#options.log(name);
    const text = await readFile(path, "utf8").catch(() => "");
    const lines = text.trimEnd().split("\n").slice(-logLines).join("\n");
    return `The end of ${path}:\n${this.#options.masked(name, lines)}`;
  }
}

async function end(guarded: Guarded): Promise<void> {
  guarded.stop();
  await guarded.exit;
}
