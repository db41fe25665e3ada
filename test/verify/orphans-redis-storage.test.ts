import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteUserCommand,
} from "@aws-sdk/client-iam";
import { DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { redisNames, storageNames } from "../../components/naming.ts";
import type { S3Server } from "../../provider/config.ts";
import type { CallContext } from "../../provider/handler.ts";
import { newMark } from "../../provider/mark.ts";
import { aclUserHandler } from "../../provider/redis/acl-user.ts";
import { connectS3, type S3Clients } from "../../provider/storage/client.ts";
import { prefixHandler } from "../../provider/storage/prefix.ts";
import type { Orphan, OrphanList } from "../../verify/orphans/orphan.ts";
import { redisOrphans } from "../../verify/orphans/redis.ts";
import { s3Orphans } from "../../verify/orphans/s3.ts";
import { storageOrphans } from "../../verify/orphans/storage.ts";
import { closeAll, connectAdmin } from "../provider/redis/support.ts";
import { services } from "../support/services.ts";

/** Naming prefix of this file: the servers hold other tests' tenants, too. */
const prefix = `o${randomBytes(4).toString("hex")}`;
const { platform } = services();
const urnOf = (id: string, stack = "test") => `urn:pulumi:${stack}::tenancy::tenancy:redis:AclUser::${id}`;
const known = [{ prefix, id: "acme" }];

function context(id: string): CallContext {
  return {
    urn: urnOf(id),
    adopt: new Set(),
    warn: () => undefined,
    status: () => undefined,
    signal: new AbortController().signal,
  };
}

/** Of this file's own, as short lines. */
function lines({ orphans }: OrphanList, more: readonly string[] = []): string[] {
  return orphans
    .filter(({ name, detail }: Orphan) => [prefix, ...more].some((text) => `${name} ${detail}`.includes(text)))
    .map(({ kind, name, detail }) => `${kind} ${name}: ${detail}`);
}

describe("orphans of Redis", () => {
  const server = platform.redis.main;
  if (server === undefined) throw new Error("the test services have no Redis server");
  const search = { name: "main", server, tenants: known, prefixes: [prefix] };
  const handler = aclUserHandler({ platform });

  beforeAll(async () => {
    for (const id of ["acme", "lost"]) {
      const inputs = { server: "main", tenant: id, state: "active" as const, ...redisNames(prefix, id) };
      await handler.create(context(id), { ...inputs, password: randomBytes(18).toString("base64url") });
    }
    const [first, second] = [await connectAdmin(0), await connectAdmin(1)];
    await first.mset(`${prefix}:acme:k`, "1", `${prefix}:lost:a`, "1", `${prefix}:lost:b`, "1", `${prefix}2:x:y`, "1");
    await first.set(`tenancy:mark:${prefix}:gone`, JSON.stringify(newMark(urnOf("gone"), "gone")));
    await second.call("ACL", "SETUSER", `${prefix}:stray`, "off");
  });

  afterAll(async () => {
    const [first, second] = [await connectAdmin(0), await connectAdmin(1)];
    const keys = [...(await first.keys(`${prefix}*`)), ...(await first.keys(`tenancy:mark:${prefix}*`))];
    if (keys.length > 0) await first.unlink(...keys);
    for (const redis of [first, second]) {
      await redis.call("ACL", "DELUSER", `${prefix}:acme`, `${prefix}:lost`, `${prefix}:stray`);
    }
    await handler.close?.();
    closeAll();
  });

  it("are users, keys and marks of no known tenant, and nothing of a known one", async () => {
    const found = await redisOrphans(search);
    const [, second] = server.nodes;
    expect(lines(found)).toEqual([
      `ACL user ${prefix}:lost: may log in, on every node; marked as tenant lost of the stack tenancy/test`,
      `ACL user ${prefix}:stray: may not log in, on node ${String(second?.host)}:${String(second?.port)}; no mark`,
      `keys ${prefix}2:*: 1 key`,
      `keys ${prefix}:lost:*: 2 keys`,
      `mark tenancy:mark:${prefix}:gone: marked as tenant gone of the stack tenancy/test; there is no such user`,
    ]);
    expect(found.incomplete).toEqual([]);
    for (const { store, server: name } of found.orphans) expect([store, name]).toEqual(["redis", "main"]);
    expect(found.orphans.map(({ name }) => name)).not.toContain(server.username);
  });

  it("are found by their mark although the naming prefix is known no more", async () => {
    const found = await redisOrphans({ ...search, prefixes: [] });
    expect(lines(found).filter((line) => line.startsWith("ACL user"))).toEqual([
      `ACL user ${prefix}:lost: may log in, on every node; marked as tenant lost of the stack tenancy/test`,
    ]);
  });

  it("are none where the mark is another stack's", async () => {
    const others = lines(await redisOrphans({ ...search, origin: { project: "tenancy", stack: "other" } }));
    expect(others.some((line) => line.includes(":lost"))).toBe(false);
    expect(others.some((line) => line.includes(":gone"))).toBe(false);
    const own = lines(await redisOrphans({ ...search, origin: { project: "tenancy", stack: "test" } }));
    expect(own.filter((line) => line.includes(":lost"))).toHaveLength(2);
  });

  it("are counted up to a limit, and the list says that it stopped", async () => {
    const { incomplete } = await redisOrphans({ ...search, limit: 1 });
    expect(incomplete).toEqual([expect.stringMatching(/^\d+ of \d+ keys were looked at/)]);
  });

  it("of other databases and without a prefix are counted and not named", async () => {
    const first = await connectAdmin(0);
    const secret = randomBytes(8).toString("hex");
    await first.set(secret, "1");
    await first.call("SELECT", 3);
    await first.set("elsewhere", "1");
    const { orphans } = await redisOrphans(search);
    await first.del("elsewhere");
    await first.call("SELECT", 0);
    await first.del(secret);
    expect(orphans.find(({ name }) => name === "database 3")?.detail).toBe(
      "1 key; tenants have keys in database 0 only",
    );
    expect(orphans.some(({ name }) => name === "keys without a prefix")).toBe(true);
    expect(JSON.stringify(orphans)).not.toContain(secret);
  });
});

describe("orphans of a bucket", () => {
  const server = platform.storage.main;
  if (server?.kind !== "s3") throw new Error("the test services have no S3 server");
  const search = { name: "main", server, tenants: known, prefixes: [prefix] };
  const handler = prefixHandler({ platform });
  const clients = connectS3(server);
  const { s3, iam } = clients;
  const Bucket = server.bucket;
  const written: string[] = [];
  const keysOf: { UserName: string; AccessKeyId: string }[] = [];
  const put = async (Key: string, Body = "x") => {
    await s3.send(new PutObjectCommand({ Bucket, Key, Body }));
    written.push(Key);
  };

  beforeAll(async () => {
    for (const id of ["acme", "lost"]) {
      const names = storageNames(prefix, id);
      const inputs = {
        server: "main",
        tenant: id,
        state: "active" as const,
        ...names,
        folders: ["uploads"],
        rotation: 0,
      };
      const { outputs } = await handler.create(context(id), inputs);
      keysOf.push({ UserName: names.username, AccessKeyId: outputs.accessKeyId });
      written.push(`${names.prefix}uploads/`, `.tenancy/${prefix}s/${id}.json`);
    }
    await put(`${prefix}s/acme/uploads/a`);
    await put(`${prefix}s/lost/uploads/a`);
    await put(`${prefix}s/lost/uploads/b`);
    await put(`${prefix}s/stray.txt`);
    await put(`${prefix}-other/a/b`);
    await put(`.tenancy/${prefix}s/gone.json`, JSON.stringify(newMark(urnOf("gone"), "gone")));
    await iam.send(new CreateUserCommand({ UserName: `${prefix}.stray` }));
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: `${prefix}.stray` }));
    keysOf.push({ UserName: `${prefix}.stray`, AccessKeyId: AccessKey?.AccessKeyId ?? "" });
  });

  afterAll(async () => {
    for (const Key of written) await s3.send(new DeleteObjectCommand({ Bucket, Key }));
    for (const key of keysOf) {
      await iam.send(new DeleteAccessKeyCommand(key));
      await iam.send(new DeleteUserCommand({ UserName: key.UserName })).catch(() => undefined);
    }
    await handler.close?.();
    clients.close();
  });

  it("are prefixes, marks, IAM users and their keys of no known tenant, and nothing of a known one", async () => {
    const found = await storageOrphans(search);
    const keyOf = (user: string) => keysOf.find(({ UserName }) => UserName === `${prefix}.${user}`)?.AccessKeyId ?? "";
    const accessKeys = ["lost", "stray"].map(
      (user) => `access key ${keyOf(user)}: of IAM user ${prefix}.${user}, status Active`,
    );
    expect(lines(found)).toEqual([
      `IAM user ${prefix}.lost: 1 access key`,
      `IAM user ${prefix}.stray: 1 access key`,
      ...accessKeys.toSorted(),
      `mark .tenancy/${prefix}s/gone.json: marked as tenant gone of the stack tenancy/test; there is nothing under its prefix`,
      `prefix ${prefix}-other/: 1 object; no tenant's naming prefix`,
      `prefix ${prefix}s/: 1 object beside the tenants' prefixes`,
      `prefix ${prefix}s/lost/: 2 objects; marked as tenant lost of the stack tenancy/test`,
    ]);
    expect(found.incomplete).toEqual([]);
    const since = found.orphans.find(({ name }) => name === `${prefix}s/lost/`)?.since;
    expect(since).toMatch(/^20\d\d-\d\d-\d\dT[\d:.]+Z$/);
  });

  it("are none where the mark is another stack's", async () => {
    const origin = { project: "tenancy", stack: "other" };
    const others = lines(await storageOrphans({ ...search, origin }));
    expect(others.some((line) => /lost|gone/.test(line))).toBe(false);
  });
});

