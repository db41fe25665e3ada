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

/** In configuration a certificate authority may also be a file: `caFile`, relative to the file that names it. */
const caFile = { caFile: z.string().min(1).optional() };

/** What every server may say of the tenants that it takes. */
const welcome = {
  /** Region of the tenants that may lie here; left out: any. */
  residency: z.string().min(1).optional(),
  /** Most tenants; left out: no limit of the platform's own. */
  capacity: z.int().min(1).optional(),
};

const namespace = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "is no name of a namespace");
const cidr = z.union([z.cidrv4(), z.cidrv6()]);

/** A Kubernetes cluster that tenants' namespaces are made on. */
export const kubernetesSchema = z.strictObject({
  /** Path of a kubeconfig, or its text; left out: the one that kubectl would use. */
  kubeconfig: z.string().min(1).optional(),
  context: z.string().min(1).optional(),
  /** Addresses of the API server, which the operator's instance manager has to reach. */
  apiServerCidrs: z.array(cidr).min(1),
  dnsNamespace: namespace.default("kube-system"),
  /** Where CloudNativePG's operator runs. */
  operatorNamespace: namespace.default("cnpg-system"),
  /** Namespaces of the applications that reach every tenant's database. */
  applicationNamespaces: z.array(namespace).default([]),
  monitoringNamespace: namespace.optional(),
  /** Names of Secrets with which images are pulled. */
  pullSecrets: z.array(namespace).default([]),
});

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
        z.discriminatedUnion("kind", [postgresServerSchema.extend({ kind: server, ...caFile, ...welcome })]),
      ),
    )
    .default({}),
  redis: z
    .record(
      z.string(),
      z.preprocess(
        kindOr("nodes"),
        z.discriminatedUnion("kind", [redisServerSchema.extend({ kind: nodes, ...caFile, ...welcome })]),
      ),
    )
    .default({}),
  storage: z
    .record(
      z.string(),
      z.discriminatedUnion("kind", [
        s3ServerSchema.extend({ ...caFile, ...welcome }),
        fileSystemSchema.extend(welcome),
      ]),
    )
    .default({}),
  neo4j: z
    .record(
      z.string(),
      z.discriminatedUnion("kind", [
        neo4jServerSchema.extend({ ...caFile, ...welcome }),
        neo4jInstancesSchema.extend({ ...caFile, ...welcome }),
      ]),
    )
    .default({}),
  kubernetes: z.record(z.string(), kubernetesSchema).default({}),
});

export type Configured = z.infer<typeof configuredSchema>;
export type ConfiguredServer = Configured[StoreName][string];
