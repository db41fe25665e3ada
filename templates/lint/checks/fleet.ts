/** Statements on tables of earlier files: what they rewrite, lock or lose. */
import type { RuleId } from "../catalogue.ts";
import type { FileContext, Finding, Statement } from "../rule.ts";
import { type Column, columnOf, relationName, type Table } from "../tables.ts";
import { first, itemsOf, list, type Node, nodesOf, placeOf, text, walk, words } from "../tree.ts";

export function* fleetFindings({ kind, node }: Statement, context: FileContext): Generator<Finding> {
  const { tables, concurrent } = context;
  const name = relationName(node.relation);
  switch (kind) {
    case "AlterTableStmt": {
      if (node.objtype !== "OBJECT_TABLE" || !tables.filled(name)) return;
      for (const command of nodesOf(node.cmds, "AlterTableCmd")) {
        const location = placeOf(first(command.def)[1]);
        for (const finding of alterationFindings(command, name, context)) yield { ...finding, location };
      }
      return;
    }
    case "IndexStmt":
      if (node.concurrent !== true && !concurrent && tables.filled(name)) {
        yield { rule: "index-without-concurrently", reason: `builds an index of ${name} while its writes wait` };
      }
      return;
    case "DropStmt": {
      if (node.removeType === "OBJECT_TABLE") {
        for (const object of list(node.objects)) {
          const table = words(itemsOf(object)).at(-1) ?? "";
          if (tables.filled(table)) yield { rule: "drop-table", reason: `loses the rows of ${table}` };
        }
      }
      if (node.behavior === "DROP_CASCADE") {
        yield { rule: "drop-cascade", reason: "has CASCADE: what depends on it goes as well" };
      }
      return;
    }
    case "DeleteStmt":
      if (node.whereClause === undefined && list(node.usingClause).length === 0 && tables.filled(name)) {
        yield { rule: "delete-all-rows", reason: `loses the rows of ${name}` };
      }
      return;
    case "UpdateStmt":
      if (node.whereClause === undefined && list(node.fromClause).length === 0 && tables.filled(name)) {
        yield { rule: "update-all-rows", reason: `writes every row of ${name} in one transaction` };
      }
      return;
    case "RenameStmt": {
      const renamed = node.renameType === "OBJECT_TABLE" || node.renameType === "OBJECT_COLUMN";
      if (renamed && tables.filled(name)) {
        const what = text(node.subname) ?? name;
        yield { rule: "rename-in-use", reason: `takes the name ${what} from whoever still uses it` };
      }
      return;
    }
    case "AlterEnumStmt":
      if (text(node.oldVal) !== undefined) {
        yield {
          rule: "rename-in-use",
          reason: `takes the value '${text(node.oldVal) ?? ""}' from whoever still uses it`,
        };
      }
      return;
    default:
  }
}

function* alterationFindings(command: Node, name: string, { tables, concurrent }: FileContext): Generator<Finding> {
  const table = tables.get(name);
  const [, definition] = first(command.def);
  const column = text(command.name) ?? "";
  switch (command.subtype) {
    case "AT_AddColumn":
      yield* addedColumn(definition, name);
      return;
    case "AT_AlterColumnType": {
      const old = table?.columns.get(column);
      if (old !== undefined && definition.raw_default === undefined && keepsRows(old, columnOf(definition))) return;
      const from = old === undefined ? "" : ` from ${old.type}`;
      yield {
        rule: "alter-column-type",
        reason: `changes ${name}.${column}${from} to ${columnOf(definition).type}: every row is written anew`,
      };
      return;
    }
    case "AT_SetNotNull":
      if (!provenNotNull(table, column)) {
        yield { rule: "set-not-null", reason: `reads every row of ${name} for ${column} under a lock` };
      }
      return;
    case "AT_AddConstraint":
      yield* addedConstraint(definition, name);
      return;
    case "AT_ValidateConstraint":
      if (!concurrent) {
        yield { rule: "validate-in-transaction", reason: `reads every row of ${name} while other locks are held` };
      }
      return;
    default: {
      const plain = plainAlterations[text(command.subtype) ?? ""];
      if (plain !== undefined)
        yield { rule: plain[0], reason: plain[1].replace("…", `${name}${column === "" ? "" : `.${column}`}`) };
      if (command.behavior === "DROP_CASCADE") {
        yield { rule: "drop-cascade", reason: "has CASCADE: what depends on it goes as well" };
      }
    }
  }
}

