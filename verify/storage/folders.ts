/**
 * Attempts on folders. There are no logins: the application runs as the account of the platform, so what can be tried
 * is what other accounts of the machine could do by the modes, and whether a tenant's folder leads out of itself.
 */
import { constants, type Dirent, type Stats } from "node:fs";
import { lstat, readdir, realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import type { Attempt, Outcome } from "../attempt.ts";
import { errorCode } from "../../provider/storage/errors.ts";

export interface FolderScene {
  readonly root: string;
  /** Absolute paths of the tenants' folders, without a closing slash. */
  readonly attacker: string;
  readonly victim: string;
  /** The attempt is a control: made as the owner. */
  readonly control: boolean;
}

export interface FolderAttempt extends Attempt {
  try(scene: FolderScene): Promise<Outcome>;
}

/** Entries that are looked at in one tenant's folder. */
const walkLimit = 2_000;

const document = "docs/storage.md#file-system";
const nothing: Outcome = { kind: "denied", code: "nothing" };

const read = constants.S_IRGRP | constants.S_IROTH;
const write = constants.S_IWGRP | constants.S_IWOTH;
const enter = constants.S_IXGRP | constants.S_IXOTH;

/** What everybody but the owner, or the owner for a control, may by the mode. */
function byMode(stats: Stats, bits: number, control: boolean): Outcome {
  // Three bits to the left is the owner's place, six from that of others.
  const asked = control ? ((bits & 0o70) << 3) | ((bits & 0o7) << 6) : bits;
  const mode = (stats.mode & 0o777).toString(8).padStart(4, "0");
  if ((stats.mode & asked) !== 0) return { kind: "allowed", evidence: `mode ${mode}` };
  return { kind: "denied", code: "EACCES" };
}

async function foldersIn(path: string): Promise<readonly string[]> {
  const entries = await readdir(path, { withFileTypes: true });
  return [path, ...entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(path, name))];
}

/** The first of the tenant's folders for which it is allowed. */
async function anyFolder({ victim, control }: FolderScene, bits: number): Promise<Outcome> {
  for (const folder of await foldersIn(victim)) {
    const outcome = byMode(await lstat(folder), bits, control);
    if (outcome.kind === "allowed") return outcome;
  }
  return { kind: "denied", code: "EACCES" };
}

async function* walk(folder: string): AsyncGenerator<{ readonly path: string; readonly entry: Dirent }> {
  const open = [folder];
  let seen = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const entry of await readdir(next, { withFileTypes: true })) {
      if (++seen > walkLimit) return;
      const path = join(next, entry.name);
      yield { path, entry };
      if (entry.isDirectory()) open.push(path);
    }
  }
}

async function leadsTo(path: string, within: string): Promise<boolean> {
  try {
    const real = await realpath(path);
    return real === within || real.startsWith(within + sep);
  } catch (error) {
    if (["ENOENT", "ELOOP", "EACCES"].includes(errorCode(error))) return false;
    throw error;
  }
}

export const folderAttempts: readonly FolderAttempt[] = [
  {
    id: "storage/folder-read",
    store: "storage",
    aim: "read",
    tries: "list a tenant's folders as another account of the machine",
    how: "The modes of the victim's folder and the folders in it: a bit for reading of group or others",
    expected: ["EACCES"],
    why: "The modes are all that stands between accounts of one machine.",
    source: document,
    harm: "none",
    control: "victim",
    try: (scene) => anyFolder(scene, read),
  },
  {
    id: "storage/folder-enter",
    store: "storage",
    aim: "read",
    tries: "reach files in a tenant's folder as another account of the machine",
    how: "The mode of the victim's folder: a bit for entering of group or others",
    expected: ["EACCES"],
    why: "Files inside may have any mode: applications make them.",
    source: document,
    harm: "none",
    control: "victim",
    try: async ({ victim, control }) => byMode(await lstat(victim), enter, control),
  },
  {
    id: "storage/folder-write",
    store: "storage",
    aim: "write",
    tries: "write into a tenant's folders as another account of the machine",
    how: "The modes of the victim's folder and the folders in it: a bit for writing of group or others",
    expected: ["EACCES"],
    why: "Whoever writes into a folder may rename and delete in it.",
    source: document,
    harm: "none",
    control: "victim",
    try: (scene) => anyFolder(scene, write),
  },
  {
    id: "storage/folder-of-marks",
    store: "storage",
    aim: "observe",
    tries: "read the marks of all tenants as another account of the machine",
    how: "The mode of <root>/.tenancy: a bit for reading, writing or entering of group or others",
    expected: ["EACCES"],
    why: "They hold stacks, URNs and instance tokens.",
    source: "docs/storage.md#marks",
    harm: "none",
    control: "victim",
    try: async ({ root, control }) => byMode(await lstat(join(root, ".tenancy")), read | write | enter, control),
  },
  {
    id: "storage/folder-is-link",
    store: "storage",
    aim: "escape",
    tries: "have its folder lead somewhere else",
    how: "The real path of the attacker's folder, which has to be the path itself; the control is that the victim's leads to the victim's",
    expected: ["nothing"],
    why: "A folder that is a link puts one tenant's files among another's.",
    source: "https://cwe.mitre.org/data/definitions/59.html",
    harm: "none",
    control: "victim",
    try: async ({ attacker, control }) => {
      if (await leadsTo(attacker, attacker)) return control ? { kind: "allowed", evidence: "its own" } : nothing;
      return { kind: "allowed", evidence: "a link in the path" };
    },
  },
  {
    id: "storage/folder-link-out",
    store: "storage",
    aim: "read",
    tries: "reach files outside of its folder by a symbolic link in it",
    how: `The first ${walkLimit} entries of the attacker's folder: a link that leads out of it; the control is that the victim's own entries are found`,
    expected: ["nothing"],
    why: "An application that opens what a name leads to opens the other tenant's file.",
    source: "https://cwe.mitre.org/data/definitions/59.html",
    harm: "none",
    control: "victim",
    try: async ({ attacker, control }) => {
      for await (const { path, entry } of walk(attacker)) {
        if (control) return { kind: "allowed", evidence: "1 entry" };
        if (!entry.isSymbolicLink() || (await leadsTo(path, attacker))) continue;
        return { kind: "allowed", evidence: "a link that leads out" };
      }
      return nothing;
    },
  },
  {
    id: "storage/folder-hard-link",
    store: "storage",
    aim: "read",
    tries: "share a file with another tenant by a hard link",
    how: `The first ${walkLimit} entries of the attacker's folder: one that is an entry of the victim's folder, too; the control is that each of the victim's own is`,
    expected: ["nothing"],
    why: "A hard link is no link to any check of paths: it is the file.",
    source: "https://cwe.mitre.org/data/definitions/62.html",
    harm: "none",
    control: "victim",
    try: async ({ attacker, victim, control }) => {
      const shared = new Set<string>();
      for await (const { path, entry } of walk(attacker)) {
        const { dev, ino, nlink } = await lstat(path);
        if (control || (entry.isFile() && nlink > 1)) shared.add(`${dev}:${ino}`);
      }
      if (shared.size === 0) return nothing;
      for await (const { path } of walk(victim)) {
        const { dev, ino } = await lstat(path);
        if (shared.has(`${dev}:${ino}`)) return { kind: "allowed", evidence: "the same file in both" };
      }
      return nothing;
    },
  },
];
