import { canary, type Cases, given, roster, unknownText } from "./case.ts";

const bucket = given("aws:s3/bucket:Bucket", "objects", { bucket: "objects" });
const encryption = (sseAlgorithm: unknown) =>
  given("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration", "objects", {
    bucket: "objects",
    rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm } }],
  });
const instance = (props: object) => [
  given("aws:rds/instance:Instance", "acme-db", { password: canary, ...props }, { tenant: "acme" }),
];
const group = (props: object) => [
  given("aws:elasticache/replicationGroup:ReplicationGroup", "cache", { authToken: canary, ...props }),
];
const secret = (props: object) => [given("aws:secretsmanager/secret:Secret", "acme-login", props, { tenant: "acme" })];
const key = (props: object) => [given("aws:kms/key:Key", "acme-key", props, { tenant: "acme" })];
const storageClass = (parameters: object) => [
  given("kubernetes:storage.k8s.io/v1:StorageClass", "gp3", { provisioner: "ebs.csi.aws.com", parameters }),
];
const cluster = (storage: unknown) =>
  given(
    "kubernetes:postgresql.cnpg.io/v1:Cluster",
    "acme-db",
    { spec: { storage, walStorage: { storageClass: "gp3" } } },
    { tenant: "acme" },
  );
const owned = (id: string, props: object) =>
  given("aws:rds/instance:Instance", `${id}-db`, { encryptionKey: "own", ...props }, { tenant: id });

