/** Empties a prefix of a bucket: all versions, delete markers and open multipart uploads, page by page. */
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  type S3Client,
} from "@aws-sdk/client-s3";
import { ProviderError } from "../handler.ts";
import { deleteObjects } from "./delete.ts";
import { errorCode } from "./errors.ts";
import { isPrefix } from "./iam-policy.ts";
import { versionPages } from "./versions.ts";

export interface Emptied {
  readonly versions: number;
  readonly uploads: number;
}

/**
 * Deletes until a listing of each kind is empty.
 *
 * @throws ProviderError for a prefix that is not a tenant's own, and when objects cannot be deleted
 */
export async function emptyPrefix(
  s3: S3Client,
  bucket: string,
  prefix: string,
  status: (message: string) => void,
  signal: AbortSignal,
): Promise<Emptied> {
  if (!isPrefix(prefix)) {
    throw new ProviderError(
      `nothing is deleted: ${JSON.stringify(prefix.slice(0, 80))} is no tenant's prefix; it needs the form <name>s/<id>/ with a closing slash.`,
    );
  }
  const options = { abortSignal: signal };
  let versions = 0;
  let uploads = 0;
  for (let round = 1; round <= 10; round++) {
    const before = versions + uploads;
    for await (const page of versionPages(s3, bucket, prefix, { signal })) {
      const objects = [...page.versions, ...page.markers];
      await deleteObjects(s3, bucket, objects, signal);
      versions += objects.length;
      if (objects.length > 0) status(`deleted ${versions} object versions under ${prefix}`);
    }

    // What a server lists as an object and not as a version.
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }), options);
    const plain = Contents.flatMap(({ Key }) => (Key?.startsWith(prefix) === true ? [{ Key }] : []));
    await deleteObjects(s3, bucket, plain, signal);
    versions += plain.length;

    uploads += await abortUploads(s3, bucket, prefix, signal);
    if (versions + uploads > before) continue;
    await removeFolders(s3, bucket, prefix, signal);
    return { versions, uploads };
  }
  throw new ProviderError(
    `objects under ${prefix} keep appearing: something other than the tenant writes them. Stop it, then run the update again.`,
  );
}

/**
 * A server with real folders behind its keys (SeaweedFS) keeps the empty ones, and lists them as common prefixes:
 * deleted from the innermost out. Amazon S3 has none, and lists nothing here.
 */
async function removeFolders(s3: S3Client, bucket: string, prefix: string, signal: AbortSignal): Promise<void> {
  const foldersAt = async (Prefix: string): Promise<string[]> => {
    const listing = new ListObjectsV2Command({ Bucket: bucket, Prefix, Delimiter: "/" });
    const { CommonPrefixes = [] } = await s3.send(listing, { abortSignal: signal });
    return CommonPrefixes.flatMap(({ Prefix: found }) => found ?? []);
  };
  const remove = async (folder: string): Promise<void> => {
    // A page has at most a thousand; one that is listed again could not be deleted.
    const tried = new Set<string>();
    for (;;) {
      const inside = (await foldersAt(folder)).filter((found) => found.startsWith(folder) && !tried.has(found));
      if (inside.length === 0) break;
      for (const inner of inside) {
        tried.add(inner);
        await remove(inner);
      }
    }
    await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: folder }), { abortSignal: signal });
  };
  if ((await foldersAt(prefix.slice(0, -1))).includes(prefix)) await remove(prefix);
}

async function abortUploads(s3: S3Client, bucket: string, prefix: string, signal: AbortSignal): Promise<number> {
  let aborted = 0;
  let keyMarker: string | undefined;
  let idMarker: string | undefined;
  do {
    let listed;
    try {
      listed = await s3.send(
        new ListMultipartUploadsCommand({
          Bucket: bucket,
          Prefix: prefix,
          KeyMarker: keyMarker,
          UploadIdMarker: idMarker,
        }),
        { abortSignal: signal },
      );
    } catch (error) {
      // A server without multipart uploads has none that are open.
      if (/^(NotImplemented|MethodNotAllowed)$/.test(errorCode(error))) return aborted;
      throw error;
    }
    for (const { Key, UploadId } of listed.Uploads ?? []) {
      if (Key?.startsWith(prefix) !== true || UploadId === undefined) continue;
      await s3.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }), { abortSignal: signal });
      aborted++;
    }
    keyMarker = listed.IsTruncated === true ? listed.NextKeyMarker : undefined;
    idMarker = listed.IsTruncated === true ? listed.NextUploadIdMarker : undefined;
  } while (keyMarker !== undefined);
  return aborted;
}
