/** Asks each live server with the tenant's own login whether the tenant's place is there, and open or closed. */
import { stat } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { Agent } from "node:https";
import { join } from "node:path";
import { ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { Redis } from "ioredis";
import pg from "pg";
import { connectServer } from "../provider/neo4j/client.ts";
import type {
  Connections,
  Neo4jConnection,
  PostgresConnection,
  RedisConnection,
  StorageConnection,
} from "./connections.ts";

/** Limit of each connection and answer. */
const limitMs = 10_000;

export interface StoreStatus {
  /** Physical name: schema, key prefix, prefix. */
  readonly name: string;
  /** An active tenant can log in, a suspended or offboarding one cannot. */
  readonly ok: boolean;
  readonly detail: string;
}

type Login = { readonly open: true; readonly detail: string } | { readonly open: false; readonly detail: string };

/** The status of each store that the tenant has. */
export async function probeTenant(tenant: Connections): Promise<Record<string, StoreStatus>> {
  const { postgres, redis, storage, neo4j: graph } = tenant;
  const probes: [string, string, Promise<Login>][] = [];
  if (postgres !== undefined) probes.push(["postgres", postgres.schema, login(() => probePostgres(postgres))]);
  if (redis !== undefined) probes.push(["redis", `${redis.keyPrefix}*`, login(() => probeRedis(redis))]);
  if (storage !== undefined) probes.push(["storage", storage.prefix, login(() => probeStorage(storage))]);
  if (graph !== undefined) probes.push(["neo4j", graph.database, login(() => probeNeo4j(graph))]);
  const entries = probes.map(
    async ([store, name, probe]) => [store, verdict(tenant.state, name, await probe)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

function verdict(state: string, name: string, { open, detail }: Login): StoreStatus {
  if (state === "active") return { name, ok: open, detail };
  return { name, ok: !open, detail: open ? `open although the tenant is ${state}: ${detail}` : `closed: ${detail}` };
}

async function login(probe: () => Promise<string>): Promise<Login> {
  try {
    return { open: true, detail: await probe() };
  } catch (error) {
    if (!(error instanceof Error)) return { open: false, detail: String(error) };
    // Redis wraps the refusal in an error about retries; AWS puts the code into the name.
    const code = "code" in error && typeof error.code === "string" ? `${error.code} ` : "";
    const named = error.name === "Error" || error.name === "error" ? "" : `${error.name}: `;
    return { open: false, detail: `${code}${named}${error.message}`.slice(0, 200) };
  }
}

async function probePostgres(connection: PostgresConnection): Promise<string> {
  const { host, port, database, user, password, schema } = connection;
  if (password === undefined) throw new Error("logins go by tokens of IAM, which this command does not ask for");
  const client = new pg.Client({
    host,
    port,
    database,
    user,
    password,
    ssl: { rejectUnauthorized: true, ...trust(connection) },
    connectionTimeoutMillis: limitMs,
    query_timeout: limitMs,
    application_name: "tenancy status",
  });
  // A server that closes the session later has its error told by the query.
  client.on("error", () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ schema: string | null; tables: number }>(
      "SELECT current_schema() AS schema, count(*)::int AS tables FROM pg_catalog.pg_tables WHERE schemaname = $1",
      [schema],
    );
    const [row] = rows;
    if (row?.schema !== schema) throw new Error(`the login's first schema is ${String(row?.schema)}, not ${schema}`);
    return `login ${user}, ${row.tables} tables`;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function probeRedis(connection: RedisConnection): Promise<string> {
  const { host, port, username, password, keyPrefix } = connection;
  const client = new Redis({
    host,
    port,
    username,
    password,
    tls: trust(connection),
    lazyConnect: true,
    connectTimeout: limitMs,
    commandTimeout: limitMs,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let refusal: Error | undefined;
  client.on("error", (error: Error) => (refusal = error));
  try {
    await client.connect();
    await client.exists(`${keyPrefix}tenancy-status`);
    return `login ${username}`;
  } catch (error) {
    throw refusal ?? error;
  } finally {
    client.disconnect();
  }
}

async function probeStorage(connection: StorageConnection): Promise<string> {
  if ("access" in connection) throw new Error(`access is by ${connection.access}, which this command does not open`);
  if (!("endpoint" in connection)) {
    const folder = await stat(join(connection.root, connection.prefix));
    const mode = (folder.mode & 0o777).toString(8);
    if ((folder.mode & 0o700) === 0) throw new Error(`folder with mode ${mode}`);
    return `folder with mode ${mode}`;
  }
  const { endpoint, bucket, prefix, accessKeyId, secretAccessKey, region } = connection;
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 2,
    requestHandler: { connectionTimeout: limitMs, requestTimeout: limitMs, httpsAgent: new Agent(trust(connection)) },
  });
  try {
    await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: 1 }));
    return `access key ${accessKeyId}`;
  } finally {
    client.destroy();
  }
}

async function probeNeo4j(connection: Neo4jConnection): Promise<string> {
  const { uri, database, username, password } = connection;
  const client = connectServer({ uri, user: username, password, ...trust(connection) }, { retryForMs: 0 });
  try {
    const count = { what: "count of nodes", text: "MATCH (n) RETURN count(n) AS nodes", params: {} };
    const [row] = await client.run(count, { database });
    return `login ${username}, ${String(row?.nodes)} nodes`;
  } finally {
    await client.close();
  }
}

/** The authority that signed the server's certificate: a file, its text, or those that Node.js ships. */
function trust({ caFile, ca }: { caFile?: string | undefined; ca?: string | undefined }): { ca?: string } {
  if (caFile !== undefined) return { ca: readFileSync(caFile, "utf8") };
  return ca === undefined ? {} : { ca };
}
