/** The walk through a statement: names of other schemas, roles, functions and clauses that reach out of a tenant's own. */
import type { RuleId } from "../catalogue.ts";
import type { FileContext, Finding, Statement } from "../rule.ts";
import { first, isNode, itemsOf, list, type Node, placeOf, text, walk, words } from "../tree.ts";

type Names = Pick<FileContext, "prefixes">;

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

/** Types whose text is the name of an object. */
export const lookupTypes = new Set(
  "regclass regcollation regconfig regdatabase regdictionary regnamespace regoper regoperator regproc regprocedure regrole regtype".split(
    " ",
  ),
);

/** Kinds of ALTER TABLE that leave the tenant's own objects. */
const refusedAlterations: Readonly<Record<string, readonly [rule: RuleId, reason: string]>> = {
  AT_ChangeOwner: ["change-owner", "changes the owner: the schema's owner owns everything in it"],
  AT_SetTableSpace: ["tablespace", "names a tablespace: those belong to the platform"],
  AT_EnableReplicaTrig: ["replication-trigger", "changes when a trigger fires under replication"],
  AT_EnableAlwaysTrig: ["replication-trigger", "changes when a trigger fires under replication"],
  AT_EnableRule: ["rewrite-rule", "switches a rule: rules are refused"],
  AT_DisableRule: ["rewrite-rule", "switches a rule: rules are refused"],
  AT_EnableAlwaysRule: ["rewrite-rule", "switches a rule: rules are refused"],
  AT_EnableReplicaRule: ["rewrite-rule", "switches a rule: rules are refused"],
};

/** Keys whose lists of words are names of functions, types, domains, operators, classes and collations. */
const nameKeys = [
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
  "operName",
  "useOp",
  "opfamilyname",
];

/** Kinds of objects that DROP, ALTER … RENAME and COMMENT may name: all of them lie inside of the schema. */
const ownObjects = new Set(
  "TABLE INDEX VIEW MATVIEW SEQUENCE TYPE DOMAIN FUNCTION TRIGGER POLICY COLUMN ATTRIBUTE TABCONSTRAINT DOMCONSTRAINT STATISTIC_EXT"
    .split(" ")
    .map((name) => `OBJECT_${name}`),
);

export function* nameFindings({ kind, node }: Statement, context: Names): Generator<Finding> {
  yield* treeFindings(node, context);
  yield* madeObjects(kind, node);
  if (kind !== "CommentStmt" && kind !== "DropStmt" && kind !== "RenameStmt") return;
  const objectType = text(node.removeType) ?? text(node.renameType) ?? text(node.objtype);
  if (objectType === undefined || !ownObjects.has(objectType)) {
    const what = objectType?.replace("OBJECT_", "").toLowerCase().replaceAll("_", " ") ?? "this kind of object";
    yield { rule: "foreign-object", reason: `names a ${what}, which does not lie inside of the tenant's schema alone` };
  }
  // Of these the last word is the column, constraint, trigger or policy.
  const parts = /COLUMN|TABCONSTRAINT|TRIGGER|POLICY/.test(objectType ?? "") ? 2 : 1;
  for (const object of node.objects === undefined ? [node.object] : list(node.objects)) {
    const items = words(itemsOf(object));
    if (items.length > parts) yield otherSchema(items[0] ?? "", context);
  }
}

/** What is wrong anywhere inside of a statement, or of an expression. */
export function* treeFindings(root: unknown, context: Names): Generator<Finding> {
  for (const [, node] of walk(root)) {
    const location = placeOf(node);
    for (const finding of nodeFindings(node, context)) yield { ...finding, location: finding.location ?? location };
  }
}

function* nodeFindings(node: Node, context: Names): Generator<Finding> {
  yield* relationFindings(node, context);
  if (text(node.catalogname) !== undefined) {
    yield { rule: "database-name", reason: "names a database: a file works on its own objects" };
  }
  if (node.relpersistence === "t") {
    yield { rule: "temporary-table", reason: "makes a temporary table: tenants have none" };
  }
  if (node.intoClause !== undefined) {
    yield { rule: "select-into", reason: "has SELECT INTO: write CREATE TABLE and INSERT … SELECT" };
  }
  if (text(node.tablespacename) !== undefined || text(node.tableSpace) !== undefined) {
    yield { rule: "tablespace", reason: "names a tablespace: those belong to the platform" };
  }
  for (const key of nameKeys) {
    if (Array.isArray(node[key])) yield* listFindings(key, words(node[key]), node, context);
  }
  const role = text(node.rolename);
  if (role !== undefined) {
    const known = ownedName(role, context) !== undefined;
    yield known
      ? { rule: "other-tenant", reason: `names the role "${role}", which is a tenant's or a pool's` }
      : { rule: "role-name", reason: `names the role "${role}": a file runs for many tenants, whose roles differ` };
  }
  // OWNED BY, SEQUENCE NAME and WITH OPERATOR hold bare lists.
  const option = text(node.defname);
  if (option === "owned_by" || option === "sequence_name") {
    const name = words(itemsOf(node.arg));
    if (name.length > (option === "owned_by" ? 2 : 1)) yield otherSchema(name[0] ?? "", context);
  }
  for (const pair of list(node.exclusions)) {
    const operator = words(itemsOf(itemsOf(pair)[1]));
    if (operator.length > 1 && !openSchemas.has(operator[0] ?? "")) yield otherSchema(operator[0] ?? "", context);
  }
  const alteration = refusedAlterations[text(node.subtype) ?? ""];
  if (alteration !== undefined) yield { rule: alteration[0], reason: alteration[1] };
}

