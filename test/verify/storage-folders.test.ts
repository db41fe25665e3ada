import { chmod, link, lstat, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { storageNames } from "../../components/naming.ts";
import type { FileSystemServer } from "../../provider/config.ts";
import { prefixHandler } from "../../provider/storage/prefix.ts";
import type { Party } from "../../verify/party.ts";
import { storageProbe } from "../../verify/storage/probe.ts";
import { attack, idsOf } from "./storage-support.ts";

const probe = storageProbe();
let root: string;
let attacker: Party;
let canary: Party;

const folder = ({ id }: Party): string => join(root, "tenants", id);

async function provision(id: string, isCanary: boolean): Promise<Party> {
  const server: FileSystemServer = { kind: "filesystem", root };
  const handler = prefixHandler({ platform: { postgres: {}, redis: {}, storage: { files: server }, neo4j: {} } });
  const names = storageNames("tenant", id);
  await handler.create(
    {
      urn: `urn:pulumi:test::tenancy::tenancy:storage:Prefix::${id}`,
      adopt: new Set(),
      warn: () => undefined,
      status: () => undefined,
      signal: new AbortController().signal,
    },
    { server: "files", tenant: id, state: "active", ...names, folders: ["uploads"], rotation: 0 },
  );
  await handler.close?.();
  return {
    id,
    canary: isCanary,
    storage: { name: "files", server, embedded: true, names, accessKeyId: "", secretAccessKey: "" },
  };
}

beforeEach(async () => {
  root = await mkdtemp(join(realpathSync(tmpdir()), "tenancy-folders-"));
  attacker = await provision("acme", false);
  canary = await provision("canary", true);
  await probe.furnish(canary);
});

afterEach(() => rm(root, { recursive: true, force: true }));

async function leaks(): Promise<readonly string[]> {
  return idsOf(await attack(probe, attacker, canary), "LEAK");
}

describe("in the folders of two tenants", () => {
  it("all 7 attempts are denied as expected both ways, and their controls are proven", async () => {
    for (const [one, other] of [
      [attacker, canary],
      [canary, attacker],
    ] as const) {
      const results = await attack(probe, one, other);
      expect(results.map(({ verdict, control }) => [verdict, control?.kind])).toEqual(
        Array.from({ length: 7 }, () => ["denied as expected", "proven"]),
      );
    }
  });

  it("a canary is furnished with a file in each folder, for the owner alone, and twice the same", async () => {
    await probe.furnish(canary);
    expect((await readdir(folder(canary), { recursive: true })).toSorted()).toEqual([
      "tenancy-verify",
      "tenancy-verify/tenancy-verify.txt",
      "uploads",
      "uploads/tenancy-verify.txt",
    ]);
    const file = join(folder(canary), "uploads", "tenancy-verify.txt");
    expect(await readFile(file, "utf8")).toBe("canary\n");
    expect((await lstat(file)).mode & 0o777).toBe(0o600);
  });

  it("the account of the platform sees the tenants' names, which the residue lists", async () => {
    const seen = await probe.visible(attacker, canary);
    expect(seen).toEqual(["file system, folder of all tenants"]);
    expect(probe.residue.map(({ place }) => place)).toEqual(expect.arrayContaining([...seen]));
  });

  it.each<[string, () => Promise<unknown>, readonly string[]]>([
    [
      "everybody may enter and list the victim's folder",
      () => chmod(folder(canary), 0o755),
      ["folder-enter", "folder-read"],
    ],
    ["everybody may enter the victim's folder", () => chmod(folder(canary), 0o711), ["folder-enter"]],
    ["everybody may list a folder in it", () => chmod(join(folder(canary), "uploads"), 0o744), ["folder-read"]],
    ["the group may write into a folder in it", () => chmod(join(folder(canary), "uploads"), 0o720), ["folder-write"]],
    ["everybody may read the marks", () => chmod(join(root, ".tenancy"), 0o755), ["folder-of-marks"]],
    [
      "a link in the attacker's folder leads to the victim's",
      () => symlink(folder(canary), join(folder(attacker), "uploads", "theirs")),
      ["folder-link-out"],
    ],
    [
      "a link in the attacker's folder leads to the machine's files",
      () => symlink("/etc/hostname", join(folder(attacker), "name")),
      ["folder-link-out"],
    ],
    [
      "a file of the victim has a name in the attacker's folder",
      () => link(join(folder(canary), "uploads", "tenancy-verify.txt"), join(folder(attacker), "uploads", "theirs")),
      ["folder-hard-link"],
    ],
    [
      "the attacker's folder is a link to the victim's",
      async () => {
        await rename(folder(attacker), `${folder(attacker)}-away`);
        await symlink(folder(canary), folder(attacker));
      },
      ["folder-is-link"],
    ],
  ])("finds that %s", async (_what, damage, finds) => {
    await damage();
    expect(await leaks()).toEqual(finds);
  });

  it("links and further names within one tenant's folder are no leak", async () => {
    const file = join(folder(attacker), "uploads", "a");
    await writeFile(file, "a");
    await link(file, join(folder(attacker), "uploads", "b"));
    await symlink("a", join(folder(attacker), "uploads", "c"));
    expect(await leaks()).toEqual([]);
  });

  it("a folder that is missing is no denial", async () => {
    await rm(folder(canary), { recursive: true });
    const results = await attack(probe, attacker, canary);
    expect(results.find(({ attempt }) => attempt.id === "storage/folder-read")).toMatchObject({
      verdict: "could not run",
      detail: "ENOENT",
    });
  });
});
