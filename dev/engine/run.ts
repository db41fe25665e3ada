/** What the parts of one operation share. */
import pLimit from "p-limit";
import type { Diagnostic, RunOptions, Step } from "../../cli/engine.ts";
import type { Plugin, Provider } from "./plugin.ts";
import { randomProvider, randomTypes } from "./random.ts";
import type { Snapshot } from "./snapshot.ts";
import { messageOf } from "../../provider/message.ts";

/** Resources that are worked on at once. */
export const parallel = 32;

/** Work ends here because of an error that the run has noted already. */
export class Stopped extends Error {
  override readonly name = "Stopped";
}

export class Run {
  readonly preview: boolean;
  readonly snapshot: Snapshot;
  readonly plugin: Plugin;
  /** The state has changed and is to be saved soon. */
  readonly touch: () => void;
  readonly options: RunOptions;
  readonly steps: Step[] = [];
  readonly diagnostics: Diagnostic[] = [];
  readonly #limit = pLimit(parallel);
  readonly #running = new Set<Promise<unknown>>();
  readonly #failure = Promise.withResolvers<undefined>();
  /** Resolves at the first failure. */
  readonly failure = this.#failure.promise;
  #failed = false;

  constructor(preview: boolean, snapshot: Snapshot, plugin: Plugin, touch: () => void, options: RunOptions) {
    this.preview = preview;
    this.snapshot = snapshot;
    this.plugin = plugin;
    this.touch = touch;
    this.options = options;
  }

  hasFailed(): boolean {
    return this.#failed;
  }

  step(step: Step): void {
    this.steps.push(step);
    this.options.onStep?.(step);
  }

  say(severity: Diagnostic["severity"], message: string, urn = ""): void {
    const diagnostic = { severity, message, ...(urn === "" ? {} : { urn }) };
    this.diagnostics.push(diagnostic);
    this.options.onDiagnostic?.(diagnostic);
  }

  /** Nothing new is begun after it; what runs may finish. */
  fail(message: string, urn?: string): void {
    this.#failed = true;
    this.say("error", message, urn);
    this.#failure.resolve(undefined);
  }

  /** @throws Stopped after a failure. */
  guard(): void {
    if (this.#failed) throw new Stopped();
  }

  /**
   * Does a job as soon as fewer than `parallel` are under way.
   *
   * @throws Stopped when the job failed, which fails the run, or was not begun.
   */
  async work<T>(job: () => Promise<T>, urn?: string): Promise<T> {
    const running = this.#limit(async () => {
      this.guard();
      try {
        return await job();
      } catch (error) {
        if (!(error instanceof Stopped)) this.fail(messageOf(error), urn);
        throw new Stopped();
      }
    });
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  /** Resolves when no job is under way. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#running);
  }
}

export function providerOf(run: Run, type: string): Provider {
  return randomTypes.includes(type) ? randomProvider : run.plugin;
}