const plainAlterations: Readonly<Record<string, readonly [rule: RuleId, reason: string]>> = {
  AT_SetLogged: ["set-logged", "writes … anew"],
  AT_SetUnLogged: ["set-logged", "writes … anew, and loses its rows in a crash"],
  AT_SetAccessMethod: ["set-access-method", "writes the table of … anew"],
  AT_DropColumn: ["drop-column", "loses the values of …"],
  AT_AttachPartition: ["attach-partition", "reads the new partition of … under a lock"],
};

/** Serial types are a default of nextval(). */
const serials = new Set(["serial", "serial2", "serial4", "serial8", "smallserial", "bigserial"]);

function* addedColumn(definition: Node, table: string): Generator<Finding> {
  const column = `${table}.${text(definition.colname) ?? ""}`;
  const constraints = nodesOf(definition.constraints, "Constraint");
  const rewrites =
    serials.has(columnOf(definition).type) ||
    constraints.some(
      ({ contype, generated_kind: kind, raw_expr: expression }) =>
        contype === "CONSTR_IDENTITY" ||
        (contype === "CONSTR_GENERATED" && kind !== "v") ||
        (contype === "CONSTR_DEFAULT" && isVolatile(expression)),
    );
  if (rewrites) yield { rule: "add-column-rewrites", reason: `adds ${column} by writing every row anew` };
  const valued =
    rewrites || constraints.some(({ contype }) => contype === "CONSTR_DEFAULT" || contype === "CONSTR_GENERATED");
  if (!valued && constraints.some(({ contype }) => contype === "CONSTR_NOTNULL" || contype === "CONSTR_PRIMARY")) {
    yield {
      rule: "add-column-not-null",
      reason: `adds ${column} NOT NULL without a default: it fails where there are rows`,
    };
  }
  for (const constraint of constraints) {
    if (constraint.contype !== "CONSTR_NOTNULL") yield* addedConstraint(constraint, table);
  }
}

function* addedConstraint(constraint: Node, table: string): Generator<Finding> {
  if (constraint.skip_validation === true) return;
  switch (constraint.contype) {
    case "CONSTR_FOREIGN":
      yield { rule: "add-foreign-key", reason: `looks every row of ${table} up while writes wait` };
      return;
    case "CONSTR_CHECK":
      yield { rule: "add-check", reason: `reads every row of ${table} under a lock` };
      return;
    case "CONSTR_NOTNULL":
      yield { rule: "set-not-null", reason: `reads every row of ${table} under a lock` };
      return;
    case "CONSTR_PRIMARY":
    case "CONSTR_UNIQUE":
    case "CONSTR_EXCLUSION":
      if (text(constraint.indexname) !== undefined) return;
      yield { rule: "add-unique", reason: `builds an index of ${table} while nobody reads or writes it` };
      return;
    default:
  }
}

/** Functions without arguments, and operators of constants, whose result the server computes once. */
const stableFunctions = new Set(
  "now current_timestamp transaction_timestamp statement_timestamp current_user session_user lower upper jsonb_build_object jsonb_build_array make_interval make_date".split(
    " ",
  ),
);

/** Calls count as volatile unless they are known not to be. */
function isVolatile(expression: unknown): boolean {
  for (const [, node] of walk(expression)) {
    const name = words(node.funcname).at(-1);
    if (name !== undefined && !stableFunctions.has(name)) return true;
  }
  return false;
}

const texts = new Set(["text", "varchar"]);

/** Changes of a type after which the stored rows are right as they are. */
function keepsRows(from: Column, to: Column): boolean {
  const grows =
    to.modifiers.length === 0 || (from.modifiers.length > 0 && Number(to.modifiers[0]) >= Number(from.modifiers[0]));
  if (texts.has(from.type) && texts.has(to.type)) return grows;
  if (from.type !== to.type) return false;
  if (from.type === "numeric")
    return grows && from.modifiers[1] === (to.modifiers.length === 0 ? from.modifiers[1] : to.modifiers[1]);
  if (from.type === "varbit") return grows;
  return JSON.stringify(from.modifiers) === JSON.stringify(to.modifiers);
}

function provenNotNull(table: Table | undefined, column: string): boolean {
  return [...(table?.notNull.values() ?? [])].some((check) => check.column === column && check.valid);
}
