/** The platform's Kubernetes clusters as the stack's configuration names them: the form of `KubernetesPlatform`. */
import { z } from "zod";
import type { KubernetesPlatform } from "./settings.ts";

const label = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "is no name of a namespace or Secret");
const objectName = z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, "is no name of an object");
const cidr = z.union([z.cidrv4(), z.cidrv6()], "is no range of addresses like 10.0.0.0/16");
const texts = z.record(z.string(), z.string());
const pem = z.string().startsWith("-----BEGIN CERTIFICATE-----");

const objectStoreSchema = z.strictObject({
  destination: z.string().regex(/^s3:\/\/[a-z0-9][a-z0-9.-]+(\/[\w.-]+)*$/, "is no place like s3://backups/postgres"),
  endpoint: z.url({ protocol: /^https$/ }).optional(),
  endpointCa: z.strictObject({ name: objectName, key: z.string().min(1) }).optional(),
  region: z.string().min(1).optional(),
  encryption: z.enum(["AES256", "aws:kms"]).optional(),
  credentials: z.discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("keys"),
      accessKeyId: z.string().min(1).optional(),
      secretAccessKey: z.string().min(1).optional(),
    }),
    z.strictObject({ kind: z.literal("role"), roleArn: z.string().regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/.+$/) }),
  ]),
  cidrs: z.array(cidr),
  namespace: label.optional(),
  port: z.int().min(1).max(65535).optional(),
});

const certificatesSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("cert-manager"),
    issuer: z.strictObject({ name: objectName, kind: z.enum(["Issuer", "ClusterIssuer"]) }),
    ca: pem.optional(),
  }),
  z.strictObject({ kind: z.literal("secret"), name: z.string().min(1), ca: pem.optional() }),
]);

export const kubernetesSchema: z.ZodType<KubernetesPlatform> = z.strictObject({
  kubeconfig: z.string().min(1).optional(),
  context: z.string().min(1).optional(),
  apiServerCidrs: z.array(cidr).min(1),
  apiServerPorts: z.array(z.int().min(1).max(65535)).min(1).optional(),
  dnsNamespace: label.optional(),
  dnsLabels: texts.optional(),
  dnsCidrs: z.array(cidr).optional(),
  operatorNamespace: label.optional(),
  applicationNamespaces: z.array(label),
  monitoringNamespace: label.optional(),
  pullSecrets: z.array(objectName).optional(),
  commonObjects: z
    .array(
      z.strictObject({
        selector: texts,
        kind: z.enum(["Secret", "ConfigMap"]),
        name: objectName,
        type: z.string().min(1).optional(),
        data: texts,
      }),
    )
    .optional(),
  objectStore: objectStoreSchema.optional(),
  certificates: certificatesSchema.optional(),
  domains: z.strictObject({ clientCidrs: z.array(cidr).min(1), annotations: texts.optional() }).optional(),
  postgresImage: z.string().min(1).optional(),
  neo4jImage: z.string().min(1).optional(),
  poolerInstances: z.int().min(1).max(10).optional(),
});
