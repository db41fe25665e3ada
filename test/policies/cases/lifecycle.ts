import { canary, type Cases, given, roster, unknownText } from "./case.ts";

const instance = (props: object, options: object = { tenant: "acme", protect: true }) =>
  given("aws:rds/instance:Instance", "acme-db", { password: canary, ...props }, options);
const cluster = (spec: object) =>
  given(
    "kubernetes:postgresql.cnpg.io/v1:Cluster",
    "acme-db",
    { metadata: { name: "t-acme" }, spec },
    { tenant: "acme", protect: true },
  );
const schedule = (spec: object) =>
  given(
    "kubernetes:postgresql.cnpg.io/v1:ScheduledBackup",
    "acme-backup",
    { spec: { cluster: { name: "t-acme" }, ...spec } },
    { tenant: "acme" },
  );
const store = (retentionPolicy: unknown) => [
  given(
    "kubernetes:barmancloud.cnpg.io/v1:ObjectStore",
    "acme-store",
    { spec: { retentionPolicy } },
    { tenant: "acme" },
  ),
];
const cache = (props: object) => [
  given("aws:elasticache/replicationGroup:ReplicationGroup", "cache", { authToken: canary, ...props }),
];
const bucket = given("aws:s3/bucket:Bucket", "objects", { bucket: "objects" }, { protect: true });
const versioning = (status: unknown) =>
  given("aws:s3/bucketVersioning:BucketVersioning", "objects", {
    bucket: "objects",
    versioningConfiguration: { status },
  });
const archiving = { plugins: [{ name: "barman-cloud.cloudnative-pg.io", isWALArchiver: true }] };
const prefix = (rotation: unknown) =>
  given(
    "tenancy:storage:Prefix",
    "acme-prefix",
    { tenant: "acme", server: "main", rotation, secretAccessKey: canary },
    { protect: true },
  );
const schema = (tenant: string, options: object) =>
  given("tenancy:postgres:Schema", `${tenant}-schema`, { tenant, server: "main", password: canary }, options);

