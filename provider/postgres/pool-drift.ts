/** Differences of a pool's roles, of who is a member of them, and of which logins the pool knows. */
import type { PostgresServer } from "../config.ts";
import type { PoolInputs } from "../inputs.ts";
import { type Difference, listed } from "./difference.ts";
import { reachDifferences } from "./drift-reach.ts";
import { attributeDifferences, databaseDifferences, grantApplicationSql } from "./drift-roles.ts";
import type { PoolLive, PoolMembership } from "./pool-live.ts";
import { loginSql, loginsTable, within } from "./pool-sql.ts";
import { identifier, literal } from "./quote.ts";

export function roleDifferences(seen: PoolLive, inputs: PoolInputs, server: PostgresServer): Difference[] {
  const roles = [inputs.ownerRole, inputs.appRole, inputs.readOnlyRole];
  return [
    ...roles.flatMap((name) => {
      const role = seen.live.roles[name];
      if (role !== undefined) return attributeDifferences(name, role, false, undefined);
      return [
        {
          sentence: `the role ${name} is missing`,
          field: `role ${name}`,
          is: "missing",
          should: "there",
          asProvisioner: [`CREATE ROLE ${identifier(name)} NOLOGIN NOINHERIT;`],
        },
      ];
    }),
    ...membershipDifferences(seen, inputs, server),
    // Members connect by rights of their own logins.
    ...databaseDifferences(seen.live, { ...inputs, state: "suspended" }, server),
    ...defaultDifferences(seen, inputs),
    ...reachDifferences(seen.live.reach),
  ];
}

function membershipDifferences(seen: PoolLive, inputs: PoolInputs, server: PostgresServer): Difference[] {
  const application = server.application?.user;
  const tenants = new Set((seen.logins ?? []).filter(({ kind }) => kind === "tenant").map(({ login }) => login));
  const isOurs = ({ role, member, admin, inherit, set }: PoolMembership) => {
    if (admin) return false;
    if (role === inputs.appRole && member === application) return set && !inherit;
    // How a tenant's login is a member is looked at by the tenant's own resource.
    return (role === inputs.appRole || role === inputs.readOnlyRole) && tenants.has(member);
  };
  const strangers = seen.logins === null ? [] : seen.memberships.filter((membership) => !isOurs(membership));
  const found = strangers.map(({ role, member, grantor, inherit, set }): Difference => {
    const revoke = `REVOKE ${identifier(role)} FROM ${identifier(member)} GRANTED BY ${identifier(grantor)} CASCADE;`;
    return {
      sentence: `the role ${member} is a member of ${role}${member === application ? " in another way than the pool's" : ""}`,
      field: `role ${member}: memberships`,
      is: `member of ${role}, granted by ${grantor}, inherit ${String(inherit)}, set ${String(set)}`,
      should: member === application && role === inputs.appRole ? "inherit false, set true" : "no member",
      ...(grantor === server.provisioner.user ? { asProvisioner: [revoke] } : { asAdministrator: [revoke] }),
    };
  });
  return [...found, ...applicationDifferences(seen, inputs, application)];
}

function applicationDifferences(seen: PoolLive, inputs: PoolInputs, application: string | undefined): Difference[] {
  if (application === undefined || seen.application !== true) return [];
  const right = seen.memberships.some(
    ({ role, member, admin, inherit, set }) =>
      role === inputs.appRole && member === application && set && !inherit && !admin,
  );
  if (right) return [];
  return [
    {
      sentence: `the trusted login ${application} cannot take the role ${inputs.appRole}`,
      field: `role ${application}: memberships`,
      is: "no member",
      should: `member of ${inputs.appRole}, inherit false, set true`,
      asProvisioner: [grantApplicationSql(inputs.appRole, application)],
    },
  ];
}

/** Which logins may choose a tenant by the setting: the two that the platform names, and nobody else. */
export function loginDifferences(seen: PoolLive, inputs: PoolInputs, server: PostgresServer): Difference[] {
  if (seen.logins === null) return [];
  const wanted = new Map<string, "application" | "provisioner">([
    ...(server.application === undefined ? [] : [[server.application.user, "application"] as const]),
    [server.provisioner.user, "provisioner"],
  ]);
  const missing = [...wanted]
    .filter(([login, kind]) => !(seen.logins ?? []).some((entry) => entry.login === login && entry.kind === kind))
    .map(([login, kind]): Difference => ({
      sentence: `the pool does not know the login ${login} of the ${kind}`,
      field: `login ${login} in ${loginsTable}`,
      is: "missing",
      should: kind,
      asOwner: [loginSql(inputs, login, { kind })],
    }));
  const strangers = seen.logins
    .filter(({ login, kind }) => kind !== "tenant" && wanted.get(login) !== kind && !wanted.has(login))
    .map(({ login, kind }): Difference => ({
      sentence: `the pool takes the login ${login} for the ${kind}`,
      field: `login ${login} in ${loginsTable}`,
      is: kind,
      should: "not there",
      asOwner: [`DELETE FROM ${within(inputs, loginsTable)} WHERE login = ${literal(login)};`],
    }));
  return [...missing, ...strangers];
}

/** A pool gives its rights on each object; what a later object gets by itself would pass by its rules. */
function defaultDifferences({ live }: PoolLive, inputs: PoolInputs): Difference[] {
  const entries = live.defaults.filter(({ grantee }) => grantee !== inputs.ownerRole);
  if (entries.length === 0) return [];
  const kinds: Readonly<Record<string, string>> = { r: "TABLES", S: "SEQUENCES", f: "FUNCTIONS", T: "TYPES" };
  const own = (privilege: string) => (privilege === "PUBLIC" ? "PUBLIC" : identifier(privilege));
  return [
    {
      sentence: `${inputs.ownerRole} has default privileges`,
      field: `role ${inputs.ownerRole}: default privileges`,
      is: listed(
        entries.map(({ kind, grantee, privilege }) => `${privilege} on ${kinds[kind] ?? kind} for ${grantee}`),
      ),
      should: "none",
      asOwner: entries.map(
        ({ kind, grantee, global }) =>
          `ALTER DEFAULT PRIVILEGES ${global ? "" : `IN SCHEMA ${identifier(inputs.schema)} `}` +
          `REVOKE ALL ON ${kinds[kind] ?? "TABLES"} FROM ${own(grantee)};`,
      ),
    },
  ];
}
