/** Statements of a template whose tables hold the rows of many tenants. */
import type { FileContext, Finding, Statement } from "../rule.ts";
import { relationName } from "../tables.ts";
import { first, isOn, itemsOf, list, type Node, nodesOf, optionsOf, placeOf, text, walk, words } from "../tree.ts";
import { foreignKeyFindings, indexFindings, keyFindings } from "./pool-keys.ts";

const tenantColumn = "tenant_id";

export function* poolFindings(statement: Statement, context: FileContext): Generator<Finding> {
  const { kind, node } = statement;
  yield* toolFindings(kind, node);
  yield* tenantCalls(kind, node, context);
  switch (kind) {
    case "CreateStmt":
      yield* tableFindings(node, context);
      return;
    case "AlterTableStmt":
      for (const command of nodesOf(node.cmds, "AlterTableCmd")) yield* alterationFindings(command, node, context);
      return;
    case "IndexStmt":
      yield* indexFindings(node);
      return;
    case "ViewStmt":
      if (!invokes(node.options)) yield notInvoker(relationName(node.view));
      return;
    case "CreateTableAsStmt":
      if (node.objtype === "OBJECT_MATVIEW") {
        yield { rule: "pool-materialized-view", reason: "keeps the rows of all tenants in a materialized view" };
      }
      return;
    case "CreatePolicyStmt":
    case "AlterPolicyStmt":
      yield { rule: "pool-row-security", reason: `changes who sees the rows of ${relationName(node.table)}` };
      return;
    case "CreateSeqStmt":
    case "AlterSeqStmt":
      yield* sequenceFindings(kind, node);
      return;
    case "RenameStmt":
      if (text(node.subname) === tenantColumn) {
        yield { rule: "pool-tenant-id", reason: `renames tenant_id of ${relationName(node.relation)}` };
      }
      if (node.renameType === "OBJECT_POLICY") yield { rule: "pool-row-security", reason: "renames a policy" };
      return;
    case "DropStmt":
      if (node.removeType === "OBJECT_POLICY") {
        yield { rule: "pool-row-security", reason: "drops a policy, by which tenants are kept apart" };
      }
      return;
    default:
  }
}

function* tableFindings(node: Node, context: FileContext): Generator<Finding> {
  const table = relationName(node.relation);
  if (node.partbound === undefined) {
    const column = nodesOf(node.tableElts, "ColumnDef").find(({ colname }) => colname === tenantColumn);
    const strict =
      nodesOf(column?.constraints, "Constraint").some(({ contype }) => /NOTNULL|PRIMARY/.test(text(contype) ?? "")) ||
      nodesOf(node.tableElts, "Constraint").some(
        ({ contype, keys }) => contype === "CONSTR_PRIMARY" && words(keys).includes(tenantColumn),
      );
    if (column === undefined || !isUuid(column) || !strict) {
      yield { rule: "pool-tenant-id", reason: `makes ${table} without tenant_id uuid NOT NULL` };
    }
  }
  for (const element of list(node.tableElts)) {
    const [kind, part] = first(element);
    if (kind === "Constraint") yield* constraintFindings(part, table, undefined, context);
    if (kind === "ColumnDef") yield* columnConstraints(part, table, context);
  }
}

function* columnConstraints(column: Node, table: string, context: FileContext): Generator<Finding> {
  for (const constraint of nodesOf(column.constraints, "Constraint")) {
    yield* constraintFindings(constraint, table, text(column.colname) ?? "", context);
  }
}

function* constraintFindings(
  constraint: Node,
  table: string,
  column: string | undefined,
  { tables }: FileContext,
): Generator<Finding> {
  for (const finding of constraint.contype === "CONSTR_FOREIGN"
    ? foreignKeyFindings(constraint, table, column, tables)
    : keyFindings(constraint, table, column)) {
    yield { ...finding, location: placeOf(constraint) };
  }
}

function isUuid({ typeName }: Node): boolean {
  const type = first({ TypeName: typeName })[1];
  return words(type.names).at(-1) === "uuid" && list(type.arrayBounds).length === 0;
}

const rowSecurity = new Set([
  "AT_EnableRowSecurity",
  "AT_DisableRowSecurity",
  "AT_ForceRowSecurity",
  "AT_NoForceRowSecurity",
]);
/** Whatever of a column makes a row somebody else's, or nobody's. */
const columnChanges = new Set(["AT_DropColumn", "AT_DropNotNull", "AT_AlterColumnType", "AT_ColumnDefault"]);
const switchesTrigger = /^AT_(Enable|Disable)Trig/;

