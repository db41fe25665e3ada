/** What a root folder holds of no known tenant. Links are named and never followed. */
import type { Dirent } from "node:fs";
import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { canaryPrefix } from "../../components/naming.ts";
import type { FileSystemServer } from "../../provider/config.ts";
import { ProviderError } from "../../provider/handler.ts";
import { parseMark } from "../../provider/mark.ts";
import { describe, errorCode } from "../../provider/storage/errors.ts";
import { markPath } from "../../provider/storage/s3.ts";
import { counted, describeMark, isOthers, type MarkedSearch } from "./marks.ts";
import { defaultLimit, inOrder, knownNames, type Orphan, type OrphanList } from "./orphan.ts";

const markFolder = ".tenancy";

export async function folderOrphans(search: MarkedSearch<FileSystemServer>): Promise<OrphanList> {
  const { name: server, prefixes, tenants, origin, limit = defaultLimit, signal } = search;
  const { root } = search.server;
  const orphans: Orphan[] = [];
  const incomplete: string[] = [];
  const known = new Set(knownNames(tenants).storage.map(({ prefix }) => prefix));
  const tops = new Set([...prefixes, canaryPrefix].map((prefix) => `${prefix}s`));

  /** Undefined for a folder that is not there or closed. */
  async function entries(path: string): Promise<readonly Dirent[] | undefined> {
    if (signal?.aborted === true) throw new ProviderError(`reading ${join(root, path)} was cancelled`);
    try {
      const found = await readdir(join(root, path), { withFileTypes: true });
      if (found.length > limit) incomplete.push(`the first ${limit} entries of ${join(root, path)} were looked at`);
      return found.slice(0, limit);
    } catch (error) {
      if (/^(ENOENT|EACCES|ENOTDIR)$/.test(errorCode(error))) return undefined;
      throw describe(error, `file system ${join(root, path)}, readdir`);
    }
  }

  async function add(kind: Orphan["kind"], name: string, detail: string): Promise<void> {
    const { mtime } = await lstat(join(root, name)).catch(() => ({ mtime: undefined }));
    const since = mtime === undefined ? {} : { since: mtime.toISOString() };
    orphans.push({ store: "storage", server, kind, name, detail, ...since });
  }

  async function addEntry(path: string, entry: Dirent, more: string): Promise<void> {
    if (!entry.isDirectory()) {
      await add("folder", path, `${entry.isSymbolicLink() ? "a symbolic link" : "a file"}${more}`);
      return;
    }
    const inside = await entries(path);
    const held = inside === undefined ? "closed" : counted(inside.length, "entry", "entries");
    await add("folder", `${path}/`, `${held}${more}`);
  }

  async function markAt(path: string) {
    const text = await readFile(join(root, path), "utf8").catch(() => undefined);
    return parseMark(text);
  }

  for (const entry of (await entries("")) ?? []) {
    if (entry.name === markFolder) continue;
    if (!tops.has(entry.name) || !entry.isDirectory()) {
      await addEntry(entry.name, entry, "; no tenant's naming prefix");
      continue;
    }
    for (const place of (await entries(entry.name)) ?? []) {
      const path = `${entry.name}/${place.name}`;
      const mark = await markAt(markPath(`${path}/`));
      if ((known.has(`${path}/`) && place.isDirectory()) || isOthers(mark, origin)) continue;
      await addEntry(path, place, `; ${describeMark(mark)}`);
    }
  }

  for (const top of (await entries(markFolder)) ?? []) {
    for (const { name } of (await entries(join(markFolder, top.name))) ?? []) {
      const path = `${markFolder}/${top.name}/${name}`;
      const id = /^(.+)\.json$/.exec(name)?.[1];
      if (id === undefined) {
        await add("mark", path, "written by a run that was cut off");
        continue;
      }
      const place = await lstat(join(root, top.name, id)).catch(() => undefined);
      const mark = await markAt(path);
      if (place !== undefined || known.has(`${top.name}/${id}/`) || isOthers(mark, origin)) continue;
      await add("mark", path, `${describeMark(mark)}; its folder is not there`);
    }
  }
  return { orphans: inOrder(orphans), incomplete };
}
