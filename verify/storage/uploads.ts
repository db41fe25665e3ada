/** Attempts on another tenant's uploads in parts. */
import { attempts } from "./scene.ts";
import type { Answer } from "./wire.ts";

const api = "https://docs.aws.amazon.com/AmazonS3/latest/API";
const denied = ["403 AccessDenied"] as const;
const noUpload = ["404 NoSuchUpload"];

function uploadIn(answer: Answer | undefined): string {
  return /<UploadId>([^<]{1,1024})<\/UploadId>/.exec(answer?.body ?? "")?.[1] ?? "none";
}

export const uploadAttempts = attempts([
  {
    id: "storage/create-upload",
    aim: "write",
    tries: "begin an upload in parts under another tenant's prefix",
    how: "POST /<bucket>/<victim's prefix>parts?uploads",
    expected: denied,
    why: "Parts cost storage and stand in no listing of objects.",
    source: `${api}/API_CreateMultipartUpload.html`,
    harm: "victim",
    control: "victim",
    make: (s) => s.signed({ method: "POST", key: s.planted("parts"), query: { uploads: "" } }),
    undo: (answer, s) =>
      answer.status === 200
        ? s.signed({ method: "DELETE", key: s.planted("parts"), query: { uploadId: uploadIn(answer) } })
        : undefined,
  },
  {
    id: "storage/upload-part",
    aim: "write",
    tries: "add a part to another tenant's upload",
    how: "PUT /<bucket>/<victim's upload>?partNumber=2&uploadId=<its id>",
    expected: denied,
    why: "The victim completes the upload and has the attacker's bytes in its own object.",
    source: `${api}/API_UploadPart.html`,
    harm: "victim",
    control: "victim",
    granted: noUpload,
    make: (s) =>
      s.signed({
        method: "PUT",
        key: s.upload.key,
        query: { partNumber: "2", uploadId: s.upload.id },
        body: "x",
      }),
  },
  {
    id: "storage/complete-upload",
    aim: "write",
    tries: "complete another tenant's upload",
    how: "POST /<bucket>/<victim's upload>?uploadId=<its id>, naming a part that is not there, so that nothing is completed",
    expected: denied,
    why: "It puts half an object in the place of a whole one.",
    source: `${api}/API_CompleteMultipartUpload.html`,
    harm: "victim",
    control: "victim",
    granted: [...noUpload, "400 InvalidPart", "200 InvalidPart"],
    make: (s) =>
      s.signed({
        method: "POST",
        key: s.upload.key,
        query: { uploadId: s.upload.id },
        headers: { "content-type": "application/xml" },
        body: '<CompleteMultipartUpload><Part><PartNumber>9</PartNumber><ETag>"0"</ETag></Part></CompleteMultipartUpload>',
      }),
  },
  {
    id: "storage/abort-upload",
    aim: "destroy",
    tries: "abort another tenant's upload",
    how: "DELETE /<bucket>/<victim's upload>?uploadId=<an id>: an id that is not there is answered to those who may",
    expected: denied,
    why: "Hours of a transfer are lost, again and again.",
    source: `${api}/API_AbortMultipartUpload.html`,
    harm: "victim",
    control: "victim",
    granted: noUpload,
    make: (s) => s.signed({ method: "DELETE", key: s.upload.key, query: { uploadId: "0".repeat(32) } }),
  },
  {
    id: "storage/list-parts",
    aim: "observe",
    tries: "list the parts of another tenant's upload",
    how: "GET /<bucket>/<victim's upload>?uploadId=<its id>",
    expected: denied,
    why: "Sizes and checksums of what is being uploaded.",
    source: `${api}/API_ListParts.html`,
    harm: "none",
    control: "administrator",
    granted: noUpload,
    make: (s) => s.signed({ method: "GET", key: s.upload.key, query: { uploadId: s.upload.id } }),
  },
  {
    id: "storage/list-uploads",
    aim: "observe",
    tries: "list another tenant's uploads",
    how: "GET /<bucket>?uploads&prefix=<victim's prefix>&max-uploads=1",
    expected: denied,
    why: "It gives the ids that every call on an upload needs.",
    source: `${api}/API_ListMultipartUploads.html`,
    harm: "none",
    control: "administrator",
    make: (s) => s.signed({ method: "GET", query: { uploads: "", prefix: s.victim.names.prefix, "max-uploads": "1" } }),
  },
  {
    id: "storage/upload-part-copy-from",
    aim: "read",
    tries: "copy a range of another tenant's object as a part of an upload of its own",
    how: "PUT /<bucket>/<attacker's upload>?partNumber=1 with x-amz-copy-source: <victim's object>; the upload is begun for it and aborted after it",
    expected: denied,
    why: "The same hole as in CopyObject, in another handler: SeaweedFS up to 4.23 did not check the source.",
    source: "https://github.com/seaweedfs/seaweedfs/pull/9555",
    harm: "victim",
    control: "victim",
    granted: ["404 NoSuchKey", "412 PreconditionFailed", "416 InvalidRange"],
    first: (s) =>
      s.signed({ method: "POST", key: `${s.attacker.names.prefix}tenancy-verify-part`, query: { uploads: "" } }),
    make: (s, first) =>
      s.signed({
        method: "PUT",
        key: `${s.attacker.names.prefix}tenancy-verify-part`,
        query: { partNumber: "1", uploadId: uploadIn(first) },
        headers: { "x-amz-copy-source": s.path(s.target) },
      }),
    undo: (_answer, s, first) =>
      s.signed({
        method: "DELETE",
        key: `${s.attacker.names.prefix}tenancy-verify-part`,
        query: { uploadId: uploadIn(first) },
      }),
  },
]);
