import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { CreateAccessKeyCommand, CreateUserCommand, IAMClient, ListAccessKeysCommand } from "@aws-sdk/client-iam";
import {
  GetBucketVersioningCommand,
  GetObjectCommand,
  ListBucketsCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { Redis } from "ioredis";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  readServices,
  startServices,
  stopServices,
  type Services,
  type StartOptions,
} from "../../dev/services/index.ts";
import { isRunning, processRecord, type ProcessRecord } from "../../dev/services/process.ts";
import { readPids, readState } from "../../dev/services/state.ts";
import { platformSchema } from "../../provider/config.ts";
import { pythonDir } from "../support/global-setup.ts";
import { services } from "../support/services.ts";

const run = promisify(execFile);
const project = join(import.meta.dirname, "..", "..");

function servers(from: Pick<Services, "platform"> = services()) {
  const postgres = from.platform.postgres.main;
  const redis = from.platform.redis.main;
  const storage = from.platform.storage.main;
  if (postgres?.admin === undefined || redis === undefined || storage?.kind !== "s3") throw new Error("no servers");
  return { postgres, admin: postgres.admin, redis, storage };
}

async function postgres(options: pg.ClientConfig = {}, from?: Pick<Services, "platform">) {
  const { postgres: server, admin } = servers(from);
  const client = new pg.Client({
    host: server.host,
    port: server.port,
    database: "postgres",
    user: admin.user,
    password: admin.password,
    ssl: { ca: server.ca },
    ...options,
  });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

function redis(node: number, options: object = {}, from?: Pick<Services, "platform">): Redis {
  const { redis: server } = servers(from);
  const client = new Redis({
    ...server.nodes[node],
    username: server.username,
    password: server.password,
    tls: { ca: server.ca },
    lazyConnect: true,
    retryStrategy: () => null,
    ...options,
  });
  client.on("error", () => undefined);
  return client;
}

/** First error that a connection meets: ioredis itself only tells that it was closed. */
async function redisError(node: number, options: object): Promise<string> {
  const client = redis(node, options);
  const failed = once(client, "error").then(([error]: unknown[]) => String(error));
  const connected = client.connect().then(
    () => "connected",
    () => failed,
  );
  const message = await Promise.race([failed, connected]);
  client.disconnect();
  return message;
}

function s3(from?: Pick<Services, "platform">, secretAccessKey?: string): S3Client {
  const { storage } = servers(from);
  return new S3Client({
    endpoint: storage.endpoint,
    region: storage.region,
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: {
      accessKeyId: storage.accessKeyId,
      secretAccessKey: secretAccessKey ?? storage.secretAccessKey,
    },
    requestHandler: { httpsAgent: { ca: storage.ca } },
  });
}

function iam(from: Pick<Services, "platform">): IAMClient {
  const { endpoint, region, accessKeyId, secretAccessKey, ca } = servers(from).storage;
  const credentials = { accessKeyId, secretAccessKey };
  return new IAMClient({ endpoint, region, credentials, requestHandler: { httpsAgent: { ca } } });
}

/** What a server answers to plain text; empty when it only closes the connection. */
async function plaintext(port: number, text: string): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port });
  let answer = "";
  socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
  socket.on("error", () => undefined);
  socket.write(text);
  await once(socket, "close");
  return answer;
}

function tlsError(endpoint: string): Promise<string> {
  return new Promise((resolve) => {
    request(endpoint, (response) => {
      resolve(`answered ${String(response.statusCode)}`);
    })
      .on("error", (error) => {
        resolve("code" in error ? String(error.code) : error.message);
      })
      .end();
  });
}

/** Every process with the folder in its arguments or as its working folder. */
function processesOf(dir: string): ProcessRecord[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        return (
          readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(dir) || readlinkSync(`/proc/${pid}/cwd`).startsWith(dir)
        );
      } catch {
        return false;
      }
    })
    .flatMap((pid) => processRecord(Number(pid)) ?? []);
}

