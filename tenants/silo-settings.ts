/** Settings of a database of a tenant's own: the tier `silo`. */
import { z } from "zod";
import { tenantIdPattern } from "../components/naming.ts";
import { builtIn, labelKeyPattern, labelValuePattern } from "./text-forms.ts";

const { silo: fallback } = builtIn;

const sizePattern = /^[1-9][0-9]{0,5}[GT]i$/;
const cpuPattern = /^(?:[1-9][0-9]{0,2}|[1-9][0-9]{1,5}m)$/;
const memoryPattern = /^[1-9][0-9]{0,5}[MG]i$/;
const instanceClassPattern = /^db\.[a-z0-9]+(?:-[a-z0-9]+)*\.[a-z0-9]+$/;
const domainPattern = /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/;

const timePattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?:Z|[+-]\d{2}:\d{2})$/;

/** Whether a text of the form of RFC 3339 is a moment of the calendar. */
function isTime(text: string): boolean {
  return !Number.isNaN(Date.parse(text));
}

/** Minute, hour, day of the month, month, day of the week; numbers, `*`, lists, ranges and steps. */
const cronFields = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
] as const;

/** Whether a text is a schedule of five fields whose numbers are in range. */
export function isCron(text: string): boolean {
  const fields = text.split(" ");
  return (
    fields.length === cronFields.length &&
    cronFields.every(([least, most], index) =>
      (fields[index] ?? "").split(",").every((part) => {
        const match = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/([1-9]\d?))?$/.exec(part);
        if (match === null) return false;
        const [, from, to, step] = match;
        const numbers = [from, to].filter((one) => one !== undefined).map(Number);
        // A step from one number has no end, and vendors read it differently.
        if (step !== undefined && from !== undefined && to === undefined) return false;
        return numbers.every((one) => one >= least && one <= most) && (to === undefined || Number(from) <= Number(to));
      }),
    )
  );
}

function quantity(description: string, pattern: RegExp, allowed: string, value: string) {
  return z
    .string()
    .regex(pattern)
    .meta({ description, allowed, default: value, examples: [value] })
    .optional();
}

const size = (description: string) =>
  quantity(description, sizePattern, "whole number of Gi or Ti, as in 10Gi", fallback.storageSize);
const cpu = (description: string, value: string) =>
  quantity(description, cpuPattern, "whole cores, or thousandths as in 500m", value);
const memory = (description: string, value: string) =>
  quantity(description, memoryPattern, "whole number of Mi or Gi, as in 2Gi", value);

export const storageSize = size("Size of the volume. It can grow in place, and never shrinks.");
export const memorySize = (value: string) => memory("Memory of one instance.", value);

const backup = z
  .strictObject({
    enabled: z
      .boolean()
      .meta({ description: "Whether backups are made.", allowed: "true or false", default: fallback.backup.enabled })
      .optional(),
    schedule: z
      .string()
      .refine(isCron)
      .meta({
        description: "When a full backup is made, in UTC: minute, hour, day of the month, month, day of the week.",
        allowed: "five fields of cron, as in `0 2 * * *`",
        default: fallback.backup.schedule,
        examples: [`"${fallback.backup.schedule}"`],
      })
      .optional(),
    retentionDays: z
      .int()
      .min(1)
      .max(3650)
      .meta({
        description: "Days for which a backup can be restored. Amazon RDS keeps at most 35.",
        allowed: "whole number from 1 to 3650",
        default: fallback.backup.retentionDays,
        examples: [fallback.backup.retentionDays],
      })
      .optional(),
  })
  .meta({ id: "backup", description: "Backups of the database: on Kubernetes and Amazon RDS." })
  .optional();

