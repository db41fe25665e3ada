/** What a statement may be by the kind of its file. */
import { concurrentFault, isConcurrent } from "../../concurrent.ts";
import type { FileContext, Finding, Statement } from "../rule.ts";
import { relationName } from "../tables.ts";
import { text, walk } from "../tree.ts";

export function* fileFindings(statement: Statement, context: FileContext): Generator<Finding> {
  if (context.kind === "seed") yield* seedFindings(statement);
  if (context.concurrent) yield* concurrentFindings(statement, context);
  else if (isConcurrent(statement.kind, statement.node)) {
    yield {
      rule: "concurrently-in-transaction",
      reason: "has CONCURRENTLY, which cannot run inside of the tenant's transaction",
    };
  }
}

function* seedFindings({ kind, node }: Statement): Generator<Finding> {
  // A WITH may hold statements that change rows, too.
  const kinds = [
    kind,
    ...[...walk(node)].flatMap(([, part]) => Object.keys(part)).filter((key) => /^[A-Z].*Stmt$/.test(key)),
  ];
  const refused = kinds.find((name) => !["InsertStmt", "UpdateStmt", "SelectStmt"].includes(name));
  if (refused !== undefined) {
    const what = refused.replace(/Stmt$/, "");
    yield { rule: "seed-statement", reason: `(${what}) has no place in a seed: allowed are INSERT, UPDATE and SELECT` };
  }
}

function* concurrentFindings({ kind, node }: Statement, { tables }: FileContext): Generator<Finding> {
  const nameless = kind === "IndexStmt" && node.concurrent === true && text(node.idxname) === undefined;
  const reason = concurrentFault(kind, node);
  if (reason !== undefined) yield { rule: nameless ? "concurrent-index-name" : "concurrent-file-statement", reason };
  const table = relationName(node.relation);
  if ((kind === "IndexStmt" || kind === "ReindexStmt") && tables.get(table)?.partitioned === true) {
    yield { rule: "concurrent-partitioned", reason: `has CONCURRENTLY for ${table}, which is partitioned` };
  }
}
