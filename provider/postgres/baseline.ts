/** `tenancy:postgres:Baseline`: the shared database, its hardening and the catalogue of tenants. */
import type { Login, PostgresServer } from "../config.ts";
import { type Finding, repairable, tellAll } from "../finding.ts";
import { type CallContext, type CheckFailure, type Handler, ProviderError } from "../handler.ts";
import type { BaselineInputs, BaselineOutputs } from "../inputs.ts";
import {
  type BaselineFacts,
  catalogueFaults,
  missingOf,
  passwordSql,
  readFacts,
  type Demands,
  type Requirement,
} from "./baseline-rules.ts";
import { applicationFaults, applicationFindings, type ApplicationPlace, prepareApplication } from "./application.ts";
import { assertOffered, assertVersion, extensionFaults } from "./baseline-support.ts";
import { catalogueSql, changeLock, resolverSql } from "./catalogue.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import { codeOf } from "./faults.ts";
import { identifier, literal } from "./quote.ts";
import { scramVerifier } from "./scram.ts";

/** The database that every server has, to make others from. */
const maintenanceDatabase = "postgres";

export function baselineHandler({ pools, templates }: PostgresDependencies): Handler<BaselineInputs, BaselineOutputs> {
  const subject = (name: string) => `Baseline of the PostgreSQL server "${name}"`;

  /** The rules of the shared database, seen by the administrator where there is one. */
  async function facts(name: string, server: PostgresServer): Promise<BaselineFacts> {
    const task = { subject: subject(name), doing: "reading the hardening" };
    return pools.runAs(name, server.admin ?? server.provisioner, task, (session) => readFacts(session, server));
  }

  function applicationOf(name: string, server: PostgresServer): ApplicationPlace | undefined {
    const { application } = server;
    return application === undefined ? undefined : { subject: subject(name), name, server, login: application };
  }

  async function apply(context: CallContext, inputs: BaselineInputs): Promise<BaselineOutputs> {
    const server = pools.server(inputs.server);
    if (server.admin !== undefined) await prepareServer(inputs.server, server);
    const before = await facts(inputs.server, server);
    assertUsable(inputs, before);
    const missing = missingOf(before, server, demandsOf(inputs));
    if (missing.length > 0 && server.admin !== undefined) {
      context.status(`${missing.length} rules of the shared database`);
      await pools.runAs(
        inputs.server,
        server.admin,
        { subject: subject(inputs.server), doing: "hardening the shared database" },
        (session) =>
          session.script(`BEGIN; SELECT ${changeLock};\n${missing.map(({ sql }) => sql).join("\n")}\nCOMMIT;`),
      );
    }
    const after = missing.length > 0 ? await facts(inputs.server, server) : before;
    const left = missingOf(after, server, demandsOf(inputs));
    if (left.length > 0) throw new ProviderError(missingText(inputs.server, server, left));

    await pools.run(
      inputs.server,
      { subject: subject(inputs.server), doing: "creating the catalogue of tenants" },
      (session) => session.script(`BEGIN; SELECT ${changeLock};\n${catalogueSql}\nCOMMIT;`),
      { exclusive: true },
    );
    if (server.resolver !== undefined) await prepareResolver(inputs.server, server, server.resolver);
    const login = applicationOf(inputs.server, server);
    if (login !== undefined) await prepareApplication(pools, context, login);
    const done = await facts(inputs.server, server);
    const faults = catalogueFaults(done, server);
    if (faults.length > 0) {
      throw new ProviderError(`${subject(inputs.server)}: ${faults.join("; ")}. Remove or rename what stands there.`);
    }
    return outputsOf(inputs, done);
  }

  /** The login with which applications find tenants; made, and its password set, by the provisioner. */
  async function prepareResolver(name: string, { database }: PostgresServer, { user, password }: Login): Promise<void> {
    const task = { subject: subject(name), doing: "creating the login that applications find tenants with" };
    const verifier = await scramVerifier(password);
    await pools.run(
      name,
      task,
      async (session) => {
        const [role] = await session.query("SELECT FROM pg_catalog.pg_roles WHERE rolname = $1", [user]);
        await session.script(resolverSql(user, database, verifier, role !== undefined));
      },
      { exclusive: true },
    );
  }

  /** What has to be there before anything can be looked at: the database, and the provisioner with its password. */
  async function prepareServer(name: string, server: PostgresServer): Promise<void> {
    const { admin } = server;
    if (admin === undefined) return;
    const task = { subject: subject(name), doing: "creating the shared database and the provisioner" };
    const verifier = await scramVerifier(server.provisioner.password);
    await pools.runAs(name, { ...admin, database: maintenanceDatabase }, task, async (session) => {
      const [version] = await session.query<{ number: number }>(
        "SELECT current_setting('server_version_num')::int AS number",
      );
      assertVersion(subject(name), version?.number ?? 0);
      const [database] = await session.query("SELECT FROM pg_catalog.pg_database WHERE datname = $1", [
        server.database,
      ]);
      // CREATE DATABASE cannot run inside of a transaction; another run may have been faster.
      if (database === undefined) {
        await session.script(`CREATE DATABASE ${identifier(server.database)}`).catch((error: unknown) => {
          if (!["42P04", "23505"].includes(codeOf(error) ?? "")) throw error;
        });
      }
      const [role] = await session.query("SELECT FROM pg_catalog.pg_roles WHERE rolname = $1", [
        server.provisioner.user,
      ]);
      if (role === undefined) {
        await session
          .script(`CREATE ROLE ${identifier(server.provisioner.user)} LOGIN CREATEROLE PASSWORD ${literal(verifier)}`)
          .catch((error: unknown) => {
            if (!["42710", "23505"].includes(codeOf(error) ?? "")) throw error;
          });
      }
    });
    const proof = { subject: subject(name), doing: "logging in as the provisioner" };
    if (!(await pools.canLogIn(name, server.provisioner, proof))) {
      await pools.runAs(name, admin, { ...task, doing: "setting the provisioner's password" }, (session) =>
        session.script(
          `BEGIN; SELECT ${changeLock}; ${passwordSql(server, verifier)} ` +
            `ALTER ROLE ${identifier(server.provisioner.user)} LOGIN; ` +
            `GRANT CONNECT ON DATABASE ${identifier(server.database)} TO ${identifier(server.provisioner.user)}; COMMIT;`,
        ),
      );
    }
  }

  /** @throws ProviderError for a server that is too old or lacks an extension. */
  function assertUsable(inputs: BaselineInputs, live: BaselineFacts): void {
    assertVersion(subject(inputs.server), live.versionNumber);
    assertOffered(subject(inputs.server), inputs.extensions, live, templates);
  }

  return {
    type: "tenancy:postgres:Baseline",
    replaceOn: ["server"],
    secrets: ["provisionerPassword", "resolverPassword", "applicationPassword"],

    check(_context, _olds, news): Promise<readonly CheckFailure[]> {
      const failures: CheckFailure[] = [];
      if (!pools.names().includes(news.server)) {
        failures.push({
          property: "server",
          reason: `"${news.server}" is no PostgreSQL server of the platform; it has: ${pools.names().join(", ") || "none"}`,
        });
      } else failures.push(...applicationFaults(pools.server(news.server)));
      failures.push(...extensionFaults(news.extensions));
      return Promise.resolve(failures);
    },

    async create(context, inputs) {
      return { id: inputs.server, outputs: await apply(context, inputs) };
    },

    async read(context, _id, inputs, outputs) {
      const server = pools.server(outputs.server);
      const live = await facts(outputs.server, server);
      const field = `database ${server.database} of the server ${outputs.server}`;
      const admin = server.admin !== undefined;
      const login = applicationOf(outputs.server, server);
      const findings = [
        ...missingOf(live, server, demandsOf(outputs)).map(({ missing, sql }): Finding => {
          const told = { field, is: "not so", should: missing, sentence: missing };
          return { ...told, mend: admin ? "repair" : "administrator", statements: admin ? [] : [sql] };
        }),
        ...catalogueFaults(live, server).map((fault) =>
          repairable(`${field}: catalogue`, fault, "as it was made", fault),
        ),
        ...(login === undefined || inputs.applicationPassword === undefined
          ? []
          : await applicationFindings(pools, login)),
      ];
      const drift = tellAll(context, findings);
      return { inputs: drift.length > 0 ? { ...inputs, drift } : inputs, outputs: outputsOf(inputs, live) };
    },

    async update(context, _id, _outputs, news) {
      return apply(context, news);
    },

    delete(context, _id, outputs) {
      context.warn(
        `the hardening of the database on "${outputs.server}" and the catalogue of tenants stay as they are: ` +
          `they tell which ids were given before`,
      );
      return Promise.resolve();
    },

    close: () => pools.close(),
  };
}

