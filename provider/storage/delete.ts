/** Deletion of objects: a thousand a request, or one by one on servers that know no such request. */
import { DeleteObjectCommand, DeleteObjectsCommand, type S3Client } from "@aws-sdk/client-s3";
import pLimit from "p-limit";
import { ProviderError } from "../handler.ts";
import { errorCode } from "./errors.ts";
import type { ObjectVersion } from "./versions.ts";

const atOnce = 1_000;

/** Servers that refused to delete several objects by one request. */
const oneByOne = new WeakSet<S3Client>();

/** @throws ProviderError naming the first object that cannot be deleted, and what the client throws */
export async function deleteObjects(
  s3: S3Client,
  bucket: string,
  objects: readonly ObjectVersion[],
  signal?: AbortSignal,
): Promise<void> {
  for (let start = 0; start < objects.length; start += atOnce) {
    const page = objects.slice(start, start + atOnce);
    const faults = oneByOne.has(s3)
      ? await deleteEach(s3, bucket, page, signal)
      : await deleteTogether(s3, bucket, page, signal);
    const [first] = faults;
    if (first === undefined) continue;
    throw new ProviderError(
      `${faults.length} objects cannot be deleted, the first is ${first.key} (${first.code}). ` +
        `A retention or legal hold must end before; then run the update again.`,
    );
  }
}

interface Fault {
  readonly key: string;
  readonly code: string;
}

async function deleteTogether(
  s3: S3Client,
  bucket: string,
  objects: readonly ObjectVersion[],
  signal: AbortSignal | undefined,
): Promise<readonly Fault[]> {
  try {
    const { Errors = [] } = await s3.send(
      new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: objects.map(identify), Quiet: true } }),
      { abortSignal: signal },
    );
    return Errors.map(({ Key, Code }) => ({ key: String(Key), code: String(Code) }));
  } catch (error) {
    if (!isUnknownRequest(error)) throw error;
    oneByOne.add(s3);
    return deleteEach(s3, bucket, objects, signal);
  }
}

async function deleteEach(
  s3: S3Client,
  bucket: string,
  objects: readonly ObjectVersion[],
  signal: AbortSignal | undefined,
): Promise<readonly Fault[]> {
  const results = await pLimit(16).map(objects, async ({ Key, VersionId }): Promise<Fault | undefined> => {
    try {
      await s3.send(new DeleteObjectCommand({ Bucket: bucket, ...identify({ Key, VersionId }) }), {
        abortSignal: signal,
      });
      return undefined;
    } catch (error) {
      const code = errorCode(error);
      if (code === "NoSuchKey" || code === "NoSuchVersion") return undefined;
      if (/^(AccessDenied|ObjectLocked|InvalidRequest|Conflict)$/.test(code)) return { key: Key, code };
      throw error;
    }
  });
  return results.filter((fault) => fault !== undefined);
}

function identify({ Key, VersionId }: ObjectVersion): ObjectVersion {
  return { Key, ...(VersionId === undefined ? {} : { VersionId }) };
}

/**
 * Whether the server does not know the request or wants another checksum with it than the SDK sends (Content-MD5). What
 * else is wrong shows at the requests for single objects, too.
 */
function isUnknownRequest(error: unknown): boolean {
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  const code = errorCode(error);
  if (/^(ExpiredToken|InvalidToken|RequestTimeTooSkewed|AuthorizationHeaderMalformed)$/.test(code)) return false;
  return status === 400 || status === 405 || status === 411 || status === 501;
}