describe("orphans of a bucket with many entries", () => {
  const server: S3Server = {
    kind: "s3",
    endpoint: "https://s3.example.com",
    region: "eu-central-1",
    bucket: "tenants",
    accessKeyId: "id",
    secretAccessKey: "secret",
  };

  /** Answers by command, and for listings by page. */
  function fake(pages: Record<string, readonly object[]>): () => S3Clients {
    const send = (command: { constructor: { name: string }; input: Record<string, unknown> }) => {
      const { name } = command.constructor;
      const { Prefix, ContinuationToken, Marker } = command.input;
      const listed = pages[name === "ListObjectsV2Command" ? `${name} ${String(Prefix)}` : name] ?? [{}];
      return Promise.resolve(listed[Number(ContinuationToken ?? Marker ?? 0)]);
    };
    const clients = { s3: { send }, iam: { send }, tryKey: () => Promise.resolve(), close: () => undefined };
    return () => clients as unknown as S3Clients;
  }

  const connect = fake({
    "ListObjectsV2Command ": [{ CommonPrefixes: [{ Prefix: "tenants/" }] }],
    "ListObjectsV2Command tenants/": [
      { CommonPrefixes: [{ Prefix: "tenants/acme/" }], IsTruncated: true, NextContinuationToken: "1" },
      { CommonPrefixes: [{ Prefix: "tenants/lost/" }] },
    ],
    "ListObjectsV2Command tenants/lost/": [{ Contents: [{ Key: "tenants/lost/a" }], IsTruncated: true }],
    ListUsersCommand: [
      { Users: [{ UserName: "tenant.acme" }, { UserName: "somebody" }], IsTruncated: true, Marker: "1" },
      { Users: [{ UserName: "tenant.lost" }] },
    ],
    ListAccessKeysCommand: [{ AccessKeyMetadata: [{ AccessKeyId: "AKIA1", Status: "Inactive" }] }],
  });
  const search = { name: "main", server, tenants: [{ prefix: "tenant", id: "acme" }], prefixes: ["tenant"] };

  it("are found on every page, with the status of each access key", async () => {
    const { orphans, incomplete } = await s3Orphans(search, connect);
    expect(orphans.map(({ kind, name, detail }) => `${kind} ${name}: ${detail}`)).toEqual([
      "IAM user tenant.lost: 1 access key",
      "access key AKIA1: of IAM user tenant.lost, status Inactive",
      "prefix tenants/lost/: 1 object or more; no mark",
    ]);
    expect(incomplete).toEqual([]);
  });

  it("are looked for up to a limit, and the list says where it stopped", async () => {
    const { orphans, incomplete } = await s3Orphans({ ...search, limit: 1 }, connect);
    expect(orphans).toEqual([]);
    expect(incomplete).toEqual([
      "the first 1 entries of tenants/ were looked at",
      "the first 2 IAM users were looked at",
    ]);
  });

  it("end when the run is stopped", async () => {
    await expect(s3Orphans({ ...search, signal: AbortSignal.abort() }, connect)).rejects.toThrow("was cancelled");
  });
});

