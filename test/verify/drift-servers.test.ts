import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DeleteBucketPolicyCommand, PutBucketPolicyCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Services, startServices } from "../../dev/services/index.ts";
import type { RedisServer, S3Server } from "../../provider/config.ts";
import { connectNode } from "../../provider/redis/client.ts";
import { connectS3 } from "../../provider/storage/client.ts";
import { bucketFindings, openStatements, redisServerFindings } from "../../verify/drift-servers.ts";
import { pythonDir } from "../support/global-setup.ts";

/** Of this file alone: what is damaged here, every tenant would feel. */
let services: Services;
let redis: RedisServer;
let storage: S3Server;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "tenancy-drift-"));
  services = await startServices({ dir, pythonDir, mode: "attached", durable: false, progress: () => undefined });
  const { main } = services.platform.redis;
  const bucket = services.platform.storage.main;
  if (main === undefined || bucket?.kind !== "s3") throw new Error("the services have Redis and S3");
  redis = main;
  storage = bucket;
}, 120_000);
afterAll(async () => {
  await services.stop();
  await rm(dir, { recursive: true, force: true });
});

describe("what of a server reaches every tenant", () => {
  test("the embedded servers let nobody in without a login", async () => {
    expect(await redisServerFindings(redis)).toEqual([]);
    expect(await bucketFindings(storage)).toEqual([]);
  });

  test("a default user without a password is told for its node, with what an administrator runs", async () => {
    const [first] = redis.nodes;
    if (first === undefined) throw new Error("the server has a node");
    const node = connectNode(redis, first);
    await node.run("ACL SETUSER", [["ACL", "SETUSER", "default", "on", "nopass"]]);
    const found = await redisServerFindings(redis);
    await node.run("ACL SETUSER", [["ACL", "SETUSER", "default", "off", "resetpass"]]);
    node.close();
    expect(found).toEqual([
      {
        field: `ACL user default on Redis node ${node.address}`,
        is: "on, without a password",
        should: "off",
        sentence: `the user default gets in without a password on Redis node ${node.address}`,
        mend: "administrator",
        statements: ["ACL SETUSER default off resetpass", "ACL SAVE"],
      },
    ]);
    expect(await redisServerFindings(redis)).toEqual([]);
  });

  test("a bucket's policy that allows everyone is told with its statement", async () => {
    const clients = connectS3(storage);
    const { s3 } = clients;
    const { bucket: Bucket } = storage;
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        { Sid: "Open", Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: `arn:aws:s3:::${Bucket}/*` },
      ],
    });
    await s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
    const found = await bucketFindings(storage);
    await s3.send(new DeleteBucketPolicyCommand({ Bucket }));
    clients.close();
    expect(found.map(({ sentence, mend }) => [sentence, mend])).toEqual([
      [`the policy of the bucket ${Bucket} allows everyone something (Open)`, "administrator"],
    ]);
  });

  test.each<[string, string[]]>([
    ["", []],
    ["not JSON", ["a policy that cannot be read"]],
    ['{"Statement":[{"Effect":"Deny","Principal":"*"}]}', []],
    ['{"Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:x","*"]}}]}', ["number 1"]],
    ['{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1:root"}}]}', []],
  ])("the policy %s has the open statements %j", (text, open) => {
    expect(openStatements(text)).toEqual(open);
  });
});
