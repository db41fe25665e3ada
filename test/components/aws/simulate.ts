/** Evaluates policies as IAM does, for one request. */
import { runSimulation, type Simulation } from "@cloud-copilot/iam-simulate";
import type { PolicyDocument } from "../../../components/aws/policies/document.ts";

export const account = "123456789012";
export const region = "eu-central-1";
export const bucket = "acme-platform-tenants";
export const scope = { bucket, region, accountId: account };
export const platformKey = `arn:aws:kms:${region}:${account}:key/11111111-1111-1111-1111-111111111111`;
export const acmeKey = `arn:aws:kms:${region}:${account}:key/22222222-2222-2222-2222-222222222222`;
export const globexKey = `arn:aws:kms:${region}:${account}:key/33333333-3333-3333-3333-333333333333`;
export const application = `arn:aws:iam::${account}:role/application`;
export const tenantsRole = `arn:aws:iam::${account}:role/tenancy/tenants`;
export const session = `arn:aws:sts::${account}:assumed-role/tenants/acme`;

export type Context = Readonly<Record<string, string | readonly string[]>>;

export interface Attempt {
  readonly action: string;
  /** ARN. */
  readonly on: string;
  readonly context?: Context;
}

export interface Policies {
  readonly identity?: PolicyDocument;
  readonly resource?: PolicyDocument;
  /** What limits the session beyond its role. */
  readonly session?: PolicyDocument;
  readonly principal?: string;
}

/** TLS 1.3, as every SDK has it. */
export const overTls: Context = { "aws:SecureTransport": "true", "s3:TlsVersion": "1.3" };
export const kms: Context = { "s3:x-amz-server-side-encryption": "aws:kms" };
export const withKey = (arn: string): Context => ({ ...kms, "s3:x-amz-server-side-encryption-aws-kms-key-id": arn });
export const viaS3: Context = { "kms:ViaService": `s3.${region}.amazonaws.com` };
export const asTenant = (tenant: string, key?: string): Context => ({
  "aws:PrincipalTag/tenant": tenant,
  "aws:PrincipalTag/tenantPrefix": `tenants/${tenant}`,
  ...(key === undefined ? {} : { "aws:PrincipalTag/kmsKeyArn": key }),
});

/** Keys that requests carry although some of their actions do not look at them. */
const idle = new Set(["s3:AccessGrantsInstanceArn"]);
const words = { Allowed: "allowed", ExplicitlyDenied: "denied", ImplicitlyDenied: "not allowed" } as const;

/** @returns `allowed`, `denied` by a statement, or `not allowed` by any */
export async function simulate(policies: Policies, { action, on, context = {} }: Attempt): Promise<string> {
  const simulation: Simulation = {
    request: {
      principal: policies.principal ?? session,
      action,
      resource: { resource: on, accountId: account },
      contextVariables: Object.fromEntries(
        Object.entries(context).map(([key, value]) => [key, typeof value === "string" ? value : [...value]]),
      ),
    },
    identityPolicies: policies.identity === undefined ? [] : [{ name: "identity", policy: policies.identity }],
    sessionPolicy: policies.session,
    resourcePolicy: policies.resource,
    serviceControlPolicies: [],
    resourceControlPolicies: [],
  };
  const answer = await runSimulation(simulation, {});
  if (answer.resultType === "error") throw new Error(`${action}: ${JSON.stringify(answer.errors)}`);
  const ignored = answer.resultType === "single" ? (answer.result.ignoredContextKeys ?? []) : [];
  const wrong = ignored.filter((key) => !idle.has(key));
  if (wrong.length > 0) throw new Error(`ignored by IAM for ${action}: ${wrong.join(", ")}`);
  return words[answer.overallResult];
}

export const bucketOf = (name = bucket): string => `arn:aws:s3:::${name}`;
export const object = (key: string, name = bucket): string => `${bucketOf(name)}/${key}`;
