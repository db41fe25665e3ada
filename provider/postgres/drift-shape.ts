/**
 * Where the shape of a tenant's schema differs from what its template and its own files give. What holds no data and no
 * long lock is made anew; everything else is told, with the statement that a person may run. Nothing is ever dropped but
 * a policy that is put back in the same transaction.
 */
import { vectorIndexPrefix } from "../../components/naming.ts";
import type { Difference } from "./difference.ts";
import { identifier, literal } from "./quote.ts";
import { inSchema, type Item, keyOf, type ShapeNames } from "./shape.ts";

/** Up to 16 MB an index is built at once: it keeps writers waiting for as long as it takes. */
const smallPages = 2048;

export function shapeDifferences(all: readonly Item[], wanted: readonly Item[], names: ShapeNames): Difference[] {
  const live = all.filter((item) => !isVectorIndex(item));
  const [actual, expected] = [byKey(live), byKey(wanted)];
  const pages = new Map(
    live.filter(({ kind }) => kind === "table").map(({ name, pages: count }) => [name, count ?? 0]),
  );
  const isOf = (items: ReadonlyMap<string, Item>, table: string | null) =>
    table === null || items.has(`table  ${table}`) || items.has(`view  ${table}`);
  const missing = wanted
    .filter((item) => !actual.has(keyOf(item)) && isOf(actual, item.table))
    .map((item) => missingItem(item, names, pages.get(item.table ?? "") ?? 0));
  const changed = wanted.flatMap((item) => {
    const there = actual.get(keyOf(item));
    return there === undefined ? [] : changedItem(there, item, names);
  });
  // What belongs to an unknown table is told by the table.
  const extra = live
    .filter((item) => !expected.has(keyOf(item)) && isOf(expected, item.table))
    .map((item) => extraItem(item, names));
  return [...missing, ...changed, ...extra, ...all.filter(isVectorIndex).flatMap((item) => vectorIndex(item, names))];
}

/** Made by need, not by the template: `tenancy vectors`. */
export function isVectorIndex({ kind, name, attributes }: Item): boolean {
  return (
    kind === "index" && name.startsWith(vectorIndexPrefix) && (attributes.definition ?? "").includes(" USING hnsw ")
  );
}

function vectorIndex(item: Item, names: ShapeNames): Difference[] {
  if (item.attributes.state !== "invalid") return [];
  return [
    {
      sentence: `${title(item)} is invalid: its build was interrupted`,
      field: field(item, "state"),
      is: "invalid",
      should: "usable",
      byHand: [
        `-- \`tenancy vectors --build\` builds it anew, or: DROP INDEX CONCURRENTLY ${tableName(item.name, names)};`,
      ],
    },
  ];
}

function byKey(items: readonly Item[]): ReadonlyMap<string, Item> {
  return new Map(items.map((item) => [keyOf(item), item]));
}

/** As in `the column path of the table documents`. */
function title({ kind, name, table }: Item): string {
  return table === null ? `the ${kind} ${name}` : `the ${kind} ${name} of the table ${table}`;
}

function field(item: Item, aspect?: string): string {
  const base = title(item).replace(/^the /, "");
  return aspect === undefined ? base : `${base}: ${aspect}`;
}

function missingItem(item: Item, names: ShapeNames, pages: number): Difference {
  const told = {
    sentence: `${title(item)} is missing`,
    field: field(item),
    is: "missing",
    should: inSchema(item.attributes.definition ?? "there", names),
  };
  const sql = creation(item, names);
  const unique = item.kind === "index" && (item.sql ?? "").startsWith("CREATE UNIQUE ");
  const atOnce =
    ["function", "view", "trigger", "policy"].includes(item.kind) ||
    (item.kind === "index" && !unique && pages <= smallPages);
  if (sql !== undefined && atOnce) return { ...told, asOwner: [sql] };
  if (item.kind === "index" && sql !== undefined) {
    return { ...told, byHand: [sql.replace(/^CREATE (UNIQUE )?INDEX /, "CREATE $1INDEX CONCURRENTLY ")] };
  }
  return { ...told, byHand: [sql ?? `-- restore it from a backup, or make it as the template does`] };
}

