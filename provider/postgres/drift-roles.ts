/** Differences of a tenant's roles: attributes, settings, memberships and the right to connect. */
import type { PostgresServer } from "../config.ts";
import type { DatabaseInputs, SchemaInputs } from "../inputs.ts";
import { type Difference, listed } from "./difference.ts";
import type { Live, LiveRole } from "./live.ts";
import { identifier } from "./quote.ts";

/** The path of a tenant's logins: its own schema, or its pool's, before all others. */
export function searchPath(inputs: Pick<SchemaInputs, "schema">): string {
  return `${identifier(inputs.schema)}, extensions, pg_catalog, pg_temp`;
}

export function roleDifferences(live: Live, inputs: SchemaInputs, database: string): Difference[] {
  const open = inputs.state === "active";
  const wanted: WantedRole[] = [
    { name: inputs.ownerRole, login: false, limit: undefined },
    { name: inputs.appRole, login: open, limit: inputs.connectionLimit },
    { name: inputs.readOnlyRole, login: open, limit: inputs.readOnlyConnectionLimit },
  ];
  return wanted.flatMap((role) => oneRoleDifferences(live, role, inputs, database));
}

export interface WantedRole {
  readonly name: string;
  readonly login: boolean;
  /** Connections at once; undefined for a role that nobody logs in as, which then needs no settings. */
  readonly limit: number | undefined;
}

export function oneRoleDifferences(
  live: Pick<Live, "roles">,
  { name, login, limit }: WantedRole,
  inputs: Pick<SchemaInputs, "schema">,
  database: string,
): Difference[] {
  const role = live.roles[name];
  const settings =
    limit === undefined ? [] : settingDifferences(name, role?.settings ?? [], inputs, identifier(database));
  if (role !== undefined) return [...attributeDifferences(name, role, login, limit), ...settings];
  const missing: Difference = {
    sentence: `the role ${name} is missing`,
    field: `role ${name}`,
    is: "missing",
    should: "there",
    asProvisioner: [`CREATE ROLE ${identifier(name)} ${login ? "LOGIN" : "NOLOGIN"} NOINHERIT;`],
  };
  return [missing, ...settings];
}

/** @param limit - undefined where the role has none to keep */
export function attributeDifferences(
  name: string,
  role: LiveRole,
  login: boolean,
  limit: number | undefined,
): Difference[] {
  const quoted = identifier(name);
  const found: Difference[] = [];
  const alter = (sentence: string, aspect: string, is: string, should: string, clause: string) =>
    found.push({
      sentence,
      field: `role ${name}: ${aspect}`,
      is,
      should,
      asProvisioner: [`ALTER ROLE ${quoted} ${clause};`],
    });
  if (role.login !== login) {
    const [is, should] = login ? (["NOLOGIN", "LOGIN"] as const) : (["LOGIN", "NOLOGIN"] as const);
    alter(`the role ${name} ${role.login ? "may" : "may not"} log in`, "login", is, should, should);
  }
  if (role.inherit) alter(`the role ${name} inherits rights`, "inheritance", "INHERIT", "NOINHERIT", "NOINHERIT");
  if (limit !== undefined && role.connectionLimit !== limit) {
    alter(
      `the role ${name} has a connection limit of ${role.connectionLimit}, not ${limit}`,
      "connection limit",
      String(role.connectionLimit),
      String(limit),
      `CONNECTION LIMIT ${limit}`,
    );
  }
  if (role.powers.length > 0) {
    found.push({
      sentence: `the role ${name} has ${role.powers.join(", ")}`,
      field: `role ${name}: attributes`,
      is: role.powers.join(", "),
      should: "none",
      asAdministrator: [`ALTER ROLE ${quoted} ${role.powers.map((power) => `NO${power}`).join(" ")};`],
    });
  }
  if (role.validUntil !== null) {
    alter(
      `the password of the role ${name} is valid until ${role.validUntil}`,
      "password's end",
      role.validUntil,
      "none",
      "VALID UNTIL 'infinity'",
    );
  }
  if (role.globalSettings.length > 0) {
    const names = role.globalSettings.map(settingName).join(", ");
    alter(`the role ${name} has settings of its own: ${names}`, "settings everywhere", names, "none", "RESET ALL");
  }
  return found;
}

