/** Keys, foreign keys and indexes of a pool's tables: each begins with, or pairs, tenant_id. */
import type { Finding } from "../rule.ts";
import { foreignKeyOf, relationName, type Tables } from "../tables.ts";
import { first, itemsOf, list, type Node, nodesOf, text, words } from "../tree.ts";

const tenantColumn = "tenant_id";
const keyNames: Readonly<Record<string, string>> = {
  CONSTR_PRIMARY: "the primary key",
  CONSTR_UNIQUE: "a unique constraint",
  CONSTR_EXCLUSION: "an exclusion constraint",
};
/** Indexes that hold no order of columns. */
const freeMethods = new Set(["hnsw", "ivfflat", "gin"]);

/** @param column - of which the constraint is a part */
export function* keyFindings(constraint: Node, table: string, column: string | undefined): Generator<Finding> {
  const what = keyNames[text(constraint.contype) ?? ""];
  // USING INDEX takes an index over that was judged by itself.
  if (what === undefined || text(constraint.indexname) !== undefined) return;
  const excluded = first(itemsOf(list(constraint.exclusions)[0])[0])[1];
  const begin = column ?? words(constraint.keys)[0] ?? text(excluded.name);
  if (begin !== tenantColumn) {
    yield { rule: "pool-key", reason: `has ${what} of ${table} that begins with ${begin ?? "an expression"}` };
  }
}

export function* indexFindings(node: Node): Generator<Finding> {
  const method = text(node.accessMethod) ?? "btree";
  const begin = text(nodesOf(node.indexParams, "IndexElem")[0]?.name);
  if (begin === tenantColumn || (freeMethods.has(method) && node.unique !== true)) return;
  const of = `of ${relationName(node.relation)} that begins with ${begin ?? "an expression"}`;
  yield node.unique === true
    ? { rule: "pool-key", reason: `makes a unique index ${of}` }
    : { rule: "pool-index", reason: `makes an index ${of}` };
}

export function* foreignKeyFindings(
  constraint: Node,
  table: string,
  column: string | undefined,
  tables: Tables,
): Generator<Finding> {
  const key = foreignKeyOf(constraint, column);
  const target = tables.get(key.to);
  const named = words(constraint.pk_attrs);
  const referenced = named.length > 0 ? named : (target?.primaryKey ?? []);
  const at = key.columns.indexOf(tenantColumn);
  if (at < 0 || referenced[at] !== tenantColumn) {
    const names = `(${key.columns.join(", ")}) to ${key.to} (${referenced.join(", ") || "its primary key"})`;
    yield { rule: "pool-foreign-key", reason: `has a foreign key ${names}, which does not pair tenant_id` };
  }
  const clears = constraint.fk_del_action === "n" || constraint.fk_del_action === "d";
  const cleared = words(constraint.fk_del_set_cols);
  if (clears && (cleared.length === 0 || cleared.includes(tenantColumn))) {
    yield { rule: "pool-foreign-key", reason: `has a foreign key to ${key.to} whose ON DELETE would clear tenant_id` };
  }
  const circle = key.to === table ? [] : tables.path(key.to, table);
  const closes = key.to === table || circle.length > 0;
  if (closes && [key, ...circle].some(({ removable }) => !removable)) {
    const reason = `has a foreign key to ${key.to} that closes a circle: its rows hold each other fast`;
    yield { rule: "pool-foreign-key-cycle", reason };
  }
}
