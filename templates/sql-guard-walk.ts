/** The walk through a parsed statement: names of other schemas, functions and clauses that reach out of a tenant's own. */

export type Node = Readonly<Record<string, unknown>>;

export interface Refusal {
  readonly reason: string;
  /** Byte in the file; left out where the parser does not tell. */
  readonly location?: number;
}

/** Schemas that a name may carry: what every tenant may read anyway. */
const openSchemas = new Set(["pg_catalog", "extensions"]);

/**
 * Functions of the server that change the session, reach other sessions, the server's files or other schemas, or that
 * run text as SQL. All others that begin with `pg_` are refused as well.
 */
const refusedFunctions =
  /^(set_config|pg_.*|lo_.*|loread|lowrite|dblink.*|.*_to_xml.*|txid_.*|currtid.*|ts_stat|ts_rewrite|to_reg.*|binary_upgrade.*|xpath_table|crosstab.*|connectby)$/;
/** Of those with `pg_` these only look at their arguments. */
const openFunctions = new Set(["pg_typeof", "pg_column_size", "pg_size_pretty", "pg_size_bytes"]);

const sequenceFunctions = new Set(["nextval", "setval", "currval"]);

/** Kinds of ALTER TABLE that leave the tenant's own objects. */
const refusedAlterations: Readonly<Record<string, string>> = {
  AT_ChangeOwner: "changes the owner: the schema's owner owns everything in it",
  AT_SetTableSpace: "names a tablespace: those belong to the platform",
  AT_EnableReplicaTrig: "changes when a trigger fires under replication",
  AT_EnableAlwaysTrig: "changes when a trigger fires under replication",
  AT_EnableRule: "switches a rule: rules are refused",
  AT_EnableAlwaysRule: "switches a rule: rules are refused",
  AT_EnableReplicaRule: "switches a rule: rules are refused",
};

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** The parser wraps each node in an object with its kind as the only key. */
export function first(value: unknown): readonly [kind: string, node: Node] {
  const [entry] = isNode(value) ? Object.entries(value) : [];
  return entry !== undefined && isNode(entry[1]) ? [entry[0], entry[1]] : ["", {}];
}

/** The words of a list of String nodes, as in `["pg_catalog", "now"]`. */
export function words(value: unknown): string[] {
  const list: unknown[] = Array.isArray(value) ? value : [];
  return list.map((item) => text(first(item)[1].sval) ?? "");
}

/** Refusals anywhere inside of a statement. */
export function astFaults(root: unknown): Refusal[] {
  const faults: Refusal[] = [];
  const stack: unknown[] = [root];
  while (stack.length > 0) {
    const value = stack.pop();
    if (Array.isArray(value)) stack.push(...(value as unknown[]));
    else if (isNode(value)) {
      faults.push(...nodeFaults(value));
      stack.push(...Object.values(value));
    }
  }
  return faults;
}

function nodeFaults(node: Node): Refusal[] {
  const location = typeof node.location === "number" && node.location >= 0 ? { location: node.location } : {};
  const faults: Refusal[] = [];
  const refuse = (reason: string) => faults.push({ reason, ...location });

  // RangeVar: a table, view, index or sequence by its name; CREATE STATISTICS and the like hold bare lists instead.
  const schema = text(node.schemaname);
  if (schema !== undefined && !openSchemas.has(schema)) refuse(otherSchema(schema));
  if (schema === "pg_catalog" && text(node.relname) !== undefined) {
    refuse(`names the system table pg_catalog.${text(node.relname) ?? ""}: a file works on its own objects`);
  }
  if (schema === undefined && (text(node.relname) ?? "").startsWith("pg_")) {
    refuse(`names ${text(node.relname) ?? ""}: names that begin with pg_ are the server's`);
  }
  if (text(node.catalogname) !== undefined) refuse("names a database: a file works on its own objects");
  if (node.relpersistence === "t") refuse("makes a temporary table: tenants have none");
  if (node.intoClause !== undefined) refuse("has SELECT INTO: write CREATE TABLE and INSERT … SELECT");
  if (text(node.tablespacename) !== undefined || text(node.tableSpace) !== undefined) {
    refuse("names a tablespace: those belong to the platform");
  }

  for (const key of [
    "funcname",
    "names",
    "typeName",
    "domainname",
    "opclass",
    "opclassname",
    "collname",
    "defnames",
    "objname",
    "name",
  ]) {
    const list = node[key];
    if (!Array.isArray(list)) continue;
    const parts = words(list);
    const [qualifier] = parts;
    if (parts.length > 1 && qualifier !== undefined && !openSchemas.has(qualifier)) refuse(otherSchema(qualifier));
    if (key === "funcname") {
      const name = (parts.at(-1) ?? "").toLowerCase();
      if (refusedFunctions.test(name) && !openFunctions.has(name)) {
        refuse(`calls or names ${name}(): it reaches out of the tenant's own objects`);
      }
    }
    if (key === "funcname" && sequenceFunctions.has(parts.at(-1) ?? "") && dottedArgument(node.args)) {
      refuse(`calls ${parts.at(-1) ?? ""}() with a name that has a schema before it`);
    }
    if (key === "names" && /^reg[a-z]+$/.test(parts.at(-1) ?? "")) {
      refuse(`uses the type ${parts.at(-1) ?? ""}: it looks names up in other schemas`);
    }
  }

  const subtype = text(node.subtype);
  const alteration = subtype === undefined ? undefined : refusedAlterations[subtype];
  if (alteration !== undefined) refuse(alteration);
  return faults;
}

function otherSchema(schema: string): string {
  return (
    `names the schema "${schema}": a file names its own objects without a schema, ` +
    `and of others only pg_catalog and extensions`
  );
}

function dottedArgument(value: unknown): boolean {
  const list: unknown[] = Array.isArray(value) ? value : [];
  const constant = first(list[0])[1].sval;
  return isNode(constant) && (text(constant.sval) ?? "").includes(".");
}
