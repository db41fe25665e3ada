/** The tables of a template as its files leave them one after the other: what a rule has to know of earlier files. */
import { first, isNode, itemsOf, list, type Node, nodesOf, text, words } from "./tree.ts";
import type { Statement } from "./rule.ts";

export interface Column {
  /** Last word of the type's name, as in `int4`; `[]` behind it for an array. */
  readonly type: string;
  readonly modifiers: readonly (number | undefined)[];
}

export interface ForeignKey {
  readonly to: string;
  /** Rows of both sides may go in one DELETE: ON DELETE CASCADE, or NO ACTION that is DEFERRABLE. */
  readonly removable: boolean;
  readonly columns: readonly string[];
}

export interface Table {
  name: string;
  /** Number of the file that made it. */
  readonly file: number;
  readonly partitioned: boolean;
  readonly columns: Map<string, Column>;
  primaryKey: readonly string[] | undefined;
  readonly foreignKeys: ForeignKey[];
  /** Constraints `CHECK (column IS NOT NULL)` by name. */
  readonly notNull: Map<string, { column: string; valid: boolean }>;
}

export class Tables {
  readonly #tables = new Map<string, Table>();
  #file = 0;
  /** Whether files that are not known here may have made tables. */
  readonly #open: boolean;

  constructor(open: boolean) {
    this.#open = open;
  }

  nextFile(): void {
    this.#file += 1;
  }

  get(name: string): Table | undefined {
    return this.#tables.get(name);
  }

  /** Whether tenants may have rows in it when the file comes: everything but what the file itself made. */
  filled(name: string): boolean {
    const table = this.#tables.get(name);
    return table === undefined ? this.#open || this.#file > 1 : table.file < this.#file;
  }

  /** A chain of foreign keys from one table to another; empty where there is none. */
  path(from: string, to: string): ForeignKey[] {
    const seen = new Set<string>();
    const search = (name: string): ForeignKey[] | undefined => {
      if (seen.has(name)) return undefined;
      seen.add(name);
      for (const key of this.#tables.get(name)?.foreignKeys ?? []) {
        if (key.to === to) return [key];
        const rest = search(key.to);
        if (rest !== undefined) return [key, ...rest];
      }
      return undefined;
    };
    return search(from) ?? [];
  }

  /** Takes a statement's effect over. */
  apply({ kind, node }: Statement): void {
    if (kind === "CreateStmt") this.#create(node);
    else if (kind === "AlterTableStmt") this.#alter(node);
    else if (kind === "RenameStmt") this.#rename(node);
    else if (kind === "DropStmt" && node.removeType === "OBJECT_TABLE") {
      for (const object of list(node.objects)) this.#tables.delete(words(itemsOf(object)).at(-1) ?? "");
    }
  }

  #create(node: Node): void {
    const name = relationName(node.relation);
    if (this.#tables.has(name)) return;
    const table: Table = {
      name,
      file: this.#file,
      partitioned: node.partspec !== undefined,
      columns: new Map(),
      primaryKey: undefined,
      foreignKeys: [],
      notNull: new Map(),
    };
    for (const parent of nodesOf(node.inhRelations, "RangeVar")) {
      const known = this.#tables.get(text(parent.relname) ?? "");
      for (const [column, type] of known?.columns ?? []) table.columns.set(column, type);
      table.primaryKey = known?.primaryKey;
    }
    this.#tables.set(name, table);
    for (const element of list(node.tableElts)) {
      const [kind, part] = first(element);
      if (kind === "ColumnDef") addColumn(table, part);
      if (kind === "Constraint") addConstraint(table, part, undefined);
    }
  }

  #alter(node: Node): void {
    const table = this.#tables.get(relationName(node.relation));
    if (table === undefined) return;
    for (const command of nodesOf(node.cmds, "AlterTableCmd")) {
      const [, definition] = first(command.def);
      const name = text(command.name) ?? "";
      if (command.subtype === "AT_AddColumn") addColumn(table, definition);
      if (command.subtype === "AT_DropColumn") table.columns.delete(name);
      if (command.subtype === "AT_AlterColumnType") table.columns.set(name, columnOf(definition));
      if (command.subtype === "AT_AddConstraint") addConstraint(table, definition, undefined);
      if (command.subtype === "AT_DropConstraint") table.notNull.delete(name);
      const check = table.notNull.get(name);
      if (command.subtype === "AT_ValidateConstraint" && check !== undefined) check.valid = true;
    }
  }

  #rename(node: Node): void {
    const name = relationName(node.relation);
    const [from, to] = [text(node.subname) ?? "", text(node.newname) ?? ""];
    const table = this.#tables.get(name);
    if (table === undefined) return;
    if (node.renameType === "OBJECT_TABLE") {
      this.#tables.delete(name);
      table.name = to;
      this.#tables.set(to, table);
    }
    if (node.renameType === "OBJECT_COLUMN") {
      const column = table.columns.get(from);
      if (column !== undefined) table.columns.set(to, column);
      table.columns.delete(from);
      for (const check of table.notNull.values()) if (check.column === from) check.column = to;
    }
  }
}

/** A RangeVar's name, which stands bare where no other kind of node could. */
export function relationName(value: unknown): string {
  if (!isNode(value)) return "";
  return text(value.relname) ?? text(first(value)[1].relname) ?? "";
}

export function columnOf(definition: Node): Column {
  const type = isNode(definition.typeName) ? definition.typeName : {};
  return {
    type: `${words(type.names).at(-1) ?? ""}${list(type.arrayBounds).length > 0 ? "[]" : ""}`,
    modifiers: list(type.typmods).map((item) => {
      const { ival } = first(item)[1];
      return isNode(ival) ? Number(ival.ival ?? 0) : undefined;
    }),
  };
}

function addColumn(table: Table, definition: Node): void {
  const name = text(definition.colname) ?? "";
  table.columns.set(name, columnOf(definition));
  for (const constraint of nodesOf(definition.constraints, "Constraint")) addConstraint(table, constraint, name);
}

/** @param column - of which the constraint is a part */
function addConstraint(table: Table, constraint: Node, column: string | undefined): void {
  switch (constraint.contype) {
    case "CONSTR_PRIMARY":
      table.primaryKey = column === undefined ? words(constraint.keys) : [column];
      return;
    case "CONSTR_FOREIGN":
      table.foreignKeys.push(foreignKeyOf(constraint, column));
      return;
    case "CONSTR_CHECK": {
      const tested = notNullTest(constraint.raw_expr);
      const name = text(constraint.conname) ?? `${table.name}_${tested ?? ""}_check`;
      if (tested !== undefined) {
        table.notNull.set(name, { column: tested, valid: constraint.skip_validation !== true });
      }
      return;
    }
    default:
  }
}

export function foreignKeyOf(constraint: Node, column: string | undefined): ForeignKey {
  const action = constraint.fk_del_action;
  return {
    to: relationName(constraint.pktable),
    removable: action === "c" || (action === "a" && constraint.deferrable === true),
    columns: column === undefined ? words(constraint.fk_attrs) : [column],
  };
}

/** The column of `column IS NOT NULL`, also as a part of conditions that are joined by AND. */
function notNullTest(expression: unknown): string | undefined {
  const [kind, node] = first(expression);
  if (kind === "BoolExpr" && node.boolop === "AND_EXPR") {
    return list(node.args)
      .map(notNullTest)
      .find((column) => column !== undefined);
  }
  if (kind !== "NullTest" || node.nulltesttype !== "IS_NOT_NULL") return undefined;
  const [argument, { fields }] = first(node.arg);
  return argument === "ColumnRef" ? words(fields).at(-1) : undefined;
}
