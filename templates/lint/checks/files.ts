/** What a statement may be by the kind of its file. */
import type { FileContext, Finding, Statement } from "../rule.ts";
import { relationName } from "../tables.ts";
import { nodesOf, optionsOf, isOn, text, walk } from "../tree.ts";

export function* fileFindings(statement: Statement, context: FileContext): Generator<Finding> {
  if (context.kind === "seed") yield* seedFindings(statement);
  if (context.concurrent) yield* concurrentFindings(statement, context);
  else if (statement.kind !== "ReindexStmt" && isConcurrent(statement)) {
    yield { rule: "concurrently-in-transaction", reason: "has CONCURRENTLY, which cannot run inside of a transaction" };
  }
}

function* seedFindings({ kind, node }: Statement): Generator<Finding> {
  // A WITH may hold statements that change rows, too.
  const kinds = [
    kind,
    ...[...walk(node)].flatMap(([, part]) => Object.keys(part)).filter((key) => key.endsWith("Stmt")),
  ];
  const refused = kinds.find((name) => !["InsertStmt", "UpdateStmt", "SelectStmt"].includes(name));
  if (refused !== undefined) {
    const what = refused.replace(/Stmt$/, "");
    yield { rule: "seed-statement", reason: `(${what}) has no place in a seed: allowed are INSERT, UPDATE and SELECT` };
  }
}

function* concurrentFindings(statement: Statement, { tables }: FileContext): Generator<Finding> {
  const { kind, node } = statement;
  if (!fits(statement)) {
    const reason = "has no place in a file that runs outside of a transaction";
    return yield { rule: "concurrent-file-statement", reason };
  }
  if (kind === "IndexStmt" && text(node.idxname) === undefined) {
    yield {
      rule: "concurrent-index-name",
      reason: "makes an index without a name, which a resumed run could not find",
    };
  }
  const table = relationName(node.relation);
  if ((kind === "IndexStmt" || kind === "ReindexStmt") && tables.get(table)?.partitioned === true) {
    yield { rule: "concurrent-partitioned", reason: `has CONCURRENTLY for ${table}, which is partitioned` };
  }
}

function fits(statement: Statement): boolean {
  const { kind, node } = statement;
  switch (kind) {
    case "IndexStmt":
    case "DropStmt":
      return isConcurrent(statement) && (kind === "IndexStmt" || node.removeType === "OBJECT_INDEX");
    case "ReindexStmt":
      return isConcurrent(statement) && /_(INDEX|TABLE)$/.test(text(node.kind) ?? "");
    case "AlterEnumStmt":
      return text(node.newVal) !== undefined && text(node.oldVal) === undefined;
    case "AlterTableStmt":
      return nodesOf(node.cmds, "AlterTableCmd").every(({ subtype }) => subtype === "AT_ValidateConstraint");
    default:
      return false;
  }
}

function isConcurrent({ kind, node }: Statement): boolean {
  if (kind === "ReindexStmt") return optionsOf(node.params).get("concurrently")?.every(isOn) === true;
  if (kind === "AlterTableStmt") {
    // DETACH PARTITION … CONCURRENTLY
    return [...walk(node.cmds)].some(([, part]) => part.concurrent === true);
  }
  return node.concurrent === true;
}