function creation(item: Item, names: ShapeNames): string | undefined {
  if (item.kind === "policy") return policySql(item, names);
  return item.sql === null ? undefined : inSchema(item.sql, names);
}

function policySql({ name, table, attributes }: Item, names: ShapeNames): string {
  const roles = (attributes.roles ?? "PUBLIC")
    .split(", ")
    .map((role) => (role === "PUBLIC" ? role : identifier(inSchema(role, names))))
    .join(", ");
  const using = attributes.USING ?? null;
  const check = attributes["WITH CHECK"] ?? null;
  return [
    `CREATE POLICY ${identifier(name)} ON ${tableName(table, names)}`,
    `AS ${attributes.kind ?? ""} FOR ${attributes.command ?? ""} TO ${roles}`,
    ...(using === null ? [] : [`USING (${inSchema(using, names)})`]),
    ...(check === null ? [] : [`WITH CHECK (${inSchema(check, names)})`]),
  ]
    .join(" ")
    .concat(";");
}

function changedItem(live: Item, wanted: Item, names: ShapeNames): Difference[] {
  const aspects = Object.keys(wanted.attributes).filter(
    (aspect) => live.attributes[aspect] !== wanted.attributes[aspect],
  );
  // A policy is put back as a whole.
  const mended = wanted.kind === "policy" ? aspects.slice(0, 1) : aspects;
  return aspects.map((aspect) => {
    const shown = (item: Item) => {
      const value = item.attributes[aspect] ?? null;
      return value === null ? "none" : shortened(inSchema(value, names));
    };
    const [is, should] = [shown(live), shown(wanted)];
    const text = aspect === "definition" ? "is not the template's" : `: ${aspect} is ${is}, not ${should}`;
    const told = {
      sentence: `${title(live)}${aspect === "definition" ? " " : ""}${text}`,
      field: field(live, aspect),
      is,
      should,
    };
    const sql = changeSql(live, wanted, aspect, names);
    if (wanted.kind === "policy" && !mended.includes(aspect)) return { ...told, asOwner: [] };
    return sql === undefined ? { ...told, byHand: byHand(wanted, aspect, names) } : { ...told, asOwner: sql };
  });
}

/** Statements that change no data and need no long lock; undefined where there are none. */
function changeSql(live: Item, wanted: Item, aspect: string, names: ShapeNames): string[] | undefined {
  const { kind, name, table, sql } = wanted;
  const value = wanted.attributes[aspect] ?? null;
  switch (`${kind}: ${aspect}`) {
    case "table: row-level security":
      return [
        `ALTER TABLE ${tableName(name, names)} ${value === "enabled" ? "ENABLE" : "DISABLE"} ROW LEVEL SECURITY;`,
      ];
    case "table: row-level security for the owner":
      return [`ALTER TABLE ${tableName(name, names)} ${value === "forced" ? "FORCE" : "NO FORCE"} ROW LEVEL SECURITY;`];
    case "table: comment":
      return [`COMMENT ON TABLE ${tableName(name, names)} IS ${value === null ? "NULL" : literal(value)};`];
    case "column: comment":
      return [
        `COMMENT ON COLUMN ${tableName(table, names)}.${identifier(name)} IS ${value === null ? "NULL" : literal(value)};`,
      ];
    case "column: default":
      // A sequence of another name would leave the rows' numbers behind.
      if (value?.includes("nextval(") === true) return undefined;
      return [
        `ALTER TABLE ${tableName(table, names)} ALTER COLUMN ${identifier(name)} ` +
          `${value === null ? "DROP DEFAULT" : `SET DEFAULT ${inSchema(value, names)}`};`,
      ];
    case "trigger: state":
      if (value !== "enabled") return undefined;
      return [`ALTER TABLE ${tableName(table, names)} ENABLE TRIGGER ${identifier(name)};`];
    case "trigger: definition":
      return sql === null || sql.startsWith("CREATE CONSTRAINT TRIGGER")
        ? undefined
        : [inSchema(sql, names).replace(/^CREATE TRIGGER/, "CREATE OR REPLACE TRIGGER")];
    case "function: definition":
    case "view: definition":
    case "view: options":
      return sql === null ? undefined : [inSchema(sql, names)];
    default:
      if (kind !== "policy") return undefined;
      return [`DROP POLICY ${identifier(live.name)} ON ${tableName(table, names)};`, policySql(wanted, names)];
  }
}

