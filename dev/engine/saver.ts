/** Saves the state of a run some time after a change, and at the end. */

/** Milliseconds between two saves. */
const saveInterval = 500;

export class Saver {
  readonly #write: () => Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #last: Promise<void> = Promise.resolve();
  /** Milliseconds of the last save: at most a tenth of a run is spent on saving. */
  #duration = 0;

  constructor(write: () => Promise<void>) {
    this.#write = write;
  }

  touch(): void {
    const pause = Math.max(saveInterval, this.#duration * 10);
    this.#timer ??= setTimeout(this.#save, pause);
  }

  /** @throws Error when the last state could not be written. */
  async flush(): Promise<void> {
    if (this.#timer !== undefined) this.#save();
    await this.#last;
  }

  readonly #save = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const previous = this.#last;
    this.#last = (async () => {
      await previous.catch(() => undefined);
      const start = performance.now();
      await this.#write();
      this.#duration = performance.now() - start;
    })();
    // Told by `flush`, unless a later save succeeds.
    this.#last.catch(() => undefined);
  };
}
