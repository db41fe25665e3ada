/** The end of a tenant's database: nobody gets in any more, sessions ended, then database and roles dropped. */
import { type CallContext, ProviderError } from "../handler.ts";
import type { DatabaseInputs, DatabaseOutputs } from "../inputs.ts";
import { isInstance, parseMark } from "../mark.ts";
import { DatabaseCatalogue } from "./database-catalogue.ts";
import { readDatabase } from "./database-live.ts";
import { type Place, placeOf } from "./database-place.ts";
import type { Task } from "./faults.ts";
import type { PostgresPools, Session } from "./pool.ts";
import { identifier, identifiers } from "./quote.ts";
import { setRole } from "./script.ts";
import { endSessions } from "./sessions.ts";

/** Closes the logins and ends their sessions, from outside: whatever the tenant holds locked inside is let go. */
export async function closeLogins(session: Session, outputs: DatabaseInputs): Promise<void> {
  const logins = await existing(session, [outputs.appRole, outputs.readOnlyRole]);
  if (logins.length === 0) return;
  await session.script(`BEGIN; ${logins.map((role) => `ALTER ROLE ${identifier(role)} NOLOGIN;`).join(" ")} COMMIT;`);
  await endSessions(session, outputs);
}

export async function removeDatabase(
  pools: PostgresPools,
  context: CallContext,
  outputs: DatabaseOutputs,
): Promise<void> {
  const { backupWaiver, tenant } = outputs;
  const what = `PostgreSQL database "${outputs.database}"`;
  if (outputs.state !== "offboarding" || backupWaiver === undefined) {
    const lacks = outputs.state !== "offboarding" ? `its state is ${outputs.state}` : "it has no backupWaiver";
    throw new ProviderError(
      `tenant ${tenant}: ${what} is not deleted: ${lacks}. Put the tenant back into the registry with ` +
        `state: offboarding and a backupWaiver (reason and name), run an update, then remove it.`,
    );
  }
  const place = placeOf(pools, outputs);
  const task: Task = { subject: `tenant ${tenant}`, doing: `removing the database ${outputs.database}` };
  const options = { exclusive: true, signal: context.signal };
  const live = await pools.run(place.outside, task, (session) => readDatabase(session, outputs), options);
  if (live !== null && !isInstance(parseMark(live.comment), outputs)) {
    context.warn(
      `tenant ${tenant}: ${what} is left alone: it is not the one of this state (another run made or adopted it since).`,
    );
    return;
  }
  await pools.run(place.outside, task, (session) => closeLogins(session, outputs), options);
  if (live !== null) await dropDatabase(pools, context, place, outputs);
  await pools.run(place.outside, task, (session) => dropRoles(session, outputs), options);
  await new DatabaseCatalogue(pools, place, outputs).recordRemoval(backupWaiver);
}

async function dropDatabase(
  pools: PostgresPools,
  context: CallContext,
  { outside, server }: Place,
  outputs: DatabaseOutputs,
): Promise<void> {
  const name = identifier(outputs.database);
  const task: Task = { subject: `tenant ${outputs.tenant}`, doing: `dropping the database ${outputs.database}` };
  // FORCE ends sessions of roles whose rights the caller has: those of others, as an administrator's, are in the way.
  const drop = `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`;
  const close = `ALTER DATABASE ${name} ALLOW_CONNECTIONS false`;
  const open = await pools.run(
    outside,
    task,
    async (session) => {
      const live = await readDatabase(session, outputs);
      if (live === null) return [];
      if (live.allowsConnections) await session.script(close);
      const others = await session.query<{ role: string }>(
        "SELECT DISTINCT usename AS role FROM pg_catalog.pg_stat_activity " +
          "WHERE datname = $1 AND usename <> current_user ORDER BY 1",
        [outputs.database],
      );
      if (others.length === 0) await session.script(drop);
      return others.map(({ role }) => role);
    },
    { exclusive: true, signal: context.signal },
  );
  if (open.length === 0) return;
  if (server.admin === undefined) {
    throw new ProviderError(
      `tenant ${outputs.tenant}: PostgreSQL database "${outputs.database}" is not dropped: ${open.join(", ")} ` +
        `${open.length === 1 ? "is" : "are"} connected to it, and the provisioner may not end those sessions. ` +
        `End them and run the same command again, or run as an administrator in another database: ${drop};`,
    );
  }
  const another = pools.server(outside).database;
  await pools.runAs(outside, { ...server.admin, database: another }, task, (session) => session.script(drop));
}

async function dropRoles(session: Session, outputs: DatabaseOutputs): Promise<void> {
  const roles = await existing(session, [outputs.ownerRole, outputs.appRole, outputs.readOnlyRole]);
  if (roles.length === 0) return;
  const owned = await session.query<{ role: string; place: string }>(
    `SELECT r.rolname AS role, coalesce(d.datname, 'all databases') AS place FROM pg_catalog.pg_shdepend s
       JOIN pg_catalog.pg_roles r ON r.oid = s.refobjid LEFT JOIN pg_catalog.pg_database d ON d.oid = s.dbid
     WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.deptype = 'o' AND r.rolname = ANY ($1) LIMIT 1`,
    [roles],
  );
  // DROP OWNED would drop it.
  if (owned[0] !== undefined) {
    const { role, place } = owned[0];
    throw new ProviderError(
      `tenant ${outputs.tenant}: the role ${role} is not dropped: it owns objects in ${place}. Look whose they are, ` +
        `give them to another role, and run the same command again: REASSIGN OWNED BY ${identifier(role)} TO …;`,
    );
  }
  const script = [
    "BEGIN;",
    // What they were given in this database, and on objects that all databases share.
    ...roles.flatMap((role) => [setRole(role), `DROP OWNED BY ${identifier(role)};`, "SET LOCAL ROLE NONE;"]),
    `DROP ROLE ${identifiers(roles)};`,
    "COMMIT;",
  ];
  await session.script(script.join("\n"));
}

async function existing(session: Session, names: readonly string[]): Promise<string[]> {
  const rows = await session.query<{ name: string }>(
    "SELECT rolname AS name FROM pg_catalog.pg_roles WHERE rolname = ANY ($1) ORDER BY 1",
    [names],
  );
  return rows.map(({ name }) => name);
}
