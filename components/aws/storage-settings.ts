/** What a stack's configuration says of a bucket on AWS, and how many tenants each way of access carries. */
import { z } from "zod";
import type { AwsStorageServer } from "../../provider/config.ts";
import { PlatformError } from "../platform-error.ts";

export const accessKinds = ["abac", "access-grants", "access-point", "role"] as const;
export type AccessKind = (typeof accessKinds)[number];

const days = z.int().min(1).max(3_650);
const principalArn = z.string().regex(/^arn:aws(-cn|-us-gov)?:iam::\d{12}:(root|role\/\S+|user\/\S+)$/);

export const awsStorageSettingsSchema = z
  .strictObject({
    kind: z.literal("aws"),
    region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/),
    /** The account that holds the bucket: twelve digits. */
    accountId: z.string().regex(/^\d{12}$/),
    /** At most 56 characters: the bucket of logs and the roles are named after it. No dots, for TLS. */
    bucket: z.string().regex(/^[a-z0-9][a-z0-9-]{1,54}[a-z0-9]$/),
    /** How tenants get at their prefixes: see docs/aws-storage.md. A change moves every tenant at once. */
    access: z.enum(accessKinds).default("abac"),
    /** Roles or users of the platform that open tenants' sessions. */
    consumers: z.array(principalArn).min(1),
    /** Tenants at most; refused beyond. Left out: the limit that Amazon has for this way of access. */
    capacity: z.int().min(1).optional(),
    /** Bucket that access logs go to, made here. Left out: the bucket's name and `-logs`. */
    logBucket: z.string().min(3).max(63).optional(),
    logDays: days.default(365),
    /** After how many days old versions go. */
    noncurrentDays: days.default(30),
    /** After how many days an upload that never ended goes. */
    abortUploadDays: days.default(7),
    /** Longest session of a tenant's role. */
    sessionSeconds: z.int().min(3_600).max(43_200).default(3_600),
    /** Only with `access-point`: the one network that access points answer to. */
    vpcId: z
      .string()
      .regex(/^vpc-[0-9a-f]{8,17}$/)
      .optional(),
    /**
     * Only with `access-grants`: a location with the scope `s3://` that the region's instance has already. Left out:
     * instance and location are made here; an account has one instance a region.
     */
    grantsLocationId: z.string().min(1).optional(),
  })
  .superRefine((settings, context) => {
    if (settings.vpcId !== undefined && settings.access !== "access-point") {
      context.addIssue({ code: "custom", path: ["vpcId"], message: "only access points can be bound to a network" });
    }
    if (settings.grantsLocationId !== undefined && settings.access !== "access-grants") {
      context.addIssue({ code: "custom", path: ["grantsLocationId"], message: "only with access: access-grants" });
    }
  });
export type AwsStorageSettings = z.infer<typeof awsStorageSettingsSchema>;

/** What the native provider gets of it: it makes folders and marks, and empties prefixes. */
export function nativeStorageServer({ region, bucket }: AwsStorageSettings): AwsStorageServer {
  return { kind: "aws", region, bucket };
}

/** Sources: docs/aws-storage.md. Roles: 1,000 an account, at most 5,000 on request; the others have no known end. */
const limits: Readonly<Record<AccessKind, { readonly usual: number; readonly most: number; readonly what: string }>> = {
  abac: { usual: Infinity, most: Infinity, what: "one role" },
  "access-grants": { usual: 100_000, most: Infinity, what: "grants an instance" },
  "access-point": { usual: 10_000, most: Infinity, what: "access points an account and region" },
  role: { usual: 1_000, most: 5_000, what: "roles an account" },
};

/** @throws PlatformError when more tenants lie on the bucket than its way of access carries */
export function assertCapacity(server: string, { access, capacity }: AwsStorageSettings, tenants: number): void {
  const { usual, most, what } = limits[access];
  if ((capacity ?? usual) > most) {
    throw new PlatformError(
      `storage server ${server}: capacity ${String(capacity)} is more than Amazon allows with access ${access} (${most} ${what}). ` +
        `Use access: abac, which has no such limit, or a second server.`,
    );
  }
  if (tenants <= (capacity ?? usual)) return;
  throw new PlatformError(
    `storage server ${server}: ${tenants} tenants lie on it, and its capacity is ${capacity ?? usual} with access ${access} (${what}). ` +
      `Place new tenants on another server, use access: abac, or raise \`capacity\` after Amazon has raised the quota.`,
  );
}
