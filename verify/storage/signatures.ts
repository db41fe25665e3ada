/** Attempts without a signature, with a wrong one, and with one that was made for something else. */
import { attempts, type Scene } from "./scene.ts";
import { postForm, type Wire } from "./sign.ts";

const guide = "https://docs.aws.amazon.com/AmazonS3/latest/API";
const presignedPage = `${guide}/sigv4-query-string-auth.html`;
const headerPage = `${guide}/sig-v4-authenticating-requests.html`;
const mismatch = ["403 SignatureDoesNotMatch"] as const;
const answered = ["404 NoSuchKey", "416 InvalidRange"];
const minute = 60_000;

/** The victim's access key id with a secret that the attacker has. */
function mixedKey({ attacker, victim }: Scene) {
  return { accessKeyId: victim.key.accessKeyId, secretAccessKey: attacker.key.secretAccessKey };
}

function past(scene: Scene, minutes: number): Date {
  return new Date(Date.now() - (scene.control ? 0 : minutes * minute));
}

async function withPath(wire: Promise<Wire>, from: string, to: string): Promise<Wire> {
  const made = await wire;
  return { ...made, target: made.target.replace(from, to) };
}

const form = "tenancy-verify-form";

export const signatureAttempts = attempts([
  {
    id: "storage/unsigned-get",
    aim: "read",
    tries: "read another tenant's object without a signature",
    how: "GET /<bucket>/<victim's object> without Authorization; the control signs it",
    expected: ["403 AccessDenied"],
    why: "A bucket policy for everybody, or an open ACL, needs no key at all.",
    source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
    harm: "none",
    control: "victim",
    granted: answered,
    make: (s) =>
      s.control ? s.signed({ method: "GET", key: s.target }) : s.unsigned({ method: "GET", key: s.target }),
  },
  {
    id: "storage/unsigned-list",
    aim: "observe",
    tries: "list another tenant's objects without a signature",
    how: "GET /<bucket>?list-type=2&prefix=<victim's prefix>&max-keys=0 without Authorization; the control signs it",
    expected: ["403 AccessDenied"],
    why: "Open listings are how leaked buckets are found.",
    source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
    harm: "none",
    control: "victim",
    make: (s) => {
      const call = { method: "GET", query: { "list-type": "2", "max-keys": "0", prefix: s.victim.names.prefix } };
      return s.control ? s.signed(call) : s.unsigned(call);
    },
  },
  {
    id: "storage/unsigned-put",
    aim: "write",
    tries: "write to another tenant's prefix without a signature",
    how: "PUT /<bucket>/<victim's prefix>planted without Authorization; the control signs it",
    expected: ["403 AccessDenied"],
    why: "An import folder that anybody may write to is read by a program that trusts it.",
    source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
    harm: "victim",
    control: "victim",
    make: (s) => {
      const call = { method: "PUT", key: s.planted("planted"), body: "planted" };
      return s.control ? s.signed(call) : s.unsigned(call);
    },
  },
  {
    id: "storage/wrong-secret",
    aim: "escape",
    tries: "sign as another tenant with its own secret",
    how: "GET /<bucket>/<victim's object>, with the victim's access key id and the attacker's secret",
    expected: mismatch,
    why: "Key ids are no secret: they stand in every URL that is given away.",
    source: headerPage,
    harm: "none",
    control: "victim",
    granted: answered,
    make: (s) => s.signed({ method: "GET", key: s.target }, { key: mixedKey(s) }),
  },
  {
    id: "storage/unsigned-trailer",
    aim: "write",
    tries: "write as another tenant by an upload whose signature comes in a trailer",
    how: "PUT /<bucket>/<victim's prefix>trailer with STREAMING-UNSIGNED-PAYLOAD-TRAILER, the victim's access key id and a wrong signature",
    expected: mismatch,
    why: "MinIO took such uploads without a look at the signature (CVE-2026-40344).",
    source: "https://github.com/advisories/GHSA-9c4q-hq6p-c237",
    harm: "victim",
    control: "victim",
    make: (s) =>
      s.signed(
        {
          method: "PUT",
          key: s.planted("trailer"),
          headers: {
            "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "content-encoding": "aws-chunked",
            "x-amz-decoded-content-length": "1",
            "x-amz-trailer": "x-amz-checksum-crc32",
          },
          body: "1\r\nx\r\n0\r\nx-amz-checksum-crc32:jNwWgw==\r\n\r\n",
        },
        { key: mixedKey(s) },
      ),
  },
  {
    id: "storage/replayed-request",
    aim: "read",
    tries: "send again a request that another tenant signed 16 minutes ago",
    how: "GET /<bucket>/<victim's object> with the victim's signature of 16 minutes ago; the control's is of now",
    expected: ["403 RequestTimeTooSkewed"],
    why: "A signature in a log must not work for ever.",
    source: headerPage,
    harm: "none",
    control: "victim",
    granted: answered,
    make: (s) => s.signed({ method: "GET", key: s.target }, { key: s.victim.key, date: past(s, 16) }),
  },
  {
    id: "storage/presigned-get",
    aim: "read",
    tries: "make a URL for another tenant's object with its own key",
    how: "GET of a URL for <victim's object>, presigned with the attacker's key",
    expected: ["403 AccessDenied"],
    why: "The right is checked when the URL is used, by another part of the server.",
    source: presignedPage,
    harm: "none",
    control: "victim",
    granted: answered,
    make: (s) => s.presigned({ method: "GET", key: s.target }),
  },
  {
    id: "storage/presigned-put",
    aim: "write",
    tries: "make a URL that writes to another tenant's prefix with its own key",
    how: "PUT to a URL for <victim's prefix>planted, presigned with the attacker's key",
    expected: ["403 AccessDenied"],
    why: "URLs for uploads are the usual way for browsers.",
    source: presignedPage,
    harm: "victim",
    control: "victim",
    make: (s) => s.presigned({ method: "PUT", key: s.planted("planted"), body: "planted" }),
  },
  {
    id: "storage/presigned-expired",
    aim: "read",
    tries: "use a URL that another tenant gave away and that has expired",
    how: "GET of a URL for <victim's object>, presigned by the victim for 60 s, an hour ago; the control's is of now",
    expected: ["403 AccessDenied", "403 ExpiredToken"],
    why: "Mails with such URLs are kept for years.",
    source: presignedPage,
    harm: "none",
    control: "victim",
    granted: answered,
    make: (s) => s.presigned({ method: "GET", key: s.target }, { key: s.victim.key, date: past(s, 60) }),
  },
  {
    id: "storage/presigned-stretched",
    aim: "read",
    tries: "lengthen the life of another tenant's URL",
    how: "As storage/presigned-expired, with X-Amz-Expires set to 86400 after signing; the control leaves it",
    expected: mismatch,
    why: "The time is part of what is signed only if the server signs it again itself.",
    source: presignedPage,
    harm: "none",
    control: "victim",
    granted: answered,
    make: (s) => {
      const wire = s.presigned({ method: "GET", key: s.target }, { key: s.victim.key, date: past(s, 60) });
      return withPath(wire, "X-Amz-Expires=60", s.control ? "X-Amz-Expires=60" : "X-Amz-Expires=86400");
    },
  },
  {
    id: "storage/presigned-moved",
    aim: "read",
    tries: "change the key in a URL of its own",
    how: "GET of a URL presigned for <attacker's object>, with the path of <victim's object>",
    expected: mismatch,
    why: "The path is the only word in a URL that says whose object it is.",
    source: presignedPage,
    harm: "none",
    control: "victim",
    granted: answered,
    make: (s) => {
      const own = s.control ? s.target : s.own;
      return withPath(s.presigned({ method: "GET", key: own }), s.path(own), s.path(s.target));
    },
  },
  {
    id: "storage/presigned-other-method",
    aim: "destroy",
    tries: "delete with a URL that another tenant gave away for reading",
    how: "DELETE of a URL that the victim presigned for GET; the control's is for DELETE",
    expected: mismatch,
    why: "A link to a picture must not delete it.",
    source: presignedPage,
    harm: "victim",
    control: "victim",
    make: async (s) => {
      const method = s.control ? "DELETE" : "GET";
      const made = await s.presigned({ method, key: s.planted("doomed") }, { key: s.victim.key });
      return { ...made, method: "DELETE" };
    },
  },
  {
    id: "storage/presigned-other-key",
    aim: "escape",
    tries: "put another tenant's access key id into a URL of its own",
    how: "GET of a URL for <victim's object> presigned with the attacker's key, with the victim's access key id in X-Amz-Credential",
    expected: mismatch,
    why: "The id picks whose rights count, the signature has to prove it.",
    source: presignedPage,
    harm: "none",
    control: "victim",
    granted: answered,
    make: (s) => {
      const { attacker, victim } = s;
      const wire = s.presigned({ method: "GET", key: s.target });
      return withPath(wire, attacker.key.accessKeyId, victim.key.accessKeyId);
    },
  },
  {
    id: "storage/form-upload",
    aim: "write",
    tries: "write to another tenant's prefix by a form with a policy of its own",
    how: "POST /<bucket> as multipart/form-data with key <victim's prefix>form, the policy signed with the attacker's key",
    expected: ["403 AccessDenied"],
    why: "The form's policy is written by whoever signs it, and checked by a handler of its own.",
    source: `${guide}/sigv4-post-example.html`,
    harm: "victim",
    control: "administrator",
    make: (s) => {
      const parts = Object.entries(postForm(s.server.bucket, s.planted("form"), s.options())).map(
        ([name, value]) => `--${form}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
      );
      const file = `--${form}\r\nContent-Disposition: form-data; name="file"; filename="form"\r\n\r\nx\r\n--${form}--\r\n`;
      const headers = { "content-type": `multipart/form-data; boundary=${form}` };
      return s.unsigned({ method: "POST", headers, body: parts.join("") + file });
    },
  },
]);