function* alterationFindings(command: Node, statement: Node, context: FileContext): Generator<Finding> {
  const subtype = text(command.subtype) ?? "";
  const name = relationName(statement.relation);
  const [, definition] = first(command.def);
  if (rowSecurity.has(subtype)) {
    yield { rule: "pool-row-security", reason: `switches row-level security of ${name}, which is the tool's` };
  }
  if (columnChanges.has(subtype) && command.name === tenantColumn) {
    yield { rule: "pool-tenant-id", reason: `changes tenant_id of ${name}` };
  }
  if (switchesTrigger.test(subtype)) {
    yield { rule: "pool-tool-object", reason: `switches a trigger of ${name}: those of the audit stay on` };
  }
  if (subtype === "AT_AddInherit" || subtype === "AT_DropInherit") {
    yield {
      rule: "pool-row-security",
      reason: `changes what ${name} inherits: its rows would be under another policy`,
    };
  }
  if (subtype === "AT_AddConstraint") yield* constraintFindings(definition, name, undefined, context);
  if (subtype === "AT_AddColumn") yield* columnConstraints(definition, name, context);
  if (subtype === "AT_SetRelOptions" || subtype === "AT_ResetRelOptions") {
    const options = optionsOf(itemsOf(command.def));
    const invoker = options.get("security_invoker");
    const off = invoker?.every((value) => subtype === "AT_SetRelOptions" && isOn(value)) === false;
    if (off) yield notInvoker(name);
  }
}

function invokes(options: unknown): boolean {
  const values = optionsOf(options).get("security_invoker");
  return values?.every(isOn) ?? false;
}

function notInvoker(view: string): Finding {
  return { rule: "pool-view", reason: `lets ${view} read with the owner's rights: it has no security_invoker = true` };
}

function* sequenceFindings(kind: string, node: Node): Generator<Finding> {
  const owner = optionsOf(node.options).get("owned_by")?.[0];
  const unowned = owner === undefined ? kind === "CreateSeqStmt" : words(itemsOf(owner)).length < 2;
  if (unowned)
    yield { rule: "pool-sequence", reason: `leaves ${relationName(node.sequence)} without a column that owns it` };
}

const toolNames = new Set(["audit_log", "current_tenant_id", "current_tenant", "set_tenant_context"]);
const tenantFunctions = new Set(["current_tenant_id", "current_tenant"]);

function isTool(name: string): boolean {
  return name.startsWith("tenancy_") || toolNames.has(name);
}

/** Every mention of the tool's objects but a call of the functions that tell the current tenant. */
function* toolFindings(kind: string, root: Node): Generator<Finding> {
  const tell = (name: string, location?: number): Finding => {
    return { rule: "pool-tool-object", reason: `names ${name}, which is the tool's`, location };
  };
  for (const [key, node] of walk(root)) {
    const location = placeOf(node);
    const relation = text(node.relname);
    if (relation !== undefined && isTool(relation)) yield tell(relation, location);
    // The function that a statement makes, drops or comments on, and one that it calls.
    const made = key === "" ? words(node.funcname).at(-1) : undefined;
    const called = key === "" && kind !== "CreateTrigStmt" ? undefined : words(node.funcname).at(-1);
    const dropped = words(node.objname).at(-1);
    for (const name of [kind === "CreateTrigStmt" ? undefined : made, dropped]) {
      if (name !== undefined && isTool(name)) yield tell(name, location);
    }
    if (called !== undefined && isTool(called) && !tenantFunctions.has(called)) yield tell(called, location);
  }
  for (const name of [text(root.newname), text(root.idxname), text(root.trigname), text(root.subname)]) {
    if (name !== undefined && isTool(name)) yield tell(name);
  }
  if (kind === "AlterTableStmt") {
    for (const command of nodesOf(root.cmds, "AlterTableCmd")) {
      const name = text(command.name);
      if (name?.startsWith("tenancy_") === true) yield tell(name);
    }
  }
  for (const object of [...list(root.objects), root.object]) {
    const name = words(itemsOf(object)).find(isTool);
    if (name !== undefined) yield tell(name);
  }
}

function* tenantCalls(kind: string, root: Node, context: FileContext): Generator<Finding> {
  const { sql_body: body, ...outside } = root;
  if (context.beside) yield* besideCalls(body);
  for (const [key, node] of walk(kind === "CreateFunctionStmt" ? outside : root)) {
    const name = words(node.funcname).at(-1);
    if ((key === "" && kind === "CreateFunctionStmt") || name === undefined || !tenantFunctions.has(name)) continue;
    const reason = `calls ${name}() outside of a function's code`;
    yield { rule: "pool-tenant-function", reason, location: placeOf(node) };
  }
}

/** A function's code may ask for the current tenant, where all tenants of the template share a schema. */
export function* poolCodeFindings(root: Node, context: FileContext): Generator<Finding> {
  yield* toolFindings("", root);
  if (context.beside) yield* besideCalls(root);
}

function* besideCalls(root: unknown): Generator<Finding> {
  for (const [, node] of walk(root)) {
    const name = words(node.funcname).at(-1);
    if (name === undefined || !tenantFunctions.has(name)) continue;
    const reason = `calls ${name}() in a template whose tenants may have a schema of their own`;
    yield { rule: "pool-tenant-function", reason, location: placeOf(node) };
  }
}
