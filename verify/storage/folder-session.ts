/** Sessions on a file system: no login, and no connection. */
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { FileSystemServer } from "../../provider/config.ts";
import { errorCode } from "../../provider/storage/errors.ts";
import type { Attempt, Outcome, ProbeSession } from "../attempt.ts";
import type { StorageParty } from "../party.ts";
import { folderAttempts } from "./folders.ts";
import { canaryFolder } from "./scene.ts";

/** The one place where names of all tenants stand: see the residue. */
export const tenantsFolder = "file system, folder of all tenants";

const byId = new Map(folderAttempts.map((attempt) => [attempt.id, attempt]));

export function folderOf({ root }: FileSystemServer, { names }: StorageParty): string {
  return join(root, names.prefix).replace(/\/$/, "");
}

/** @param attacker - undefined for an administrator, who is the owner as each tenant's application is */
export function folderSession(server: FileSystemServer, attacker: StorageParty | undefined): ProbeSession {
  return {
    async attempt(attempt: Attempt, victim): Promise<Outcome> {
      const known = byId.get(attempt.id);
      const { storage } = victim;
      if (known === undefined || storage === undefined) return { kind: "failed", reason: "not possible in folders" };
      const path = folderOf(server, storage);
      const own = attacker === undefined ? path : folderOf(server, attacker);
      try {
        return await known.try({ root: server.root, attacker: own, victim: path, control: own === path });
      } catch (error) {
        return { kind: "failed", reason: errorCode(error) };
      }
    },
    close: () => Promise.resolve(),
  };
}

/** A small file in the canary's folder and in each folder that it has. */
export async function furnishFolder(server: FileSystemServer, canary: StorageParty): Promise<void> {
  const folder = folderOf(server, canary);
  const entries = await readdir(folder, { withFileTypes: true });
  const made = join(folder, canaryFolder);
  await mkdir(made, { recursive: true, mode: 0o700 });
  const inner = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
  for (const place of new Set([...inner, join(folder, canaryFolder.slice(0, -1))])) {
    await writeFile(join(place, "tenancy-verify.txt"), "canary\n", { mode: 0o600 });
  }
}

/** The account of the platform sees the names of all tenants, and so does each application that runs as it. */
export async function visibleFolders(
  server: FileSystemServer,
  attacker: StorageParty,
  victim: StorageParty,
): Promise<readonly string[]> {
  const names = await readdir(dirname(folderOf(server, attacker)));
  const folder = folderOf(server, victim);
  return names.some((name) => folder.endsWith(`/${name}`)) ? [tenantsFolder] : [];
}
