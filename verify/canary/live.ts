/** Canaries that are on the servers, by name: those of killed runs of any machine. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { ListUsersCommand } from "@aws-sdk/client-iam";
import { ListObjectsV2Command } from "@aws-sdk/client-s3";
import { canaryPrefix, type PoolNames, redisNames, storageNames } from "../../components/naming.ts";
import type { FileSystemServer, RedisServer } from "../../provider/config.ts";
import { type Mark, parseMark } from "../../provider/mark.ts";
import { readCanaries, readPoolCanaries } from "../../provider/postgres/canary-rows.ts";
import type { PostgresPools } from "../../provider/postgres/pool.ts";
import { connectNode } from "../../provider/redis/client.ts";
import { RedisTopology } from "../../provider/redis/topology.ts";
import { type BucketServer, connectS3, hasIamUsers } from "../../provider/storage/client.ts";
import { fileSystemBackend } from "../../provider/storage/file-system.ts";
import { markPath, s3Backend } from "../../provider/storage/s3.ts";
import { addressOf } from "../servers.ts";
import { isCanaryId } from "./id.ts";

export interface LiveCanary {
  /** Undefined where it has been lost: an attack may have reached it. */
  readonly mark: Mark | undefined;
  /** False where no more than a record of it is left, which a removal takes away without a mark. */
  readonly there: boolean;
}

/** By id. What has a canary's prefix and no canary's id is somebody else's. */
export type LiveCanaries = ReadonlyMap<string, LiveCanary>;

export async function livePostgres(pools: PostgresPools, server: string): Promise<LiveCanaries> {
  const begin = `${canaryPrefix}_`;
  const found = new Map<string, LiveCanary>();
  for (const { schema, there, comment } of await readCanaries(pools, server)) {
    const id = schema.slice(begin.length).replace("__", "-");
    if (isCanaryId(id)) found.set(id, { mark: parseMark(comment), there });
  }
  return found;
}

/** Members of a pool that are canaries. */
export async function livePool(pools: PostgresPools, server: string, place: PoolNames): Promise<LiveCanaries> {
  const found = new Map<string, LiveCanary>();
  for (const { tenant, there, mark } of await readPoolCanaries(pools, server, place)) {
    if (isCanaryId(tenant)) found.set(tenant, { mark: parseMark(mark), there });
  }
  return found;
}

export async function liveRedis(server: RedisServer): Promise<LiveCanaries> {
  const topology = new RedisTopology(addressOf(server), server, connectNode, { retryForMs: 5_000 });
  const ids = new Set<string>();
  const add = (text: unknown, begin: string): void => {
    if (typeof text !== "string" || !text.startsWith(begin)) return;
    const [id = ""] = text.slice(begin.length).split(":");
    if (isCanaryId(id)) ids.add(id);
  };
  try {
    const layout = await topology.layout();
    for (const node of layout.nodes) {
      const [users] = await node.run("ACL USERS", [["ACL", "USERS"]]);
      for (const user of Array.isArray(users) ? users : []) add(user, `${canaryPrefix}:`);
    }
    // A run that was killed before it made the user, or while it deleted keys, left the mark and no user.
    const begin = `tenancy:mark:${canaryPrefix}:`;
    for (const primary of layout.primaries) {
      let cursor = "0";
      do {
        const [reply] = await primary.run("SCAN", [["SCAN", cursor, "MATCH", `${begin}*`, "COUNT", 1_000]]);
        const [next, keys] = reply as [unknown, unknown[]];
        for (const key of keys) add(key, begin);
        cursor = String(next);
      } while (cursor !== "0");
    }
    const found = new Map<string, LiveCanary>();
    for (const id of ids) {
      const { username } = redisNames(canaryPrefix, id);
      const key = `tenancy:mark:${username}`;
      const [text] = await topology.onOwner(key, "GET of the mark", [["GET", key]]);
      found.set(id, { mark: parseMark(typeof text === "string" ? text : undefined), there: true });
    }
    return found;
  } finally {
    topology.close();
  }
}

export async function liveS3(server: BucketServer): Promise<LiveCanaries> {
  const clients = connectS3(server);
  const backend = s3Backend(server, () => clients);
  const ids = new Set<string>();
  const folder = `${canaryPrefix}s/`;
  try {
    for (const prefix of [folder, markPath(folder).replace(/\.json$/, "/")]) {
      let token: string | undefined;
      do {
        // Without a delimiter: SeaweedFS goes on showing an emptied folder for a while.
        const page = await clients.s3.send(
          new ListObjectsV2Command({ Bucket: server.bucket, Prefix: prefix, ContinuationToken: token }),
        );
        for (const { Key = "" } of page.Contents ?? []) {
          const [name = ""] = Key.slice(prefix.length).split("/");
          ids.add(name.replace(/\.json$/, ""));
        }
        token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
      } while (token !== undefined);
    }
    let marker: string | undefined;
    let more = hasIamUsers(server);
    while (more) {
      const page = await clients.iam.send(new ListUsersCommand({ Marker: marker }));
      for (const { UserName = "" } of page.Users ?? []) {
        if (UserName.startsWith(`${canaryPrefix}.`)) ids.add(UserName.slice(canaryPrefix.length + 1));
      }
      marker = page.IsTruncated === true ? page.Marker : undefined;
      more = marker !== undefined;
    }
    return await withMarks(ids, (prefix) => backend.readMark(prefix));
  } finally {
    clients.close();
  }
}

export async function liveFiles(server: FileSystemServer): Promise<LiveCanaries> {
  const { folder, marks } = canaryFolders(server);
  const names = [...(await namesIn(folder)), ...(await namesIn(marks))].map((name) => name.replace(/\.json$/, ""));
  const backend = fileSystemBackend(server);
  return withMarks(new Set(names), (prefix) => backend.readMark(prefix));
}

/** Folders that hold canaries and their marks, and nothing else. */
export function canaryFolders({ root }: FileSystemServer): { readonly folder: string; readonly marks: string } {
  return { folder: join(root, `${canaryPrefix}s`), marks: join(root, ".tenancy", `${canaryPrefix}s`) };
}

async function withMarks(
  ids: ReadonlySet<string>,
  readMark: (prefix: string) => Promise<string | undefined>,
): Promise<LiveCanaries> {
  const found = new Map<string, LiveCanary>();
  for (const id of ids) {
    if (!isCanaryId(id)) continue;
    const { prefix } = storageNames(canaryPrefix, id);
    found.set(id, { mark: parseMark(await readMark(prefix)), there: true });
  }
  return found;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
