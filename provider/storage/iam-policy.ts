/** IAM policies that limit a user to one prefix. Nothing but validated names goes in: `*` and `${…}` are live there. */
import { z } from "zod";
import { ProviderError } from "../handler.ts";

const prefixForm = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*s\/[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?\/$/;
const bucketForm = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html, less what makes no tenant's name. */
const usernameForm = /^[A-Za-z0-9_.-]{1,64}$/;

export function isPrefix(prefix: string): boolean {
  return prefix.length <= 120 && prefixForm.test(prefix);
}

export function isUsername(username: string): boolean {
  return usernameForm.test(username);
}

export interface PolicyScope {
  readonly bucket: string;
  /** With its closing slash: without it `acme` would read `acme2`. */
  readonly prefix: string;
  readonly region: string;
  /**
   * Amazon's own S3 knows two things that SeaweedFS 4.48 does not: an action for listing the parts of an upload, and
   * the condition key `aws:SecureTransport` in a user's policy, which is never fulfilled there (a bucket's policy has it).
   */
  readonly amazon: boolean;
}

type PolicyConditions = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

export interface PolicyStatement {
  readonly Sid: string;
  readonly Effect: "Allow";
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Condition?: PolicyConditions;
}

export interface PolicyDocument {
  readonly Version: "2012-10-17";
  readonly Statement: readonly PolicyStatement[];
}

/**
 * On Amazon each statement asks for TLS. Other servers must refuse plain HTTP themselves, by having no port for it or by
 * the bucket's policy.
 *
 * @throws ProviderError unless bucket and prefix are legal
 */
export function prefixPolicy({ bucket, prefix, region, amazon }: PolicyScope): PolicyDocument {
  if (!isPrefix(prefix))
    throw new ProviderError(`prefix ${JSON.stringify(prefix.slice(0, 80))} is not legal in an IAM policy.`);
  if (!bucketForm.test(bucket))
    throw new ProviderError(`bucket ${JSON.stringify(bucket.slice(0, 80))} is no legal name.`);
  const partition = region.startsWith("cn-") ? "aws-cn" : region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
  const arn = `arn:${partition}:s3:::${bucket}`;
  const tls: PolicyConditions = amazon ? { Bool: { "aws:SecureTransport": ["true"] } } : {};
  const conditions = amazon ? { Condition: tls } : {};
  return {
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "Objects",
        Effect: "Allow",
        Action: [
          "s3:GetObject",
          "s3:PutObject",
          "s3:DeleteObject",
          "s3:AbortMultipartUpload",
          ...(amazon ? ["s3:ListMultipartUploadParts"] : []),
        ],
        Resource: [`${arn}/${prefix}*`],
        ...conditions,
      },
      {
        Sid: "List",
        Effect: "Allow",
        Action: ["s3:ListBucket"],
        Resource: [arn],
        Condition: { ...tls, StringLike: { "s3:prefix": [prefix, `${prefix}*`] } },
      },
      { Sid: "Location", Effect: "Allow", Action: ["s3:GetBucketLocation"], Resource: [arn], ...conditions },
    ],
  };
}

const oneOrMore = z.union([z.string().transform((text) => [text]), z.array(z.string())]);
const documentSchema = z.looseObject({
  Version: z.string(),
  Statement: z.array(
    z.looseObject({
      Effect: z.string(),
      Action: oneOrMore,
      Resource: oneOrMore,
      Condition: z.record(z.string(), z.record(z.string(), oneOrMore)).optional(),
    }),
  ),
});

/** Whether a policy's text, as the server gives it back, allows the same: servers reorder it and write `["a"]` as `"a"`. */
export function isSamePolicy(text: string, policy: PolicyDocument): boolean {
  const live = canonical(text);
  return live !== undefined && live === canonical(JSON.stringify(policy));
}

function canonical(text: string): string | undefined {
  let value: unknown;
  try {
    // Amazon's IAM gives the text percent-encoded.
    value = JSON.parse(text.startsWith("%") ? decodeURIComponent(text) : text);
  } catch {
    return undefined;
  }
  const parsed = documentSchema.safeParse(value).data;
  if (parsed === undefined) return undefined;
  return JSON.stringify(sorted(parsed));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value))
    return value.map(sorted).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  if (value === null || typeof value !== "object") return value;
  return Object.entries(value)
    .map(([key, item]): [string, unknown] => [key, sorted(item)])
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}
