/** The state on disk: written whole, atomically, and not more often than its size allows. */
import { open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { formatState, parseState } from "./state-format.ts";
import type { State } from "./state-format.ts";
import { Crypter } from "./passphrase.ts";
import type { Resource } from "./resource.ts";

/** Milliseconds between two saves of a run. */
const saveInterval = 500;

/** @returns undefined where there is no file yet. */
export async function readStateFile(path: string): Promise<unknown> {
  let text;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Error(`the stack's state ${path} is not JSON. Restore it from a backup.`);
  }
}

/** A new stack starts empty. */
export async function loadState(path: string, passphrase: string): Promise<State> {
  const data = await readStateFile(path);
  if (data === undefined) return { crypter: await Crypter.create(passphrase), resources: [] };
  return parseState(data, passphrase);
}

/** Survives a crash at any moment: the old text or the new one is there, never a part. */
export async function writeState(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await open(temporary, "w", 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Saves what `list` gives some time after `touch`, and at `flush`. */
export class Saver {
  readonly #path: string;
  readonly #crypter: Crypter;
  readonly #list: () => readonly Resource[];
  #timer: NodeJS.Timeout | undefined;
  #dirty = false;
  #writing: Promise<void> = Promise.resolve();
  #failure: unknown;
  /** Milliseconds of the last save: at most a tenth of a run is spent on saving. */
  #duration = 0;

  constructor(path: string, crypter: Crypter, list: () => readonly Resource[]) {
    this.#path = path;
    this.#crypter = crypter;
    this.#list = list;
  }

  touch(): void {
    this.#dirty = true;
    this.#timer ??= setTimeout(
      () => {
        this.#save();
      },
      Math.max(saveInterval, this.#duration * 10),
    );
  }

  /** @throws Error when the state could not be written now or before. */
  async flush(): Promise<void> {
    this.#save();
    await this.#writing;
    if (this.#failure !== undefined) {
      throw new Error(`the stack's state could not be written to ${this.#path}`, { cause: this.#failure });
    }
  }

  #save(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#dirty) return;
    this.#dirty = false;
    this.#writing = this.#writing.then(() => this.#write());
  }

  async #write(): Promise<void> {
    const start = performance.now();
    try {
      await writeState(this.#path, formatState({ crypter: this.#crypter, resources: this.#list() }));
      this.#failure = undefined;
    } catch (error) {
      this.#failure = error;
    }
    this.#duration = performance.now() - start;
  }
}