function demandsOf({ extensions, databases }: BaselineInputs): Demands {
  return { kind: "shared", extensions, databases: databases === true };
}

function outputsOf(inputs: BaselineInputs, live: BaselineFacts): BaselineOutputs {
  return {
    server: inputs.server,
    extensions: inputs.extensions,
    ...(inputs.databases === undefined ? {} : { databases: inputs.databases }),
    ...(inputs.resolverPassword === undefined ? {} : { resolverPassword: inputs.resolverPassword }),
    ...(inputs.applicationPassword === undefined ? {} : { applicationPassword: inputs.applicationPassword }),
    provisionerPassword: inputs.provisionerPassword,
    serverVersion: live.version,
    extensionVersions: Object.fromEntries(
      inputs.extensions.flatMap((name) => {
        const version = live.extensions[name]?.version;
        return version === undefined ? [] : [[name, version]];
      }),
    ),
  };
}

function missingText(name: string, server: PostgresServer, missing: readonly Requirement[]): string {
  const reason =
    server.admin === undefined
      ? "the platform's configuration names no admin login, so an administrator has to run this"
      : `the admin login ${server.admin.user} could not mend it; an administrator with more rights has to run this`;
  return (
    `Baseline of the PostgreSQL server "${name}": ${missing.length} things are missing:\n` +
    `${missing.map((item) => `- ${item.missing}`).join("\n")}\n` +
    `${reason} in the database ${server.database}:\n${missing.map(({ sql }) => sql).join("\n")}`
  );
}
