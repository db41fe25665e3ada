/** What the tests of the PostgreSQL handlers share: handlers on the real server, inputs of a tenant, and its logins. */
import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import pg from "pg";
import type { CallContext } from "../../../provider/handler.ts";
import type { BaselineInputs, RosterEntry, SchemaInputs } from "../../../provider/inputs.ts";
import { baselineHandler } from "../../../provider/postgres/baseline.ts";
import { type PostgresDependencies, postgresDependencies } from "../../../provider/postgres/dependencies.ts";
import { schemaHandler } from "../../../provider/postgres/schema.ts";
import { loadTemplate } from "../../../templates/load.ts";
import { checkVariables } from "../../../templates/values.ts";
import { services } from "../../support/services.ts";

export const projectDir = resolve(import.meta.dirname, "../../..");
export const templates = resolve(projectDir, "templates");

export function dependencies(): PostgresDependencies {
  return postgresDependencies({ platform: services().platform, templates, projectDir });
}

/** Ids of one test file never meet another's on the shared server. */
export function tenantId(name: string): string {
  return `${name}-${randomBytes(4).toString("hex")}`;
}

export interface Recorded extends CallContext {
  readonly warnings: string[];
}

export function context(id: string, options: { adopt?: string[]; stack?: string; type?: string } = {}): Recorded {
  const warnings: string[] = [];
  return {
    urn: `urn:pulumi:${options.stack ?? "test"}::tenancy::${options.type ?? "tenancy:postgres:Schema"}::${id}`,
    adopt: new Set(options.adopt),
    warn: (message) => warnings.push(message),
    status: () => undefined,
    signal: new AbortController().signal,
    warnings,
  };
}

export function schemaInputs(id: string, over: Partial<SchemaInputs> = {}): SchemaInputs {
  const schema = `tenant_${id.replaceAll("-", "__")}`;
  const template = loadTemplate(templates, over.template ?? "knowledge-graph");
  return {
    server: "main",
    tenant: id,
    state: "active",
    externalId: `external-${id}`,
    schema,
    ownerRole: `${schema}_owner`,
    appRole: `${schema}_app`,
    readOnlyRole: `${schema}_ro`,
    connectionLimit: 10,
    readOnlyConnectionLimit: 5,
    template: template.name,
    variables: checkVariables(template, {}).values,
    templateFiles: template.files,
    additionalFiles: [],
    additionalRoot: "tenants",
    password: randomBytes(16).toString("hex"),
    readOnlyPassword: randomBytes(16).toString("hex"),
    ...over,
  };
}

export function rosterEntry(id: string, over: Partial<RosterEntry> = {}): RosterEntry {
  return {
    displayName: `Tenant ${id}`,
    externalId: `external-${id}`,
    tier: "bridge",
    state: "active",
    region: "eu",
    prefix: "tenant",
    placement: { postgres: "main" },
    ...over,
  };
}

export const waiver = { reason: "a test", name: "the tests" };

export function baselineInputs(extensions: readonly string[]): BaselineInputs {
  return { server: "main", extensions, provisionerPassword: "unused-by-the-handler" };
}

/** Creates the Baseline once for a test file. */
export async function baseline(deps: PostgresDependencies): Promise<void> {
  const type = "tenancy:postgres:Baseline";
  await baselineHandler(deps).create(context("main", { type }), baselineInputs(["vector"]));
}

export async function createTenant(deps: PostgresDependencies, inputs: SchemaInputs) {
  return (await schemaHandler(deps).create(context(inputs.tenant), inputs)).outputs;
}

export async function connect(user: string, password: string, database?: string): Promise<pg.Client> {
  const server = services().platform.postgres.main;
  if (server === undefined) throw new Error("the services have a PostgreSQL server");
  const client = new pg.Client({
    host: server.host,
    port: server.port,
    database: database ?? server.database,
    user,
    password,
    ssl: { ca: server.ca },
  });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

export async function asAdmin<R extends pg.QueryResultRow>(
  sql: string,
  values: unknown[] = [],
  database?: string,
): Promise<R[]> {
  const admin = services().platform.postgres.main?.admin;
  if (admin === undefined) throw new Error("the server has an administrator");
  const client = await connect(admin.user, admin.password, database);
  try {
    return (await client.query<R>(sql, values)).rows;
  } catch (error) {
    // A grant on the shared database met another test file's.
    if (!String(error).includes("tuple concurrently updated")) throw error;
    return (await client.query<R>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

/** SQLSTATE of a statement that has to fail; `done` where it did not. */
export async function stateOf(client: pg.Client, sql: string): Promise<string> {
  try {
    await client.query(sql);
    return "done";
  } catch (error) {
    return error instanceof pg.DatabaseError ? (error.code ?? "") : String(error);
  }
}
