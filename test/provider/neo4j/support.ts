/**
 * Where the tests of Neo4j Enterprise run: on the table of enterprise-table.ts, or on a real server when
 * TENANCY_TEST_NEO4J_URL names one (with TENANCY_TEST_NEO4J_USER, _PASSWORD and _CA_FILE).
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureCertificates } from "../../../dev/services/certificates.ts";
import { paths } from "../../../dev/services/state.ts";
import type { Neo4jServer, Platform } from "../../../provider/config.ts";
import type { CallContext } from "../../../provider/handler.ts";
import type { Neo4jDatabaseInputs } from "../../../provider/inputs.ts";
import { connectServer, type Neo4jClient } from "../../../provider/neo4j/client.ts";
import { neo4jDatabaseHandler, type Neo4jDependencies } from "../../../provider/neo4j/database.ts";
import { type BoltServer, startBoltServer } from "../../support/bolt-server.ts";
import { admin } from "./enterprise-state.ts";
import { EnterpriseTable } from "./enterprise-table.ts";

export interface Certificates {
  readonly certificate: string;
  readonly key: string;
  readonly ca: string;
}

/** @param days lifetime of the server's certificate; zero for one that has expired */
export async function certificates(days?: number): Promise<Certificates> {
  const dir = mkdtempSync(join(tmpdir(), "tenancy-bolt-"));
  try {
    await ensureCertificates(dir, days);
    const { serverCertificate, serverKey, caCertificate } = paths(dir);
    const read = (path: string): string => readFileSync(path, "utf8");
    return { certificate: read(serverCertificate), key: read(serverKey), ca: read(caCertificate) };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

export class Target {
  readonly server: Neo4jServer;
  readonly admin: Neo4jClient;
  /** Undefined on a real server. */
  readonly bolt: BoltServer | undefined;
  readonly table: EnterpriseTable | undefined;

  constructor(server: Neo4jServer, bolt?: BoltServer, table?: EnterpriseTable) {
    this.server = server;
    this.bolt = bolt;
    this.table = table;
    this.admin = connectServer(server);
  }

  get platform(): Platform {
    return { postgres: {}, redis: {}, storage: {}, neo4j: { main: this.server } };
  }

  handler(changes: Partial<Neo4jDependencies> = {}) {
    return neo4jDatabaseHandler({ platform: this.platform, ...changes });
  }

  /** Inputs of a tenant that no other test has. */
  tenant(changes: Partial<Neo4jDatabaseInputs> = {}): Neo4jDatabaseInputs {
    const tenant = changes.tenant ?? `t${randomBytes(5).toString("hex")}`;
    const inputs: Neo4jDatabaseInputs = {
      server: "main",
      tenant,
      state: "active",
      database: `test-${tenant}`,
      role: `test_${tenant}`,
      username: `test_${tenant}_app`,
      password: randomBytes(18).toString("base64url"),
      ...changes,
    };
    this.table?.know(inputs);
    return inputs;
  }

  /** Statements that changed something since the last call, with marks written as MARK. */
  changes(): string[] {
    const calls = this.bolt?.calls.splice(0) ?? [];
    return calls
      .filter(({ text }) => !/^(SHOW|MATCH|RETURN|CALL dbms\.(components|listConnections))/.test(text))
      .map(({ text }) => text.replaceAll(/tenancy_mark_\w+/g, "MARK"));
  }

  async close(): Promise<void> {
    await this.admin.close();
    await this.bolt?.close();
  }
}

export async function startTarget(): Promise<Target> {
  const uri = process.env.TENANCY_TEST_NEO4J_URL;
  if (uri !== undefined && uri !== "") {
    const caFile = process.env.TENANCY_TEST_NEO4J_CA_FILE;
    return new Target({
      kind: "server",
      uri,
      user: process.env.TENANCY_TEST_NEO4J_USER ?? "neo4j",
      password: process.env.TENANCY_TEST_NEO4J_PASSWORD ?? "",
      procedures: [],
      ...(caFile === undefined ? {} : { ca: readFileSync(caFile, "utf8") }),
    });
  }
  return startTable();
}

export async function startTable(): Promise<Target & { readonly table: EnterpriseTable; readonly bolt: BoltServer }> {
  const table = new EnterpriseTable();
  const { certificate, key, ca } = await certificates();
  const bolt = await startBoltServer({
    certificate,
    key,
    login: (user, password) => table.login(user, password),
    answer: (call) => table.answer(call),
  });
  const server: Neo4jServer = { kind: "server", uri: `bolt+s://127.0.0.1:${bolt.port}`, ...admin, procedures: [], ca };
  return new Target(server, bolt, table) as Target & { readonly table: EnterpriseTable; readonly bolt: BoltServer };
}

export function newContext(tenant: string, changes: Partial<CallContext> = {}) {
  const warnings: string[] = [];
  const context: CallContext = {
    urn: `urn:pulumi:test::tenancy::tenancy:neo4j:Database::${tenant}-database`,
    adopt: new Set(),
    warn: (message) => warnings.push(message),
    status: () => undefined,
    signal: new AbortController().signal,
    ...changes,
  };
  return { context, warnings };
}

export const waiver = { reason: "test data", name: "test" };

export function handlerFor(target: Target, changes: Partial<Neo4jServer>) {
  return target.handler({
    platform: { ...target.platform, neo4j: { main: { ...target.server, ...changes } } },
    connection: { retryForMs: 150 },
  });
}
