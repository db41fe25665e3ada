/** Attempts to see what another tenant, or the bucket, holds. */
import type { Outcome } from "../attempt.ts";
import { attempts, type Scene } from "./scene.ts";
import type { Answer } from "./wire.ts";

const api = "https://docs.aws.amazon.com/AmazonS3/latest/API";
const list = `${api}/API_ListObjectsV2.html`;
const conditions = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html";
const denied = ["403 AccessDenied"] as const;
/** Asks for the right and for no key. */
const none = { "list-type": "2", "max-keys": "0" };

/** Success alone says nothing where a server answers with what the login may see. */
function showsVictim({ body }: Answer, scene: Scene): Outcome {
  const shown = body.includes(`<Key>${scene.victim.names.prefix}`);
  return shown ? { kind: "allowed", evidence: "a key of the victim" } : { kind: "denied", code: "nothing" };
}

export const listingAttempts = attempts([
  {
    id: "storage/list-prefix",
    aim: "observe",
    tries: "list another tenant's objects",
    how: "GET /<bucket>?list-type=2&prefix=<victim's prefix>&max-keys=0",
    expected: denied,
    why: "Names of files are data, and the way to all others.",
    source: list,
    harm: "none",
    control: "victim",
    make: (s) => s.signed({ method: "GET", query: { ...none, prefix: s.victim.names.prefix } }),
  },
  {
    id: "storage/list-prefix-v1",
    aim: "observe",
    tries: "list another tenant's objects by the old call",
    how: "GET /<bucket>?prefix=<victim's prefix>&max-keys=0",
    expected: denied,
    why: "Two calls for the same thing are two places to forget a check.",
    source: `${api}/API_ListObjects.html`,
    harm: "none",
    control: "victim",
    make: (s) => s.signed({ method: "GET", query: { prefix: s.victim.names.prefix, "max-keys": "0" } }),
  },
  {
    id: "storage/list-bucket",
    aim: "observe",
    tries: "list the whole bucket",
    how: "GET /<bucket>?list-type=2&max-keys=0, without a prefix",
    expected: denied,
    why: "A policy whose condition is true where the key is missing lists all tenants.",
    source: conditions,
    harm: "none",
    control: "administrator",
    make: (s) => s.signed({ method: "GET", query: none }),
  },
  {
    id: "storage/list-bucket-v1",
    aim: "observe",
    tries: "list the whole bucket by the old call",
    how: "GET /<bucket>?max-keys=0",
    expected: denied,
    why: "As above, by the other call.",
    source: `${api}/API_ListObjects.html`,
    harm: "none",
    control: "administrator",
    make: (s) => s.signed({ method: "GET", query: { "max-keys": "0" } }),
  },
  {
    id: "storage/list-empty-prefix",
    aim: "observe",
    tries: "list the whole bucket by an empty prefix",
    how: "GET /<bucket>?list-type=2&prefix=&max-keys=0",
    expected: denied,
    why: "An empty prefix is one that is there, so it passes where only a missing one is refused.",
    source: conditions,
    harm: "none",
    control: "administrator",
    make: (s) => s.signed({ method: "GET", query: { ...none, prefix: "" } }),
  },
  {
    id: "storage/list-parent",
    aim: "observe",
    tries: "list the tenants by the folder above its own",
    how: "GET /<bucket>?list-type=2&prefix=<folder of all tenants>&delimiter=/&max-keys=0",
    expected: denied,
    why: "One call names every customer.",
    source: list,
    harm: "none",
    control: "administrator",
    make: (s) => {
      const prefix = s.attacker.names.prefix.replace(/[^/]+\/$/, "");
      return s.signed({ method: "GET", query: { ...none, prefix, delimiter: "/" } });
    },
  },
  {
    id: "storage/list-own-prefix-without-slash",
    aim: "observe",
    tries: "list its own prefix without the closing slash",
    how: "GET /<bucket>?list-type=2&prefix=<attacker's prefix without slash>&max-keys=0",
    expected: denied,
    why: "It lists `acme2` beside `acme`.",
    source: conditions,
    harm: "none",
    control: "administrator",
    make: (s) => s.signed({ method: "GET", query: { ...none, prefix: s.attacker.names.prefix.slice(0, -1) } }),
  },
  {
    id: "storage/list-sibling-prefix",
    aim: "observe",
    tries: "list a prefix that begins like its own",
    how: "GET /<bucket>?list-type=2&prefix=<attacker's prefix without slash>2/&max-keys=0",
    expected: denied,
    why: "A condition on `acme*` in place of `acme/*` lists `acme2` to `acme`.",
    source: conditions,
    harm: "none",
    control: "administrator",
    make: (s) => s.signed({ method: "GET", query: { ...none, prefix: s.sibling } }),
  },
  {
    id: "storage/list-by-dots",
    aim: "observe",
    tries: "list another tenant's objects by a prefix that begins with its own",
    how: "GET /<bucket>?list-type=2&prefix=<attacker's prefix>../<victim>/&max-keys=1: the policy allows it, and the answer has to be empty",
    expected: ["nothing", "403 AccessDenied", "400 InvalidRequest"],
    why: "A server on top of folders may follow the dots after the policy has seen the text.",
    source: "https://github.com/seaweedfs/seaweedfs/pull/9929",
    harm: "none",
    control: "victim",
    judge: showsVictim,
    make: (s) => {
      const { prefix } = s.victim.names;
      const dots = `${s.attacker.names.prefix}${"../".repeat(2)}${prefix}`;
      return s.signed({
        method: "GET",
        query: { "list-type": "2", "max-keys": "1", prefix: s.control ? prefix : dots },
      });
    },
  },
  {
    id: "storage/list-by-two-prefixes",
    aim: "observe",
    tries: "show the policy its own prefix and the listing another one",
    how: "GET /<bucket>?list-type=2&prefix=<attacker's prefix>&prefix=<victim's prefix>&max-keys=1: keys of the victim in the answer are the leak",
    expected: ["nothing", "403 AccessDenied", "403 SignatureDoesNotMatch", "400 InvalidArgument"],
    why: "Two readers of one address take the first parameter and the last.",
    source:
      "https://owasp.org/www-project-web-security-testing-guide/latest/4-Web_Application_Security_Testing/07-Input_Validation_Testing/04-Testing_for_HTTP_Parameter_Pollution",
    harm: "none",
    control: "victim",
    judge: showsVictim,
    make: (s) => {
      const prefix = [s.attacker.names.prefix, s.victim.names.prefix];
      return s.signed({ method: "GET", query: { "list-type": "2", "max-keys": "1", prefix } });
    },
  },
  {
    id: "storage/list-versions",
    aim: "observe",
    tries: "list versions of another tenant's objects",
    how: "GET /<bucket>?versions&prefix=<victim's prefix>&max-keys=0",
    expected: denied,
    why: "Shows what was deleted, and the ids to read it.",
    source: `${api}/API_ListObjectVersions.html`,
    harm: "none",
    control: "administrator",
    make: (s) => s.signed({ method: "GET", query: { versions: "", prefix: s.victim.names.prefix, "max-keys": "0" } }),
  },
  {
    id: "storage/head-bucket",
    aim: "observe",
    tries: "ask for the bucket itself",
    how: "HEAD /<bucket>; an answer to HEAD has a status and no code",
    expected: ["403"],
    why: "It needs ListBucket without a prefix: whoever may do this may list.",
    source: `${api}/API_HeadBucket.html`,
    harm: "none",
    control: "administrator",
    make: (s) => s.signed({ method: "HEAD" }),
  },
  {
    id: "storage/list-buckets",
    aim: "observe",
    tries: "list the platform's buckets",
    how: "GET /: SeaweedFS answers with the buckets that the login may see, which have to be none",
    expected: ["403 AccessDenied", "nothing"],
    why: "Names of other buckets are the first step to them.",
    source: `${api}/API_ListBuckets.html`,
    harm: "none",
    control: "administrator",
    judge: ({ body }) =>
      body.includes("<Bucket>") ? { kind: "allowed", evidence: "a bucket" } : { kind: "denied", code: "nothing" },
    make: (s) => s.signedPath({ method: "GET", path: "/" }),
  },
]);