export const lifecycle: Cases = {
  "tenancy-data-protected": {
    pass: {
      resources: [
        roster({ acme: {}, globex: { state: "offboarding" } }),
        schema("acme", { protect: true }),
        schema("globex", { protect: false }),
        given("kubernetes:core/v1:Namespace", "platform"),
      ],
      says: [],
    },
    fail: {
      resources: [
        roster({ acme: {}, globex: { state: "suspended" } }),
        schema("acme", { protect: false }),
        given("kubernetes:core/v1:Namespace", "globex-namespace", {}, { tenant: "globex" }),
        given("random:index/randomPassword:RandomPassword", "passwords", { length: 64 }),
      ],
      says: [
        "RandomPassword passwords is not protected",
        "tenant globex: Namespace globex-namespace is not protected",
        "tenant acme: Schema acme-schema is not protected",
      ],
    },
    unknown: {
      resources: [roster({}, { tenants: unknownText }), schema("acme", { protect: false })],
      says: [
        "undecided: tenant acme: Schema acme-schema: the state of its tenant is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-roster-max-deletes": {
    pass: { resources: [roster({}, { maxDeletes: 10 })], says: [] },
    fail: { resources: [roster({}, { maxDeletes: 11 })], says: ["maxDeletes is 11; allowed is at most 10"] },
    unknown: {
      resources: [roster({}, { maxDeletes: unknownText })],
      says: ["undecided: maxDeletes is not known before the update, which checks it again"],
    },
  },
  "tenancy-tenant-no-backup-waiver": {
    pass: { resources: [roster({ acme: { state: "offboarding" } })], says: [] },
    fail: {
      resources: [roster({ acme: { state: "offboarding", backupWaiver: { reason: canary, name: "a person" } } })],
      says: ["tenant acme: leaves without a backup"],
    },
    unknown: { resources: [roster({}, { tenants: unknownText })], says: [] },
  },
  "tenancy-rds-backup-retention": {
    pass: {
      resources: [instance({ backupRetentionPeriod: 30 }), instance({ replicateSourceDb: "acme-db" })],
      settings: { silo: 30 },
      says: [],
    },
    fail: {
      resources: [
        instance({ backupRetentionPeriod: 7 }),
        given("aws:rds/cluster:Cluster", "shared", { masterPassword: canary }),
      ],
      settings: { silo: 30, shared: 7 },
      says: [
        "Cluster shared keeps backups for 1 days; at least 7 are asked for",
        "tenant acme: Instance acme-db keeps backups for 7 days; at least 30 are asked for",
      ],
    },
    unknown: {
      resources: [instance({ backupRetentionPeriod: unknownText })],
      says: [
        "undecided: tenant acme: Instance acme-db: backupRetentionPeriod is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-rds-deletion-protection": {
    pass: {
      resources: [instance({ deletionProtection: true }), instance({}, { tenant: "acme", protect: false })],
      says: [],
    },
    fail: {
      resources: [instance({ skipFinalSnapshot: true })],
      says: [
        "tenant acme: Instance acme-db can be deleted at once: deletionProtection is not set",
        "tenant acme: Instance acme-db leaves no final snapshot: skipFinalSnapshot is true",
      ],
    },
    unknown: {
      resources: [instance({ deletionProtection: unknownText, skipFinalSnapshot: true })],
      says: [
        "undecided: tenant acme: Instance acme-db: deletionProtection is not known before the update, which checks it again",
        "tenant acme: Instance acme-db leaves no final snapshot: skipFinalSnapshot is true",
      ],
    },
  },
  "tenancy-rds-multi-az": {
    pass: { resources: [instance({ multiAz: true })], says: [] },
    fail: { resources: [instance({})], says: ["tenant acme: Instance acme-db has no standby: multiAz is not set"] },
    unknown: {
      resources: [instance({ multiAz: unknownText })],
      says: ["undecided: tenant acme: Instance acme-db: multiAz is not known before the update, which checks it again"],
    },
  },
  "tenancy-cnpg-backup": {
    pass: { resources: [cluster(archiving), schedule({})], says: [] },
    fail: {
      resources: [cluster({}), schedule({ suspend: true })],
      says: [
        "tenant acme: Cluster acme-db does not archive its write-ahead log",
        "tenant acme: Cluster acme-db has no scheduled backup",
      ],
    },
    unknown: {
      resources: [cluster({ plugins: [{ name: unknownText, isWALArchiver: true }] }), schedule({})],
      says: [],
    },
  },
  "tenancy-cnpg-backup-retention": {
    pass: { resources: [...store("4w"), ...store(undefined)], settings: { minimumDays: 28 }, says: [] },
    fail: {
      resources: [...store("27d"), ...store("forever")],
      settings: { minimumDays: 28 },
      says: [
        'tenant acme: ObjectStore acme-store keeps backups for "27d"; at least 28 days are asked for',
        'tenant acme: ObjectStore acme-store keeps backups for "forever"; at least 28 days are asked for',
      ],
    },
    unknown: {
      resources: store(unknownText),
      says: [
        "undecided: tenant acme: ObjectStore acme-store: spec.retentionPolicy is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-memory-store-backup": {
    pass: { resources: cache({ snapshotRetentionLimit: 1 }), says: [] },
    fail: {
      resources: [...cache({}), given("aws:memorydb/cluster:Cluster", "mem", { snapshotRetentionLimit: 0 })],
      says: [
        "ReplicationGroup cache keeps snapshots for 0 days; at least 1 are asked for",
        "Cluster mem keeps snapshots for 0 days; at least 1 are asked for",
      ],
    },
    unknown: {
      resources: cache({ snapshotRetentionLimit: unknownText }),
      says: [
        "undecided: ReplicationGroup cache: snapshotRetentionLimit is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-bucket-versioned": {
    pass: { resources: [bucket, versioning("Enabled")], says: [] },
    fail: {
      resources: [bucket, versioning("Suspended"), given("aws:s3/bucket:Bucket", "others", { bucket: "others" })],
      says: ["Bucket objects keeps no former versions", "Bucket others keeps no former versions"],
    },
    unknown: {
      resources: [bucket, versioning(unknownText)],
      says: ["undecided: Bucket objects: its versioning is not known before the update, which checks it again"],
    },
  },
  "tenancy-deletion-window": {
    pass: {
      resources: [
        given("aws:kms/key:Key", "key", {}),
        given("aws:secretsmanager/secret:Secret", "login", { recoveryWindowInDays: 7 }),
      ],
      says: [],
    },
    fail: {
      resources: [
        given("aws:kms/key:Key", "key", { deletionWindowInDays: 7 }),
        given("aws:secretsmanager/secret:Secret", "login", { recoveryWindowInDays: 0 }),
      ],
      settings: { minimumDays: 30 },
      says: [
        "Key key: deletionWindowInDays is 7; at least 30 are asked for",
        "Secret login: recoveryWindowInDays is 0; at least 30 are asked for",
      ],
    },
    unknown: {
      resources: [given("aws:kms/key:Key", "key", { deletionWindowInDays: unknownText })],
      says: ["undecided: Key key: deletionWindowInDays is not known before the update, which checks it again"],
    },
  },
  "tenancy-credential-age": {
    pass: {
      resources: [
        roster({ acme: {} }, { since: { acme: "2020-01-01T00:00:00Z" } }),
        prefix(1),
        given("aws:iam/accessKey:AccessKey", "key", { createDate: "2026-11-01T00:00:00Z", secret: canary }),
      ],
      says: [],
    },
    fail: {
      resources: [
        roster({ acme: {} }, { since: { acme: "2026-01-01T00:00:00Z" } }),
        prefix(0),
        given("aws:iam/accessKey:AccessKey", "key", { createDate: "2026-06-01T00:00:00Z", secret: canary }),
        given("aws:secretsmanager/secretRotation:SecretRotation", "rotation", {
          rotationRules: { automaticallyAfterDays: 365 },
        }),
        given("kubernetes:cert-manager.io/v1:Certificate", "tls", { spec: { duration: "17520h0m0s" } }),
      ],
      says: [
        "tenant acme: Prefix acme-prefix: its access key was never rotated, and is 330 days old; allowed are 90",
        "AccessKey key is 179 days old; allowed are 90",
        "SecretRotation rotation rotates every 365 days; allowed are 90",
        "Certificate tls lives 730 days; allowed are 398",
      ],
    },
    unknown: { resources: [roster({ acme: {} }, { since: unknownText }), prefix(0)], says: [] },
  },
};
