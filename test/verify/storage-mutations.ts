/** Ways to break a tenant's place on an S3 server, as a careless hand or a faulty tool would. */
import {
  arn,
  bucketAcl,
  bucketPolicy,
  extra,
  keyOfOther,
  type Mutation,
  objectActions,
  policy,
  restorePolicy,
  withoutSlash,
  words,
} from "./storage-damage.ts";

export const mutations: readonly Mutation[] = [
  {
    name: "the policy's objects end without the slash",
    damage: (s) => policy(s, { objects: { Action: objectActions, Resource: arn(s, `${withoutSlash(s)}*`) } }),
    finds: ["copy-from-sibling", "get-sibling-object"],
  },
  {
    name: "the policy's listing ends without the slash",
    damage: (s) =>
      policy(s, {
        list: {
          Action: "s3:ListBucket",
          Resource: arn(s),
          Condition: { StringLike: { "s3:prefix": `${withoutSlash(s)}*` } },
        },
      }),
    finds: ["list-own-prefix-without-slash", "list-sibling-prefix"],
  },
  {
    name: "the policy's listing has no condition",
    damage: (s) => policy(s, { list: { Action: "s3:ListBucket", Resource: arn(s) } }),
    finds: words(`
      head-bucket list-bucket list-bucket-v1 list-buckets list-empty-prefix list-own-prefix-without-slash
      list-parent list-prefix list-prefix-v1 list-sibling-prefix
    `),
  },
  {
    name: "the policy's listing allows an empty prefix too",
    damage: (s) =>
      policy(s, {
        list: {
          Action: "s3:ListBucket",
          Resource: arn(s),
          Condition: { StringLike: { "s3:prefix": ["", `${s.attacker.inputs.prefix}*`] } },
        },
      }),
    finds: ["list-bucket", "list-bucket-v1", "list-buckets", "list-empty-prefix"],
  },
  {
    name: "the policy allows the objects of the whole bucket",
    damage: (s) => policy(s, { objects: { Action: objectActions, Resource: arn(s, "*") } }),
    finds: words(`
      abort-upload complete-upload copy-from copy-from-sibling copy-into create-upload delete-object
      delete-objects form-upload get-mark get-object get-server-folder get-sibling-object head-absent-object
      head-object list-parts path-double-slash presigned-get presigned-put put-mark put-object upload-part
      upload-part-copy-from
    `),
  },
  {
    name: "the policy allows everything of S3 on the bucket",
    damage: (s) => policy(s, { objects: { Action: "s3:*", Resource: [arn(s), arn(s, "*")] } }),
    finds: words(`
      abort-upload complete-upload copy-from copy-from-sibling copy-into create-bucket create-upload delete-object
      delete-object-version delete-objects form-upload get-bucket-acl get-bucket-cors get-bucket-lifecycle
      get-bucket-policy get-bucket-versioning get-mark get-object get-object-acl get-object-attributes
      get-object-retention get-object-tags get-object-version get-server-folder get-sibling-object
      head-absent-object head-bucket head-object list-bucket list-bucket-v1 list-buckets list-empty-prefix
      list-own-prefix-without-slash list-parent list-parts list-prefix list-prefix-v1 list-sibling-prefix
      list-uploads list-versions path-double-slash presigned-get presigned-put put-bucket-acl put-bucket-cors
      put-bucket-encryption put-bucket-lifecycle put-bucket-policy put-bucket-versioning put-mark put-object
      put-object-legal-hold put-object-retention put-object-tags upload-part upload-part-copy-from
    `),
  },
  {
    name: "a further policy allows reading on every resource",
    damage: (s) => extra(s, { Action: "s3:Get*", Resource: "*" }),
    finds: words(`
      copy-from copy-from-sibling get-bucket-acl get-bucket-cors get-bucket-lifecycle get-bucket-policy
      get-bucket-versioning get-mark get-object get-object-acl get-object-attributes get-object-retention
      get-object-tags get-object-version get-server-folder get-sibling-object head-absent-object head-object
      path-double-slash presigned-get upload-part-copy-from
    `),
  },
  {
    name: "a further policy allows reading of the marks",
    damage: (s) => extra(s, { Action: "s3:GetObject", Resource: arn(s, ".tenancy/*") }),
    finds: ["get-mark"],
  },
  {
    name: "a further policy allows writing and no reading in all prefixes",
    damage: (s) => extra(s, { Action: "s3:PutObject", Resource: arn(s, "tenants/*") }),
    finds: words(`
      abort-upload complete-upload copy-into create-upload list-parts presigned-put put-object upload-part
    `),
  },
  {
    name: "a further policy allows tags, ACLs and locks of all objects",
    damage: (s) =>
      extra(s, {
        Action: ["Tagging", "Acl", "Retention", "LegalHold"].flatMap((what) => [
          `s3:GetObject${what}`,
          `s3:PutObject${what}`,
        ]),
        Resource: arn(s, "*"),
      }),
    finds: [
      "get-object-acl",
      "get-object-retention",
      "get-object-tags",
      "put-object-legal-hold",
      "put-object-retention",
      "put-object-tags",
    ],
  },
  {
    name: "a further policy allows versions of all objects",
    damage: (s) =>
      extra(s, {
        Action: ["s3:GetObjectVersion", "s3:DeleteObjectVersion", "s3:ListBucketVersions"],
        Resource: [arn(s), arn(s, "*")],
      }),
    finds: ["delete-object-version", "get-object-version", "list-versions"],
  },
  {
    name: "a further policy allows settings of the bucket",
    damage: (s) =>
      extra(s, {
        Action: ["s3:PutBucketPolicy", "s3:DeleteBucketPolicy", "s3:PutBucketAcl", "s3:PutBucketVersioning"],
        Resource: arn(s),
      }),
    finds: ["put-bucket-acl", "put-bucket-policy", "put-bucket-versioning"],
  },
  {
    name: "a further policy allows IAM",
    damage: (s) => extra(s, { Action: "iam:*", Resource: "*" }),
    finds: words(`
      iam-attach-user-policy iam-create-access-key iam-create-user iam-delete-access-key iam-delete-user
      iam-get-user iam-get-user-policy iam-list-access-keys iam-list-users iam-put-user-policy
      iam-update-access-key
    `),
  },
  {
    name: "a further policy makes the tenant an administrator",
    damage: (s) => extra(s, { Action: "*", Resource: "*" }),
    finds: words(`
      abort-upload complete-upload copy-from copy-from-sibling copy-into create-bucket create-upload delete-bucket
      delete-bucket-policy delete-object delete-object-version delete-objects get-bucket-acl get-bucket-cors
      get-bucket-lifecycle get-bucket-policy get-bucket-versioning get-mark get-object get-object-acl
      get-object-attributes get-object-retention get-object-tags get-object-version get-server-folder
      get-sibling-object head-absent-object head-bucket head-object iam-attach-user-policy iam-create-access-key
      iam-create-user iam-delete-access-key iam-delete-user iam-get-user iam-get-user-policy iam-list-access-keys
      iam-list-users iam-put-user-policy iam-update-access-key list-bucket list-bucket-v1 list-buckets
      list-empty-prefix list-own-prefix-without-slash list-parent list-parts list-prefix list-prefix-v1
      list-sibling-prefix list-uploads list-versions path-double-slash presigned-get presigned-put put-bucket-acl
      put-bucket-cors put-bucket-encryption put-bucket-lifecycle put-bucket-policy put-bucket-versioning put-mark
      put-object put-object-legal-hold put-object-retention put-object-tags upload-part upload-part-copy-from
    `),
  },
  {
    name: "the bucket's policy lets everybody read",
    damage: (s) => bucketPolicy(s, { Action: "s3:GetObject", Resource: arn(s, "*") }),
    restore: restorePolicy,
    finds: words(`
      copy-from copy-from-sibling get-mark get-object get-server-folder get-sibling-object head-absent-object
      head-object path-double-slash presigned-get unsigned-get upload-part-copy-from
    `),
  },
  {
    name: "the bucket's policy lets everybody list",
    damage: (s) => bucketPolicy(s, { Action: "s3:ListBucket", Resource: arn(s) }),
    restore: restorePolicy,
    finds: words(`
      head-bucket list-bucket list-bucket-v1 list-buckets list-empty-prefix list-own-prefix-without-slash
      list-parent list-prefix list-prefix-v1 list-sibling-prefix unsigned-list
    `),
  },
  {
    name: "the bucket's policy lets everybody write",
    damage: (s) => bucketPolicy(s, { Action: "s3:PutObject", Resource: arn(s, "*") }),
    restore: restorePolicy,
    finds: words(`
      abort-upload complete-upload copy-into create-upload list-parts presigned-put put-mark put-object
      upload-part
    `),
  },
  {
    name: "the bucket's ACL lets everybody read",
    damage: (s) => bucketAcl(s, "public-read"),
    restore: (s) => bucketAcl(s, "private"),
    finds: ["unsigned-get", "unsigned-list"],
  },
  {
    name: "the tenant was given a key of the other's user",
    damage: keyOfOther,
    finds: words(`
      abort-upload complete-upload create-upload delete-object delete-objects get-object head-absent-object
      head-object iam-create-access-key iam-delete-access-key iam-get-user iam-list-access-keys
      iam-update-access-key list-parts list-prefix list-prefix-v1 path-double-slash presigned-get presigned-put
      put-object upload-part
    `),
  },
];