function byHand(wanted: Item, aspect: string, names: ShapeNames): string[] {
  const { kind, name, table } = wanted;
  const value = wanted.attributes[aspect] ?? null;
  const column = `ALTER TABLE ${tableName(table ?? name, names)} ALTER COLUMN ${identifier(name)}`;
  if (kind === "column" && aspect === "type") return [`${column} TYPE ${inSchema(value ?? "", names)};`];
  if (kind === "column" && aspect === "null") {
    return [`${column} ${value === "allowed" ? "DROP" : "SET"} NOT NULL;`];
  }
  if (kind === "column" && aspect === "default") return [`${column} SET DEFAULT ${inSchema(value ?? "NULL", names)};`];
  if (kind === "index") {
    const made = inSchema(wanted.sql ?? "", names);
    return aspect === "state"
      ? [`REINDEX INDEX CONCURRENTLY ${tableName(name, names)};`]
      : [`DROP INDEX CONCURRENTLY ${tableName(name, names)};`, made.replace("INDEX ", "INDEX CONCURRENTLY ")];
  }
  if (kind === "constraint" && aspect === "checked") {
    return [`ALTER TABLE ${tableName(table, names)} VALIDATE CONSTRAINT ${identifier(name)};`];
  }
  if (kind === "constraint" && wanted.sql !== null) {
    return [`ALTER TABLE ${tableName(table, names)} DROP CONSTRAINT ${identifier(name)};`, inSchema(wanted.sql, names)];
  }
  return [`-- ${field(wanted, aspect)}: ${value === null ? "take it away" : `set ${inSchema(value, names)}`}`];
}

function extraItem(item: Item, names: ShapeNames): Difference {
  const { kind, name, table } = item;
  const on = `ON ${tableName(table, names)}`;
  const drop: Partial<Record<Item["kind"], string>> = {
    column: `ALTER TABLE ${tableName(table, names)} DROP COLUMN ${identifier(name)};`,
    constraint: `ALTER TABLE ${tableName(table, names)} DROP CONSTRAINT ${identifier(name)};`,
    policy: `DROP POLICY ${identifier(name)} ${on};`,
    trigger: `DROP TRIGGER ${identifier(name)} ${on};`,
    rule: `DROP RULE ${identifier(name)} ${on};`,
    function: `DROP ROUTINE ${identifier(names.schema)}.${name};`,
    "statistics object": `DROP STATISTICS ${tableName(name, names)};`,
  };
  const statement =
    drop[kind] ??
    `DROP ${kind === "view" && item.attributes.kind === "materialized view" ? "MATERIALIZED VIEW" : kind.toUpperCase()} ${tableName(name, names)};`;
  return {
    sentence: `${title(item)} is not in the template`,
    field: field(item),
    is: shortened(inSchema(item.attributes.definition ?? "there", names)),
    should: "not there",
    byHand: [`-- keep it by a file of the tenant (postgres.additionalSql), or remove it: ${statement}`],
  };
}

function tableName(name: string | null, names: ShapeNames): string {
  return name === null || name === "" ? "" : `${identifier(names.schema)}.${identifier(name)}`;
}

/** A long body in one line. */
function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > 160 ? `${line.slice(0, 157)}…` : line;
}