describe("orphans of a file system", () => {
  let root: string;
  const tenants = [{ prefix: "tenant", id: "acme" }];
  const list = () =>
    storageOrphans({ name: "files", server: { kind: "filesystem", root }, tenants, prefixes: ["tenant"] });

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "tenancy-orphans-"));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  it("are none in a folder that is empty or not there", async () => {
    expect(await list()).toEqual({ orphans: [], incomplete: [] });
    const server = { kind: "filesystem" as const, root: join(root, "nowhere") };
    expect(await storageOrphans({ name: "files", server, tenants, prefixes: [] })).toEqual({
      orphans: [],
      incomplete: [],
    });
  });

  it("are folders, files, links and marks of no known tenant, and nothing of a known one", async () => {
    for (const id of ["acme", "lost"]) await mkdir(join(root, "tenants", id, "uploads"), { recursive: true });
    await mkdir(join(root, ".tenancy", "tenants"), { recursive: true });
    await mkdir(join(root, "backup", "a"), { recursive: true });
    for (const id of ["acme", "lost", "gone"]) {
      const text = JSON.stringify(newMark(urnOf(id), id));
      await writeFile(join(root, ".tenancy", "tenants", `${id}.json`), text);
    }
    await writeFile(join(root, ".tenancy", "tenants", "acme.json.0123456789ab"), "{");
    await writeFile(join(root, "tenants", "stray.txt"), "x");
    await symlink("/etc", join(root, "tenants", "link"));
    const { orphans } = await list();
    expect(orphans.map(({ kind, name, detail }) => `${kind} ${name}: ${detail}`)).toEqual([
      "folder backup/: 1 entry; no tenant's naming prefix",
      "folder tenants/link: a symbolic link; no mark",
      "folder tenants/lost/: 1 entry; marked as tenant lost of the stack tenancy/test",
      "folder tenants/stray.txt: a file; no mark",
      "mark .tenancy/tenants/acme.json.0123456789ab: written by a run that was cut off",
      "mark .tenancy/tenants/gone.json: marked as tenant gone of the stack tenancy/test; its folder is not there",
    ]);
    for (const { since } of orphans) expect(since).toMatch(/^20\d\d-/);
  });
});
