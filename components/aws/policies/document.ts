/** Policy documents as plain data, and the checks of every name that goes into one: `*` and `${…}` are live there. */
import { PlatformError } from "../../platform.ts";

export type OneOrMore = string | readonly string[];
export type Conditions = Readonly<Record<string, Readonly<Record<string, OneOrMore>>>>;

export interface Statement {
  readonly Sid: string;
  readonly Effect: "Allow" | "Deny";
  /** Only in the policies of resources. */
  readonly Principal?: "*" | { readonly AWS?: OneOrMore; readonly Service?: OneOrMore };
  readonly Action: OneOrMore;
  /** Not in trust policies. */
  readonly Resource?: OneOrMore;
  readonly Condition?: Conditions;
}

export interface PolicyDocument {
  readonly Version: "2012-10-17";
  readonly Statement: readonly Statement[];
}

export function policy(...statements: readonly Statement[]): PolicyDocument {
  return { Version: "2012-10-17", Statement: statements };
}

/** Where a bucket lies. */
export interface BucketScope {
  readonly bucket: string;
  readonly region: string;
  /** Twelve digits. */
  readonly accountId: string;
}

const forms = {
  bucket: /^[a-z0-9](?:[a-z0-9-]{1,61})[a-z0-9]$/,
  region: /^[a-z]{2}(?:-[a-z]+)+-\d$/,
  accountId: /^\d{12}$/,
  prefix: /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*s\/[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?\/$/,
  namingPrefix: /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/,
  roleArn:
    /^arn:aws(?:-cn|-us-gov)?:iam::\d{12}:(?:root|role\/[A-Za-z0-9_+=,.@/-]{1,512}|user\/[A-Za-z0-9_+=,.@/-]{1,512})$/,
  keyArn: /^arn:aws(?:-cn|-us-gov)?:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]{1,64}$/,
  accessPoint: /^[a-z0-9][a-z0-9-]{1,48}[a-z0-9]$/,
  resourceName: /^[A-Za-z0-9_+=,.@/-]{1,512}$/,
} as const;

/**
 * @param what - as in `bucket`
 * @throws PlatformError unless the value has the form
 */
export function assertForm(form: keyof typeof forms, value: string, what: string = form): string {
  if (forms[form].test(value)) return value;
  throw new PlatformError(
    `${what} ${JSON.stringify(value.slice(0, 120))} is not legal in a policy; allowed is ${forms[form].source}.`,
  );
}

/** `aws`, or the partition of China or of the US government. */
export function partitionOf(region: string): string {
  assertForm("region", region);
  return region.startsWith("cn-") ? "aws-cn" : region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}

export function bucketArn({ bucket, region, accountId }: BucketScope): string {
  assertForm("accountId", accountId, "account");
  return `arn:${partitionOf(region)}:s3:::${assertForm("bucket", bucket)}`;
}

/** Name by which S3 asks KMS on a caller's behalf. */
export function s3Service(region: string): string {
  return `s3.${assertForm("region", region)}.amazonaws.com${partitionOf(region) === "aws-cn" ? ".cn" : ""}`;
}

/** What a tenant may do with an object under its prefix: no version, no tag, no ACL. */
export const objectActions = [
  "s3:GetObject",
  "s3:PutObject",
  "s3:DeleteObject",
  "s3:AbortMultipartUpload",
  "s3:ListMultipartUploadParts",
] as const;

/** Tags of sessions and roles that the policies look at. */
export const tags = {
  /** The tenant's id. */
  tenant: "tenant",
  /** Its prefix without the closing slash, as in `tenants/acme`. */
  prefix: "tenantPrefix",
  /** Only where the tenant has a key of its own. */
  key: "kmsKeyArn",
} as const;

export const principalTag = (name: string): string => `aws:PrincipalTag/${name}`;
export const requestTag = (name: string): string => `aws:RequestTag/${name}`;
/** A policy variable. */
export const variable = (key: string): string => `\${${key}}`;
