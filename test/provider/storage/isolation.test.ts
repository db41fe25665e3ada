import {
  AbortMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketAclCommand,
  GetBucketLocationCommand,
  GetBucketPolicyCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  UploadPartCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { admin, Bucket, closeAll, connect, newContext, newHandler, newTenant, outcome } from "./support.ts";

const handler = newHandler();
const own = newTenant();
const sibling = newTenant({ tenant: `${own.tenant}2` });
let s3: S3Client;

beforeAll(async () => {
  const { outputs } = await handler.create(newContext(own.tenant).context, own);
  await handler.create(newContext(sibling.tenant).context, sibling);
  await admin.s3.send(new PutObjectCommand({ Bucket, Key: `${sibling.prefix}secret`, Body: "theirs" }));
  s3 = connect(outputs);
});

afterAll(async () => {
  closeAll();
  await handler.close?.();
});

describe("a tenant's access key", () => {
  it("puts, gets, lists, copies, uploads in parts and deletes under its prefix", async () => {
    const Key = `${own.prefix}uploads/a.txt`;
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: "mine" }));
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
    expect(await Body?.transformToString()).toBe("mine");
    await s3.send(new CopyObjectCommand({ Bucket, Key: `${own.prefix}b`, CopySource: `${Bucket}/${Key}` }));
    const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: own.prefix }));
    expect(Contents?.map((object) => object.Key)).toEqual([
      `${own.prefix}b`,
      `${own.prefix}exports/`,
      `${own.prefix}processed/`,
      `${own.prefix}uploads/`,
      Key,
    ]);
    const upload = { Bucket, Key: `${own.prefix}parts` };
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand(upload));
    await s3.send(new UploadPartCommand({ ...upload, UploadId, PartNumber: 1, Body: "x" }));
    await s3.send(new AbortMultipartUploadCommand({ ...upload, UploadId }));
    expect(await outcome(s3.send(new GetBucketLocationCommand({ Bucket })))).toBe("done");
    expect(await outcome(s3.send(new DeleteObjectCommand({ Bucket, Key: `${own.prefix}b` })))).toBe("done");
  });

  const theirs = { Bucket, Key: `${sibling.prefix}secret` };
  it.each<[string, () => Promise<unknown>]>([
    ["get another's object", () => s3.send(new GetObjectCommand(theirs))],
    ["put into another's prefix", () => s3.send(new PutObjectCommand({ ...theirs, Body: "x" }))],
    ["delete another's object", () => s3.send(new DeleteObjectCommand(theirs))],
    [
      "copy another's object",
      () =>
        s3.send(
          new CopyObjectCommand({
            Bucket,
            Key: `${own.prefix}stolen`,
            CopySource: `${Bucket}/${sibling.prefix}secret`,
          }),
        ),
    ],
    [
      "copy into another's prefix",
      () =>
        s3.send(
          new CopyObjectCommand({
            Bucket,
            Key: `${sibling.prefix}planted`,
            CopySource: `${Bucket}/${own.prefix}uploads/a.txt`,
          }),
        ),
    ],
    ["begin an upload in another's prefix", () => s3.send(new CreateMultipartUploadCommand(theirs))],
    ["list another's prefix", () => s3.send(new ListObjectsV2Command({ Bucket, Prefix: sibling.prefix }))],
    [
      "list its own prefix without the slash",
      () => s3.send(new ListObjectsV2Command({ Bucket, Prefix: own.prefix.slice(0, -1) })),
    ],
    ["list the bucket", () => s3.send(new ListObjectsV2Command({ Bucket }))],
    ["list the bucket the old way", () => s3.send(new ListObjectsCommand({ Bucket }))],
    [
      "list the bucket's folders",
      () => s3.send(new ListObjectsV2Command({ Bucket, Prefix: "tenants/", Delimiter: "/" })),
    ],
    ["list versions", () => s3.send(new ListObjectVersionsCommand({ Bucket }))],
    ["list uploads", () => s3.send(new ListMultipartUploadsCommand({ Bucket }))],
    ["read the marks", () => s3.send(new GetObjectCommand({ Bucket, Key: `.tenancy/tenants/${own.tenant}.json` }))],
    ["read the bucket's policy", () => s3.send(new GetBucketPolicyCommand({ Bucket }))],
    ["set the bucket's policy", () => s3.send(new PutBucketPolicyCommand({ Bucket, Policy: "{}" }))],
    ["read the bucket's ACL", () => s3.send(new GetBucketAclCommand({ Bucket }))],
    ["make a bucket", () => s3.send(new CreateBucketCommand({ Bucket: `b-${own.tenant}` }))],
    ["delete the bucket", () => s3.send(new DeleteBucketCommand({ Bucket }))],
  ])("may not %s", async (_what, attempt) => {
    expect(await outcome(attempt())).toBe("AccessDenied");
  });

  it("may not learn whether another's object exists, nor delete it in a batch, nor leave its prefix by dots", async () => {
    for (const Key of [theirs.Key, `${sibling.prefix}none`]) {
      await expect(s3.send(new HeadObjectCommand({ Bucket, Key }))).rejects.toMatchObject({
        $metadata: { httpStatusCode: 403 },
      });
    }
    const { Errors } = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: theirs.Key }] } }));
    expect(Errors).toMatchObject([{ Key: theirs.Key, Code: "AccessDenied" }]);
    const dots = new PutObjectCommand({ Bucket, Key: `${own.prefix}../${sibling.tenant}/x`, Body: "x" });
    expect(await outcome(s3.send(dots))).not.toBe("done");
    const { Contents } = await admin.s3.send(new ListObjectsV2Command({ Bucket, Prefix: sibling.prefix }));
    expect(Contents?.filter(({ Size }) => (Size ?? 0) > 0).map(({ Key }) => Key)).toEqual([theirs.Key]);
  });
});
