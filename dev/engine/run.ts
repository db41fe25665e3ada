/** What the parts of one operation share. */
import pLimit from "p-limit";
import type { RunOptions, RunResult, Step } from "../../cli/engine.ts";
import type { Providers } from "./providers.ts";
import type { Snapshot } from "./snapshot.ts";

/** Thrown where work is not begun any more because something else failed: said already, not to be said again. */
export class Stopped extends Error {
  override readonly name = "Stopped";
}

export interface RunParts {
  readonly preview: boolean;
  readonly parallel: number;
  readonly snapshot: Snapshot;
  readonly providers: Providers;
  /** The state has changed and is to be saved soon. */
  readonly touch: () => void;
  readonly options: RunOptions;
}

export class Run {
  readonly preview: boolean;
  readonly snapshot: Snapshot;
  readonly providers: Providers;
  readonly touch: () => void;
  readonly options: RunOptions;
  readonly #limit: ReturnType<typeof pLimit>;
  readonly #running = new Set<Promise<unknown>>();
  readonly #steps: Step[] = [];
  readonly #diagnostics: RunResult["diagnostics"][number][] = [];
  readonly #stopped = Promise.withResolvers<undefined>();
  #failed = false;

  constructor({ preview, parallel, snapshot, providers, touch, options }: RunParts) {
    this.preview = preview;
    this.snapshot = snapshot;
    this.providers = providers;
    this.touch = touch;
    this.options = options;
    this.#limit = pLimit(parallel);
  }

  hasFailed(): boolean {
    return this.#failed;
  }

  /** Resolves at the first failure. */
  get stopped(): Promise<undefined> {
    return this.#stopped.promise;
  }

  step(step: Step): void {
    this.#steps.push(step);
    this.options.onStep?.(step);
  }

  say(severity: "info" | "warning" | "error", message: string, urn?: string): void {
    const diagnostic = urn === undefined || urn === "" ? { severity, message } : { severity, message, urn };
    this.#diagnostics.push(diagnostic);
    this.options.onDiagnostic?.(diagnostic);
  }

  /** Nothing new is begun after it; what runs may finish. */
  fail(message: string, urn?: string): void {
    this.#failed = true;
    this.say("error", message, urn);
    this.#stopped.resolve(undefined);
  }

  /** @throws Stopped after a failure. */
  guard(): void {
    if (this.#failed) throw new Stopped("the run has failed");
  }

  /** Does a job of one resource as soon as fewer than `parallel` are under way. Its error fails the run. */
  async work<T>(urn: string, job: () => Promise<T>): Promise<T> {
    const running = this.#limit(async () => {
      this.guard();
      try {
        return await job();
      } catch (error) {
        if (!(error instanceof Stopped)) this.fail(error instanceof Error ? error.message : String(error), urn);
        throw error;
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

  result(): RunResult {
    return { ok: !this.#failed, steps: this.#steps, diagnostics: this.#diagnostics };
  }
}
