/**
 * Tenants' folders on a file system, for the account that runs the platform. There are no logins to close: a suspended
 * tenant's folder gets mode 0000, which refuses every account but root to open anything in it; files that are open
 * already stay so, and the owner can change the mode back.
 */
import { randomBytes } from "node:crypto";
import { chmod, lstat, mkdir, readdir, readFile, realpath, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { FileSystemServer } from "../config.ts";
import { type Finding, repairable } from "../finding.ts";
import { ProviderError } from "../handler.ts";
import type { PrefixInputs } from "../inputs.ts";
import type { StorageBackend } from "./backend.ts";
import { describe, errorCode } from "./errors.ts";
import { isPrefix } from "./iam-policy.ts";
import { markPath } from "./s3.ts";

const none = { accessKeyId: "", secretAccessKey: "" };

export function fileSystemBackend({ root }: FileSystemServer): StorageBackend {
  async function call<T>(what: string, path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw describe(error, `file system ${path}, ${what}`);
    }
  }

  async function modeOf(path: string): Promise<number | undefined> {
    try {
      const stats = await lstat(path);
      if (stats.isSymbolicLink())
        throw new ProviderError(`${path} is a symbolic link. Remove it: tenants' files stay under ${root}.`);
      return stats.mode & 0o777;
    } catch (error) {
      if (errorCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** The path under the root, after looking at each of its parts for links that lead elsewhere. */
  async function safe(relative: string): Promise<string> {
    await call("mkdir", root, () => mkdir(root, { recursive: true, mode: 0o700 }));
    if ((await call("realpath", root, () => realpath(root))) !== root.replace(/(?<=.)\/+$/, "")) {
      throw new ProviderError(`${root} leads through a symbolic link. Set \`root\` to the real path.`);
    }
    const parts = relative.split("/").filter((part) => part !== "");
    if (parts.some((part) => part === "." || part === "..")) throw new ProviderError(`${relative} leaves ${root}.`);
    let path = root;
    for (const part of parts) {
      path = join(path, part);
      await call("lstat", path, () => modeOf(path));
    }
    return path;
  }

  async function tenantFolder(prefix: string): Promise<string> {
    if (!isPrefix(prefix)) throw new ProviderError(`${JSON.stringify(prefix.slice(0, 80))} is no tenant's prefix.`);
    return safe(prefix);
  }

  async function makeFolder(path: string): Promise<void> {
    await call("mkdir", path, async () => {
      await mkdir(path, { recursive: true, mode: 0o700 });
      await chmod(path, 0o700);
    });
  }

  async function firstFile(folder: string): Promise<string | undefined> {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (!entry.isDirectory()) return path;
      const inner = await firstFile(path);
      if (inner !== undefined) return inner;
    }
    return undefined;
  }

  return {
    async readMark(prefix) {
      const path = await safe(markPath(prefix));
      try {
        return await readFile(path, "utf8");
      } catch (error) {
        if (errorCode(error) === "ENOENT") return undefined;
        throw describe(error, `file system ${path}, readFile`);
      }
    },
    async writeMark(prefix, text) {
      const path = await safe(markPath(prefix));
      const temporary = `${path}.${randomBytes(6).toString("hex")}`;
      await call("writeFile", path, async () => {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        await writeFile(temporary, text, { mode: 0o600, flag: "wx", flush: true });
        await rename(temporary, path);
      });
    },
    async removeMark(prefix) {
      const path = await safe(markPath(prefix));
      await call("rm", path, () => rm(path, { force: true }));
    },
    async exists({ prefix }) {
      const folder = await tenantFolder(prefix);
      return (await modeOf(folder)) === undefined ? undefined : `folder ${folder}`;
    },
    async data({ prefix }) {
      const folder = await tenantFolder(prefix);
      const mode = await modeOf(folder);
      if (mode === undefined) return undefined;
      return call("readdir", folder, async () => {
        if (mode !== 0) return firstFile(folder);
        await chmod(folder, 0o700);
        try {
          return await firstFile(folder);
        } finally {
          await chmod(folder, 0);
        }
      });
    },
    async makeFolders({ prefix, folders }) {
      const folder = await tenantFolder(prefix);
      await makeFolder(dirname(folder));
      await makeFolder(folder);
      for (const name of folders) {
        await safe(`${prefix}${name}`);
        await makeFolder(join(folder, name));
      }
    },
    async grant(_context, { prefix, state }: PrefixInputs) {
      const folder = await tenantFolder(prefix);
      await call("chmod", folder, () => chmod(folder, state === "active" ? 0o700 : 0));
      return none;
    },
    async drift({ prefix, folders, state }) {
      const folder = await tenantFolder(prefix);
      const mode = await modeOf(folder);
      if (mode === undefined) return [missing(folder)];
      const expected = state === "active" ? 0o700 : 0;
      const found = mode === expected ? [] : [otherMode(folder, mode, expected)];
      if (state !== "active") return found;
      for (const name of folders) {
        const path = join(folder, name);
        const inner = await modeOf(path);
        if (inner === undefined) found.push(missing(path));
        else if (inner !== 0o700) found.push(otherMode(path, inner, 0o700));
      }
      return found;
    },
    revoke: () => Promise.resolve(),
    async empty(context, prefix) {
      const folder = await tenantFolder(prefix);
      if ((await modeOf(folder)) === undefined) return;
      await call("rm", folder, async () => {
        await chmod(folder, 0o700);
        context.status(`deleting ${folder}`);
        // Links inside are removed, never followed.
        await rm(folder, { recursive: true, force: true, maxRetries: 3 });
      });
      if ((await modeOf(folder)) !== undefined) {
        throw new ProviderError(
          `${folder} is still there: something writes into it. Stop it, then run the update again.`,
        );
      }
    },
    close: () => undefined,
  };
}

function missing(folder: string): Finding {
  return repairable(`folder ${folder}`, "missing", "there", `folder ${folder} is missing`);
}

function otherMode(folder: string, mode: number, expected: number): Finding {
  const text = (bits: number) => bits.toString(8).padStart(4, "0");
  return repairable(`folder ${folder}: mode`, text(mode), text(expected), `folder ${folder} has mode ${text(mode)}`);
}
