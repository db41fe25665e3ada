/** Where a tenant's live schema differs from what it has to be, in sentences, each with the statements that mend it. */
import type { PostgresServer } from "../config.ts";
import type { SchemaInputs } from "../inputs.ts";
import type { Live, LiveObject, Right } from "./live.ts";
import { type Difference, listed } from "./difference.ts";
import { reachDifferences } from "./drift-reach.ts";
import { databaseDifferences, membershipDifferences, type PlacedInputs, roleDifferences } from "./drift-roles.ts";
import { identifier } from "./quote.ts";

export type { Difference } from "./difference.ts";
export { searchPath } from "./drift-roles.ts";

const kinds = {
  table: { keyword: "TABLE", letter: "r", app: ["DELETE", "INSERT", "SELECT", "UPDATE"], readOnly: ["SELECT"] },
  sequence: { keyword: "SEQUENCE", letter: "S", app: ["SELECT", "USAGE"], readOnly: ["SELECT"] },
  function: { keyword: "FUNCTION", letter: "f", app: ["EXECUTE"], readOnly: ["EXECUTE"] },
  type: { keyword: "TYPE", letter: "T", app: ["USAGE"], readOnly: ["USAGE"] },
} as const;

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

export function differences(live: Live, inputs: PlacedInputs, server: PostgresServer): Difference[] {
  return [
    ...roleDifferences(live, inputs, server.database),
    ...membershipDifferences(live, inputs, server),
    ...databaseDifferences(live, inputs, server),
    ...schemaDifferences(live, inputs),
    ...defaultDifferences(live, inputs),
    ...live.objects.flatMap((object) => objectDifferences(object, inputs)),
    ...reachDifferences(live.reach),
  ];
}

/** The three roles whose rights on a schema and its objects are told apart. */
export type SchemaRoles = Pick<SchemaInputs, "schema" | "ownerRole" | "appRole" | "readOnlyRole">;

export function schemaDifferences(live: Live, inputs: SchemaRoles): Difference[] {
  const { schema } = live;
  if (schema === null) return [];
  if (schema.owner !== inputs.ownerRole) {
    return [
      {
        sentence: `the schema ${inputs.schema} belongs to ${schema.owner}, not to ${inputs.ownerRole}`,
        field: `schema ${inputs.schema}: owner`,
        is: schema.owner,
        should: inputs.ownerRole,
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
  const actualText = [...actual, ...extra.map(({ kind, grantee, privilege }) => `${kind} ${grantee} ${privilege}`)].map(
    defaultText,
  );
  const wantedText = wanted.map(defaultText);
  if (!closed) actualText.push("EXECUTE or USAGE on new functions or types for PUBLIC");
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
      field: `role ${inputs.ownerRole}: default privileges`,
      is: listed(changes("+", actualText, wantedText).concat(changes("-", wantedText, actualText))),
      should: "no more and no less than a tenant's",
      asOwner: [...revokes, ...defaultPrivilegesSql(inputs)],
    },
  ];
}

/** @param wanted - rights of the two roles, where they are not those of a tenant's own schema */
export function objectDifferences(
  object: LiveObject,
  inputs: SchemaRoles,
  wanted: Wanted = kinds[object.kind],
): Difference[] {
  const { keyword } = kinds[object.kind];
  const { app, readOnly } = wanted;
  const what = `the ${object.kind} ${object.name}`;
  const target = `${keyword} ${identifier(inputs.schema)}.${object.name}`;
  if (object.owner !== inputs.ownerRole) {
    return [
      {
        sentence: `${what} belongs to ${object.owner}, not to ${inputs.ownerRole}`,
        field: `${object.kind} ${object.name}: owner`,
        is: object.owner,
        should: inputs.ownerRole,
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
            field: `${object.kind} ${object.name}: rights on columns`,
            is: columnGrantees.join(", "),
            should: "none",
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

/** Rights of the two roles on an object. */
export interface Wanted {
  readonly app: readonly string[];
  readonly readOnly: readonly string[];
}

function rightsDifferences(
  what: string,
  target: string,
  rights: readonly Right[],
  inputs: SchemaRoles,
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
      field: `${what.replace(/^the /, "")}: rights`,
      is: listed(wrong.map((role) => `${role}: ${listed(of(role).map(rightText))}`)),
      should: listed(
        wrong.map((role) => {
          const right = role === inputs.appRole ? wanted.app : role === inputs.readOnlyRole ? wanted.readOnly : [];
          return `${role}: ${listed(right)}`;
        }),
      ),
      asOwner: rightsSql(target, strangers, inputs, wanted),
    },
  ];
}

function rightsSql(target: string, strangers: readonly string[], inputs: SchemaRoles, wanted: Wanted): string[] {
  const app = identifier(inputs.appRole);
  const readOnly = identifier(inputs.readOnlyRole);
  const from = ["PUBLIC", app, readOnly, ...strangers.filter((name) => name !== "PUBLIC").map(roleName)];
  return [
    `REVOKE ALL ON ${target} FROM ${from.join(", ")} CASCADE;`,
    ...(wanted.app.length > 0 ? [`GRANT ${wanted.app.join(", ")} ON ${target} TO ${app};`] : []),
    ...(wanted.readOnly.length > 0 ? [`GRANT ${wanted.readOnly.join(", ")} ON ${target} TO ${readOnly};`] : []),
  ];
}

function strangersOf(rights: readonly Right[], inputs: SchemaRoles): string[] {
  const own = [inputs.ownerRole, inputs.appRole, inputs.readOnlyRole];
  return [...new Set(rights.map(({ grantee }) => grantee))].filter((grantee) => !own.includes(grantee));
}

function same(rights: readonly Right[], wanted: readonly string[]): boolean {
  const actual = rights.map(rightText).sort();
  return actual.join() === [...wanted].sort().join();
}

/** As the server writes it: a star for what may be granted on. */
function rightText({ privilege, grantable }: Right): string {
  return grantable ? `${privilege}*` : privilege;
}

const kindNames: Readonly<Record<string, string>> = { r: "tables", S: "sequences", f: "functions", T: "types" };

/** `r PUBLIC SELECT` in words. */
function defaultText(entry: string): string {
  const [kind = "", grantee = "", privilege = ""] = entry.split(" ");
  return `${privilege} on ${kindNames[kind] ?? kind} for ${grantee}`;
}

/** What is in the first list and not in the second. */
function changes(sign: string, these: readonly string[], those: readonly string[]): string[] {
  return these.filter((text) => !those.includes(text)).map((text) => `${sign}${text}`);
}

function roleName(grantee: string): string {
  return grantee === "PUBLIC" ? "PUBLIC" : identifier(grantee);
}
