/** Where a tenant's live schema differs from what it has to be, in sentences, each with the statements that mend it. */
import type { PostgresServer } from "../config.ts";
import type { SchemaInputs } from "../inputs.ts";
import type { Live, LiveObject, Right } from "./live.ts";
import { identifier } from "./quote.ts";

export interface Difference {
  readonly sentence: string;
  /** Run as the schema's owner. */
  readonly asOwner?: readonly string[];
  /** Run as the provisioner. */
  readonly asProvisioner?: readonly string[];
  /** What an administrator has to run, where the provisioner may not. */
  readonly asAdministrator?: readonly string[];
}

const kinds = {
  table: { keyword: "TABLE", letter: "r", app: ["DELETE", "INSERT", "SELECT", "UPDATE"], readOnly: ["SELECT"] },
  sequence: { keyword: "SEQUENCE", letter: "S", app: ["SELECT", "USAGE"], readOnly: ["SELECT"] },
  function: { keyword: "FUNCTION", letter: "f", app: ["EXECUTE"], readOnly: ["EXECUTE"] },
  type: { keyword: "TYPE", letter: "T", app: ["USAGE"], readOnly: ["USAGE"] },
} as const;

/** The path of a tenant's logins: its own schema before all others. */
export function searchPath(inputs: SchemaInputs): string {
  return `${identifier(inputs.schema)}, extensions, pg_catalog, pg_temp`;
}

/** Statements, as the owner, for the rights on what the owner makes later. */
export function defaultPrivilegesSql(inputs: SchemaInputs): string[] {
  const schema = identifier(inputs.schema);
  const grants = Object.values(kinds).flatMap(({ keyword, app, readOnly }) => [
    `ALTER DEFAULT PRIVILEGES IN SCHEMA ${schema} GRANT ${app.join(", ")} ON ${keyword}S TO ${identifier(inputs.appRole)};`,
    `ALTER DEFAULT PRIVILEGES IN SCHEMA ${schema} GRANT ${readOnly.join(", ")} ON ${keyword}S TO ${identifier(inputs.readOnlyRole)};`,
  ]);
  return [
    ...grants,
    // Without IN SCHEMA: the form with it takes nothing away from PUBLIC.
    "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;",
    "ALTER DEFAULT PRIVILEGES REVOKE USAGE ON TYPES FROM PUBLIC;",
  ];
}

export function differences(live: Live, inputs: SchemaInputs, server: PostgresServer): Difference[] {
  return [
    ...roleDifferences(live, inputs, server.database),
    ...membershipDifferences(live, server),
    ...databaseDifferences(live, inputs, server),
    ...schemaDifferences(live, inputs),
    ...defaultDifferences(live, inputs),
    ...live.objects.flatMap((object) => objectDifferences(object, inputs)),
  ];
}

function roleDifferences(live: Live, inputs: SchemaInputs, database: string): Difference[] {
  const open = inputs.state === "active";
  const wanted = [
    { name: inputs.ownerRole, login: false, limit: undefined },
    { name: inputs.appRole, login: open, limit: inputs.connectionLimit },
    { name: inputs.readOnlyRole, login: open, limit: inputs.readOnlyConnectionLimit },
  ];
  const found: Difference[] = [];
  for (const { name, login, limit } of wanted) {
    const role = live.roles[name];
    const quoted = identifier(name);
    const alter = (sentence: string, clause: string) =>
      found.push({ sentence, asProvisioner: [`ALTER ROLE ${quoted} ${clause};`] });
    if (role === undefined) {
      found.push({
        sentence: `the role ${name} is missing`,
        asProvisioner: [`CREATE ROLE ${quoted} ${login ? "LOGIN" : "NOLOGIN"} NOINHERIT;`],
      });
    } else {
      if (role.login !== login)
        alter(`the role ${name} ${role.login ? "may" : "may not"} log in`, login ? "LOGIN" : "NOLOGIN");
      if (role.inherit) alter(`the role ${name} inherits rights`, "NOINHERIT");
      if (limit !== undefined && role.connectionLimit !== limit) {
        alter(
          `the role ${name} has a connection limit of ${role.connectionLimit}, not ${limit}`,
          `CONNECTION LIMIT ${limit}`,
        );
      }
      if (role.powers.length > 0) {
        const clauses = role.powers.map((power) => `NO${power}`).join(" ");
        found.push({
          sentence: `the role ${name} has ${role.powers.join(", ")}`,
          asAdministrator: [`ALTER ROLE ${quoted} ${clauses};`],
        });
      }
      if (role.globalSettings.length > 0) {
        alter(
          `the role ${name} has settings of its own: ${role.globalSettings.map(settingName).join(", ")}`,
          "RESET ALL",
        );
      }
    }
    if (limit !== undefined)
      found.push(...settingDifferences(name, role?.settings ?? [], inputs, identifier(database)));
  }
  return found;
}