const quota = z
  .strictObject({
    requestsCpu: cpu("Cores that all pods together may reserve.", fallback.quota.requestsCpu),
    requestsMemory: memory("Memory that all pods together may reserve.", fallback.quota.requestsMemory),
    limitsCpu: cpu("Cores that all pods together may use.", fallback.quota.limitsCpu),
    limitsMemory: memory("Memory that all pods together may use.", fallback.quota.limitsMemory),
    volumeClaims: z
      .int()
      .min(1)
      .max(1000)
      .meta({
        description: "Volume claims of the namespace.",
        allowed: "whole number from 1 to 1000",
        default: fallback.quota.volumeClaims,
        examples: [fallback.quota.volumeClaims],
      })
      .optional(),
  })
  .meta({ id: "quota", description: "ResourceQuota of the tenant's namespace on Kubernetes." })
  .optional();

export const silo = z
  .strictObject({
    storageSize,
    storageClass: z
      .string()
      .regex(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/)
      .meta({
        description: "StorageClass of the volumes on Kubernetes; the cluster's default where it is left out.",
        allowed: "name of a StorageClass",
        examples: ["encrypted-ssd"],
      })
      .optional(),
    replicas: z
      .int()
      .min(0)
      .max(5)
      .meta({
        description:
          "Standbys beside the primary: pods on Kubernetes; on Amazon RDS one or more means Multi-AZ, on Aurora readers.",
        allowed: "whole number from 0 to 5",
        examples: [2],
      })
      .optional(),
    cpu: cpu("Cores of one instance on Kubernetes.", fallback.cpu),
    memory: memory("Memory of one instance on Kubernetes.", fallback.memory),
    instanceClass: z
      .string()
      .regex(instanceClassPattern)
      .meta({
        description: "Instance class on Amazon RDS; the server's default where it is left out.",
        allowed: "an instance class of Amazon RDS",
        examples: ["db.t4g.medium"],
      })
      .optional(),
    backup,
    poolSize: z
      .int()
      .min(1)
      .max(1000)
      .meta({
        description: "Connections that the application's pool should hold.",
        allowed: "whole number from 1 to 1000",
        default: fallback.poolSize,
        examples: [fallback.poolSize],
      })
      .optional(),
    dedicatedNodes: z
      .record(
        z
          .string()
          .regex(labelKeyPattern)
          .meta({ description: "Key of a node's label and taint.", allowed: "key of a Kubernetes label" }),
        z
          .string()
          .regex(labelValuePattern)
          .meta({ description: "Value of it.", allowed: "value of a Kubernetes label", examples: ["org-123"] }),
      )
      .meta({
        description: "Labels of the nodes that the pods run on; taints of the same keys and values are tolerated.",
        allowed: "map from a label's key to its value",
      })
      .optional(),
    domain: z
      .string()
      .regex(domainPattern)
      .meta({
        description: "Name of the database's own in the DNS, with a certificate.",
        allowed: "a DNS name in lower case",
        examples: ["db.acme.example.com"],
      })
      .optional(),
    recoverFrom: z
      .strictObject({
        tenant: z.string().regex(tenantIdPattern).meta({
          description: "The tenant whose backups are read.",
          allowed: "id of another tenant of the registry on the same server",
        }),
        time: z
          .string()
          .regex(timePattern)
          .refine(isTime)
          .meta({
            description: "The moment to recover to.",
            allowed: "a time like 2026-03-01T12:00:00Z",
            examples: ["2026-03-01T12:00:00Z"],
          }),
      })
      .meta({
        id: "recoverFrom",
        description: "Fills the new database from another tenant's backups. Only read while the database is made.",
      })
      .optional(),
    encryptionKey: z
      .enum(["platform", "own"])
      .meta({
        description: "Key of the storage on Amazon RDS: the platform's, or one of the tenant's own.",
        allowed: "platform, own",
        default: fallback.encryptionKey,
        examples: ["own"],
      })
      .optional(),
    quota,
  })
  .meta({ id: "silo", description: "Settings of a database of the tenant's own. Only with `tier: silo`." })
  .optional();
