/** Tenants' prefixes in a bucket of Amazon S3 or a compatible server. */
import {
  GetObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import type { S3Server } from "../config.ts";
import { repairable } from "../finding.ts";
import type { PrefixInputs } from "../inputs.ts";
import type { StorageBackend } from "./backend.ts";
import { connectS3, type S3Clients } from "./client.ts";
import { deleteObjects, emptyPrefix } from "./empty.ts";
import { describe, errorCode } from "./errors.ts";
import { IamUsers, type KeyWait } from "./iam-user.ts";

/** Outside of every tenant's prefix. */
export function markPath(prefix: string): string {
  return `.tenancy/${prefix.replace(/\/$/, "")}.json`;
}

export function s3Backend(
  server: S3Server,
  connect: (server: S3Server) => S3Clients = connectS3,
  wait?: KeyWait,
): StorageBackend {
  const clients = connect(server);
  const { s3 } = clients;
  const users = new IamUsers(clients, server, wait);
  const Bucket = server.bucket;

  async function call<T>(what: string, send: () => Promise<T>): Promise<T> {
    try {
      return await send();
    } catch (error) {
      throw describe(error, `${server.endpoint}, bucket ${Bucket}, ${what}`);
    }
  }

  async function missingFolders({ prefix, folders }: PrefixInputs): Promise<readonly string[]> {
    const { Contents = [], CommonPrefixes = [] } = await call("ListObjectsV2", () =>
      s3.send(new ListObjectsV2Command({ Bucket, Prefix: prefix, Delimiter: "/" })),
    );
    const there = new Set([...Contents.map(({ Key }) => Key), ...CommonPrefixes.map(({ Prefix }) => Prefix)]);
    return folders.map((folder) => `${prefix}${folder}/`).filter((key) => !there.has(key));
  }

  return {
    async readMark(prefix) {
      try {
        const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: markPath(prefix) }));
        return await Body?.transformToString("utf8");
      } catch (error) {
        if (errorCode(error) === "NoSuchKey") return undefined;
        throw describe(error, `${server.endpoint}, bucket ${Bucket}, GetObject`);
      }
    },
    async writeMark(prefix, text) {
      await call("PutObject", () =>
        s3.send(new PutObjectCommand({ Bucket, Key: markPath(prefix), Body: text, ContentType: "application/json" })),
      );
    },
    async removeMark(prefix) {
      const Key = markPath(prefix);
      for (let round = 0; round < 10; round++) {
        const { Versions = [], DeleteMarkers = [] } = await call("ListObjectVersions", () =>
          s3.send(new ListObjectVersionsCommand({ Bucket, Prefix: Key })),
        );
        const objects = [...Versions, ...DeleteMarkers].flatMap((item) =>
          item.Key === Key ? [{ Key, ...(item.VersionId === undefined ? {} : { VersionId: item.VersionId }) }] : [],
        );
        if (objects.length === 0) return;
        await call("DeleteObjects", () => deleteObjects(s3, Bucket, objects));
      }
    },
    exists: async ({ username }) => ((await users.exists(username)) ? `IAM user "${username}"` : undefined),
    async data({ prefix }) {
      let keyMarker: string | undefined;
      let versionMarker: string | undefined;
      do {
        const listed = await call("ListObjectVersions", () =>
          s3.send(
            new ListObjectVersionsCommand({
              Bucket,
              Prefix: prefix,
              KeyMarker: keyMarker,
              VersionIdMarker: versionMarker,
              MaxKeys: 100,
            }),
          ),
        );
        const object = listed.Versions?.find(({ Key, Size }) => Key?.endsWith("/") !== true || (Size ?? 0) > 0);
        if (object !== undefined) return `object ${String(object.Key)}`;
        keyMarker = listed.IsTruncated === true ? listed.NextKeyMarker : undefined;
        versionMarker = listed.IsTruncated === true ? listed.NextVersionIdMarker : undefined;
      } while (keyMarker !== undefined);
      return undefined;
    },
    async makeFolders(inputs) {
      for (const Key of await missingFolders(inputs)) {
        await call("PutObject", () => s3.send(new PutObjectCommand({ Bucket, Key, Body: "", ContentLength: 0 })));
      }
    },
    grant: (context, inputs, known, rotate) => users.grant(context, inputs, known, rotate),
    async drift(inputs, known) {
      const folders = await missingFolders(inputs);
      return [
        ...(await users.drift(inputs, known)),
        ...folders.map((key) => repairable(`folder ${key}`, "missing", "there", `folder ${key} is missing`)),
      ];
    },
    revoke: ({ username }) => users.remove(username),
    async empty(context, prefix) {
      await call("emptying of the prefix", () => emptyPrefix(s3, Bucket, prefix, context.status, context.signal));
    },
    close: () => {
      clients.close();
    },
  };
}
