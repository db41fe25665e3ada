/**
 * The shared servers of a platform, as the provider receives them: plain data, checked at the edge.
 * `components/platform.ts` reads them from the stack's configuration.
 */
import { z } from "zod";
import { isProcedureName } from "./neo4j/cypher.ts";

const port = z.int().min(1).max(65535);

/**
 * PEM text of the certificate authority that signed the server's certificate.
 * Left out: the authorities that Node.js ships are trusted.
 */
const ca = z.string().startsWith("-----BEGIN CERTIFICATE-----").optional();

const login = z.strictObject({ user: z.string().min(1), password: z.string().min(1) });

export const postgresServerSchema = z.strictObject({
  host: z.string().min(1),
  port: port.default(5432),
  /** The shared database that holds the tenants' schemas. */
  database: z.string().min(1),
  /**
   * The login that sets up the database once: creates it, the provisioner and the hardening of the Baseline.
   * Left out: all of that must be there, and the Baseline only verifies it.
   */
  admin: login.optional(),
  /** Creates and administers the tenants' roles and schemas. Holds CREATEROLE, is no superuser. */
  provisioner: login,
  /**
   * The login with which applications find tenants: it reads the view `platform.routes` of the catalogue's server and
   * nothing else. Left out: applications cannot ask the catalogue.
   */
  resolver: login.optional(),
  /**
   * A trusted login that works for many tenants through few connections: it takes one tenant's role, or the context of
   * a tenant of a pool, per transaction, and holds no right of its own. Left out: tenants' own logins are the only way.
   */
  application: login.optional(),
  /** A connection pooler in front of the server, as applications reach it. */
  pooler: z.strictObject({ host: z.string().min(1), port: port.default(6432) }).optional(),
  ca,
});

export const redisServerSchema = z.strictObject({
  /**
   * `replicated` (left out: this): a primary and its replicas, all of them under `nodes`. `cluster`: Redis Cluster, whose
   * nodes are asked of those under `nodes`. `sentinel`: `nodes` are the sentinels, which are asked for the data nodes.
   */
  topology: z.enum(["replicated", "cluster", "sentinel"]).optional(),
  /**
   * `external`: another service keeps the users (ElastiCache, MemoryDB); here is only the mark, and the deletion of keys.
   * Left out: users are set by ACL SETUSER.
   */
  users: z.enum(["acl", "external"]).optional(),
  /** Only with `topology: sentinel`: the primary's name there, and the sentinels' login where it is another. */
  sentinel: z
    .strictObject({ name: z.string().min(1), username: z.string().min(1).optional(), password: z.string().optional() })
    .optional(),
  /**
   * Every node that answers clients: ACLs are not replicated, so rules are set and saved on each.
   * The first is the primary; tenants' applications get its address.
   */
  nodes: z.array(z.strictObject({ host: z.string().min(1), port: port.default(6379) })).min(1),
  /** The login that may use the ACL command and delete keys. */
  username: z.string().min(1),
  password: z.string().min(1),
  ca,
});

export const s3ServerSchema = z.strictObject({
  kind: z.literal("s3"),
  endpoint: z.url({ protocol: /^https$/ }),
  /** Endpoint of the IAM API, where it is not the S3 endpoint. */
  iamEndpoint: z.url({ protocol: /^https$/ }).optional(),
  region: z.string().min(1),
  bucket: z.string().min(3).max(63),
  accessKeyId: z.string().min(1),
  secretAccessKey: z.string().min(1),
  ca,
  /**
   * Whether the bucket stands in the path and not in the host of an URL.
   * Left out: yes, but for Amazon's own endpoints.
   */
  pathStyle: z.boolean().optional(),
  /**
   * Where tenants' access keys come from: an IAM user a tenant (left out: this), `keys` where the server has no IAM API,
   * or nowhere: another service gives access.
   */
  credentials: z.enum(["iam-user", "external", "none"]).optional(),
  /** Only with `credentials: external`: each tenant's access key, made at the service and limited there to its prefix. */
  keys: z
    .record(z.string(), z.strictObject({ accessKeyId: z.string().min(1), secretAccessKey: z.string().min(1) }))
    .optional(),
});

/** A bucket of Amazon S3 that roles give access to; worked on with the platform's own login from the environment. */
export const awsStorageSchema = z.strictObject({
  kind: z.literal("aws"),
  region: z.string().min(1),
  bucket: z.string().min(3).max(63),
});

export const fileSystemSchema = z.strictObject({
  kind: z.literal("filesystem"),
  /** Absolute path of the folder that holds the tenants' folders. */
  root: z.string().startsWith("/"),
});

/** `neo4j://` and `bolt://` send passwords in plain text; with `+ssc` any server may pretend to be this one. */
const neo4jUri = z
  .string()
  .regex(
    /^(bolt|neo4j)\+s:\/\/([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?$/,
    "must be bolt+s://host:port or neo4j+s://host:port: TLS with a verified certificate. " +
      "bolt:// and neo4j:// are not encrypted, +ssc does not verify the server; for a certificate of your own set `ca`",
  );

/** Neo4j Enterprise: a database, role and user for each tenant. */
export const neo4jServerSchema = z.strictObject({
  kind: z.literal("server"),
  uri: neo4jUri,
  /** Administers databases, users and roles, as the role admin does; docs/neo4j.md names what it needs. */
  user: z.string().min(1),
  password: z.string().min(1),
  /**
   * Procedures that every user of the server may call beyond the usual ones, as in `apoc.coll.*`.
   * @default none
   */
  procedures: z
    .array(z.string().refine(isProcedureName, "must be a procedure, or all of a namespace as in apoc.coll.*"))
    .default([]),
  ca,
});

/** A manager of Neo4j Community instances, one for each tenant. */
export const neo4jInstancesSchema = z.strictObject({
  kind: z.literal("instances"),
  endpoint: z.url({ protocol: /^https$/ }),
  token: z.string().min(1),
  ca,
});

export const platformSchema = z.strictObject({
  postgres: z.record(z.string(), postgresServerSchema).default({}),
  redis: z.record(z.string(), redisServerSchema).default({}),
  neo4j: z.record(z.string(), z.discriminatedUnion("kind", [neo4jServerSchema, neo4jInstancesSchema])).default({}),
  storage: z
    .record(z.string(), z.discriminatedUnion("kind", [s3ServerSchema, fileSystemSchema, awsStorageSchema]))
    .default({}),
});

export type Login = z.infer<typeof login>;
export type PostgresServer = z.infer<typeof postgresServerSchema>;
export type RedisServer = z.infer<typeof redisServerSchema>;
export type S3Server = z.infer<typeof s3ServerSchema>;
export type FileSystemServer = z.infer<typeof fileSystemSchema>;
export type Neo4jServer = z.infer<typeof neo4jServerSchema>;
export type Neo4jInstances = z.infer<typeof neo4jInstancesSchema>;
export type AwsStorageServer = z.infer<typeof awsStorageSchema>;
export type StorageServer = S3Server | FileSystemServer | AwsStorageServer;
export type Platform = z.infer<typeof platformSchema>;

/** What the provider is configured with: one JSON text, so that it is one secret in the state. */
export const providerConfigSchema = z.strictObject({
  platform: platformSchema,
  /** Folder of the templates; a relative path starts at the project's folder. */
  templates: z.string().min(1),
  /** The project's folder. Left out: the one that holds the provider's, which in the package has the built-in templates. */
  projectDir: z.string().startsWith("/").optional(),
});
export type ProviderConfig = z.infer<typeof providerConfigSchema>;