function settingDifferences(
  name: string,
  settings: readonly string[],
  inputs: SchemaInputs,
  database: string,
): Difference[] {
  const path = `search_path=${searchPath(inputs)}`;
  const right = settings.length === 1 && normal(settings[0] ?? "") === normal(path);
  if (right) return [];
  return [
    {
      sentence: `the settings of the role ${name} in the database are not its search_path alone`,
      asProvisioner: [
        `ALTER ROLE ${identifier(name)} IN DATABASE ${database} RESET ALL;`,
        `ALTER ROLE ${identifier(name)} IN DATABASE ${database} SET search_path = ${searchPath(inputs)};`,
      ],
    },
  ];
}

function membershipDifferences(live: Live, server: PostgresServer): Difference[] {
  return live.memberships.map(({ role, member, grantor }) => {
    const revoke = `REVOKE ${identifier(role)} FROM ${identifier(member)} GRANTED BY ${identifier(grantor)} CASCADE;`;
    const sentence = `the role ${member} is a member of ${role}`;
    // A membership can be taken away by its grantor's rights alone.
    return grantor === server.provisioner.user
      ? { sentence, asProvisioner: [revoke] }
      : { sentence, asAdministrator: [revoke] };
  });
}

function databaseDifferences(live: Live, inputs: SchemaInputs, server: PostgresServer): Difference[] {
  const found: Difference[] = [];
  const open = inputs.state === "active";
  const database = identifier(server.database);
  for (const name of [inputs.appRole, inputs.readOnlyRole, inputs.ownerRole]) {
    const rights = live.databaseRights.filter(({ grantee }) => grantee === name);
    const wanted = open && name !== inputs.ownerRole ? ["CONNECT"] : [];
    const others = rights.some(({ grantor }) => grantor !== server.provisioner.user);
    if (!others && same(rights, wanted)) continue;
    const list = rights.map(({ privilege }) => privilege).join(", ") || "no right";
    const revoke = `REVOKE ALL ON DATABASE ${database} FROM ${identifier(name)} CASCADE;`;
    found.push({
      sentence: `the role ${name} has ${list} on the database, not ${wanted.join() || "none"} by the provisioner`,
      asProvisioner: [
        revoke,
        ...(wanted.length > 0 ? [`GRANT CONNECT ON DATABASE ${database} TO ${identifier(name)};`] : []),
      ],
      ...(others ? { asAdministrator: [revoke] } : {}),
    });
  }
  return found;
}

function schemaDifferences(live: Live, inputs: SchemaInputs): Difference[] {
  const { schema } = live;
  if (schema === null) return [];
  if (schema.owner !== inputs.ownerRole) {
    return [
      {
        sentence: `the schema ${inputs.schema} belongs to ${schema.owner}, not to ${inputs.ownerRole}`,
        asAdministrator: [`ALTER SCHEMA ${identifier(inputs.schema)} OWNER TO ${identifier(inputs.ownerRole)};`],
      },
    ];
  }
  return rightsDifferences(
    `the schema ${inputs.schema}`,
    `SCHEMA ${identifier(inputs.schema)}`,
    schema.rights,
    inputs,
    {
      app: ["USAGE"],
      readOnly: ["USAGE"],
    },
  );
}

function defaultDifferences(live: Live, inputs: SchemaInputs): Difference[] {
  const wanted = Object.values(kinds).flatMap(({ letter, app, readOnly }) => [
    ...app.map((privilege) => `${letter} ${inputs.appRole} ${privilege}`),
    ...readOnly.map((privilege) => `${letter} ${inputs.readOnlyRole} ${privilege}`),
  ]);
  const inSchema = live.defaults.filter(({ global }) => !global);
  const actual = inSchema.map(({ kind, grantee, privilege }) => `${kind} ${grantee} ${privilege}`);
  // The global entries hold the owner's own rights and nobody else's.
  const closed = ["f", "T"].every((letter) => live.defaults.some(({ global, kind }) => global && kind === letter));
  const extra = live.defaults.filter(({ global, grantee }) => global && grantee !== inputs.ownerRole);
  if (closed && extra.length === 0 && [...actual].sort().join() === [...wanted].sort().join()) return [];
  const strangers = [...new Set([...inSchema, ...extra].map(({ grantee }) => grantee))].filter(
    (grantee) => grantee !== inputs.ownerRole,
  );
  const revokes = strangers.flatMap((grantee) =>
    Object.values(kinds).flatMap(({ keyword }) => [
      `ALTER DEFAULT PRIVILEGES IN SCHEMA ${identifier(inputs.schema)} REVOKE ALL ON ${keyword}S FROM ${roleName(grantee)};`,
      `ALTER DEFAULT PRIVILEGES REVOKE ALL ON ${keyword}S FROM ${roleName(grantee)};`,
    ]),
  );
  return [
    {
      sentence: `the default privileges of ${inputs.ownerRole} are not those of a tenant`,
      asOwner: [...revokes, ...defaultPrivilegesSql(inputs)],
    },
  ];
}

