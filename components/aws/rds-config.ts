/** The platform's entry of kind `rds`: where tenants get instances or clusters of their own, and by which rules. */
import { z } from "zod";

/** Before 16, CREATEROLE could change any user's password. */
const leastMajor = 16;
/** https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html: gp3 for PostgreSQL. */
export const leastStorageGiB = 20;
export const mostStorageGiB = 65_536;

const unique = (list: readonly string[]) => new Set(list).size === list.length;
const ids = (prefix: string) => z.array(z.string().regex(new RegExp(`^${prefix}-[0-9a-f]{8,17}$`)));
const securityGroups = ids("sg").refine(unique, "names a security group twice");

const serverFields = z.strictObject({
  kind: z.literal("rds"),
  /** Account that the entry is for: with credentials of another one nothing is done. */
  accountId: z
    .string()
    .regex(/^\d{12}$/)
    .optional(),
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/),
  vpcId: z.string().regex(/^vpc-[0-9a-f]{8,17}$/),
  /** In two Availability Zones at least; Amazon RDS refuses fewer. */
  subnetIds: ids("subnet").min(2).refine(unique, "names a subnet twice"),
  /** Those who may connect as a tenant's application. */
  applicationSecurityGroupIds: securityGroups.min(1),
  /** Those of the machines that run updates: they connect as master user and as provisioner. */
  runnerSecurityGroupIds: securityGroups.default([]),
  engine: z.enum(["postgres", "aurora-postgresql"]).default("postgres"),
  /** `18` takes minor versions by itself; `18.1` is a least version. */
  engineVersion: z
    .string()
    .regex(/^\d{2}(\.\d{1,2})?$/)
    .refine((version) => Number.parseInt(version, 10) >= leastMajor, `is older than PostgreSQL ${leastMajor}`),
  defaultInstanceClass: z.string().regex(/^db\.[a-z0-9-]+(\.[a-z0-9-]+)?$/),
  /** Aurora capacity units of the class `db.serverless`. */
  serverless: z
    .strictObject({ minCapacity: z.number().min(0).max(256), maxCapacity: z.number().min(1).max(256) })
    .optional(),
  /** Key of storage, backups, master secrets and Performance Insights. Left out: the account's keys of AWS. */
  kmsKeyArn: z
    .string()
    .regex(/^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/)
    .optional(),
  /** Role of enhanced monitoring; with it, figures of the machine come every minute. */
  monitoringRoleArn: z
    .string()
    .regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/)
    .optional(),
  /** An RDS Proxy for each tenant. */
  proxy: z.boolean().default(false),
  /** Tenants' logins take tokens of IAM and no password. */
  iamLogins: z.boolean().default(false),
  /** File of the region's certificate authorities, in PEM; a relative path starts at the file that names it. */
  caBundleFile: z.string().min(1),
  caCertificate: z.enum(["rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"]).default("rds-ca-rsa2048-g1"),
  /** Hosted zone of Route 53 that tenants' own domains are written into. */
  hostedZoneId: z
    .string()
    .regex(/^Z[A-Z0-9]{1,31}$/)
    .optional(),
  /** Storage that an instance may grow to by itself. Left out: it grows by the registry alone. */
  maxStorageGiB: z.int().min(leastStorageGiB).max(mostStorageGiB).optional(),
  /** UTC, as in `sun:04:00-sun:05:00`. */
  maintenanceWindow: z
    .string()
    .regex(
      /^(mon|tue|wed|thu|fri|sat|sun):([01]\d|2[0-3]):[0-5]\d-(mon|tue|wed|thu|fri|sat|sun):([01]\d|2[0-3]):[0-5]\d$/,
    )
    .default("sun:04:00-sun:05:00"),
  /** When changes happen that restart the server: in the update, or in the next maintenance window. */
  changes: z.enum(["immediately", "maintenance-window"]).default("immediately"),
  /** Region of the tenants that may lie here; left out: `region`. */
  residency: z.string().min(1).optional(),
  /** Most tenants; left out: no limit of the platform's own. */
  capacity: z.int().min(1).optional(),
});

export const rdsServerSchema = serverFields.superRefine((server, context) => {
  const tell = (path: string, message: string) => {
    context.addIssue({ code: "custom", path: [path], message });
  };
  const serverless = server.defaultInstanceClass === "db.serverless";
  if (server.engine === "postgres" && (serverless || server.serverless !== undefined)) {
    tell("serverless", "only the engine aurora-postgresql has serverless instances");
  }
  if (server.engine === "aurora-postgresql" && server.maxStorageGiB !== undefined) {
    tell("maxStorageGiB", "storage of aurora-postgresql grows by itself; leave it out");
  }
  if (serverless && server.serverless === undefined) {
    tell("serverless", "the class db.serverless needs serverless: {minCapacity, maxCapacity}");
  }
  if (server.serverless !== undefined && server.serverless.minCapacity > server.serverless.maxCapacity) {
    tell("serverless", "minCapacity is above maxCapacity");
  }
});

export type RdsServer = z.infer<typeof rdsServerSchema>;