function settingDifferences(
  name: string,
  settings: readonly string[],
  inputs: Pick<SchemaInputs, "schema">,
  database: string,
): Difference[] {
  const path = `search_path=${searchPath(inputs)}`;
  const right = settings.length === 1 && normal(settings[0] ?? "") === normal(path);
  if (right) return [];
  return [
    {
      sentence: `the settings of the role ${name} in the database are not its search_path alone`,
      field: `role ${name}: settings in the database`,
      is: listed(settings.map((setting) => (settingName(setting) === "search_path" ? setting : settingName(setting)))),
      should: path,
      asProvisioner: [
        `ALTER ROLE ${identifier(name)} IN DATABASE ${database} RESET ALL;`,
        `ALTER ROLE ${identifier(name)} IN DATABASE ${database} SET search_path = ${searchPath(inputs)};`,
      ],
    },
  ];
}

/** Inputs of a schema, and the server's address where it is one of the tenant's own. */
export type PlacedInputs = SchemaInputs & Pick<DatabaseInputs, "connection">;

/**
 * Amazon RDS has this role: its members log in with tokens of IAM, and no more with a password. It holds no other right.
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html
 */
const iamRole = "rds_iam";

/** Logins of the tenant that the tenant's own server asks IAM about. Who could hand the role on is none of them. */
export function iamLogins(
  live: Pick<Live, "memberships">,
  { connection, appRole, readOnlyRole }: Pick<PlacedInputs, "connection" | "appRole" | "readOnlyRole">,
): string[] {
  if (connection === undefined) return [];
  return live.memberships.flatMap(({ role, member, admin }) =>
    role === iamRole && !admin && (member === appRole || member === readOnlyRole) ? [member] : [],
  );
}

export function membershipDifferences(
  live: Pick<Live, "memberships">,
  inputs: Pick<PlacedInputs, "connection" | "appRole" | "readOnlyRole">,
  server: PostgresServer,
): Difference[] {
  const byIam = iamLogins(live, inputs);
  const others = live.memberships.filter(({ role, member }) => role !== iamRole || !byIam.includes(member));
  return others.map(({ role, member, grantor }) => {
    const revoke = `REVOKE ${identifier(role)} FROM ${identifier(member)} GRANTED BY ${identifier(grantor)} CASCADE;`;
    const told = {
      sentence: `the role ${member} is a member of ${role}`,
      field: `role ${member}: memberships`,
      is: `member of ${role}, granted by ${grantor}`,
      should: "no member",
    };
    // A membership can be taken away by its grantor's rights alone.
    return grantor === server.provisioner.user
      ? { ...told, asProvisioner: [revoke] }
      : { ...told, asAdministrator: [revoke] };
  });
}

export function databaseDifferences(
  live: Pick<Live, "databaseRights">,
  inputs: Pick<SchemaInputs, "state" | "ownerRole" | "appRole" | "readOnlyRole">,
  server: PostgresServer,
): Difference[] {
  const found: Difference[] = [];
  const open = inputs.state === "active";
  const database = identifier(server.database);
  for (const name of [inputs.appRole, inputs.readOnlyRole, inputs.ownerRole]) {
    const rights = live.databaseRights.filter(({ grantee }) => grantee === name);
    const wanted = open && name !== inputs.ownerRole ? ["CONNECT"] : [];
    const others = rights.some(({ grantor }) => grantor !== server.provisioner.user);
    const actual = rights.map(({ privilege, grantable }) => (grantable ? `${privilege}*` : privilege));
    if (!others && actual.sort().join() === wanted.join()) continue;
    const list = rights.map(({ privilege }) => privilege).join(", ") || "no right";
    const revoke = `REVOKE ALL ON DATABASE ${database} FROM ${identifier(name)} CASCADE;`;
    found.push({
      sentence: `the role ${name} has ${list} on the database, not ${wanted.join() || "none"} by the provisioner`,
      field: `role ${name}: rights on the database ${server.database}`,
      is: listed(rights.map(({ privilege, grantor }) => `${privilege} by ${grantor}`)),
      should: wanted.length === 0 ? "none" : `${wanted.join()} by ${server.provisioner.user}`,
      asProvisioner: [
        revoke,
        ...(wanted.length > 0 ? [`GRANT CONNECT ON DATABASE ${database} TO ${identifier(name)};`] : []),
      ],
      ...(others ? { asAdministrator: [revoke] } : {}),
    });
  }
  return found;
}

function settingName(setting: string): string {
  return setting.split("=")[0] ?? "";
}

/** The server quotes names in a setting only where it has to. */
function normal(setting: string): string {
  return setting.replaceAll('"', "").replaceAll(/\s+/g, "");
}
