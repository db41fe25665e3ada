/** A database, role and user for each tenant on a shared Neo4j Enterprise server, over Bolt. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Neo4jServer } from "../config.ts";
import { type CallContext, ProviderError } from "../handler.ts";
import type { Neo4jDatabaseInputs } from "../inputs.ts";
import type { Mark } from "../mark.ts";
import type { Endpoint, Neo4jBackend } from "./backend.ts";
import type { Neo4jClient } from "./client.ts";
import * as cypher from "./cypher.ts";
import { isMissing, isSamePassword, isTransient } from "./errors.ts";
import { describeLive, isStatus, type LiveTenant, readDatabase, text } from "./live.ts";
import { markRole } from "./mark-role.ts";
import { privilegeStatement, tenantChanges } from "./privileges.ts";
import { PublicRole } from "./public-role.ts";
import { serverFindings } from "./server-drift.ts";
import { ServerProbe } from "./server-probe.ts";

/** How often and how long a database may lag behind what a server has answered. */
const statusTries = 60;
const statusPauseMs = 250;

export function serverBackend(server: Neo4jServer, client: Neo4jClient): Neo4jBackend {
  const probe = new ServerProbe(client);
  const publicRole = new PublicRole(client, server.procedures);

  const run = (statement: cypher.Statement, { signal }: CallContext) => client.run(statement, { signal });

  async function runUnless(
    statement: cypher.Statement,
    context: CallContext,
    isFine: (error: unknown) => boolean,
  ): Promise<void> {
    try {
      await run(statement, context);
    } catch (error) {
      if (!(error instanceof ProviderError) || !isFine(error.cause)) throw error;
    }
  }

  async function describe(context: CallContext, inputs: Neo4jDatabaseInputs): Promise<LiveTenant> {
    await probe.assertEnterprise({ signal: context.signal });
    return describeLive(client, inputs, context.signal);
  }

  /** Replaced in one statement: there is no moment without a mark. */
  async function writeMark(context: CallContext, inputs: Neo4jDatabaseInputs, mark: Mark, live: LiveTenant) {
    const name = markRole(inputs.role, mark);
    const stale = live.markRoles.filter((other) => other !== name);
    if (!live.markRoles.includes(name)) {
      const first = stale.shift();
      await run(first === undefined ? cypher.createRole(name) : cypher.renameRole(first, name), context);
    }
    for (const other of stale) await run(cypher.dropRole(other), context);
  }

  /** A WAIT that is over is no error, and is told in rows or in a notification by version: what counts is the status. */
  async function awaitStatus(context: CallContext, database: string, status: "online" | "offline"): Promise<void> {
    for (let left = statusTries; ; left--) {
      const live = await readDatabase(client, database, context.signal);
      if (live !== undefined && isStatus(live, status)) return;
      if (left === 0 || (live !== undefined && live.messages.length > 0)) {
        const message = live?.messages.length ? ` (${live.messages.join("; ").slice(0, 300)})` : "";
        throw new ProviderError(
          `Neo4j at ${client.uri}: database "${database}" is ${live?.current.join(", ") ?? "missing"} and not ${status}${message}. ` +
            `Look at the server's debug.log, then run the update again.`,
        );
      }
      context.status(`waiting until database ${database} is ${status}`);
      await sleep(statusPauseMs, undefined, { signal: context.signal }).catch(() => {
        throw new ProviderError(`Neo4j at ${client.uri}: waiting for database "${database}" was cancelled.`);
      });
    }
  }

  async function applyDatabase(context: CallContext, inputs: Neo4jDatabaseInputs, live: LiveTenant): Promise<void> {
    const { database, state } = inputs;
    if (live.database === undefined) await run(cypher.createDatabase(database), context);
    if (state === "active") {
      if (live.database !== undefined && !isStatus(live.database, "online")) {
        await run(cypher.startDatabase(database), context);
      }
      if (live.database === undefined || !isStatus(live.database, "online")) {
        await awaitStatus(context, database, "online");
      }
    }
  }

  async function applyPrivileges(context: CallContext, { database, role }: Neo4jDatabaseInputs): Promise<void> {
    await run(cypher.createRole(role), context);
    const rows = await run(cypher.showPrivileges(role), context);
    const { missing, further } = tenantChanges(
      database,
      role,
      rows.map(({ command }) => text(command)),
    );
    for (const statement of [...further, ...missing]) await run(privilegeStatement(statement), context);
  }

  async function applyUser(context: CallContext, inputs: Neo4jDatabaseInputs, live: LiveTenant): Promise<void> {
    const { database, role, username, password, state } = inputs;
    const status = state === "active" ? "ACTIVE" : "SUSPENDED";
    if (live.user === undefined) {
      await run(cypher.createUser(username, password, database, status), context);
    } else {
      // In this order: an old password must not open what was shut.
      await runUnless(cypher.setPassword(username, password), context, isSamePassword);
      await run(cypher.setUser(username, database, status), context);
    }
    for (const other of live.user?.roles.filter((name) => name !== role) ?? []) {
      await runUnless(cypher.revokeRole(other, username), context, isMissing);
    }
    for (const member of live.members?.filter((name) => name !== username) ?? []) {
      await runUnless(cypher.revokeRole(role, member), context, isMissing);
    }
    if (live.user?.roles.includes(role) !== true) await run(cypher.grantRole(role, username), context);
  }

  async function killSessions(context: CallContext, username: string): Promise<void> {
    const rows = await run(cypher.connectionsOf(username), context);
    const ids = rows.map(({ connectionId }) => text(connectionId)).filter((id) => id !== "");
    if (ids.length > 0) await run(cypher.killConnections(ids), context);
  }

  const endpoint = ({ database, username }: Neo4jDatabaseInputs): Endpoint => ({
    uri: server.uri,
    loginDatabase: database,
    loginUser: username,
  });

  return {
    async outlook({ database }, signal) {
      try {
        await probe.assertEnterprise({ signal, retry: false });
        await probe.assertRoom(database, { signal, retry: false });
        return {};
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error;
        if (!isTransient(error.cause)) return { refusal: error.message };
        return { warning: `edition and number of databases could not be looked at: ${error.message}` };
      }
    },

    async find(context, inputs) {
      const { database, user, members, markRoles, mark } = await describe(context, inputs);
      if (database === undefined && user === undefined && members === undefined && markRoles.length === 0)
        return undefined;
      const what =
        database !== undefined
          ? `Neo4j database "${inputs.database}"`
          : user !== undefined
            ? `Neo4j user "${inputs.username}"`
            : `Neo4j role "${members === undefined ? (markRoles[0]?.slice(0, 60) ?? "") : inputs.role}"`;
      return { what, mark };
    },

    async data(context, inputs) {
      const { database } = await describe(context, inputs);
      if (database === undefined) return undefined;
      if (!isStatus(database, "online")) return `it is ${database.current.join(", ")}, so that nobody can look inside`;
      const rows = await client.run(cypher.anyNode, { database: inputs.database, signal: context.signal });
      return rows.length > 0 ? "nodes" : undefined;
    },

    async apply(context, inputs, mark, endSessions) {
      const live = await describe(context, inputs);
      if (live.database === undefined) await probe.assertRoom(inputs.database, { signal: context.signal });
      await writeMark(context, inputs, mark, live);
      await publicRole.harden(context.signal);
      const active = inputs.state === "active";
      if (!active) {
        await run(cypher.suspendUser(inputs.username), context);
        await killSessions(context, inputs.username);
      }
      await applyDatabase(context, inputs, live);
      await applyPrivileges(context, inputs);
      await applyUser(context, inputs, live);
      if (active && endSessions) await killSessions(context, inputs.username);
      if (!active && (live.database === undefined || !isStatus(live.database, "offline"))) {
        await run(cypher.stopDatabase(inputs.database), context);
        await awaitStatus(context, inputs.database, "offline");
      }
      return endpoint(inputs);
    },

    endpoint,

    async drift(context, inputs) {
      const live = await describe(context, inputs);
      const privileges =
        live.members === undefined
          ? []
          : (await run(cypher.showPrivileges(inputs.role), context)).map(({ command }) => text(command));
      const open = inputs.state === "active" && live.user !== undefined && !live.user.suspended;
      const accepted =
        open && live.database !== undefined && isStatus(live.database, "online")
          ? await client.accepts({ user: inputs.username, password: inputs.password }, inputs.database, context.signal)
          : undefined;
      return [...serverFindings(inputs, live, privileges, accepted), ...(await publicRole.drift(context.signal))];
    },

    async remove(context, inputs) {
      const { database, role, username } = inputs;
      const live = await describe(context, inputs);
      // The server refuses DROP while an alias points at the database; this tool makes none.
      const aliases = live.database?.aliases ?? [];
      if (aliases.length > 0) {
        throw new ProviderError(
          `nothing is removed: ${aliases.length === 1 ? "the alias" : "the aliases"} ${aliases.map((name) => JSON.stringify(name)).join(", ")} ` +
            `${aliases.length === 1 ? "points" : "point"} at database "${database}" and ${aliases.length === 1 ? "is" : "are"} not of this tool. ` +
            `Run ${aliases.map((name) => `DROP ALIAS ${cypher.quote(name)} FOR DATABASE`).join("; ")} on the database system, then the update again.`,
        );
      }
      await run(cypher.suspendUser(username), context);
      await runUnless(cypher.dropDatabase(database), context, isMissing);
      if ((await readDatabase(client, database, context.signal)) !== undefined) {
        throw new ProviderError(
          `Neo4j at ${client.uri}: database "${database}" is still there after DROP DATABASE. Run the update again.`,
        );
      }
      await run(cypher.dropUser(username), context);
      await killSessions(context, username);
      await run(cypher.dropRole(role), context);
      // Last: until here a run that was cut off knows by it that all of this is its own.
      for (const name of live.markRoles) await run(cypher.dropRole(name), context);
      probe.forget(database);
    },

    close: () => client.close(),
  };
}
