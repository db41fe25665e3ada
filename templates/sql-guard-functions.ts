/** Functions of a file: their code is followed like the file itself, and what cannot be followed is refused. */
import { parsePlPgSQLSync, parseSync } from "libpg-query";
import { astFaults, first, isNode, type Node, type Refusal, text, words } from "./sql-guard-walk.ts";
import { messageOf } from "../provider/message.ts";

/** What a function's code may run. */
const dataStatements = new Set(["SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"]);

/** Statements of PL/pgSQL that neither run text as SQL nor end the transaction. */
const plStatements = new Set(
  "block assign if case loop while fori fors forc foreach_a exit return return_next return_query raise assert execsql perform getdiag open fetch close"
    .split(" ")
    .map((name) => `PLpgSQL_stmt_${name}`),
);

/** The only schemas of a function's own search_path: a call then finds the same objects whoever calls. */
const pinnable = new Set(["pg_catalog", "extensions", "pg_temp", ""]);

/** @param source - the text of the CREATE FUNCTION statement */
export function functionFaults(node: Node, source: string): Refusal[] {
  const options = optionsOf(node);
  const faults = [...options].flatMap(([name, values]) => values.flatMap((value) => optionFaults(name, value)));
  if (node.is_procedure === true) faults.push({ reason: "makes a procedure: it could end a transaction" });
  const [language] = options.get("language") ?? [];
  const name = text(first(language)[1].sval)?.toLowerCase();
  const code = words(first(options.get("as")?.[0])[1].items);
  if (name === "plpgsql") return [...faults, ...plpgsqlFaults(source)];
  if (name !== "sql" && !(name === undefined && node.sql_body !== undefined)) {
    return [...faults, { reason: `is written in ${name ?? "no language"}: allowed are sql and plpgsql` }];
  }
  return [...faults, ...code.flatMap((body) => codeFaults(body))];
}

function optionsOf(node: Node): Map<string, unknown[]> {
  const options = new Map<string, unknown[]>();
  const list: unknown[] = Array.isArray(node.options) ? node.options : [];
  for (const item of list) {
    const [, option] = first(item);
    const name = text(option.defname) ?? "";
    options.set(name, [...(options.get(name) ?? []), option.arg]);
  }
  return options;
}

function optionFaults(name: string, value: unknown): Refusal[] {
  const [kind, node] = first(value);
  switch (name) {
    case "security":
      return node.boolval === true
        ? [{ reason: "is SECURITY DEFINER: it would lend the owner's rights to whoever calls it" }]
        : [];
    case "set": {
      const values: unknown[] = Array.isArray(node.args) ? node.args : [];
      const schemas = values.map((item) => {
        const constant = first(item)[1].sval;
        return isNode(constant) ? text(constant.sval) : undefined;
      });
      // FROM CURRENT pins the path that the tool has set for the file: the schema that the function is made in comes first.
      const pins =
        kind === "VariableSetStmt" &&
        node.name === "search_path" &&
        (node.kind === "VAR_SET_CURRENT" ||
          (node.kind === "VAR_SET_VALUE" && schemas.every((schema) => pinnable.has(schema ?? "?"))));
      return pins
        ? []
        : [
            {
              reason:
                "has a SET clause other than `SET search_path` to pg_catalog, extensions and pg_temp, " +
                "or FROM CURRENT",
            },
          ];
    }
    case "language":
    case "as":
    case "volatility":
    case "strict":
    case "parallel":
    case "cost":
    case "rows":
      return [];
    default:
      return [{ reason: `has the option ${name.toUpperCase()}, which is not among those that a file may use` }];
  }
}

/** Statements of a function's code. */
function codeFaults(code: string): Refusal[] {
  try {
    const parsed: { stmts?: { stmt?: unknown }[] } = parseSync(code);
    return (parsed.stmts ?? []).flatMap(({ stmt }) => {
      const [kind, node] = first(stmt);
      if (!dataStatements.has(kind)) {
        return [
          {
            reason:
              `runs ${kind.replace(/Stmt$/, "")} in its code: a function may SELECT, INSERT, UPDATE, DELETE ` +
              `and MERGE`,
          },
        ];
      }
      return astFaults(node).map(inside);
    });
  } catch (error) {
    return [{ reason: `has code that cannot be parsed: ${messageOf(error)}` }];
  }
}

function plpgsqlFaults(source: string): Refusal[] {
  let tree: unknown;
  try {
    tree = parsePlPgSQLSync(source);
  } catch (error) {
    return [{ reason: `has code that cannot be parsed: ${messageOf(error)}` }];
  }
  const faults: Refusal[] = [];
  const stack: unknown[] = [tree];
  while (stack.length > 0) {
    const value = stack.pop();
    if (Array.isArray(value)) stack.push(...(value as unknown[]));
    else if (isNode(value)) {
      for (const [key, child] of Object.entries(value)) {
        faults.push(...plFaults(key, child));
        stack.push(child);
      }
    }
  }
  return faults;
}

function plFaults(key: string, value: unknown): Refusal[] {
  if (key === "dynquery" || key === "params") return [dynamic];
  if (!isNode(value)) return [];
  if (key.startsWith("PLpgSQL_stmt_") && !plStatements.has(key)) {
    return key.includes("_dyn")
      ? [dynamic]
      : [{ reason: `has ${key.replace("PLpgSQL_stmt_", "").toUpperCase()} in its code, which is refused` }];
  }
  if (key === "PLpgSQL_type") {
    const name = text(value.typname) ?? "";
    const [schema, ...rest] = name.split(".");
    const open = rest.length === 0 || schema === "pg_catalog" || schema === "extensions";
    return open ? [] : [{ reason: `declares a variable of the type ${name}, which names a schema` }];
  }
  if (key !== "PLpgSQL_expr") return [];
  const query = text(value.query) ?? "";
  switch (value.parseMode) {
    case 0:
      return codeFaults(query);
    case 2:
      return codeFaults(`SELECT ${query}`);
    default: {
      // An assignment: `name := expression`, also with fields and subscripts.
      const match = /^\s*[\w."]+(?:\s*\[[^\]()]*\])*\s*:?=([^]*)$/.exec(query);
      return match === null
        ? [{ reason: `has an assignment that cannot be followed: ${query}` }]
        : codeFaults(`SELECT ${match[1] ?? ""}`);
    }
  }
}

const dynamic: Refusal = { reason: "runs text as SQL (EXECUTE): what it does cannot be known before it runs" };

/** Places inside of code count from the code's begin, not from the file's. */
function inside({ reason }: Refusal): Refusal {
  return { reason: `${reason} (in its code)` };
}
