/** What the tests of tenants' own databases share. */
import type { DatabaseInputs, DatabaseOutputs } from "../../../provider/inputs.ts";
import { baselineHandler } from "../../../provider/postgres/baseline.ts";
import { databaseHandler } from "../../../provider/postgres/database.ts";
import { ProviderError } from "../../../provider/handler.ts";
import type { PostgresServer } from "../../../provider/config.ts";
import { type PostgresDependencies, postgresDependencies } from "../../../provider/postgres/dependencies.ts";
import type { Task } from "../../../provider/postgres/faults.ts";
import { PostgresPools, type RunOptions, type Session } from "../../../provider/postgres/pool.ts";
import { services } from "../../support/services.ts";
import { asAdmin, baselineInputs, context, projectDir, type Recorded, schemaInputs, templates } from "./support.ts";

export const type = "tenancy:postgres:Database";

export function databaseInputs(id: string, over: Partial<DatabaseInputs> = {}): DatabaseInputs {
  const inputs = schemaInputs(id, over);
  made.add(inputs.schema);
  return { ...inputs, database: inputs.schema, extensions: [], ...over };
}

const made = new Set<string>();

/** Removes what the tests of a file have made, about 8 MB each. */
export async function dropDatabases(): Promise<void> {
  for (const database of made) await asAdmin(`DROP DATABASE IF EXISTS "${database}" WITH (FORCE)`);
}

/** A Baseline whose provisioner may create databases. */
export async function siloBaseline(deps: PostgresDependencies): Promise<void> {
  const inputs = { ...baselineInputs(["vector"]), databases: true };
  await baselineHandler(deps).create(context("main", { type: "tenancy:postgres:Baseline" }), inputs);
}

export function calling(id: string, options: { adopt?: string[]; stack?: string } = {}): Recorded {
  return context(id, { ...options, type });
}

export async function createSilo(deps: PostgresDependencies, inputs: DatabaseInputs): Promise<DatabaseOutputs> {
  return (await databaseHandler(deps).create(calling(inputs.tenant), inputs)).outputs;
}

export async function driftOf(deps: PostgresDependencies, inputs: DatabaseInputs, outputs: DatabaseOutputs) {
  const found = await databaseHandler(deps).read(calling(inputs.tenant), inputs.database, inputs, outputs);
  return found === undefined ? undefined : (found.inputs.drift ?? []);
}

/** Databases and roles of the tenant that are there. */
export async function leftovers(inputs: DatabaseInputs): Promise<string[]> {
  const rows = await asAdmin<{ name: string }>(
    "SELECT datname AS name FROM pg_database WHERE datname = $1 UNION ALL SELECT rolname FROM pg_roles WHERE rolname = ANY ($2) ORDER BY 1",
    [inputs.database, [inputs.ownerRole, inputs.appRole, inputs.readOnlyRole]],
  );
  return rows.map(({ name }) => name);
}

/** Databases that are not finished. */
export const unfinished = () =>
  asAdmin<{ name: string }>("SELECT datname AS name FROM pg_database WHERE datname LIKE 'tenancy\\_new\\_%'");

/** The process is gone after this many messages that change something were answered. */
export class CrashingPools extends PostgresPools {
  changes = 0;
  readonly #until: number;

  constructor(until: number) {
    super(services().platform);
    this.#until = until;
  }

  override run<T>(name: string, task: Task, work: (session: Session) => Promise<T>, options: RunOptions = {}) {
    return super.run(name, task, (session) => work(this.#watched(session)), options);
  }

  override runAs<T>(
    name: string,
    login: Parameters<PostgresPools["runAs"]>[1],
    task: Task,
    work: (session: Session) => Promise<T>,
    options: RunOptions = {},
  ) {
    return super.runAs(name, login, task, (session) => work(this.#watched(session)), options);
  }

  #watched(session: Session): Session {
    return {
      query: (text, values) => session.query(text, values),
      script: async (text) => {
        await session.script(text);
        this.changes += 1;
        if (this.changes >= this.#until) throw new ProviderError("the process was killed");
      },
    };
  }
}

export function mainServer(): PostgresServer {
  const { main } = services().platform.postgres;
  if (main === undefined) throw new Error("the services have a PostgreSQL server");
  return main;
}

export function administrator(): { readonly user: string; readonly password: string } {
  const { admin } = mainServer();
  if (admin === undefined) throw new Error("the server has an administrator");
  return admin;
}

/** The same server, whose administrator the platform does not name. */
export function withoutAdmin(): PostgresDependencies {
  const platform = { ...services().platform, postgres: { main: { ...mainServer(), admin: undefined } } };
  return postgresDependencies({ platform, templates, projectDir });
}

/** No server of the platform but the one that holds the catalogue, by another name than the tests' own. */
export function withoutServers(): PostgresDependencies {
  const platform = { ...services().platform, postgres: { catalogue: { ...mainServer(), admin: undefined } } };
  return postgresDependencies({ platform, templates, projectDir });
}

/** The tests' server as inputs describe one. */
export function connectionOf(): Pick<DatabaseInputs, "connection" | "connectionPassword"> {
  const { host, port, ca, database, provisioner } = mainServer();
  // The provisioner of the tests has no CONNECT on the database postgres.
  const connection = { host, port, user: provisioner.user, ca, database };
  return { connection, connectionPassword: provisioner.password };
}