export const encryptionCases: Cases = {
  "tenancy-bucket-encrypted-with-kms": {
    pass: { resources: [bucket, encryption("aws:kms")], says: [] },
    fail: {
      resources: [bucket, encryption("AES256"), given("aws:s3/bucket:Bucket", "others", { bucket: "others" })],
      says: [
        "Bucket objects is not encrypted with a key of AWS KMS",
        "Bucket others has no configuration of its encryption",
      ],
    },
    unknown: {
      resources: [bucket, encryption(unknownText)],
      says: [
        "undecided: BucketServerSideEncryptionConfiguration objects: rules is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-rds-encrypted": {
    pass: {
      resources: instance({ storageEncrypted: true, kmsKeyId: unknownText }),
      settings: { ownKey: true },
      says: [],
    },
    fail: {
      resources: instance({}),
      settings: { ownKey: true },
      says: [
        "tenant acme: Instance acme-db is not encrypted at rest: storageEncrypted is not set",
        "tenant acme: Instance acme-db is encrypted with Amazon's default key: no kmsKeyId",
      ],
    },
    unknown: {
      resources: instance({ storageEncrypted: unknownText }),
      settings: { ownKey: true },
      says: [
        "undecided: tenant acme: Instance acme-db: storageEncrypted is not known before the update, which checks it again",
        "tenant acme: Instance acme-db is encrypted with Amazon's default key: no kmsKeyId",
      ],
    },
  },
  "tenancy-elasticache-encrypted": {
    pass: { resources: group({ atRestEncryptionEnabled: "true" }), says: [] },
    fail: {
      resources: group({}),
      says: ["ReplicationGroup cache is not encrypted at rest: atRestEncryptionEnabled is not set"],
    },
    unknown: {
      resources: group({ atRestEncryptionEnabled: unknownText }),
      says: [
        "undecided: ReplicationGroup cache: atRestEncryptionEnabled is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-memory-store-own-key": {
    pass: {
      resources: [
        ...group({ kmsKeyId: "arn:aws:kms:x" }),
        given("aws:memorydb/cluster:Cluster", "mem", { kmsKeyArn: "k" }),
      ],
      says: [],
    },
    fail: {
      resources: [...group({}), given("aws:memorydb/cluster:Cluster", "mem", { kmsKeyId: "k" })],
      says: [
        "ReplicationGroup cache has no key of its own: no kmsKeyId",
        "Cluster mem has no key of its own: no kmsKeyArn",
      ],
    },
    unknown: {
      resources: group({ kmsKeyId: unknownText }),
      says: [],
    },
  },
  "tenancy-secret-own-key": {
    pass: { resources: secret({ kmsKeyId: "arn:aws:kms:x" }), says: [] },
    fail: {
      resources: secret({ secretString: canary }),
      says: ["tenant acme: Secret acme-login has no key of its own: no kmsKeyId"],
    },
    unknown: {
      resources: secret({ kmsKeyId: unknownText }),
      says: [],
    },
  },
  "tenancy-kms-key-rotates": {
    pass: {
      resources: [
        ...key({ enableKeyRotation: true }),
        given("aws:kms/key:Key", "signing", { customerMasterKeySpec: "RSA_2048" }),
      ],
      says: [],
    },
    fail: { resources: key({}), says: ["tenant acme: Key acme-key is never rotated: enableKeyRotation is not set"] },
    unknown: {
      resources: key({ enableKeyRotation: unknownText }),
      says: [
        "undecided: tenant acme: Key acme-key: enableKeyRotation is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-storage-class-encrypts": {
    pass: { resources: storageClass({ type: "gp3", encrypted: "true" }), says: [] },
    fail: {
      resources: storageClass({ type: "gp3" }),
      says: ['StorageClass gp3 makes volumes that are not encrypted: encrypted is not "true"'],
    },
    unknown: { resources: storageClass({ kmsKeyId: unknownText, encrypted: "true" }), says: [] },
  },
  "tenancy-volume-storage-class": {
    pass: { resources: [cluster({ storageClass: "gp3" })], settings: { encryptedClasses: ["gp3"] }, says: [] },
    fail: {
      resources: [
        cluster({ size: "10Gi" }),
        given("kubernetes:core/v1:PersistentVolumeClaim", "data", { spec: { storageClassName: "plain" } }),
        given("kubernetes:apps/v1:StatefulSet", "graph", {
          spec: { volumeClaimTemplates: [{ spec: { storageClassName: "hostpath" } }] },
        }),
      ],
      settings: { encryptedClasses: ["gp3"] },
      says: [
        'StatefulSet graph: its storage class is "hostpath"',
        'PersistentVolumeClaim data: its storage class is "plain"',
        "tenant acme: Cluster acme-db: its storage class is not set",
      ],
    },
    unknown: {
      resources: [cluster({ storageClass: unknownText })],
      settings: { encryptedClasses: ["gp3"] },
      says: [
        "undecided: tenant acme: Cluster acme-db: its storage class is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-tenant-own-key": {
    pass: {
      resources: [
        roster({ acme: {}, globex: {} }),
        ...key({}),
        owned("acme", { kmsKeyId: "key-1" }),
        given("aws:rds/instance:Instance", "globex-db", {}, { tenant: "globex" }),
      ],
      says: [],
    },
    fail: {
      resources: [
        roster({ acme: {}, globex: {}, initech: {} }),
        ...key({}),
        given("aws:kms/key:Key", "globex-key", {}, { tenant: "globex" }),
        owned("acme", { kmsKeyId: "key-1" }),
        owned("globex", { kmsKeyId: "key-1" }),
        owned("initech", {}),
      ],
      says: [
        'tenant globex: its key "key-1" is tenant acme\'s, too',
        "tenant initech: must have a key of its own, and the stack has none for it",
      ],
    },
    unknown: { resources: [roster({ acme: {} }), ...key({}), owned("acme", { kmsKeyId: unknownText })], says: [] },
  },
  "tenancy-random-secret-strength": {
    pass: {
      resources: [
        given("random:index/randomPassword:RandomPassword", "passwords", { length: 64, result: canary }),
        given("random:index/randomBytes:RandomBytes", "bytes", { length: 32 }),
        given("random:index/randomString:RandomString", "bucket-suffix", { length: 4 }),
      ],
      says: [],
    },
    fail: {
      resources: [
        given("random:index/randomPassword:RandomPassword", "passwords", { length: 16, result: canary }),
        given("random:index/randomId:RandomId", "api-token", { byteLength: 32, hex: canary }),
      ],
      says: [
        "RandomId api-token is not kept secret, and its name says that it holds a secret",
        "RandomPassword passwords has 94 bits: its length is 16",
      ],
    },
    unknown: {
      resources: [given("random:index/randomBytes:RandomBytes", "bytes", { length: unknownText })],
      says: ["undecided: RandomBytes bytes: length is not known before the update, which checks it again"],
    },
  },
};
