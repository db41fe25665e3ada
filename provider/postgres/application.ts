/**
 * The trusted login that works for many tenants through few connections. It holds no right of its own: per transaction
 * it takes the application's role of one tenant, or of a pool. The Baseline makes and keeps it; who takes a role gives
 * it the membership, WITH INHERIT FALSE, SET TRUE, so that a connection that took no role can do nothing.
 */
import type { Login, PostgresServer } from "../config.ts";
import { type Finding, repairable } from "../finding.ts";
import { type CallContext, type CheckFailure, ProviderError } from "../handler.ts";
import { changeLock } from "./catalogue.ts";
import { type Difference, listed, toFinding } from "./difference.ts";
import { type Reach, reachDifferences, reachSql } from "./drift-reach.ts";
import { attributeDifferences } from "./drift-roles.ts";
import { type LiveRole, type Right, rightsOf, roleJson } from "./live.ts";
import type { PostgresPools, Session } from "./pool.ts";
import { identifier, integer, literal } from "./quote.ts";
import { scramVerifier } from "./scram.ts";

/** Connections of the login at once; a pooler needs fewer. */
const applicationConnectionLimit = 100;

interface LiveApplication {
  readonly role: LiveRole | null;
  /** Roles that it is a member of, but for the application's roles of tenants and pools, and its own members. */
  readonly memberships: readonly { readonly role: string; readonly member: string; readonly grantor: string }[];
  readonly databaseRights: readonly Right[];
  readonly reach: readonly Reach[];
}

/**
 * A membership of a tenant's or a pool's application role is looked at by the resource that gives it. Such a role goes
 * with a schema of this database, and with the schema's owner.
 */
const liveSql = `WITH ours AS (SELECT * FROM pg_catalog.pg_roles WHERE rolname = $2),
  n AS (SELECT * FROM pg_catalog.pg_namespace WHERE nspname = $1),
  d AS (SELECT * FROM pg_catalog.pg_database WHERE datname = current_database()),
  m AS MATERIALIZED (SELECT classid, objid FROM pg_catalog.pg_depend WHERE false)
SELECT json_build_object(
  'role', (SELECT ${roleJson} FROM ours o),
  'memberships', (SELECT coalesce(json_agg(json_build_object('role', pg_get_userbyid(a.roleid),
      'member', pg_get_userbyid(a.member), 'grantor', pg_get_userbyid(a.grantor))), '[]')
    FROM pg_catalog.pg_auth_members a JOIN pg_catalog.pg_roles r ON r.oid = a.roleid
    WHERE (a.member IN (SELECT oid FROM ours) AND NOT EXISTS (SELECT FROM pg_catalog.pg_namespace p
        WHERE r.rolname = p.nspname || '_app' AND pg_get_userbyid(p.nspowner) = p.nspname || '_owner'))
      OR (a.roleid IN (SELECT oid FROM ours) AND pg_get_userbyid(a.member) <> $3)),
  'databaseRights', (SELECT coalesce(json_agg(r), '[]') FROM d, json_array_elements(${rightsOf("d.datacl")}) r
    WHERE r->>'grantee' = $2),
  'reach', ${reachSql}
) AS live`;

/** @param session - of the provisioner or an administrator in the shared database */
async function applicationDifferences(
  session: Session,
  server: PostgresServer,
  { user }: Login,
): Promise<Difference[] | "missing"> {
  // No schema has the empty name: everything that the login may reach is told.
  const [row] = await session.query<{ live: LiveApplication }>(liveSql, ["", user, server.provisioner.user]);
  if (row === undefined) throw new Error("the server gave no answer");
  const { role, memberships, databaseRights, reach } = row.live;
  if (role === null) return "missing";
  return [
    ...attributeDifferences(user, role, true, applicationConnectionLimit),
    ...settingDifferences(user, role.settings, server),
    ...memberships.map((entry) => membershipDifference(entry, user, server)),
    ...databaseDifferences(user, databaseRights, server),
    ...reachDifferences(reach, "and may have no right of its own", "no right of its own"),
  ];
}

function settingDifferences(user: string, settings: readonly string[], { database }: PostgresServer): Difference[] {
  if (settings.length === 0) return [];
  const names = settings.map((setting) => setting.split("=")[0] ?? "").join(", ");
  return [
    {
      sentence: `the login ${user} has settings in the database: ${names}`,
      field: `role ${user}: settings in the database`,
      is: names,
      should: "none",
      asProvisioner: [`ALTER ROLE ${identifier(user)} IN DATABASE ${identifier(database)} RESET ALL;`],
    },
  ];
}

function membershipDifference(
  { role, member, grantor }: LiveApplication["memberships"][number],
  user: string,
  server: PostgresServer,
): Difference {
  const revoke = [`REVOKE ${identifier(role)} FROM ${identifier(member)} GRANTED BY ${identifier(grantor)} CASCADE;`];
  return {
    sentence: `the role ${member} is a member of ${role}${member === user ? ", no application's role of a tenant or a pool" : ""}`,
    field: `role ${member}: memberships`,
    is: `member of ${role}, granted by ${grantor}`,
    should: "no member",
    ...(grantor === server.provisioner.user ? { asProvisioner: revoke } : { asAdministrator: revoke }),
  };
}

