/** Servers and tenants of one test file: mutations damage them, so they are shared with nobody. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import pg from "pg";
import { canaryPrefix, poolNames, poolTenantId, postgresNames } from "../../components/naming.ts";
import { startServices } from "../../dev/services/index.ts";
import type { PostgresServer } from "../../provider/config.ts";
import type { CallContext } from "../../provider/handler.ts";
import { createHandlers } from "../../provider/handlers.ts";
import type { PoolInputs, PoolTenantInputs, SchemaInputs } from "../../provider/inputs.ts";
import { loadTemplate } from "../../templates/load.ts";
import { checkVariables } from "../../templates/values.ts";
import { assault, Controls, type Result } from "../../verify/assault.ts";
import type { StoreProbe } from "../../verify/attempt.ts";
import type { Party, PostgresParty } from "../../verify/party.ts";
import { pythonDir } from "../support/global-setup.ts";

const projectDir = resolve(import.meta.dirname, "../..");
const builtIn = join(projectDir, "templates");

export interface Tenant extends Party {
  readonly postgres: PostgresParty;
}

export interface Ground {
  readonly server: PostgresServer;
  /** Statements as the administrator, in the shared database. */
  admin(sql: string): Promise<pg.QueryResultRow[]>;
  provision(id: string, template: string): Promise<Tenant>;
  /** A tenant with a database of its own; as a canary it may be attacked with everything. */
  provisionSilo(id: string, template: string): Promise<Tenant>;
  /** A pool, and with it the function that makes its tenants; with `canary` one that may be attacked with everything. */
  providePool(name: string, template: string): Promise<(id: string, canary?: boolean) => Promise<Tenant>>;
  end(): Promise<void>;
}

/** Servers of their own, with the Baseline. */
export async function startGround(templates = builtIn): Promise<Ground> {
  const dir = await mkdtemp(join(tmpdir(), "tenancy-verify-"));
  const services = await startServices({ dir, pythonDir, mode: "attached", durable: false, progress: () => undefined });
  const { platform } = services;
  const server = platform.postgres.main;
  if (server?.admin === undefined) throw new Error("the services have a PostgreSQL server with an administrator");
  const handlers = createHandlers({ platform, templates, projectDir });
  const create = async (type: string, id: string, inputs: object) => {
    const handler = handlers.get(type);
    if (handler === undefined) throw new Error(`no handler of ${type}`);
    await handler.create(context(type, id), { ...inputs });
  };
  await create("tenancy:postgres:Baseline", "main", {
    server: "main",
    extensions: ["vector"],
    databases: true,
    provisionerPassword: "",
    applicationPassword: server.application?.password,
  });
  const admin = new pg.Client({
    host: server.host,
    port: server.port,
    database: server.database,
    ...server.admin,
    ssl: { ca: server.ca },
  });
  await admin.connect();
  return {
    server,
    async admin(sql) {
      const answer: unknown = await admin.query(sql);
      const last: unknown = Array.isArray(answer) ? answer.at(-1) : answer;
      return (last as pg.QueryResult<pg.QueryResultRow>).rows;
    },
    async provision(id, name) {
      const inputs = inputsOf(templates, id, name);
      await create("tenancy:postgres:Schema", id, inputs);
      return { id, canary: name === "canary", postgres: partyOf(server, inputs) };
    },
    async provisionSilo(id, name) {
      const inputs = inputsOf(templates, id, name);
      const { schema: database } = inputs;
      await create("tenancy:postgres:Database", id, { ...inputs, database, extensions: [] });
      const own = { ...partyOf({ ...server, database }, inputs), sharedDatabase: server.database };
      return { id, canary: name === "canary", postgres: own };
    },
    async providePool(name, templateName) {
      const template = loadTemplate(templates, templateName);
      const { appRole: appGroup, readOnlyRole: readOnlyGroup, ...place } = poolNames(name);
      const shared = { server: "main", pool: name, template: templateName, variables: {}, ...place };
      const roles = { appRole: appGroup, readOnlyRole: readOnlyGroup };
      const pool: PoolInputs = { ...shared, ...roles, templateFiles: template.files, partitions: 2 };
      await create("tenancy:postgres:Pool", name, pool);
      return async (id, canary = false) => {
        const { appRole, readOnlyRole } = postgresNames(canary ? canaryPrefix : "tenant", id);
        const tenantId = poolTenantId(id);
        const inputs: PoolTenantInputs = {
          ...shared,
          ...{ tenant: id, state: "active", externalId: id, displayName: id, tenantId, appRole, readOnlyRole },
          ...{ poolAppRole: appGroup, poolReadOnlyRole: readOnlyGroup },
          ...{ connectionLimit: 10, readOnlyConnectionLimit: 5 },
          ...{ password: randomBytes(16).toString("hex"), readOnlyPassword: randomBytes(16).toString("hex") },
        };
        await create("tenancy:postgres:PoolTenant", id, inputs);
        const own = { ...partyOf(server, { ...inputs, ...place, appRole, readOnlyRole }) };
        return { id, canary, postgres: { ...own, pool: { name, appGroup, readOnlyGroup, tenantId } } };
      };
    },
    async end() {
      await admin.end();
      for (const handler of handlers.values()) await handler.close?.();
      await services.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function inputsOf(templates: string, id: string, name: string): SchemaInputs {
  const template = loadTemplate(templates, name);
  const names = postgresNames(name === "canary" ? canaryPrefix : "tenant", id);
  const password = randomBytes(16).toString("hex");
  const readOnlyPassword = randomBytes(16).toString("hex");
  return {
    ...{ server: "main", tenant: id, state: "active", externalId: `external-${id}`, ...names },
    ...{ connectionLimit: 10, readOnlyConnectionLimit: 5, password, readOnlyPassword },
    template: name,
    variables: checkVariables(template, {}).values,
    templateFiles: template.files,
    additionalFiles: [],
    additionalRoot: "tenants",
  };
}

type Logins = PostgresParty["names"] & Pick<SchemaInputs, "password" | "readOnlyPassword">;

function partyOf(server: PostgresServer, inputs: Logins): PostgresParty {
  const { schema, ownerRole, appRole, readOnlyRole, password, readOnlyPassword } = inputs;
  const names = { schema, ownerRole, appRole, readOnlyRole };
  return { name: "main", server, embedded: true, names, password, readOnlyPassword };
}

function context(type: string, id: string): CallContext {
  return {
    urn: `urn:pulumi:test::tenancy::${type}::${id}`,
    adopt: new Set(),
    warn: () => undefined,
    status: () => undefined,
    signal: new AbortController().signal,
  };
}

/** Every attempt of one tenant against another. */
export async function attack(
  probe: StoreProbe,
  attacker: Party,
  victim: Party,
  controls?: Controls,
): Promise<Result[]> {
  const results: Result[] = [];
  const own = controls ?? new Controls(probe, victim);
  await assault(probe, attacker, victim, own, (result) => results.push(result));
  if (controls === undefined) await own.close();
  return results;
}

/** Ids, without the store, of the attempts with a verdict. */
export function idsOf(results: readonly Result[], verdict: Result["verdict"]): string[] {
  return results
    .filter((result) => result.verdict === verdict)
    .map(({ attempt }) => attempt.id.slice("postgres/".length));
}
