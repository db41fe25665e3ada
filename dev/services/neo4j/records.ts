/** What the manager remembers of its instances, from start to start: a file with mode 0600, because of the passwords. */
import { join } from "node:path";
import { z } from "zod";
import { ServicesError } from "../error.ts";
import { privateFolder, readIfThere, writePrivate } from "../files.ts";

const recordSchema = z.strictObject({
  port: z.int().min(1).max(65535),
  /** Password of the login `neo4j`. */
  password: z.string(),
  /** Set while it is being changed: after a crash either may be the right one. */
  nextPassword: z.string().optional(),
  mark: z.string(),
  /** Whether it is to run whenever the services run. */
  running: z.boolean(),
  /** False until its folder is complete, and from the moment on that its data is destroyed. */
  made: z.boolean(),
});
export type InstanceRecord = z.infer<typeof recordSchema>;

const fileSchema = z.strictObject({ instances: z.record(z.string(), recordSchema) });

export class InstanceRecords {
  readonly #path: string;
  readonly #instances: Map<string, InstanceRecord>;
  #writing = Promise.resolve();

  private constructor(path: string, instances: Readonly<Record<string, InstanceRecord>>) {
    this.#path = path;
    this.#instances = new Map(Object.entries(instances));
  }

  /** @throws ServicesError when the file is damaged */
  static async open(folder: string): Promise<InstanceRecords> {
    const path = join(await privateFolder(folder), "instances.json");
    const text = await readIfThere(path);
    if (text === undefined) return new InstanceRecords(path, {});
    try {
      return new InstanceRecords(path, fileSchema.parse(JSON.parse(text)).instances);
    } catch {
      throw new ServicesError(
        `${path}: written by another version of this program or damaged. It holds the passwords of the graphs beside it; ` +
          "to begin anew with empty servers: npm run dev:reset",
      );
    }
  }

  get(name: string): InstanceRecord | undefined {
    return this.#instances.get(name);
  }

  names(): string[] {
    return [...this.#instances.keys()].sort();
  }

  ports(): number[] {
    return [...this.#instances.values()].map(({ port }) => port);
  }

  set(name: string, record: InstanceRecord): Promise<void> {
    this.#instances.set(name, record);
    return this.#write();
  }

  remove(name: string): Promise<void> {
    this.#instances.delete(name);
    return this.#write();
  }

  /** One after the other, so that the last one to be written is the newest. */
  #write(): Promise<void> {
    const write = (): Promise<void> => {
      const instances = Object.fromEntries(this.#instances);
      return writePrivate(this.#path, `${JSON.stringify({ instances }, null, 2)}\n`);
    };
    this.#writing = this.#writing.then(write, write);
    return this.#writing;
  }
}