/** A table, view, index or sequence by its name. */
function* relationFindings(node: Node, context: Names): Generator<Finding> {
  const [schema, name] = [text(node.schemaname), text(node.relname) ?? ""];
  if (schema !== undefined && !openSchemas.has(schema)) yield otherSchema(schema, context);
  if (schema === "pg_catalog" && name !== "") {
    const reason = `names the system table pg_catalog.${name}: a file works on its own objects`;
    yield { rule: "system-catalog", reason };
  }
  if (schema !== "pg_catalog" && name.startsWith("pg_")) {
    yield { rule: "system-catalog", reason: `names ${name}: names that begin with pg_ are the server's` };
  }
}

function* listFindings(key: string, parts: readonly string[], node: Node, context: Names): Generator<Finding> {
  const [qualifier] = parts;
  const last = parts.at(-1) ?? "";
  if (parts.length > 1 && qualifier !== undefined && !openSchemas.has(qualifier)) {
    yield otherSchema(qualifier, context);
  }
  if (key === "funcname") {
    const name = last.toLowerCase();
    if (refusedFunctions.test(name) && !openFunctions.has(name)) {
      const reason = `calls or names ${name}(): it reaches out of the tenant's own objects`;
      yield { rule: "server-function", reason };
    }
    if (sequenceFunctions.has(last) && dottedArgument(node.args)) {
      yield { rule: "other-schema", reason: `calls ${last}() with a name that has a schema before it` };
    }
  }
  if (key === "names" && lookupTypes.has(last.replace(/^_/, ""))) {
    yield { rule: "name-lookup-type", reason: `uses the type ${last}: it looks names up in other schemas` };
  }
}

/** New objects: not in a schema that all share, and not under a name of the tool. */
function* madeObjects(kind: string, node: Node): Generator<Finding> {
  if (!/^(Create|Composite|View|Index|Rename|AlterTable)/.test(kind)) return;
  const relation = [node.relation, node.view, node.sequence, node.typevar].find(isNode);
  const lists = [node.funcname, node.typeName, node.domainname, node.defnames].map((value) => words(value));
  const named = lists.find((value) => value.length > 0) ?? [];
  const trigger = kind === "CreateTrigStmt";
  const schema = text(relation?.schemaname) ?? (trigger || named.length < 2 ? undefined : named[0]);
  if (schema !== undefined && openSchemas.has(schema) && kind !== "CreateStatsStmt") {
    yield {
      rule: "other-schema",
      reason: `makes or changes an object in the schema "${schema}", which all tenants share`,
    };
  }
  const made = [
    text(node.newname),
    text(node.idxname),
    text(node.trigname),
    ...(trigger ? [] : [named.at(-1)]),
    kind === "CreateStmt" || kind === "ViewStmt" || kind === "CreateSeqStmt" || kind === "CompositeTypeStmt"
      ? text(relation?.relname)
      : undefined,
  ];
  for (const name of made) {
    if (name?.startsWith("tenancy_") === true) {
      yield { rule: "reserved-name", reason: `makes "${name}": names that begin with tenancy_ are the tool's` };
    }
  }
}

/** The prefix by which a name is a tenant's, or a pool's. */
function ownedName(name: string, { prefixes }: Names): string | undefined {
  return ["pool", ...prefixes].find((prefix) => name.startsWith(`${prefix}_`));
}

export function otherSchema(schema: string, context: Names): Finding {
  if (ownedName(schema, context) !== undefined) {
    return { rule: "other-tenant", reason: `names the schema "${schema}", which is a tenant's or a pool's` };
  }
  const reason =
    `names the schema "${schema}": a file names its own objects without a schema, ` +
    `and of others only pg_catalog and extensions`;
  return { rule: "other-schema", reason };
}

function dottedArgument(value: unknown): boolean {
  const [kind, node] = first(list(value)[0]);
  const argument = kind === "TypeCast" ? first(node.arg)[1] : node;
  return isNode(argument.sval) && (text(argument.sval.sval) ?? "").includes(".");
}
