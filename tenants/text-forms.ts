/** Forms of names and texts in the registry, and what is used where a setting is left out. */
import { z } from "zod";

/** What is used where neither the record, nor its profile, nor `defaults` say otherwise. */
export const builtIn = {
  maxDeletes: 1,
  tier: "bridge",
  ring: "all",
  partitions: 0,
  cloneData: false,
  state: "active",
  connectionLimit: 10,
  readOnlyConnectionLimit: 5,
  defaultTtlSeconds: 3600,
  folders: ["uploads", "processed", "exports"],
  rotation: 0,
  encryptionKey: "platform",
  neo4j: { memory: "1Gi", storageSize: "10Gi" },
  silo: {
    storageSize: "10Gi",
    cpu: "500m",
    memory: "1Gi",
    backup: { enabled: true, schedule: "0 2 * * *", retentionDays: 30 },
    poolSize: 5,
    encryptionKey: "platform",
    quota: { requestsCpu: "2", requestsMemory: "4Gi", limitsCpu: "4", limitsMemory: "8Gi", volumeClaims: 5 },
  },
} as const;

/** A name that is legal as a Kubernetes label value, too, in lower case. */
const namePattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
export const nameAllowed = "1 to 63 lower-case letters, digits and hyphens, not at the begin or end";
export const name = z.string().regex(namePattern);

/** No control, direction-changing or invisible line-ending character: the text is shown in terminals and logs. */
export const plainText =
  /^[^\s\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]([^\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]{0,98}[^\s\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff])?$/;
export const plainTextAllowed = "1 to 100 characters on one line, no control characters, no space at the begin or end";

export const labelKeyPattern =
  /^(?:(?=[^/]{1,253}\/)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*\/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;
export const labelValuePattern = /^(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/;
