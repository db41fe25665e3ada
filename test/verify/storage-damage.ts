/** Tools to break a tenant's place on an S3 server. */
import { CreateAccessKeyCommand, PutUserPolicyCommand } from "@aws-sdk/client-iam";
import {
  PutBucketAclCommand,
  DeleteBucketPolicyCommand,
  GetBucketPolicyCommand,
  PutBucketPolicyCommand,
} from "@aws-sdk/client-s3";
import type { Party } from "../../verify/party.ts";
import type { Ground, Tenant } from "./storage-support.ts";

export interface Scene {
  readonly ground: Ground;
  readonly attacker: Tenant;
  readonly canary: Tenant;
}

export interface Mutation {
  readonly name: string;
  /** @returns the attacker as it is from now on; undefined: unchanged */
  damage(scene: Scene): Promise<Party | undefined>;
  /** Beside the handler's own repair of both tenants. */
  restore?(scene: Scene): Promise<unknown>;
  /** All attempts that find it, without `storage/`. */
  readonly finds: readonly string[];
}

export const objectActions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"];

interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: object;
}

export function arn({ ground }: Scene, key?: string): string {
  const bucket = `arn:aws:s3:::${ground.server.bucket}`;
  return key === undefined ? bucket : `${bucket}/${key}`;
}

/** The handler's policy with one statement in the place of each of these two. */
export async function policy(
  scene: Scene,
  { objects, list, name = "tenancy" }: { objects?: Statement; list?: Statement; name?: string },
): Promise<undefined> {
  const { prefix, username } = scene.attacker.inputs;
  const own: Statement = { Action: objectActions, Resource: arn(scene, `${prefix}*`) };
  const ownList: Statement = {
    Action: "s3:ListBucket",
    Resource: arn(scene),
    Condition: { StringLike: { "s3:prefix": [prefix, `${prefix}*`] } },
  };
  const Statement = [objects ?? own, list ?? ownList].map((one) => ({ Effect: "Allow", ...one }));
  await scene.ground.admin.iam.send(
    new PutUserPolicyCommand({
      UserName: username,
      PolicyName: name,
      PolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement }),
    }),
  );
  return undefined;
}

/** One more statement, in a policy of its own. */
export const extra = (scene: Scene, statement: Statement) => policy(scene, { objects: statement, name: "more" });

export async function bucketPolicy(scene: Scene, statement: Statement): Promise<undefined> {
  const { s3 } = scene.ground.admin;
  const Bucket = scene.ground.server.bucket;
  const Policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: "*", ...statement }],
  });
  await s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  return undefined;
}

export async function bucketAcl(
  { ground: { admin, server } }: Scene,
  ACL: "private" | "public-read",
): Promise<undefined> {
  await admin.s3.send(new PutBucketAclCommand({ Bucket: server.bucket, ACL }));
  return undefined;
}

/** The attacker holds an access key of the canary's user. */
export async function keyOfOther({ ground, attacker, canary }: Scene): Promise<Party> {
  const made = await ground.admin.iam.send(new CreateAccessKeyCommand({ UserName: canary.inputs.username }));
  const { AccessKeyId = "", SecretAccessKey = "" } = made.AccessKey ?? {};
  const { storage } = attacker.party;
  if (storage === undefined) throw new Error("the attacker has no storage");
  return { ...attacker.party, storage: { ...storage, accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey } };
}

/** In alphabetical order. */
export function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

export const withoutSlash = ({ attacker }: Scene) => attacker.inputs.prefix.slice(0, -1);

let original: string | undefined;

/** To be called before the first mutation. */
export async function rememberPolicy({ admin, server }: Ground): Promise<void> {
  original = (await admin.s3.send(new GetBucketPolicyCommand({ Bucket: server.bucket }))).Policy;
}

export async function restorePolicy({ ground }: Scene): Promise<void> {
  const Bucket = ground.server.bucket;
  if (original === undefined) await ground.admin.s3.send(new DeleteBucketPolicyCommand({ Bucket }));
  else await ground.admin.s3.send(new PutBucketPolicyCommand({ Bucket, Policy: original }));
}
