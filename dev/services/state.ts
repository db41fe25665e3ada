/** What a folder of services remembers from start to start: ports, passwords, where the programs are. */
import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { join } from "node:path";
import { z } from "zod";
import { ServicesError } from "./error.ts";
import { errorCode, readIfThere, writePrivate } from "./files.ts";
import { processRecordSchema } from "./process.ts";

const portNames = [
  "postgres",
  "redis-1",
  "redis-2",
  "s3",
  "s3-grpc",
  "master",
  "master-grpc",
  "volume",
  "volume-grpc",
  "filer",
  "filer-grpc",
  "neo4j-api",
] as const;
export type PortName = (typeof portNames)[number];

export const serviceNames = ["postgres", "redis-1", "redis-2", "storage"] as const;
export type ServiceName = (typeof serviceNames)[number];

const serviceName = z.enum(serviceNames);
const port = z.int().min(1).max(65535);
const secret = z.string().min(16);

export const stateSchema = z.strictObject({
  ports: z.record(z.enum(portNames), port),
  secrets: z.strictObject({
    postgresAdmin: secret,
    postgresProvisioner: secret,
    /** Password of the trusted login for applications. */
    postgresApplication: secret,
    redisAdmin: secret,
    s3AccessKeyId: secret,
    s3SecretAccessKey: secret,
    /** Signs the requests among SeaweedFS's own servers; without it any local process may use them. */
    jwt: secret,
    /** Password of the database login with which SeaweedFS keeps its IAM users. */
    storageDatabase: secret,
    /** Encrypts SeaweedFS's key for objects with server-side encryption. */
    objectEncryption: secret,
    /** Bearer token of the API that gives out Neo4j instances. */
    neo4jApi: secret,
  }),
  services: z.array(serviceName),
  durable: z.boolean(),
  /** Set when a caller asked for a certificate of its own lifetime. */
  certificateDays: z.number().optional(),
  programs: z.strictObject({
    /** Folder with PostgreSQL's `bin`, `lib` and `share`. */
    postgres: z.string(),
    valkeyServer: z.string(),
    weed: z.string(),
    python: z.string(),
    /** Folder of Neo4j's Java and jars, filled when the first instance is asked for. */
    neo4j: z.string(),
    /** Put before PostgreSQL's commands, because it refuses to run as root. */
    postgresPrefix: z.array(z.string()),
    /** User and group that own PostgreSQL's data, where they are not the caller's. */
    postgresOwner: z.strictObject({ uid: z.int(), gid: z.int() }).optional(),
  }),
});
export type State = z.infer<typeof stateSchema>;

/** What the supervisor tells about itself and its services, in `pids.json`. */
export const pidsSchema = z.object({
  supervisor: processRecordSchema,
  services: z.partialRecord(
    serviceName,
    z.object({
      guard: processRecordSchema,
      process: processRecordSchema,
      /** How it ended; left out while it runs. */
      exit: z.object({ code: z.int(), at: z.string() }).optional(),
    }),
  ),
});
export type Pids = z.infer<typeof pidsSchema>;

export const paths = (dir: string) => ({
  state: join(dir, "state.json"),
  pids: join(dir, "pids.json"),
  platform: join(dir, "platform.json"),
  lock: join(dir, "lock"),
  logs: join(dir, "logs"),
  log: (name: string) => join(dir, "logs", `${name}.log`),
  caCertificate: join(dir, "ca.pem"),
  caKey: join(dir, "ca-key.pem"),
  serverCertificate: join(dir, "server.pem"),
  serverKey: join(dir, "server-key.pem"),
  data: (name: ServiceName) => join(dir, "data", name),
  files: join(dir, "files"),
});