function databaseDifferences(user: string, rights: readonly Right[], server: PostgresServer): Difference[] {
  const database = identifier(server.database);
  const role = identifier(user);
  const held = rights.map(({ privilege, grantable }) => (grantable ? `${privilege}*` : privilege));
  const others = rights.some(({ grantor }) => grantor !== server.provisioner.user);
  if (!others && held.join() === "CONNECT") return [];
  const revoke = `REVOKE ALL ON DATABASE ${database} FROM ${role} CASCADE;`;
  return [
    {
      sentence: `the login ${user} has ${listed(held, "no right")} on the database, not CONNECT by the provisioner`,
      field: `role ${user}: rights on the database ${server.database}`,
      is: listed(rights.map(({ privilege, grantor }) => `${privilege} by ${grantor}`)),
      should: `CONNECT by ${server.provisioner.user}`,
      asProvisioner: [revoke, `GRANT CONNECT ON DATABASE ${database} TO ${role};`],
      ...(others ? { asAdministrator: [revoke] } : {}),
    },
  ];
}

/** Makes the login, or sets its password and mends what differs. Run as the provisioner. */
function applicationSql(
  { user }: Login,
  { database }: PostgresServer,
  verifier: string,
  found: readonly Difference[] | "missing",
): string {
  const role = identifier(user);
  const make =
    found === "missing"
      ? [
          // The provisioner administers the login and does not take its place.
          "SET LOCAL createrole_self_grant = '';",
          `CREATE ROLE ${role} LOGIN NOINHERIT NOBYPASSRLS CONNECTION LIMIT ${integer(applicationConnectionLimit)} ` +
            `PASSWORD ${literal(verifier)};`,
          `GRANT CONNECT ON DATABASE ${identifier(database)} TO ${role};`,
        ]
      : [
          `ALTER ROLE ${role} PASSWORD ${literal(verifier)};`,
          ...found.flatMap(({ asProvisioner }) => asProvisioner ?? []),
        ];
  return [`BEGIN; SELECT ${changeLock};`, ...make, "COMMIT;"].join("\n");
}

/** The shared database of a server. */
export interface ApplicationPlace {
  /** Begin of every message. */
  readonly subject: string;
  readonly name: string;
  readonly server: PostgresServer;
  readonly login: Login;
}

/** Makes the login or mends it: the provisioner does, and the administrator what only one may. */
export async function prepareApplication(pools: PostgresPools, context: CallContext, place: ApplicationPlace) {
  const { subject, name, server, login } = place;
  const task = { subject, doing: "creating the login that applications work for many tenants with" };
  const verifier = await scramVerifier(login.password);
  const mend = async (session: Session) => {
    const found = await applicationDifferences(session, server, login);
    await session.script(applicationSql(login, server, verifier, found));
    return found;
  };
  const found = await pools.run(name, task, mend, { exclusive: true });
  const rest = found === "missing" ? [] : found;
  const statements = rest.flatMap(({ asAdministrator }) => asAdministrator ?? []);
  if (statements.length > 0 && server.admin === undefined) {
    throw new ProviderError(
      `${subject}: the login ${login.user} was changed from outside in a way that only an administrator can mend. ` +
        `Run this in the database ${server.database}:\n${statements.join("\n")}`,
    );
  }
  if (statements.length > 0 && server.admin !== undefined) {
    await pools.runAs(name, server.admin, task, (session) =>
      session.script(`BEGIN;\n${statements.join("\n")}\nCOMMIT;`),
    );
    // A right that another granted as well is the provisioner's to give once that one is gone.
    await pools.run(name, task, mend, { exclusive: true });
  }
  for (const { sentence, byHand } of rest) {
    if (byHand !== undefined) context.warn(`${sentence}; this is left to a person: ${byHand.join(" ")}`);
  }
}

/** What a refresh tells of the login; its password only a login proves. */
export async function applicationFindings(pools: PostgresPools, place: ApplicationPlace): Promise<Finding[]> {
  const { subject, name, server, login } = place;
  const task = { subject, doing: `looking at the login ${login.user}` };
  const reader = server.admin ?? server.provisioner;
  const found = await pools.runAs(name, reader, task, (session) => applicationDifferences(session, server, login));
  const field = `role ${login.user}`;
  if (found === "missing") return [repairable(field, "missing", "there", `the login ${login.user} is missing`)];
  const findings = found.map((difference) => toFinding(difference, server));
  if (found.some((difference) => difference.field === `${field}: login`)) return findings;
  if (await pools.canLogIn(name, login, { ...task, doing: `logging in as ${login.user}` })) return findings;
  const should = "the one of the configuration";
  const sentence = `the password of the login ${login.user} is not ${should}`;
  return [...findings, repairable(`${field}: password`, "refused at a login", should, sentence)];
}

/** One login for two purposes would have the rights of both. */
export function applicationFaults({ admin, provisioner, resolver, application }: PostgresServer): CheckFailure[] {
  if (application === undefined) return [];
  return Object.entries({ admin, provisioner, resolver }).flatMap(([purpose, login]) => {
    if (login?.user !== application.user) return [];
    const reason = `the login ${application.user} is the server's ${purpose} too: application needs one of its own`;
    return [{ property: "applicationPassword", reason }];
  });
}
