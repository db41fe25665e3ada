/**
 * Attempts on the bucket that all tenants share. A change of it is tried dry by a body or a name that cannot be
 * fulfilled: servers look at the right first, so that those who may get another error than 403.
 */
import { randomBytes } from "node:crypto";
import { attempts, type S3Attempt, type Scene } from "./scene.ts";

const api = "https://docs.aws.amazon.com/AmazonS3/latest/API";
const denied = ["403 AccessDenied"] as const;
const xml = { "content-type": "application/xml" };
/** No bucket has this name; it is legal. */
const absent = "tenancy-verify-absent";
const dryNote = "Dry: with a body that is no XML, which those who may get 400 for";

function reading(
  setting: string,
  what: string,
  why: string,
  page: string,
  granted: readonly string[],
): Omit<S3Attempt, "store"> {
  return {
    id: `storage/get-bucket-${setting}`,
    aim: "observe",
    tries: `read ${what}`,
    how: `GET /<bucket>?${setting}`,
    expected: denied,
    why,
    source: `${api}/${page}.html`,
    harm: "none",
    control: "administrator",
    granted,
    make: (s) => s.signed({ method: "GET", query: { [setting]: "" } }),
  };
}

function changing(
  setting: string,
  what: string,
  why: string,
  page: string,
  body: (scene: Scene) => string,
  granted: readonly string[] = [],
): Omit<S3Attempt, "store"> {
  return {
    id: `storage/put-bucket-${setting}`,
    aim: "escape",
    tries: `change ${what}`,
    how: `PUT /<bucket>?${setting}. ${dryNote}`,
    expected: denied,
    why,
    source: `${api}/${page}.html`,
    harm: "server",
    control: "administrator",
    granted: ["400 MalformedXML", "400 InvalidRequest", ...granted],
    make: (s) => s.signed({ method: "PUT", query: { [setting]: "" }, headers: xml, body: body(s) }),
    dry: (s) => s.signed({ method: "PUT", query: { [setting]: "" }, headers: xml, body: "<unfinished" }),
  };
}

