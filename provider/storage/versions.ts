/** Every version and delete marker under a prefix, page by page, on servers with versions and on those without. */
import { ListObjectsV2Command, ListObjectVersionsCommand, type S3Client } from "@aws-sdk/client-s3";
import { ProviderError } from "../handler.ts";
import { errorCode } from "./errors.ts";

export interface ObjectVersion {
  readonly Key: string;
  readonly VersionId?: string;
}

export interface VersionPage {
  readonly versions: readonly (ObjectVersion & { readonly size: number })[];
  readonly markers: readonly ObjectVersion[];
}

/** Servers that answered that they have no versions. */
const withoutVersions = new WeakSet<S3Client>();

/**
 * Pages of what lies under the prefix. A caller may delete a page's objects before it asks for the next one.
 *
 * @throws what the client throws, and ProviderError for an old version that has no id
 */
export async function* versionPages(
  s3: S3Client,
  bucket: string,
  prefix: string,
  options: { readonly pageSize?: number; readonly signal?: AbortSignal } = {},
): AsyncGenerator<VersionPage> {
  if (withoutVersions.has(s3)) {
    yield* plainPages(s3, bucket, prefix, options);
    return;
  }
  let keyMarker: string | undefined;
  let versionMarker: string | undefined;
  do {
    const command = new ListObjectVersionsCommand({
      Bucket: bucket,
      Prefix: prefix,
      KeyMarker: keyMarker,
      VersionIdMarker: versionMarker,
      MaxKeys: options.pageSize,
    });
    let listed;
    try {
      listed = await s3.send(command, { abortSignal: options.signal });
    } catch (error) {
      if (keyMarker !== undefined || !/^(NotImplemented|MethodNotAllowed)$/.test(errorCode(error))) throw error;
      withoutVersions.add(s3);
      yield* plainPages(s3, bucket, prefix, options);
      return;
    }
    const own = <T extends { Key?: string }>(items: readonly T[] | undefined) =>
      (items ?? []).filter(({ Key }) => Key?.startsWith(prefix) === true);
    for (const { Key, VersionId, IsLatest } of own(listed.Versions)) {
      if (VersionId !== undefined || IsLatest !== false) continue;
      throw new ProviderError(
        `the server lists an old version of ${String(Key)} without an id, so that it cannot be deleted. ` +
          `Delete noncurrent versions by a lifecycle rule of the bucket, then run the update again.`,
      );
    }
    yield {
      versions: own(listed.Versions).map((item) => ({ ...identity(item), size: item.Size ?? 0 })),
      markers: own(listed.DeleteMarkers).map(identity),
    };
    keyMarker = listed.IsTruncated === true ? listed.NextKeyMarker : undefined;
    versionMarker = listed.IsTruncated === true ? listed.NextVersionIdMarker : undefined;
  } while (keyMarker !== undefined);
}

async function* plainPages(
  s3: S3Client,
  bucket: string,
  prefix: string,
  options: { readonly pageSize?: number; readonly signal?: AbortSignal },
): AsyncGenerator<VersionPage> {
  let token: string | undefined;
  do {
    const listed = await s3.send(
      new ListObjectsV2Command({
        Bucket: bucket,
        Prefix: prefix,
        ContinuationToken: token,
        MaxKeys: options.pageSize,
      }),
      { abortSignal: options.signal },
    );
    const own = (listed.Contents ?? []).filter(({ Key }) => Key?.startsWith(prefix) === true);
    yield { versions: own.map((item) => ({ ...identity(item), size: item.Size ?? 0 })), markers: [] };
    token = listed.IsTruncated === true ? listed.NextContinuationToken : undefined;
  } while (token !== undefined);
}

function identity({ Key, VersionId }: { Key?: string; VersionId?: string }): ObjectVersion {
  return { Key: Key ?? "", ...(VersionId === undefined ? {} : { VersionId }) };
}