export async function readState(dir: string): Promise<State | undefined> {
  const text = await readIfThere(paths(dir).state);
  if (text === undefined) return undefined;
  const state = stateSchema.safeParse(parseJson(text));
  if (state.success) return state.data;
  const { path } = state.error.issues[0] ?? { path: [] };
  throw new ServicesError(
    `${paths(dir).state}: written by another version of this program or damaged (at ${path.join(".") || "the top"}). ` +
      `It holds the passwords of the data beside it; to begin anew with empty servers: npm run dev:reset`,
  );
}

/**
 * Gives the state of an older version the ports and passwords that it lacks, because the data beside it is worth keeping.
 * Whatever else is wrong with it `readState` tells.
 *
 * @param added - programs that came since
 * @returns whether the state was an older version's: then what is made from it is written anew
 */
export async function upgradeState(dir: string, added: Pick<State["programs"], "neo4j" | "python">): Promise<boolean> {
  const text = await readIfThere(paths(dir).state);
  const old = text === undefined ? undefined : parseJson(text);
  if (!olderSchema.safeParse(old).success || stateSchema.safeParse(old).success) return false;
  const { ports, secrets, programs, ...rest } = olderSchema.parse(old);
  const upgraded = stateSchema.safeParse({
    ...rest,
    ports: { ...(await choosePorts(undefined, new Set(Object.values(ports)), () => undefined)), ...ports },
    secrets: { ...newSecrets(), ...secrets },
    programs: { ...added, ...programs },
  });
  if (upgraded.success) await writeState(dir, upgraded.data);
  return upgraded.success;
}

const olderSchema = z.looseObject({
  ports: z.record(z.string(), port),
  secrets: z.record(z.string(), secret),
  programs: z.record(z.string(), z.unknown()),
});

export async function writeState(dir: string, state: State): Promise<void> {
  await writePrivate(paths(dir).state, `${JSON.stringify(state, null, 2)}\n`);
}

export async function readPids(dir: string): Promise<Pids | undefined> {
  const text = await readIfThere(paths(dir).pids);
  return text === undefined ? undefined : pidsSchema.safeParse(parseJson(text)).data;
}

/** Undefined for what is no JSON: the schemas then refuse it. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function newSecrets(): State["secrets"] {
  const password = (): string => randomBytes(24).toString("base64url");
  return {
    postgresAdmin: password(),
    postgresProvisioner: password(),
    postgresApplication: password(),
    redisAdmin: password(),
    s3AccessKeyId: randomBytes(10).toString("hex").toUpperCase(),
    s3SecretAccessKey: randomBytes(30).toString("base64url"),
    jwt: password(),
    storageDatabase: password(),
    objectEncryption: password(),
    neo4jApi: password(),
  };
}

/**
 * Keeps each remembered port that is free and takes a free one for the others.
 *
 * @param inUse ports that our own running services hold: kept without asking
 */
export async function choosePorts(
  remembered: State["ports"] | undefined,
  inUse: ReadonlySet<number>,
  progress: (line: string) => void,
): Promise<State["ports"]> {
  const chosen = new Map<PortName, number>();
  const taken = new Set(Object.values(remembered ?? {}));
  for (const name of portNames) {
    const old = remembered?.[name];
    if (old !== undefined && (inUse.has(old) || (await isFree(old)))) {
      chosen.set(name, old);
      continue;
    }
    let next = await freePort();
    while (taken.has(next)) next = await freePort();
    taken.add(next);
    chosen.set(name, next);
    if (old !== undefined) progress(`${name}: port ${old} is taken by another program, using ${next}`);
  }
  return stateSchema.shape.ports.parse(Object.fromEntries(chosen));
}

export async function isFree(port: number): Promise<boolean> {
  try {
    await listenOnce(port);
    return true;
  } catch (error) {
    if (errorCode(error) === "EADDRINUSE" || errorCode(error) === "EACCES") return false;
    throw error;
  }
}

export async function freePort(): Promise<number> {
  return listenOnce(0);
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === "object" && address !== null) resolve(address.port);
        else reject(new Error("the system gave no port"));
      });
    });
  });
}
