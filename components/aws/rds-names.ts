/** Names and tags of a tenant's server on Amazon RDS. */
import { createHash } from "node:crypto";
import { awsName, maxNameBytes } from "../naming.ts";

/** The master user, which only updates use: its password lies in Secrets Manager and changes by itself. */
export const masterUser = "tenancy_master";
/** The login that makes what lies inside, on every server that is made here. */
export const provisionerUser = "tenancy_provisioner";
export const postgresPort = 5432;

const digestLength = 12;

export interface RdsNames {
  /** Of the instance, or of the Aurora cluster. */
  readonly identifier: string;
  /** Of the snapshot that is taken when the server is deleted. */
  readonly finalSnapshot: string;
  readonly keyAlias: string;
}

export function rdsNames(prefix: string, tenant: string): RdsNames {
  const identifier = awsName(prefix, tenant, maxNameBytes);
  return { identifier, finalSnapshot: `${identifier}-final`, keyAlias: `alias/tenancy/${identifier}` };
}

/**
 * An instance of an Aurora cluster. Instances of clusters share one space of names with instances of their own, where
 * `tenant-acme-1` would be the tenant `acme-1`'s: so it ends in a digest, as no uncut name does.
 */
export function memberName(prefix: string, tenant: string, index: number): string {
  const digest = createHash("sha256").update(`${prefix}/${tenant}/member/${index}`).digest("hex");
  const head = awsName(prefix, tenant, maxNameBytes - digestLength - 1);
  return `${head}-${digest.slice(0, digestLength)}`;
}

export function rdsTags(prefix: string, tenant: string): Record<string, string> {
  return { "tenancy:tenant": tenant, "tenancy:prefix": prefix };
}