async function waitUntil(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(50);
}

describe("the servers refuse what is not theirs", () => {
  it("PostgreSQL refuses plaintext, an unknown authority and a wrong password", async () => {
    await expect(postgres({ ssl: false })).rejects.toThrow(/no pg_hba\.conf entry .* no encryption/);
    await expect(postgres({ ssl: true })).rejects.toThrow(/unable to verify|self-signed certificate/);
    await expect(postgres({ password: "wrong" })).rejects.toThrow('password authentication failed for user "postgres"');
  });

  it("each Valkey node refuses plaintext, an unknown authority, a wrong password and no password", async () => {
    const { nodes } = servers().redis;
    expect(nodes).toHaveLength(2);
    for (const [index, { port }] of nodes.entries()) {
      expect(await plaintext(port, "PING\r\n")).not.toContain("PONG");
      expect(await redisError(index, { tls: {} })).toMatch(/unable to verify|self-signed certificate/);
      expect(await redisError(index, { password: "wrong" })).toContain("WRONGPASS");
      expect(await redisError(index, { username: undefined, password: undefined })).toContain("NOAUTH");
    }
  });

  it("SeaweedFS refuses plaintext, an unknown authority and a wrong secret key", async () => {
    const { endpoint } = servers().storage;
    const answer = await plaintext(Number(new URL(endpoint).port), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect(answer).toMatch(/^HTTP\/1\.0 400 /);
    expect(await tlsError(endpoint)).toMatch(/UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN/);
    await expect(s3(undefined, "wrong").send(new ListBucketsCommand({}))).rejects.toThrow(/signature/i);
  });

  it("SeaweedFS's inner servers refuse requests that S3 has not signed", async () => {
    const ports = (await readState(services().dir))?.ports;
    const body = new FormData();
    body.set("file", new Blob(["x"]), "x");
    const filer = `http://127.0.0.1:${String(ports?.filer)}/buckets/tenants/planted`;
    expect((await fetch(filer, { method: "POST", body })).status).toBe(401);
    expect((await fetch(filer)).status).toBe(401);
    expect((await fetch(filer, { method: "DELETE" })).status).toBe(401);
  });
});

describe("the servers are what the platform needs", () => {
  it("PostgreSQL offers the extension vector and holds a password as SCRAM verifier", async () => {
    const client = await postgres();
    const { rows } = await client.query(
      `SELECT (SELECT default_version FROM pg_available_extensions WHERE name = 'vector') AS vector,
              (SELECT left(rolpassword, 14) FROM pg_authid WHERE rolname = 'postgres') AS password,
              current_setting('server_version_num')::int / 10000 AS major`,
    );
    await client.end();
    expect(rows).toEqual([{ vector: "0.8.5", password: "SCRAM-SHA-256$", major: 18 }]);
  });

  it("Valkey's nodes are independent and keep ACL rules in a file", async () => {
    const [first, second] = [redis(0), redis(1)];
    // Other tests' tenants may be on the server.
    const users = (await first.acl("LIST")).filter((user) => !/^user t[0-9a-f]{8}:/.test(user));
    expect(users).toEqual([
      expect.stringMatching(/^user default off /),
      expect.stringMatching(/^user tenancy-admin on /),
    ]);
    expect(await first.acl("SAVE")).toBe("OK");
    const key = `services-test:${String(process.pid)}`;
    await first.set(key, "1");
    expect(await second.get(key)).toBeNull();
    await first.del(key);
    first.disconnect();
    second.disconnect();
  });

  it("the bucket is there and versioned", async () => {
    const answer = await s3().send(new GetBucketVersioningCommand({ Bucket: servers().storage.bucket }));
    expect(answer.Status).toBe("Enabled");
  });

  it("the database of SeaweedFS's users is closed to every other login", async () => {
    const client = await postgres();
    try {
      const { rows } = await client.query<{ login: string }>(
        `SELECT a.grantee::regrole::text AS login FROM pg_database d, aclexplode(d.datacl) a
         WHERE d.datname = 'seaweedfs' AND a.privilege_type = 'CONNECT'`,
      );
      expect(rows).toEqual([{ login: "seaweedfs" }]);
    } finally {
      await client.end();
    }
  });

  it("psql and pg_dump run as they are given", async () => {
    const { bin } = services();
    for (const program of [bin.psql, bin.pgDump, bin.pgRestore]) {
      expect((await run(program, ["--version"])).stdout).toContain("(PostgreSQL) 18.");
    }
  });
});

describe("nothing leaks", () => {
  it("only the owner may look into the folder and read its files", async () => {
    const { dir } = services();
    const modes = new Map<string, number>();
    for (const name of [
      "",
      ...(await readdir(dir)),
      ...(await readdir(join(dir, "logs"))).map((log) => `logs/${log}`),
    ]) {
      modes.set(name, (await lstat(join(dir, name))).mode & 0o777);
    }
    const wrong = [...modes].filter(([name, mode]) => mode !== (/^(|data|files|logs)$/.test(name) ? 0o700 : 0o600));
    expect(wrong).toEqual([]);
    expect([...modes.keys()]).toEqual(
      expect.arrayContaining(["platform.json", "ca.pem", "server-key.pem", "state.json"]),
    );
  });

  it("no secret is in the arguments of any process", async () => {
    const secrets = Object.values((await readState(services().dir))?.secrets ?? {});
    expect(secrets).toHaveLength(10);
    const { stdout } = await run("ps", ["-A", "-ww", "-o", "args="], { maxBuffer: 50_000_000 });
    expect(stdout).toContain(services().dir);
    expect(secrets.filter((secret) => stdout.includes(secret))).toEqual([]);
  });

  it("no log holds a secret", async () => {
    const { dir } = services();
    const secrets = Object.values((await readState(dir))?.secrets ?? {});
    for (const log of await readdir(join(dir, "logs"))) {
      const text = await readFile(join(dir, "logs", log), "utf8");
      expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
    }
  });

  it.runIf(process.platform === "linux")("every port is bound to 127.0.0.1 only", () => {
    const inodes = new Set(
      processesOf(services().dir).flatMap(({ pid }) =>
        readdirSync(`/proc/${String(pid)}/fd`).flatMap((fd) => {
          try {
            return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${String(pid)}/fd/${fd}`))?.[1] ?? [];
          } catch {
            return [];
          }
        }),
      ),
    );
    const listening = ["tcp", "tcp6"].flatMap((protocol) =>
      readFileSync(`/proc/net/${protocol}`, "utf8")
        .split("\n")
        .map((line) => line.trim().split(/\s+/))
        // proc_net_tcp(5): state 0A is LISTEN, the tenth field is the socket's inode.
        .filter((fields) => fields[3] === "0A" && inodes.has(fields[9] ?? ""))
        .map((fields) => fields[1]?.split(":")[0]),
    );
    expect(listening.length).toBeGreaterThanOrEqual(11);
    expect(new Set(listening)).toEqual(new Set(["0100007F"]));
  });

  it("platform.json is the platform with the authority's file in place of its text", async () => {
    const { dir, caFile, platform } = services();
    const ca = await readFile(caFile, "utf8");
    const text = await readFile(join(dir, "platform.json"), "utf8");
    const resolved = JSON.parse(text, (_, value: unknown) => {
      if (typeof value !== "object" || value === null || !("caFile" in value)) return value;
      const { caFile: file, ...rest } = value;
      expect(file).toBe(caFile);
      return { ...rest, ca };
    }) as unknown;
    expect(platformSchema.parse(resolved)).toEqual(platform);
    expect(text).not.toContain("BEGIN CERTIFICATE");
  });
});

describe("starting and stopping", () => {
  let dir: string;
  const lines: string[] = [];

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "tenancy-"));
    lines.length = 0;
  });
  afterEach(async () => {
    await stopServices(dir);
    await rm(dir, { recursive: true, force: true });
  });

  function start(options: Partial<StartOptions> = {}): Promise<Services> {
    return startServices({
      dir,
      pythonDir,
      mode: "attached",
      durable: false,
      progress: (line) => lines.push(line),
      ...options,
    });
  }

  /** A launcher that is a process of its own, and what it has printed. */
  function launcher(mode: StartOptions["mode"]) {
    const code = `
      import { startServices } from ${JSON.stringify(join(project, "dev", "services", "index.ts"))};
      await startServices({ ...${JSON.stringify({ dir, pythonDir, mode, durable: false })}, progress: console.log });
      console.log("handed over");
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    return { child, output: () => output };
  }

  it("a second start starts nothing, a restart keeps ports, passwords and data", async () => {
    const first = await start({ durable: true });
    expect(first.started).toEqual(["postgres", "redis-1", "storage"]);
    const client = await postgres({}, first);
    await client.query("CREATE TABLE kept (n int); INSERT INTO kept VALUES (42)");
    await client.end();
    const cache = redis(0, {}, first);
    await cache.set("kept", "42");
    cache.disconnect();
    const Bucket = servers(first).storage.bucket;
    await s3(first).send(new PutObjectCommand({ Bucket, Key: "kept", Body: "42" }));
    await iam(first).send(new CreateUserCommand({ UserName: "tenant.kept" }));
    const { AccessKey } = await iam(first).send(new CreateAccessKeyCommand({ UserName: "tenant.kept" }));

    const second = await start({ durable: true });
    expect(second.started).toEqual([]);
    expect(second.pids).toEqual(first.pids);
    expect(second.platform).toEqual(first.platform);

    expect(await stopServices(dir)).toHaveLength(4);
    expect(await readServices(dir)).toBeUndefined();
    const third = await start({ durable: true });
    expect(third.started).toEqual(["postgres", "redis-1", "storage"]);
    expect(third.platform).toEqual(first.platform);
    const again = await postgres({}, third);
    expect((await again.query("SELECT n FROM kept")).rows).toEqual([{ n: 42 }]);
    await again.end();
    const cacheAgain = redis(0, {}, third);
    expect(await cacheAgain.get("kept")).toBe("42");
    cacheAgain.disconnect();
    const { Body } = await s3(third).send(new GetObjectCommand({ Bucket, Key: "kept" }));
    expect(await Body?.transformToString()).toBe("42");
    const { AccessKeyMetadata } = await iam(third).send(new ListAccessKeysCommand({ UserName: "tenant.kept" }));
    expect(AccessKeyMetadata?.map(({ AccessKeyId }) => AccessKeyId)).toEqual([AccessKey?.AccessKeyId]);
  });

  it("the folder of a version without the applications' login gets it while its servers run", async () => {
    const first = await start();
    const older = JSON.parse(await readFile(join(dir, "state.json"), "utf8")) as Record<
      string,
      Record<string, unknown>
    >;
    delete older.secrets?.postgresApplication;
    await writeFile(join(dir, "state.json"), JSON.stringify(older));
    await writeFile(join(dir, "platform.json"), "{}");
    const second = await start();
    expect(second.started).toEqual([]);
    const { main } = second.platform.postgres;
    expect(main?.application).toEqual({
      user: "tenancy_application",
      password: expect.stringMatching(/^[\w-]{32}$/) as string,
    });
    expect({ ...main, application: first.platform.postgres.main?.application }).toEqual(first.platform.postgres.main);
    const written = JSON.parse(await readFile(join(dir, "platform.json"), "utf8")) as typeof second.platform;
    expect(written.postgres.main?.application).toEqual(main?.application);
  });

  it("starts only the server that crashed", async () => {
    const before = await start();
    process.kill(before.pids["redis-1"] ?? 0, "SIGKILL");
    await waitUntil(async () => (await readPids(dir))?.services["redis-1"]?.exit !== undefined);
    expect(await readServices(dir)).toBeUndefined();
    const after = await start();
    expect(after.started).toEqual(["redis-1"]);
    expect(after.platform).toEqual(before.platform);
    expect({ ...after.pids, "redis-1": 0 }).toEqual({ ...before.pids, "redis-1": 0 });
    expect(after.pids["redis-1"]).not.toBe(before.pids["redis-1"]);
  });

  it("two starts at once give one set of servers", async () => {
    const [a, b] = await Promise.all([start(), start()]);
    expect([a.started.length, b.started.length].sort()).toEqual([0, 3]);
    expect(a.pids).toEqual(b.pids);
    expect(lines).toContain(`process ${String(process.pid)} is already starting here: waiting for it`);
  });

  it("takes another port, and says so, when a program has taken one", async () => {
    const before = servers(await start()).postgres.port;
    await stopServices(dir);
    const other = createServer();
    other.listen({ host: "127.0.0.1", port: before });
    await once(other, "listening");
    const after = servers(await start()).postgres.port;
    other.close();
    expect(after).not.toBe(before);
    expect(lines).toContain(`postgres: port ${String(before)} is taken by another program, using ${String(after)}`);
  });

  it("a start after an expired certificate makes a new one", async () => {
    const expired = servers(await start({ certificateDays: -1 }));
    await expect(postgres({ ssl: { ca: expired.postgres.ca } }, { platform: services().platform })).rejects.toThrow();
    const port = expired.postgres.port;
    await expect(postgres({ port, ssl: { ca: expired.postgres.ca } })).rejects.toThrow("certificate has expired");
    const renewed = await start();
    expect(renewed.started).toEqual(["postgres", "redis-1", "storage"]);
    await (await postgres({}, renewed)).end();
  });

  it("stopping ends exactly the recorded processes and can be repeated", async () => {
    await start();
    const record = await readPids(dir);
    const bystander = spawn("sleep", ["600"], { stdio: "ignore" });
    const stranger = processRecord(bystander.pid ?? 0);
    if (record === undefined || stranger === undefined) throw new Error("nothing runs");
    // As if the system had given the id of an ended server to another program.
    const reused = { ...record.services["redis-1"], process: { pid: stranger.pid, started: "another time" } };
    const before = processesOf(dir);
    const forged = { ...record, services: { ...record.services, "redis-1": reused } };
    await writeFile(join(dir, "pids.json"), JSON.stringify(forged));
    const stopped = await stopServices(dir);
    expect(stopped.map((line) => line.replace(/\d+/g, "N")).sort()).toEqual([
      "postgres (process N)",
      "storage (process N)",
      "supervisor (process N)",
    ]);
    expect(before.filter(isRunning)).toEqual([]);
    expect(isRunning(stranger)).toBe(true);
    bystander.kill();
    expect(await stopServices(dir)).toEqual([]);
  });

  it.runIf(process.platform === "linux")("nothing is left when the supervisor is killed", async () => {
    const { pids } = await start();
    const all = processesOf(dir);
    expect(all.length).toBeGreaterThanOrEqual(7);
    process.kill(pids.supervisor ?? 0, "SIGKILL");
    await waitUntil(() => !all.some(isRunning));
    expect(processesOf(dir)).toEqual([]);
    expect((await start()).started).toEqual(["postgres", "redis-1", "storage"]);
  });

  it.runIf(process.platform === "linux")("nothing is left when an attached launcher is killed", async () => {
    const { child, output } = launcher("attached");
    await waitUntil(() => output().includes("handed over"));
    expect(processesOf(dir).length).toBeGreaterThanOrEqual(7);
    child.kill("SIGKILL");
    await waitUntil(() => processesOf(dir).length === 0);
    expect(await readPids(dir)).toBeUndefined();
  });

  it.runIf(process.platform === "linux")("nothing is left when a launcher is killed before the hand-over", async () => {
    const { child, output } = launcher("detached");
    await waitUntil(() => output().includes("PostgreSQL: ready"));
    expect(output()).not.toContain("handed over");
    child.kill("SIGKILL");
    await waitUntil(() => processesOf(dir).length === 0);
  });

  it.runIf(process.platform === "linux")(
    "detached servers outlive their launcher and end with their folder",
    async () => {
      const { child, output } = launcher("detached");
      await waitUntil(() => output().includes("handed over"));
      child.kill("SIGKILL");
      await once(child, "exit");
      await delay(500);
      const running = await readServices(dir);
      expect(Object.keys(running?.pids ?? {}).sort()).toEqual(["postgres", "redis-1", "storage", "supervisor"]);
      const all = processesOf(dir);
      await rm(dir, { recursive: true, force: true, maxRetries: 10 });
      await waitUntil(() => !all.some(isRunning));
    },
  );
});

describe("the machine's faults", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "tenancy-"));
  });
  afterEach(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  /** Starts with a `python3` on PATH that is this shell script. */
  async function withPython(script: string): Promise<string> {
    const bin = join(dir, "bin");
    await mkdir(bin);
    await writeFile(join(bin, "python3"), `#!/bin/sh\n${script}\n`);
    await chmod(join(bin, "python3"), 0o755);
    for (const tool of ["unshare", "setpriv", "true"]) await symlink(`/usr/bin/${tool}`, join(bin, tool));
    const code = `
      import { startServices } from ${JSON.stringify(join(project, "dev", "services", "index.ts"))};
      await startServices({ dir: ${JSON.stringify(join(dir, "s"))}, mode: "attached", progress: () => {} })
        .catch((error) => console.log(error.message));`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", code], { env: { PATH: bin } });
    return stdout;
  }

  it("a Python without venv gives one message that names the package", async () => {
    expect(await withPython('case "$2" in *version_info*) echo 3.11 ;; *) exit 1 ;; esac')).toBe(
      "python3 (3.11) cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv\n",
    );
  });

  it("a Python that is too old is named with its version", async () => {
    expect(await withPython("echo 3.9")).toBe(
      "Python 3.11 or newer is needed for the embedded servers; found only: python3 is 3.9.\n",
    );
  });

  it("a damaged state is refused by name and does not keep anyone from stopping", async () => {
    await writeFile(join(dir, "state.json"), "{");
    const options = { dir, pythonDir, mode: "attached", progress: () => undefined } as const;
    await expect(startServices(options)).rejects.toThrow(/state\.json: .* npm run dev:reset$/);
    expect(await stopServices(dir)).toEqual([]);
  });
});

describe("npm run dev:down and dev:reset", () => {
  it("say what they did, and a reset follows no link out of the folder", async () => {
    const copy = await mkdtemp(join(tmpdir(), "tenancy-"));
    try {
      for (const name of ["cli", "dev", "provider", "node_modules", "package.json"]) {
        await symlink(join(project, name), join(copy, name));
      }
      const node = (script: string): Promise<string> =>
        run(process.execPath, ["--preserve-symlinks", "--preserve-symlinks-main", join(copy, "dev", script)]).then(
          ({ stdout }) => stdout,
        );
      expect(await node("down.ts")).toBe("nothing was running\n");
      expect(await node("reset.ts")).toBe(`nothing to remove: ${join(copy, ".dev")} is not there\n`);
      await mkdir(join(copy, "outside"));
      await writeFile(join(copy, "outside", "file"), "kept");
      await mkdir(join(copy, ".dev"));
      await symlink(join(copy, "outside"), join(copy, ".dev", "link"));
      expect(await node("reset.ts")).toBe(`removed ${join(copy, ".dev")}\n`);
      expect(await readFile(join(copy, "outside", "file"), "utf8")).toBe("kept");
      await symlink(join(copy, "outside"), join(copy, ".dev"));
      expect(await node("reset.ts")).toMatch(/^removed the link /);
      expect(await readFile(join(copy, "outside", "file"), "utf8")).toBe("kept");
    } finally {
      await rm(copy, { recursive: true, force: true });
    }
  });
});
