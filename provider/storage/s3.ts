/** Tenants' prefixes in a bucket of Amazon S3 or a compatible server. */
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import { repairable } from "../finding.ts";
import type { PrefixInputs } from "../inputs.ts";
import type { StorageBackend } from "./backend.ts";
import { type BucketServer, connectS3, endpointOf, type S3Clients } from "./client.ts";
import { deleteObjects } from "./delete.ts";
import { emptyPrefix } from "./empty.ts";
import { describe, errorCode } from "./errors.ts";
import { externalAccess, iamUserAccess, noAccess, type PrefixAccess } from "./access.ts";
import { IamUsers, type KeyWait } from "./iam-user.ts";
import { versionPages } from "./versions.ts";

/** Outside of every tenant's prefix. */
export function markPath(prefix: string): string {
  return `.tenancy/${prefix.replace(/\/$/, "")}.json`;
}

export function s3Backend(
  server: BucketServer,
  connect: (server: BucketServer) => S3Clients = connectS3,
  wait?: KeyWait,
): StorageBackend {
  const clients = connect(server);
  const { s3 } = clients;
  const access = accessOf(server, clients, wait);
  const Bucket = server.bucket;
  const endpoint = endpointOf(server);
  // The bucket's policy refuses what does not ask for encryption by a key of KMS.
  const encryption = server.kind === "aws" ? { ServerSideEncryption: "aws:kms" as const } : {};

  async function call<T>(what: string, send: () => Promise<T>): Promise<T> {
    try {
      return await send();
    } catch (error) {
      throw describe(error, `${endpoint}, bucket ${Bucket}, ${what}`);
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
        throw describe(error, `${endpoint}, bucket ${Bucket}, GetObject`);
      }
    },
    async writeMark(prefix, text) {
      await call("PutObject", () =>
        s3.send(
          new PutObjectCommand({
            Bucket,
            Key: markPath(prefix),
            Body: text,
            ContentType: "application/json",
            ...encryption,
          }),
        ),
      );
    },
    async removeMark(prefix) {
      const Key = markPath(prefix);
      for (let round = 0; round < 10; round++) {
        const objects = await call("ListObjectVersions", async () => {
          const found = [];
          for await (const { versions, markers } of versionPages(s3, Bucket, Key)) found.push(...versions, ...markers);
          return found.filter((item) => item.Key === Key);
        });
        if (objects.length === 0) return;
        await call("DeleteObjects", () => deleteObjects(s3, Bucket, objects));
      }
    },
    exists: (inputs) => access.exists(inputs),
    data: ({ prefix }) =>
      call("ListObjectVersions", async () => {
        for await (const { versions } of versionPages(s3, Bucket, prefix, { pageSize: 100 })) {
          const object = versions.find(({ Key, size }) => !Key.endsWith("/") || size > 0);
          if (object !== undefined) return `object ${object.Key}`;
        }
        return undefined;
      }),
    async makeFolders(inputs) {
      for (const Key of await missingFolders(inputs)) {
        await call("PutObject", () =>
          s3.send(new PutObjectCommand({ Bucket, Key, Body: "", ContentLength: 0, ...encryption })),
        );
      }
    },
    grant: (context, inputs, known, rotate) => access.grant(context, inputs, known, rotate),
    async drift(inputs, known) {
      const folders = await missingFolders(inputs);
      return [
        ...(await access.drift(inputs, known)),
        ...folders.map((key) => repairable(`folder ${key}`, "missing", "there", `folder ${key} is missing`)),
      ];
    },
    revoke: (inputs) => access.revoke(inputs),
    async empty(context, prefix) {
      await call("emptying of the prefix", () => emptyPrefix(s3, Bucket, prefix, context.status, context.signal));
    },
    close: () => {
      clients.close();
    },
  };
}

function accessOf(server: BucketServer, clients: S3Clients, wait: KeyWait | undefined): PrefixAccess {
  if (server.kind === "aws" || server.credentials === "none") return noAccess;
  return server.credentials === "external"
    ? externalAccess(clients, server)
    : iamUserAccess(new IamUsers(clients, server, wait));
}
