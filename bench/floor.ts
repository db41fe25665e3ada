/** The floor: the same SQL, ACL and S3 calls as an update makes, on one connection to each store, without any engine. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { CreateAccessKeyCommand, CreateUserCommand, PutUserPolicyCommand } from "@aws-sdk/client-iam";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import pg from "pg";
import { postgresNames, redisNames, storageNames } from "../components/naming.ts";
import type { Platform } from "../provider/config.ts";
import type { SchemaInputs } from "../provider/inputs.ts";
import { newMark } from "../provider/mark.ts";
import { baselineHandler } from "../provider/postgres/baseline.ts";
import { postgresDependencies } from "../provider/postgres/dependencies.ts";
import { renderFiles } from "../provider/postgres/files.ts";
import { scramVerifier } from "../provider/postgres/scram.ts";
import { createScript } from "../provider/postgres/script.ts";
import { openRule } from "../provider/redis/acl-rule.ts";
import { connectNode } from "../provider/redis/client.ts";
import { connectS3 } from "../provider/storage/client.ts";
import { prefixPolicy } from "../provider/storage/iam-policy.ts";
import { loadTemplate } from "../templates/load.ts";

export interface Floor {
  readonly postgresSeconds: number;
  readonly redisSeconds: number;
  readonly storageSeconds: number;
}

const folders = ["uploads", "processed", "exports"];
const password = "a-password-of-the-benchmark";

/**
 * @param prefix - naming prefix that nothing else uses
 * @param templates - absolute path of the templates
 */
export async function floor(
  platform: Platform,
  storage: "main" | "files",
  prefix: string,
  ids: readonly string[],
  templates: string,
): Promise<Floor> {
  const postgresSeconds = await seconds(() => floorPostgres(platform, prefix, ids, templates));
  const redisSeconds = await seconds(() => floorRedis(platform, prefix, ids));
  const storageSeconds = await seconds(() => floorStorage(platform, storage, prefix, ids));
  return { postgresSeconds, redisSeconds, storageSeconds };
}

async function floorPostgres(
  platform: Platform,
  prefix: string,
  ids: readonly string[],
  templates: string,
): Promise<void> {
  const server = platform.postgres.main;
  if (server === undefined) throw new Error("the benchmark's platform has a PostgreSQL server");
  const projectDir = join(templates, "..");
  const dependencies = postgresDependencies({ platform, templates, projectDir });
  const context = {
    urn: "urn:pulumi:bench::tenancy::tenancy:postgres:Baseline::main",
    adopt: new Set<string>(),
    warn: () => undefined,
    status: () => undefined,
    signal: new AbortController().signal,
  };
  await baselineHandler(dependencies).create(context, { server: "main", extensions: [], provisionerPassword: "" });
  await dependencies.pools.close();
  const client = new pg.Client({
    ...server.provisioner,
    host: server.host,
    port: server.port,
    database: server.database,
    ssl: { ca: server.ca },
  });
  await client.connect();
  const template = loadTemplate(templates, "knowledge-graph");
  const verifier = await scramVerifier(password);
  for (const id of ids) {
    const inputs: SchemaInputs = {
      ...postgresNames(prefix, id),
      server: "main",
      tenant: `${prefix}-${id}`,
      externalId: `${prefix}-${id}`,
      state: "active",
      connectionLimit: 10,
      readOnlyConnectionLimit: 5,
      template: template.name,
      variables: {},
      templateFiles: template.files,
      additionalFiles: [],
      additionalRoot: "tenants",
      password,
      readOnlyPassword: password,
    };
    const urn = `urn:pulumi:bench::tenancy::tenancy:postgres:Schema::${id}`;
    const files = renderFiles({ templates, projectDir }, inputs);
    const verifiers = { app: verifier, readOnly: verifier };
    await client.query(createScript(inputs, { server, mark: newMark(urn, id), verifiers, files, event: "created" }));
  }
  await client.end();
}

async function floorRedis(platform: Platform, prefix: string, ids: readonly string[]): Promise<void> {
  const server = platform.redis.main;
  const address = server?.nodes[0];
  if (server === undefined || address === undefined) throw new Error("the benchmark's platform has a Redis server");
  const node = connectNode(server, address);
  const info = await node.info();
  for (const id of ids) {
    const names = redisNames(prefix, id);
    await node.run("ACL SETUSER", [["ACL", "SETUSER", names.username, ...openRule(names, password, info)]]);
  }
  await node.run("ACL SAVE", [["ACL", "SAVE"]]);
  node.close();
}

async function floorStorage(
  platform: Platform,
  storage: "main" | "files",
  prefix: string,
  ids: readonly string[],
): Promise<void> {
  const server = platform.storage[storage];
  if (server === undefined) throw new Error(`the benchmark's platform has no storage ${storage}`);
  if (server.kind === "filesystem") {
    for (const id of ids) {
      for (const folder of folders) {
        mkdirSync(join(server.root, storageNames(prefix, id).prefix, folder), { recursive: true, mode: 0o700 });
      }
    }
    return;
  }
  const { bucket, region } = server;
  const clients = connectS3(server);
  for (const id of ids) {
    const names = storageNames(prefix, id);
    const user = { UserName: names.username };
    const policy = JSON.stringify(prefixPolicy({ bucket, prefix: names.prefix, region, amazon: false }));
    await clients.iam.send(new CreateUserCommand(user));
    await clients.iam.send(new PutUserPolicyCommand({ ...user, PolicyName: "tenant", PolicyDocument: policy }));
    await clients.iam.send(new CreateAccessKeyCommand(user));
    for (const folder of folders) {
      const Key = `${names.prefix}${folder}/`;
      await clients.s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: "", ContentLength: 0 }));
    }
  }
  clients.close();
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}