function objectDifferences(object: LiveObject, inputs: SchemaInputs): Difference[] {
  const { keyword, app, readOnly } = kinds[object.kind];
  const what = `the ${object.kind} ${object.name}`;
  const target = `${keyword} ${identifier(inputs.schema)}.${object.name}`;
  if (object.owner !== inputs.ownerRole) {
    return [
      {
        sentence: `${what} belongs to ${object.owner}, not to ${inputs.ownerRole}`,
        asAdministrator: [`ALTER ${target} OWNER TO ${identifier(inputs.ownerRole)};`],
      },
    ];
  }
  const { columnGrantees } = object;
  const columns =
    columnGrantees.length > 0
      ? [
          {
            sentence: `${what} has rights on single columns for ${columnGrantees.join(", ")}`,
            // REVOKE on the table takes those of its columns with it.
            asOwner: rightsSql(
              target,
              [...strangersOf(object.rights, inputs), ...columnGrantees.filter((name) => name !== "PUBLIC")],
              inputs,
              { app, readOnly },
            ),
          },
        ]
      : [];
  return [...rightsDifferences(what, target, object.rights, inputs, { app, readOnly }), ...columns];
}

interface Wanted {
  readonly app: readonly string[];
  readonly readOnly: readonly string[];
}

function rightsDifferences(
  what: string,
  target: string,
  rights: readonly Right[],
  inputs: SchemaInputs,
  wanted: Wanted,
): Difference[] {
  const strangers = strangersOf(rights, inputs);
  const of = (role: string) => rights.filter(({ grantee }) => grantee === role);
  const app = same(of(inputs.appRole), wanted.app);
  const readOnly = same(of(inputs.readOnlyRole), wanted.readOnly);
  if (strangers.length === 0 && app && readOnly) return [];
  const wrong = [...strangers, ...(app ? [] : [inputs.appRole]), ...(readOnly ? [] : [inputs.readOnlyRole])];
  return [
    {
      sentence: `${what} has other rights than a tenant's for ${wrong.join(", ")}`,
      asOwner: rightsSql(target, strangers, inputs, wanted),
    },
  ];
}

function rightsSql(target: string, strangers: readonly string[], inputs: SchemaInputs, wanted: Wanted): string[] {
  const app = identifier(inputs.appRole);
  const readOnly = identifier(inputs.readOnlyRole);
  const from = ["PUBLIC", app, readOnly, ...strangers.filter((name) => name !== "PUBLIC").map(roleName)];
  return [
    `REVOKE ALL ON ${target} FROM ${from.join(", ")} CASCADE;`,
    `GRANT ${wanted.app.join(", ")} ON ${target} TO ${app};`,
    `GRANT ${wanted.readOnly.join(", ")} ON ${target} TO ${readOnly};`,
  ];
}

function strangersOf(rights: readonly Right[], inputs: SchemaInputs): string[] {
  const own = [inputs.ownerRole, inputs.appRole, inputs.readOnlyRole];
  return [...new Set(rights.map(({ grantee }) => grantee))].filter((grantee) => !own.includes(grantee));
}

function same(rights: readonly Right[], wanted: readonly string[]): boolean {
  const actual = rights.map(({ privilege, grantable }) => (grantable ? `${privilege}*` : privilege)).sort();
  return actual.join() === [...wanted].sort().join();
}

function roleName(grantee: string): string {
  return grantee === "PUBLIC" ? "PUBLIC" : identifier(grantee);
}

function settingName(setting: string): string {
  return setting.split("=")[0] ?? "";
}

/** The server quotes names in a setting only where it has to. */
function normal(setting: string): string {
  return setting.replaceAll('"', "").replaceAll(/\s+/g, "");
}
