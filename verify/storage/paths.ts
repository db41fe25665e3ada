/** Attempts to lead a server astray by the path, and by the way to it. */
import { attempts, type Scene } from "./scene.ts";

const denied = ["403 AccessDenied", "400 InvalidRequest", "404 NoSuchKey", "403 SignatureDoesNotMatch"] as const;
const answered = ["416 InvalidRange"];
/** By the plain way: nothing but a folder is there. */
const absent = ["404 NoSuchKey"];
const traversal = "https://cwe.mitre.org/data/definitions/22.html";
const copySource = "https://github.com/seaweedfs/seaweedfs/pull/9929";
const byPlainPath =
  "Amazon S3 takes the dots for a part of the key, and SeaweedFS refuses them to everybody; the control goes by the plain path";

/** From the attacker's prefix up to the bucket: two levels, as a prefix has. */
const up = (dots: string, slash: string) => `${dots}${slash}${dots}${slash}`;

const tricks: readonly { id: string; name: string; dots: string; slash: string }[] = [
  { id: "dots", name: "..", dots: "..", slash: "/" },
  { id: "encoded-dots", name: "%2e%2e", dots: "%2e%2e", slash: "/" },
  { id: "encoded-slashes", name: "..%2f", dots: "..", slash: "%2f" },
  { id: "encoded-twice", name: "%252e%252e%252f", dots: "%252e%252e", slash: "%252f" },
  { id: "backslashes", name: "..%5c", dots: "..", slash: "%5c" },
];

export const pathAttempts = attempts([
  ...tricks.map(({ id, name, dots, slash }) => ({
    id: `storage/path-${id}`,
    aim: "read" as const,
    tries: `leave its prefix by ${name}`,
    how: `GET /<bucket>/<attacker's prefix>${up(dots, slash)}<victim's object>. ${byPlainPath}`,
    expected: denied,
    why: "The policy sees a path that begins with the attacker's prefix, the file system below another one.",
    source: traversal,
    harm: "none" as const,
    control: "victim" as const,
    granted: answered,
    grantedPlainly: absent,
    make: (s: Scene) => {
      const way = s.control ? "" : `${s.attacker.names.prefix}${up(dots, slash)}`;
      const target = s.path(s.target).slice(s.path().length + 1);
      return s.signedPath({ method: "GET", path: `${s.path()}/${way}${target}`, headers: { range: "bytes=0-0" } });
    },
  })),
  {
    id: "storage/path-double-slash",
    aim: "read",
    tries: "reach another tenant's object by a doubled slash",
    how: "GET /<bucket>//<victim's object>. SeaweedFS answers to it as to one slash, Amazon S3 as to another key; the control goes by one",
    expected: denied,
    why: "A path that is cleaned after the check is not the one that was checked.",
    source: traversal,
    harm: "none",
    control: "victim",
    granted: answered,
    grantedPlainly: absent,
    make: (s) => {
      const target = s.path(s.target).slice(s.path().length);
      const path = `${s.path()}${s.control ? "" : "/"}${target}`;
      return s.signedPath({ method: "GET", path, headers: { range: "bytes=0-0" } });
    },
  },
  {
    id: "storage/path-leading-slash",
    aim: "read",
    tries: "reach another tenant's object by a slash before the bucket",
    how: "GET //<bucket>/<victim's object>. SeaweedFS answers 405 to it; the control has one slash",
    expected: [...denied, "405 MethodNotAllowed", "403 InvalidBucketName", "400 InvalidBucketName"],
    why: "The first part of the path is the bucket, and here it is empty.",
    source: traversal,
    harm: "none",
    control: "victim",
    granted: answered,
    grantedPlainly: absent,
    make: (s) => {
      const path = `${s.control ? "" : "/"}${s.path(s.target)}`;
      return s.signedPath({ method: "GET", path, headers: { range: "bytes=0-0" } });
    },
  },
  {
    id: "storage/copy-source-dots",
    aim: "read",
    tries: "copy from another tenant by dots in the source",
    how: "PUT /<bucket>/<attacker's prefix>copy with x-amz-copy-source: <attacker's prefix>../../<victim's object>, on a condition that is never true; the control names the source plainly",
    expected: ["400 InvalidArgument", "403 AccessDenied", "404 NoSuchKey"],
    why: "The source is a path in a header, and was checked otherwise than the path of the request.",
    source: copySource,
    harm: "none",
    control: "victim",
    granted: ["412 PreconditionFailed"],
    grantedPlainly: absent,
    make: (s) => {
      const way = s.control ? "" : `${s.attacker.names.prefix}../../`;
      const headers = {
        "x-amz-copy-source": `${s.path()}/${way}${s.target}`,
        "x-amz-copy-source-if-match": '"tenancy-verify"',
      };
      return s.signed({ method: "PUT", key: `${s.attacker.names.prefix}tenancy-verify-copy`, headers });
    },
  },
  {
    id: "storage/plain-http",
    aim: "read",
    tries: "use its own key over plain HTTP",
    how: "GET http://…/<bucket>?list-type=2&prefix=<attacker's prefix>&max-keys=0, presigned for one second; the control goes by https. SeaweedFS with a certificate answers 400 to every plain request, Amazon S3 by the policy that asks for TLS",
    expected: ["400", "403 AccessDenied", "ECONNREFUSED", "ECONNRESET"],
    why: "Whoever reads along on the way has the data, and the URL.",
    source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html",
    harm: "none",
    control: "victim",
    make: (s) => {
      const origin = s.control ? s.server.endpoint : s.server.endpoint.replace(/^https:/, "http:");
      const query = { "list-type": "2", "max-keys": "0", prefix: s.attacker.names.prefix };
      return s.presigned({ method: "GET", query }, { origin }, s.control ? 60 : 1);
    },
  },
]);
