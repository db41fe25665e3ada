/** The form of the stack's platform configuration: the shared servers by store, and what the program needs beside them. */
import { z } from "zod";
import {
  fileSystemSchema,
  neo4jInstancesSchema,
  neo4jServerSchema,
  postgresServerSchema,
  redisServerSchema,
  s3ServerSchema,
} from "../provider/config.ts";
import type { StoreName } from "../provider/inputs.ts";
import { elastiCacheSettingsSchema, memoryDbSettingsSchema } from "./aws/cache-settings.ts";
import { rdsServerSchema } from "./aws/rds-config.ts";
import { secretsManagerSettingsSchema } from "./aws/secret-settings.ts";
import { awsStorageSettingsSchema } from "./aws/storage-settings.ts";
import { kubernetesSchema } from "./kubernetes/config.ts";

/** In configuration a certificate authority may also be a file: `caFile`, relative to the file that names it. */
const caFile = { caFile: z.string().min(1).optional() };

/** What every server may say of the tenants that it takes. */
const welcome = {
  /** Region of the tenants that may lie here; left out: any. */
  residency: z.string().min(1).optional(),
  /** Most tenants; left out: no limit of the platform's own. */
  capacity: z.int().min(1).optional(),
};

/** For an entry that has a capacity of its own already; left out: its `region`. */
const residency = { residency: welcome.residency };

/** A server that makes each tenant a place in its namespace on one of the clusters below `kubernetes`. */
const onKubernetes = { cluster: z.string().min(1), ...welcome };

/** Where credentials of tenants are put for their applications, beside the stack's secret outputs. */
export const deliverySchema = z.discriminatedUnion("kind", [
  /** A file of mode 0600 for each tenant; a relative folder starts at the file that names it. */
  z.strictObject({ kind: z.literal("file"), folder: z.string().min(1) }),
  /** A Secret in the tenant's namespace. */
  z.strictObject({ kind: z.literal("kubernetes"), cluster: z.string().min(1) }),
  /** A secret in AWS Secrets Manager; its readers are the tenant's own role, or `readers`. */
  secretsManagerSettingsSchema.extend({ readers: z.array(z.string().startsWith("arn:")).default([]) }),
]);
export type Delivery = z.infer<typeof deliverySchema>;

/** Stores without a kind of their own in configuration are servers that the native provider works on. */
const kindOr =
  (fallback: string) =>
  (value: unknown): unknown =>
    typeof value === "object" && value !== null && !("kind" in value) ? { kind: fallback, ...value } : value;

const server = z.literal("server");
const nodes = z.literal("nodes");

export const configuredSchema = z.strictObject({
  postgres: z
    .record(
      z.string(),
      z.preprocess(
        kindOr("server"),
        z.discriminatedUnion("kind", [
          postgresServerSchema.extend({ kind: server, ...caFile, ...welcome }),
          z.strictObject({ kind: z.literal("cloudnativepg"), ...onKubernetes }),
          rdsServerSchema,
        ]),
      ),
    )
    .default({}),
  redis: z
    .record(
      z.string(),
      z.preprocess(
        kindOr("nodes"),
        z.discriminatedUnion("kind", [
          redisServerSchema.extend({ kind: nodes, ...caFile, ...welcome }),
          elastiCacheSettingsSchema.safeExtend(residency),
          memoryDbSettingsSchema.safeExtend(residency),
        ]),
      ),
    )
    .default({}),
  storage: z
    .record(
      z.string(),
      z.discriminatedUnion("kind", [
        s3ServerSchema.extend({ ...caFile, ...welcome }),
        fileSystemSchema.extend(welcome),
        awsStorageSettingsSchema.safeExtend(residency),
      ]),
    )
    .default({}),
  neo4j: z
    .record(
      z.string(),
      z.discriminatedUnion("kind", [
        neo4jServerSchema.extend({ ...caFile, ...welcome }),
        neo4jInstancesSchema.extend({
          ...caFile,
          ...welcome,
          /** Why there can be no instances on this machine now: tenants are left without their graph, with a warning. */
          unavailable: z.string().min(1).optional(),
        }),
        z.strictObject({ kind: z.literal("kubernetes"), ...onKubernetes }),
      ]),
    )
    .default({}),
  kubernetes: z.record(z.string(), kubernetesSchema).default({}),
  delivery: deliverySchema.optional(),
});

export type Configured = z.infer<typeof configuredSchema>;
export type ConfiguredServer = Configured[StoreName][string];

/** Kinds of servers on which the provider of a cloud makes a place for each tenant. */
const cloudKinds = ["cloudnativepg", "rds", "elasticache", "memorydb", "aws", "kubernetes"] as const;
export type CloudServer = Extract<ConfiguredServer, { kind: (typeof cloudKinds)[number] }>;
type Cloud<S extends StoreName> = Extract<Configured[S][string], { kind: (typeof cloudKinds)[number] }>;
export type CloudServers = { readonly [S in StoreName]: Readonly<Record<string, Cloud<S>>> };

export function isCloud(server: ConfiguredServer): server is CloudServer {
  return (cloudKinds as readonly string[]).includes(server.kind);
}

export function emptyClouds(): CloudServers {
  return { postgres: {}, redis: {}, storage: {}, neo4j: {} };
}
