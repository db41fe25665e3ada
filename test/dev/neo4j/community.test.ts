/** Real Neo4j Community instances of the embedded services: each isolated, each gone without a trace. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import neo4j, { type Config, type QueryConfig } from "neo4j-driver";
import { afterAll, beforeAll, expect, it } from "vitest";
import { callApi, type ApiAnswer } from "../../../dev/services/neo4j/client.ts";
import { neo4jInstances } from "../../support/neo4j-instances.ts";
import { processes } from "../../support/processes.ts";
import { services } from "../../support/services.ts";

const names = ["community-a", "community-b"] as const;
const passwords = { "community-a": "password-of-a-1", "community-b": "password-of-b-1" };
const ports = { "community-a": 0, "community-b": 0 };
type Name = (typeof names)[number];

function call(method: string, path: string, body?: unknown): Promise<ApiAnswer> {
  return callApi(neo4jInstances(), method, path, { body });
}

function put(name: Name, password: string, running = true): Promise<ApiAnswer> {
  return call("PUT", `/v1/instances/${name}`, { password, mark: `mark of ${name}`, running });
}

/** Runs one statement with the instance's login; `settings` weakens the connection. */
async function run(
  name: Name,
  statement: string,
  {
    password = passwords[name],
    database,
    ...settings
  }: Partial<Config> & { password?: string; database?: string } = {},
): Promise<Record<string, unknown>[]> {
  const config: Partial<Config> = {
    encrypted: "ENCRYPTION_ON",
    trust: "TRUST_CUSTOM_CA_SIGNED_CERTIFICATES",
    trustedCertificates: [neo4jInstances().caFile],
    disableLosslessIntegers: true,
    connectionTimeout: 5_000,
    maxTransactionRetryTime: 0,
    ...settings,
  };
  const driver = neo4j.driver(`bolt://127.0.0.1:${String(ports[name])}`, neo4j.auth.basic("neo4j", password), config);
  try {
    const where: Pick<QueryConfig, "database"> = { database };
    const { records } = await driver.executeQuery(statement, {}, where);
    return records.map((record) => record.toObject());
  } finally {
    await driver.close();
  }
}

const folder = (name: Name): string => join(services().dir, "data", "neo4j", "homes", name);

/** Every process that works in the instance's folder or has it in its arguments. */
async function processesOf(name: Name): Promise<number[]> {
  return (await processes())
    .filter(({ pid, command }) => {
      if (command.includes(folder(name))) return true;
      try {
        return readlinkSync(`/proc/${String(pid)}/cwd`).startsWith(folder(name));
      } catch {
        return false;
      }
    })
    .map(({ pid }) => pid);
}

