/** PL/pgSQL: every statement and expression of a function's code. */
import { parsePlPgSQLSync, scanSync } from "libpg-query";
import { type FunctionCode, parsed, partOf } from "../function-code.ts";
import type { Finding, Statement } from "../rule.ts";
import { isComment } from "../source.ts";
import { isNode, type Node, text } from "../tree.ts";
import { lookupTypes } from "./names.ts";

/** Statements of PL/pgSQL that neither run text as SQL nor end the transaction. */
const plStatements = new Set(
  "block assign if case loop while fori fors forc foreach_a exit return return_next return_query raise assert execsql perform getdiag open fetch close"
    .split(" ")
    .map((name) => `PLpgSQL_stmt_${name}`),
);

type Follow = (code: FunctionCode) => Iterable<Finding>;

/** @param follow - what is wrong in a statement of SQL */
export function* plpgsqlFindings(statement: Statement, code: FunctionCode, follow: Follow): Generator<Finding> {
  const tree: unknown = yield* parsed(code, (): unknown => parsePlPgSQLSync(statement.source));
  if (tree === undefined) return;
  const lines = lineStarts(code.text);
  const stack: (readonly [value: unknown, line: number])[] = [[tree, 1]];
  for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
    const [value, line] = entry;
    if (Array.isArray(value)) for (const item of value as unknown[]) stack.push([item, line]);
    else if (isNode(value)) {
      for (const [key, child] of Object.entries(value)) {
        const at = isNode(child) && typeof child.lineno === "number" ? child.lineno : line;
        const begin = lines[at - 1] ?? 0;
        for (const finding of partFindings(key, child, code, begin, follow)) {
          yield { ...finding, location: finding.location ?? code.place(Buffer.byteLength(code.text.slice(0, begin))) };
        }
        stack.push([child, at]);
      }
    }
  }
}

function* partFindings(
  key: string,
  value: unknown,
  code: FunctionCode,
  begin: number,
  follow: Follow,
): Generator<Finding> {
  if (key === "dynquery") yield dynamic;
  if (!isNode(value)) return;
  if (key.startsWith("PLpgSQL_stmt_") && !plStatements.has(key)) {
    yield key.includes("_dyn")
      ? dynamic
      : {
          rule: "function-code",
          reason: `has ${key.replace("PLpgSQL_stmt_", "").toUpperCase()} in its code, which is refused`,
        };
  } else if (key === "PLpgSQL_type") {
    yield* typeFindings(text(value.typname) ?? "");
  } else if (key === "PLpgSQL_expr") {
    yield* expressionFindings(value, code, begin, follow);
  }
}

/** A variable's type, also as `table.column%TYPE`. */
function* typeFindings(name: string): Generator<Finding> {
  const [suffix = ""] = /%(?:row)?type(?:\s*\[.*|\s+array.*)?$/i.exec(name) ?? [];
  const parts = name.slice(0, name.length - suffix.length).split(".");
  const [schema = ""] = parts;
  // table.column%TYPE names a table of the file's own.
  const qualified = parts.length > (/^%type/i.test(suffix) ? 2 : 1);
  if (qualified && schema !== "pg_catalog" && schema !== "extensions") {
    yield { rule: "other-schema", reason: `declares a variable of the type ${name}, which names a schema` };
  }
  if (suffix !== "" && parts.some((part) => part.startsWith("pg_"))) {
    yield { rule: "system-catalog", reason: `declares a variable of the type ${name}, which is the server's` };
  }
  if (lookupTypes.has((parts.at(-1) ?? "").replace(/\[.*$/, ""))) {
    yield { rule: "name-lookup-type", reason: `uses the type ${name}: it looks names up in other schemas` };
  }
}

function* expressionFindings(value: Node, code: FunctionCode, begin: number, follow: Follow): Generator<Finding> {
  const query = text(value.query) ?? "";
  switch (value.parseMode) {
    case 0:
      yield* follow(found(code, query, begin, query.startsWith("SELECT ") ? "SELECT " : "", ""));
      return;
    case 2:
      yield* follow(found(code, query, begin, "", "SELECT "));
      return;
    default: {
      // An assignment: `name := expression`, also with fields and subscripts.
      const sides = assignmentSides(query);
      if (sides === undefined) {
        yield { rule: "function-code", reason: `has an assignment that cannot be followed: ${query}` };
        return;
      }
      for (const side of sides) yield* follow(found(code, side, begin, "", "SELECT "));
    }
  }
}

/** The text where it stands in the code. PERFORM stands there without the SELECT that the parser puts before it. */
function found(code: FunctionCode, query: string, begin: number, added: string, prefix: string): FunctionCode {
  for (const [own, shift] of [
    [query, 0],
    [query.slice(added.length), added.length],
  ] as const) {
    const index = code.text.indexOf(own, begin);
    if (index < 0) continue;
    return partOf(code, prefix + query, Buffer.byteLength(code.text.slice(0, index)), prefix.length + shift);
  }
  const line = Buffer.byteLength(code.text.slice(0, begin));
  return { text: prefix + query, place: () => code.place(line) };
}

/** Target and value of an assignment; undefined where it has none. */
function assignmentSides(query: string): readonly [string, string] | undefined {
  const bytes = Buffer.from(query, "utf8");
  let depth = 0;
  for (const token of scanSync(query).tokens) {
    if (isComment(token)) continue;
    if (token.text === "(" || token.text === "[") depth += 1;
    if (token.text === ")" || token.text === "]") depth -= 1;
    if (depth === 0 && (token.text === ":=" || token.text === "=")) {
      return [bytes.subarray(0, token.start).toString("utf8"), bytes.subarray(token.end).toString("utf8")];
    }
  }
  return undefined;
}

/** The first word of each line. */
function lineStarts(code: string): number[] {
  const starts = [0];
  for (let at = code.indexOf("\n"); at >= 0; at = code.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts.map((start) => start + (/^[ \t]*/.exec(code.slice(start))?.[0].length ?? 0));
}

const dynamic: Finding = {
  rule: "dynamic-sql",
  reason: "runs text as SQL (EXECUTE): what it does cannot be known before it runs",
};
