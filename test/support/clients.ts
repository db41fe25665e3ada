/** Clients of a tenant's application, made from what `credentials` prints, and nothing else. */
import { readFileSync } from "node:fs";
import { Agent } from "node:https";
import { ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { Redis } from "ioredis";
import pg from "pg";
import type { Credentials } from "./project.ts";

/** A connection as the tenant's application; the caller ends it. */
export async function connectPostgres({ postgres }: Credentials): Promise<pg.Client> {
  const { host, port, database, user, password, caFile } = postgres;
  const client = new pg.Client({ host, port, database, user, password, ssl: { ca: readFileSync(caFile, "utf8") } });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

export async function query(credentials: Credentials, sql: string): Promise<Record<string, unknown>[]> {
  const client = await connectPostgres(credentials);
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

export function connectRedis({ redis }: Credentials): Redis {
  const { host, port, username, password, caFile } = redis;
  const client = new Redis({
    host,
    port,
    username,
    password,
    tls: { ca: readFileSync(caFile, "utf8") },
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  client.on("error", () => undefined);
  return client;
}

export async function redisCommand(credentials: Credentials, command: string, ...args: string[]): Promise<unknown> {
  const client = connectRedis(credentials);
  try {
    return await client.call(command, ...args);
  } finally {
    client.disconnect();
  }
}

export function connectStorage({ storage }: Credentials): S3Client {
  const { endpoint, region, accessKeyId, secretAccessKey, caFile } = storage;
  return new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
    requestHandler: { httpsAgent: new Agent({ ca: readFileSync(caFile, "utf8") }) },
  });
}

export async function putObject(credentials: Credentials, key: string, body = "x"): Promise<void> {
  const client = connectStorage(credentials);
  try {
    const { bucket, prefix } = credentials.storage;
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: `${prefix}${key}`, Body: body }));
  } finally {
    client.destroy();
  }
}

export async function listKeys(credentials: Credentials): Promise<string[]> {
  const client = connectStorage(credentials);
  try {
    const { bucket, prefix } = credentials.storage;
    const page = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
    return (page.Contents ?? []).map(({ Key }) => Key ?? "");
  } finally {
    client.destroy();
  }
}
