/** Writes a changed file of the registry: checked with all others first, whole or not at all, and never over a change of others. */
import { randomBytes } from "node:crypto";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { loadRegistry, type Registry, RegistryError, type Servers } from "../../tenants/load.ts";
import { shownPath } from "../../tenants/faults.ts";
import { UserError } from "../user-error.ts";

export interface Change {
  /** Absolute path. */
  readonly file: string;
  /** Content that the change was made from; undefined where the file is new. */
  readonly before: string | undefined;
  /** Undefined: the file goes. */
  readonly after: string | undefined;
}

export interface Check {
  readonly registry: string;
  readonly templates: string;
  readonly servers?: Servers;
}

/** @throws UserError where it is no regular file. */
export function readText(file: string): string | undefined {
  if (!existsSync(file)) return undefined;
  if (!statSync(file).isFile()) throw new UserError(`${shownPath(file)} is no file.`);
  return readFileSync(file, "utf8");
}

/**
 * Loads the registry as it would be.
 *
 * @throws RegistryError with every fault, at the places of the real files.
 */
export function tryOut({ registry, templates, servers }: Check, change: Change): Registry {
  const folder = dirname(registry);
  const trial = mkdtempSync(join(tmpdir(), "tenancy-edit-"));
  try {
    cpSync(folder, trial, {
      recursive: true,
      // Links stay links: where they lead is the loader's question.
      verbatimSymlinks: true,
      filter: (path) => (lstatSync(path).isDirectory() ? !isForeign(basename(path)) : /\.(ya?ml|sql)$/.test(path)),
    });
    const file = join(trial, relative(folder, change.file));
    if (change.after === undefined) rmSync(file, { force: true });
    else {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, change.after);
    }
    return loadRegistry(join(trial, basename(registry)), { templates, servers });
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    const faults = error.faults.map((fault) => {
      return { ...fault, file: shownPath(join(folder, relative(trial, fault.file))) };
    });
    throw new RegistryError(faults, error.tenantCount);
  } finally {
    rmSync(trial, { recursive: true, force: true });
  }
}

function isForeign(name: string): boolean {
  return name === "node_modules" || name.startsWith(".");
}

/** @throws UserError when the file is not what the change was made from. */
export function writeChange({ file: given, before, after }: Change): void {
  // A link stays one: what it leads to is changed.
  const file = existsSync(given) ? realpathSync(given) : given;
  mkdirSync(dirname(file), { recursive: true });
  const lock = join(dirname(file), `.${basename(file)}.lock`);
  try {
    writeFileSync(lock, String(process.pid), { flag: "wx" });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    throw new UserError(
      `${shownPath(given)} is being written by another command. Nothing was written: run this again; ` +
        `if no other command runs, remove ${shownPath(lock)}.`,
    );
  }
  const temporary = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString("hex")}`);
  try {
    if (readText(file) !== before) {
      throw new UserError(
        `${shownPath(given)} was changed in the meantime. Nothing was written: run the command again.`,
      );
    }
    if (after === undefined) rmSync(file);
    else {
      const mode = existsSync(file) ? statSync(file).mode & 0o777 : 0o644;
      writeFileSync(temporary, after, { mode, flush: true });
      renameSync(temporary, file);
    }
  } finally {
    rmSync(temporary, { force: true });
    rmSync(lock, { force: true });
  }
}
