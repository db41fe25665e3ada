/** PostgreSQL refuses to run as root: how its commands are started by root all the same. */
import { spawnSync } from "node:child_process";
import { chmod } from "node:fs/promises";
import { ServicesError } from "./error.ts";

export interface RunAs {
  /** Words before each command. */
  readonly prefix: readonly string[];
  /** Who must own the data; left out where the caller does. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

// The kernel's overflow user, `nobody` on Linux systems.
const nobody = 65534;

/**
 * Lets the owner of the data pass through `folder`, which it cannot list.
 *
 * @throws ServicesError where a folder above stops it
 */
export async function openTo(runAs: RunAs, folder: string): Promise<void> {
  if (runAs.owner === undefined) return;
  await chmod(folder, 0o711);
  const [command = "", ...rest] = runAs.prefix;
  if (spawnSync(command, [...rest, "test", "-x", folder], { stdio: "ignore" }).status === 0) return;
  throw new ServicesError(
    `PostgreSQL refuses to run as root and would run as user ${runAs.owner.uid}, who cannot enter ${folder}. ` +
      "Run the command as an ordinary user, or move the project to a folder that every user may pass through.",
  );
}

/**
 * A user namespace needs no change of owner: inside of it root's own files belong to an unprivileged user.
 *
 * @throws ServicesError where neither a user namespace nor another user can be had
 */
export function unprivileged(): RunAs {
  if (process.geteuid?.() !== 0) return { prefix: [] };
  const works = (words: readonly string[]): boolean => {
    const [command = "", ...rest] = words;
    return spawnSync(command, [...rest, "true"], { stdio: "ignore" }).status === 0;
  };
  const namespace = ["unshare", "-U"];
  if (works(namespace)) return { prefix: namespace };
  const otherUser = ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];
  if (works(otherUser)) return { prefix: otherUser, owner: { uid: nobody, gid: nobody } };
  throw new ServicesError(
    "PostgreSQL refuses to run as root, and neither `unshare -U` nor `setpriv` works on this machine. " +
      "Run the command as an ordinary user.",
  );
}