export const bucketAttempts = attempts([
  reading("policy", "the bucket's policy", "It names every principal and every gap.", "API_GetBucketPolicy", [
    "404 NoSuchBucketPolicy",
  ]),
  {
    id: "storage/put-bucket-policy",
    aim: "escape",
    tries: "change the bucket's policy",
    how: "PUT /<bucket>?policy with a statement on keys that nobody has. Dry: with a document that is no JSON, which those who may get 400 MalformedPolicy for",
    expected: denied,
    why: "One statement for everybody opens all tenants, and takes away the rule that asks for TLS.",
    source: `${api}/API_PutBucketPolicy.html`,
    harm: "server",
    control: "administrator",
    granted: ["400 MalformedPolicy", "400 InvalidPolicyDocument"],
    make: (s) =>
      s.signed({
        method: "PUT",
        query: { policy: "" },
        body: JSON.stringify({
          Version: "2012-10-17",
          Statement: [
            {
              Effect: "Allow",
              Principal: "*",
              Action: "s3:GetObject",
              Resource: `arn:aws:s3:::${s.server.bucket}/tenancy-verify-absent`,
            },
          ],
        }),
      }),
    dry: (s) => s.signed({ method: "PUT", query: { policy: "" }, body: "{" }),
  },
  {
    id: "storage/delete-bucket-policy",
    aim: "escape",
    tries: "delete the bucket's policy",
    how: "DELETE /<bucket>?policy. Dry: on a bucket that is not there, which those who may on every bucket get 404 NoSuchBucket for; a right on this bucket alone shows in the real form only",
    expected: denied,
    why: "The rule that refuses plain HTTP is in it.",
    source: `${api}/API_DeleteBucketPolicy.html`,
    harm: "server",
    control: "administrator",
    granted: ["404 NoSuchBucket", "404 NoSuchBucketPolicy"],
    make: (s) => s.signed({ method: "DELETE", query: { policy: "" } }),
    dry: (s) => s.signedPath({ method: "DELETE", path: `/${absent}`, query: { policy: "" } }),
  },
  reading("acl", "the bucket's ACL", "It shows the account and what is open to everybody.", "API_GetBucketAcl", []),
  {
    id: "storage/put-bucket-acl",
    aim: "escape",
    tries: "open the bucket to everybody by its ACL",
    how: "PUT /<bucket>?acl with x-amz-acl: public-read. Dry: with an ACL that does not exist, which those who may get 400 for",
    expected: denied,
    why: "An ACL needs no key and no policy.",
    source: `${api}/API_PutBucketAcl.html`,
    harm: "server",
    control: "administrator",
    granted: ["400 InvalidRequest", "400 InvalidArgument", "400 AccessControlListNotSupported"],
    make: (s) => s.signed({ method: "PUT", query: { acl: "" }, headers: { "x-amz-acl": "public-read" } }),
    dry: (s) => s.signed({ method: "PUT", query: { acl: "" }, headers: { "x-amz-acl": "tenancy-verify" } }),
  },
  reading(
    "versioning",
    "whether the bucket keeps versions",
    "Tells whether a deletion is final.",
    "API_GetBucketVersioning",
    [],
  ),
  changing(
    "versioning",
    "whether the bucket keeps versions",
    "Without versions an overwritten object is gone, for all tenants.",
    "API_PutBucketVersioning",
    () => "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>",
  ),
  reading("lifecycle", "when the bucket deletes objects", "It names prefixes.", "API_GetBucketLifecycleConfiguration", [
    "404 NoSuchLifecycleConfiguration",
  ]),
  changing(
    "lifecycle",
    "when the bucket deletes objects",
    "A rule deletes another tenant's objects days later, with no call in any log.",
    "API_PutBucketLifecycleConfiguration",
    ({ victim }) =>
      "<LifecycleConfiguration><Rule><ID>tenancy-verify</ID><Status>Enabled</Status>" +
      `<Filter><Prefix>${victim.names.prefix}tenancy-verify/absent/</Prefix></Filter>` +
      "<Expiration><Days>365</Days></Expiration></Rule></LifecycleConfiguration>",
  ),
  reading("cors", "which web pages may use the bucket", "It names the platform's other hosts.", "API_GetBucketCors", [
    "404 NoSuchCORSConfiguration",
  ]),
  changing(
    "cors",
    "which web pages may use the bucket",
    "Lets the attacker's page read with a signed URL of another tenant's user.",
    "API_PutBucketCors",
    () =>
      "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod>" +
      "<AllowedOrigin>https://tenancy-verify.invalid</AllowedOrigin></CORSRule></CORSConfiguration>",
  ),
  changing(
    "encryption",
    "how the bucket encrypts",
    "A key of the attacker's would lock all tenants out of what they write.",
    "API_PutBucketEncryption",
    () =>
      "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>" +
      "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>",
  ),
  changing(
    "ownershipControls",
    "who owns what is written to the bucket",
    "It brings ACLs back to life where they were switched off.",
    "API_PutBucketOwnershipControls",
    () => "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>",
  ),
  {
    id: "storage/create-bucket",
    aim: "exhaust",
    tries: "create a bucket",
    how: "PUT /tenancy-verify-<random>. Dry: PUT /<bucket>, which is there, in a region that is not, which those who may get 409 or 400 for",
    expected: denied,
    why: "Buckets are limited in an account, and one of the attacker's own has no tenant's limits.",
    source: `${api}/API_CreateBucket.html`,
    harm: "server",
    control: "administrator",
    granted: [
      "409 BucketAlreadyOwnedByYou",
      "409 BucketAlreadyExists",
      "400 InvalidLocationConstraint",
      "400 IllegalLocationConstraintException",
    ],
    make: (s) => s.signedPath({ method: "PUT", path: `/tenancy-verify-${randomBytes(6).toString("hex")}` }),
    dry: (s) =>
      s.signed({
        method: "PUT",
        headers: xml,
        body: "<CreateBucketConfiguration><LocationConstraint>tenancy-verify</LocationConstraint></CreateBucketConfiguration>",
      }),
  },
  {
    id: "storage/delete-bucket",
    aim: "destroy",
    tries: "delete the bucket",
    how: "DELETE /<bucket>. Dry: a bucket that is not there, which those who may on every bucket get 204 or 404 NoSuchBucket for; a right on this bucket alone shows in the real form only, because some servers delete a bucket with all that is in it",
    expected: denied,
    why: "All tenants' objects at once.",
    source: `${api}/API_DeleteBucket.html`,
    harm: "server",
    control: "administrator",
    granted: ["404 NoSuchBucket", "409 BucketNotEmpty"],
    make: (s) => s.signed({ method: "DELETE" }),
    dry: (s) => s.signedPath({ method: "DELETE", path: `/${absent}` }),
  },
]);