/** Listening addresses of the instance's processes, from the kernel. */
async function listening(name: Name): Promise<string[]> {
  const inodes = new Set(
    (await processesOf(name)).flatMap((pid) =>
      readdirSync(`/proc/${String(pid)}/fd`).flatMap((fd) => {
        try {
          return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${String(pid)}/fd/${fd}`))?.[1] ?? [];
        } catch {
          return [];
        }
      }),
    ),
  );
  return ["tcp", "tcp6", "udp", "udp6"].flatMap((protocol) =>
    readFileSync(`/proc/net/${protocol}`, "utf8")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => inodes.has(fields[9] ?? "") && (fields[3] === "0A" || protocol.startsWith("udp")))
      .map((fields) => `${protocol} ${fields[1] ?? ""}`),
  );
}

beforeAll(async () => {
  const answers = await Promise.all(names.map((name) => put(name, passwords[name])));
  for (const [index, name] of names.entries()) {
    const { status, body } = answers[index] ?? { status: 0, body: undefined };
    if (status !== 200) throw new Error(JSON.stringify(body));
    const { uri, ...rest } = body as { uri: string };
    expect(rest).toEqual({ name, state: "running", mark: `mark of ${name}` });
    ports[name] = Number(/^bolt\+s:\/\/127\.0\.0\.1:(\d+)$/.exec(uri)?.[1]);
  }
}, 600_000);
afterAll(async () => {
  for (const name of names) await call("DELETE", `/v1/instances/${name}`);
});

it("is Neo4j Community of the locked version, and keeps what is written into it", async () => {
  const [edition] = await run("community-a", "CALL dbms.components() YIELD versions, edition");
  expect(edition).toEqual({ versions: ["2026.08.1"], edition: "community" });
  await run("community-a", "CREATE (:Document {title: 'of a', embedding: [1.0, 0.0]})");
  await run(
    "community-a",
    "CREATE VECTOR INDEX documents FOR (d:Document) ON d.embedding " +
      "OPTIONS {indexConfig: {`vector.dimensions`: 2, `vector.similarity_function`: 'cosine'}}",
  );
  await run("community-a", "CALL db.awaitIndexes(60)");
  const found = "CALL db.index.vector.queryNodes('documents', 1, [1.0, 0.1]) YIELD node RETURN node.title AS title";
  expect(await run("community-a", found)).toEqual([{ title: "of a" }]);
});

it("refuses plaintext, an unknown authority and a wrong password", async () => {
  await expect(
    run("community-a", "RETURN 1", { trust: "TRUST_SYSTEM_CA_SIGNED_CERTIFICATES", trustedCertificates: [] }),
  ).rejects.toThrow("Server certificate is not trusted");
  await expect(run("community-a", "RETURN 1", { password: "password-of-b-1" })).rejects.toMatchObject({
    code: "Neo.ClientError.Security.Unauthorized",
  });
  const socket = connect({ host: "127.0.0.1", port: ports["community-a"] });
  // The handshake of Bolt 5, without TLS: https://neo4j.com/docs/bolt/current/bolt/handshake/
  socket.write(Buffer.from("6060b01700000005000000000000000000000000", "hex"));
  let answer = "";
  socket.on("error", () => undefined);
  for await (const chunk of socket) answer += (chunk as Buffer).toString("hex");
  expect(answer).toBe("");
});

it("an instance's login opens no other instance, and its graph is not seen there", async () => {
  const password = passwords["community-a"];
  await expect(run("community-b", "MATCH (n) RETURN n", { password })).rejects.toMatchObject({
    code: "Neo.ClientError.Security.Unauthorized",
  });
  expect(await run("community-b", "MATCH (n) RETURN count(n) AS nodes")).toEqual([{ nodes: 0 }]);
});

it.each([
  ["a file", `file://${join(import.meta.dirname, "community.test.ts")}`],
  ["a file of the import folder", "file:///planted.csv"],
  ["another server", "https://127.0.0.1:1/x"],
])("a statement reads nothing from %s of this machine", async (_, url) => {
  const statement = `LOAD CSV FROM '${url}' AS line RETURN line`;
  await expect(run("community-a", statement)).rejects.toMatchObject({
    message: expect.stringMatching(
      /allow_csv_import_from_file_urls|blocked|cypher_ip_blocklist|not allowed/i,
    ) as string,
  });
});

it.runIf(process.platform === "linux")("listens for Bolt on 127.0.0.1 and for nothing else", async () => {
  const port = ports["community-a"].toString(16).toUpperCase().padStart(4, "0");
  expect(await listening("community-a")).toEqual([`tcp 0100007F:${port}`]);
});

it("no password stands in a process list, an environment, a log or an answer", async () => {
  const file = join(services().dir, "data", "neo4j", "instances.json");
  const secrets = Object.values(passwords);
  const kept = readFileSync(file, "utf8");
  expect(secrets.filter((secret) => kept.includes(secret))).toEqual(secrets);
  const texts = (await processes()).map(({ command }) => command);
  for (const pid of await processesOf("community-a")) {
    if (process.platform === "linux") texts.push(readFileSync(`/proc/${String(pid)}/environ`, "utf8"));
  }
  for (const log of readdirSync(join(services().dir, "logs"))) {
    texts.push(readFileSync(join(services().dir, "logs", log), "utf8"));
  }
  for (const name of names) {
    const logs = join(folder(name), "logs");
    for (const log of readdirSync(logs)) texts.push(readFileSync(join(logs, log), "utf8"));
  }
  texts.push(JSON.stringify(await call("GET", "/v1/instances")));
  expect(secrets.filter((secret) => texts.some((text) => text.includes(secret)))).toEqual([]);
});

it("a changed password is the only one that works, in the same process and with the same graph", async () => {
  await run("community-b", "CREATE (:Kept {n: 42})");
  const before = await processesOf("community-b");
  expect((await put("community-b", "password-of-b-2")).status).toBe(200);
  await expect(run("community-b", "RETURN 1")).rejects.toMatchObject({ code: "Neo.ClientError.Security.Unauthorized" });
  passwords["community-b"] = "password-of-b-2";
  expect(await run("community-b", "MATCH (k:Kept) RETURN k.n AS n")).toEqual([{ n: 42 }]);
  expect(await processesOf("community-b")).toEqual(before);
});

it("a stopped instance has no process and no port, and its folder is gone with it when it is removed", async () => {
  expect((await put("community-b", passwords["community-b"], false)).body).toMatchObject({ state: "stopped" });
  expect(await processesOf("community-b")).toEqual([]);
  await expect(run("community-b", "RETURN 1")).rejects.toThrow(/ECONNREFUSED/);
  expect(existsSync(join(folder("community-b"), "data", "databases", "neo4j"))).toBe(true);
  expect((await call("DELETE", "/v1/instances/community-b")).status).toBe(204);
  expect(existsSync(folder("community-b"))).toBe(false);
});

it("a removed instance leaves no process, file, log or record", async () => {
  expect((await call("DELETE", "/v1/instances/community-a")).status).toBe(204);
  expect(await processesOf("community-a")).toEqual([]);
  expect(existsSync(folder("community-a"))).toBe(false);
  expect(readdirSync(join(services().dir, "logs")).filter((log) => log.includes("community-a"))).toEqual([]);
  expect(readFileSync(join(services().dir, "data", "neo4j", "instances.json"), "utf8")).not.toContain("community-a");
  expect((await call("GET", "/v1/instances/community-a")).status).toBe(404);
});
