/** What of a shared server reaches every tenant: Redis's default user, and who may use a bucket without a login. */
import { GetBucketAclCommand, GetBucketPolicyCommand, GetPublicAccessBlockCommand } from "@aws-sdk/client-s3";
import { z } from "zod";
import type { RedisServer, S3Server } from "../provider/config.ts";
import type { Finding } from "../provider/finding.ts";
import { connectNode } from "../provider/redis/client.ts";
import { RedisTopology } from "../provider/redis/topology.ts";
import { connectS3, isAmazon } from "../provider/storage/client.ts";
import { describe, errorCode } from "../provider/storage/errors.ts";
import { addressOf } from "./servers.ts";

/** @throws ProviderError when a node cannot be asked */
export async function redisServerFindings(server: RedisServer): Promise<Finding[]> {
  const found: Finding[] = [];
  const topology = new RedisTopology(addressOf(server), server, connectNode, { retryForMs: 5_000 });
  try {
    for (const node of (await topology.layout()).nodes) {
      const [reply] = await node.run("ACL GETUSER", [["ACL", "GETUSER", "default"]]);
      const fields: readonly unknown[] = Array.isArray(reply) ? reply : [];
      const flags: unknown = fields[fields.indexOf("flags") + 1];
      const words = Array.isArray(flags) ? flags.map(String) : [];
      if (!words.includes("on") || !words.includes("nopass")) continue;
      found.push({
        field: `ACL user default on Redis node ${node.address}`,
        is: "on, without a password",
        should: "off",
        sentence: `the user default gets in without a password on Redis node ${node.address}`,
        mend: "administrator",
        statements: ["ACL SETUSER default off resetpass", "ACL SAVE"],
      });
    }
  } finally {
    topology.close();
  }
  return found;
}

const principal = z.union([z.string(), z.record(z.string(), z.union([z.string(), z.array(z.string())]))]);
const policySchema = z.looseObject({
  Statement: z.array(
    z.looseObject({ Sid: z.string().optional(), Effect: z.string(), Principal: principal.optional() }),
  ),
});

/** Groups that every account, or everyone, is in. */
const openGroups = /\/groups\/global\/(AllUsers|AuthenticatedUsers)$/;

/** @throws ProviderError when the server cannot be asked */
export async function bucketFindings(server: S3Server): Promise<Finding[]> {
  const clients = connectS3(server);
  const { bucket: Bucket } = server;
  const found: Finding[] = [];
  const ask = async <T>(what: string, send: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await send();
    } catch (error) {
      // A bucket without the setting, and a server that does not know it.
      if (/^NoSuch|NotImplemented|InvalidAction|MethodNotAllowed/.test(errorCode(error))) return undefined;
      throw describe(error, `${server.endpoint}, bucket ${Bucket}, ${what}`);
    }
  };
  try {
    const policy = await ask("GetBucketPolicy", () => clients.s3.send(new GetBucketPolicyCommand({ Bucket })));
    for (const name of openStatements(policy?.Policy)) {
      found.push({
        field: `bucket ${Bucket}: policy`,
        is: `the statement ${name} allows everyone`,
        should: "no statement that allows everyone",
        sentence: `the policy of the bucket ${Bucket} allows everyone something (${name})`,
        mend: "administrator",
        statements: [`aws s3api get-bucket-policy --bucket ${Bucket}`, `-- then put it back without ${name}`],
      });
    }
    const acl = await ask("GetBucketAcl", () => clients.s3.send(new GetBucketAclCommand({ Bucket })));
    for (const { Grantee, Permission } of acl?.Grants ?? []) {
      const group = openGroups.exec(Grantee?.URI ?? "")?.[1];
      if (group === undefined) continue;
      found.push({
        field: `bucket ${Bucket}: ACL`,
        is: `${String(Permission)} for ${group}`,
        should: "the owner alone",
        sentence: `the ACL of the bucket ${Bucket} gives ${group} ${String(Permission)}`,
        mend: "administrator",
        statements: [`aws s3api put-bucket-acl --bucket ${Bucket} --acl private`],
      });
    }
    if (isAmazon(server)) {
      const block = await ask("GetPublicAccessBlock", () =>
        clients.s3.send(new GetPublicAccessBlockCommand({ Bucket })),
      );
      const { BlockPublicAcls, BlockPublicPolicy, IgnorePublicAcls, RestrictPublicBuckets } =
        block?.PublicAccessBlockConfiguration ?? {};
      const settings = { BlockPublicAcls, BlockPublicPolicy, IgnorePublicAcls, RestrictPublicBuckets };
      const open = Object.entries(settings).flatMap(([name, value]) => (value === true ? [] : [name]));
      if (open.length > 0) {
        found.push({
          field: `bucket ${Bucket}: public access block`,
          is: `without ${open.join(", ")}`,
          should: "all four",
          sentence: `the bucket ${Bucket} does not block public access: ${open.join(", ")}`,
          mend: "administrator",
          statements: [
            `aws s3api put-public-access-block --bucket ${Bucket} --public-access-block-configuration ` +
              Object.keys(settings)
                .map((name) => `${name}=true`)
                .join(","),
          ],
        });
      }
    }
    return found;
  } finally {
    clients.close();
  }
}

/** Names of the statements that allow something to everyone; the whole text where it cannot be read. */
export function openStatements(text: string | undefined): string[] {
  if (text === undefined || text === "") return [];
  let parsed;
  try {
    parsed = policySchema.safeParse(JSON.parse(text)).data;
  } catch {
    parsed = undefined;
  }
  if (parsed === undefined) return ["a policy that cannot be read"];
  return parsed.Statement.flatMap(({ Sid, Effect, Principal }, index) => {
    const named = typeof Principal === "string" ? [Principal] : Object.values(Principal ?? {}).flat();
    return Effect === "Allow" && named.includes("*") ? [Sid ?? `number ${index + 1}`] : [];
  });
}
