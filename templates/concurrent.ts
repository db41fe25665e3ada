/**
 * Files whose first line is `-- tenancy: concurrently`: statements that change a large table without keeping its users
 * waiting, and that PostgreSQL runs only, or best, outside of a transaction. What may stand in them, how they are told
 * apart, and the same text for the one transaction of a new schema.
 */
import { scanSync } from "libpg-query";
import { loadGuard, statementsOf } from "./sql-guard.ts";
import { first, isNode, type Node, type Refusal, text, words } from "./sql-guard-walk.ts";

/** Where in its file a statement stands, and its text. */
interface Place {
  readonly sql: string;
  /** From 1. */
  readonly line: number;
}

/** A statement of such a file, by what tells whether it was done before. */
export type Step = Place &
  (
    | { readonly does: "create index"; readonly index: string; readonly table: string }
    | { readonly does: "drop index"; readonly index: string }
    | { readonly does: "reindex"; readonly object: "index" | "table"; readonly name: string }
    | { readonly does: "add value"; readonly type: string; readonly value: string }
    | { readonly does: "validate"; readonly table: string }
  );

/** What such a file may hold, for messages. */
const allowedText =
  "a file that begins with `-- tenancy: concurrently` may have CREATE INDEX CONCURRENTLY, DROP INDEX CONCURRENTLY, " +
  "REINDEX … CONCURRENTLY, ALTER TYPE … ADD VALUE and ALTER TABLE … VALIDATE CONSTRAINT, and nothing else: " +
  "put the rest into a file of its own";

/** What keeps a statement out of a file that runs statement by statement. */
export function concurrentFaults(kind: string, node: Node): Refusal[] {
  const found = stepOf(kind, node);
  return typeof found === "string" ? [{ reason: found }] : [];
}

/** What keeps a statement out of a file that runs in a transaction. */
export function transactionFaults(kind: string, node: Node): Refusal[] {
  const commands = kind === "AlterTableStmt" && Array.isArray(node.cmds) ? (node.cmds as unknown[]) : [];
  const concurrent =
    node.concurrent === true ||
    commands.some((command) => {
      const [, definition] = first(first(command)[1].def);
      return definition.concurrent === true;
    });
  if (!concurrent) return [];
  return [
    {
      reason:
        "has CONCURRENTLY, which cannot run inside of the tenant's transaction: put it into a template's file of its " +
        "own whose first line is `-- tenancy: concurrently`",
    },
  ];
}

/**
 * The statements of a file that the guard has let through, in order.
 *
 * @throws RangeError for a file that it would not.
 */
export async function stepsOf(sql: string): Promise<Step[]> {
  await loadGuard();
  return statementsOf(sql).map(({ kind, node, offset, source }) => {
    const found = stepOf(kind, node);
    if (typeof found === "string") throw new RangeError(found);
    const line = Buffer.from(sql, "utf8").subarray(0, offset).toString("utf8").split("\n").length;
    return { ...found, sql: source.trim(), line };
  });
}

/** The same statements for a transaction: CONCURRENTLY becomes spaces, so that every place in the file stays. */
export async function withoutConcurrently(sql: string): Promise<string> {
  await loadGuard();
  const bytes = Buffer.from(sql, "utf8");
  const { tokens } = scanSync(sql);
  for (const { node, offset, length } of statementsOf(sql)) {
    const options: unknown[] = Array.isArray(node.params) ? node.params : [];
    if (node.concurrent !== true && options.length === 0) continue;
    // Nothing that could be a name comes before the word in any of these statements.
    const at = tokens.findIndex(
      ({ start, text: word, keywordKind }) =>
        start >= offset && start < offset + length && keywordKind > 0 && word.toLowerCase() === "concurrently",
    );
    const inParentheses = tokens[at - 1]?.text === "(";
    const blank = inParentheses ? tokens.slice(at - 1, at + 2) : tokens.slice(at, at + 1);
    for (const { start, end } of at < 0 ? [] : blank) bytes.fill(" ", start, end);
  }
  return bytes.toString("utf8");
}

type Bare<S> = S extends unknown ? Omit<S, keyof Place> : never;

/** @returns why it is refused, where it is */
function stepOf(kind: string, node: Node): Bare<Step> | string {
  switch (kind) {
    case "IndexStmt": {
      const [index, table] = [text(node.idxname), relationOf(node)];
      if (node.concurrent !== true || table === undefined) return `has no CONCURRENTLY: ${allowedText}`;
      if (index === undefined) return "has no name for the index: give it one, by which an interrupted one is found";
      return { does: "create index", index, table };
    }
    case "DropStmt": {
      const objects: unknown[] = Array.isArray(node.objects) ? node.objects : [];
      const [index] = objects.map((object) => words(first(object)[1].items).at(-1) ?? "");
      if (node.removeType !== "OBJECT_INDEX" || node.concurrent !== true || index === undefined) {
        return `is no DROP INDEX CONCURRENTLY: ${allowedText}`;
      }
      if (objects.length > 1) return "names several indexes: PostgreSQL drops one at a time with CONCURRENTLY";
      if (node.behavior === "DROP_CASCADE") return "has CASCADE, which PostgreSQL does not know with CONCURRENTLY";
      return { does: "drop index", index };
    }
    case "ReindexStmt": {
      const options = (Array.isArray(node.params) ? (node.params as unknown[]) : []).map((item) => first(item)[1]);
      const object = { REINDEX_OBJECT_INDEX: "index", REINDEX_OBJECT_TABLE: "table" }[text(node.kind) ?? ""];
      const name = relationOf(node);
      const plain = options.length === 1 && options[0]?.defname === "concurrently" && options[0].arg === undefined;
      if (!plain || name === undefined || (object !== "index" && object !== "table")) {
        return "is no REINDEX INDEX CONCURRENTLY or REINDEX TABLE CONCURRENTLY without other options";
      }
      return { does: "reindex", object, name };
    }
    case "AlterEnumStmt": {
      const [type, value] = [words(node.typeName).at(-1), text(node.newVal)];
      if (type === undefined || value === undefined || node.oldVal !== undefined) {
        return `is no ADD VALUE: ${allowedText}`;
      }
      return { does: "add value", type, value };
    }
    case "AlterTableStmt": {
      const commands = (Array.isArray(node.cmds) ? (node.cmds as unknown[]) : []).map((item) => first(item)[1]);
      const table = relationOf(node);
      const validates = commands.every(({ subtype }) => subtype === "AT_ValidateConstraint");
      if (!validates || table === undefined) return `is no VALIDATE CONSTRAINT: ${allowedText}`;
      return { does: "validate", table };
    }
    default:
      return `is refused here: ${allowedText}`;
  }
}

function relationOf(node: Node): string | undefined {
  return isNode(node.relation) ? text(node.relation.relname) : undefined;
}
