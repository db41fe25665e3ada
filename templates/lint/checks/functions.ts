/** Functions of a file: their options, and their code, which is followed like the file itself. */
import { codeOf, type FunctionCode, parsed } from "../function-code.ts";
import type { FileContext, Finding, Statement } from "../rule.ts";
import { parseStatements, type Source } from "../source.ts";
import { constantText, first, itemsOf, list, optionsOf, text, walk, words } from "../tree.ts";
import { treeFindings } from "./names.ts";
import { plpgsqlFindings } from "./plpgsql.ts";
import { poolCodeFindings } from "./pool.ts";

/** What a function's code may run. */
const dataStatements = new Set(["SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"]);

/** The only schemas of a function's own search_path: a call then finds the same objects whoever calls. */
const pinnable = new Set(["pg_catalog", "extensions", "pg_temp", ""]);

export function* functionFindings(
  statement: Statement,
  source: Pick<Source, "tokens">,
  context: FileContext,
): Generator<Finding> {
  const { node } = statement;
  const options = optionsOf(node.options);
  for (const [name, values] of options) {
    for (const value of values) yield* optionFindings(name, value);
  }
  if (options.get("security")?.some((value) => first(value)[1].boolval === true) === true) {
    yield* definerFindings(options, context);
  }
  if (node.is_procedure === true) yield { rule: "procedure", reason: "makes a procedure: it could end a transaction" };
  const language = text(first(options.get("language")?.[0])[1].sval)?.toLowerCase();
  const code = codeOf(statement, source.tokens, words(itemsOf(options.get("as")?.[0])).at(0) ?? "");
  if (language === "plpgsql") {
    yield* plpgsqlFindings(statement, code, (part) => codeFindings(part, context));
  } else if (language === "sql" || (language === undefined && node.sql_body !== undefined)) {
    if (node.sql_body === undefined) yield* codeFindings(code, context);
    else yield* atomicFindings(node.sql_body, context);
  } else {
    const reason = `is written in ${language ?? "no language"}: allowed are sql and plpgsql`;
    yield { rule: "function-language", reason };
  }
}

function* optionFindings(name: string, value: unknown): Generator<Finding> {
  if (name === "set") {
    if (pinsSearchPath(value)) return;
    const reason =
      "has a SET clause other than `SET search_path` to pg_catalog, extensions and pg_temp, or FROM CURRENT";
    yield { rule: "function-setting", reason };
  } else if (!["security", "language", "as", "volatility", "strict", "parallel", "cost", "rows"].includes(name)) {
    const reason = `has the option ${name.toUpperCase()}, which is not among those that a file may use`;
    yield { rule: "function-option", reason };
  }
}

function pinsSearchPath(value: unknown): boolean {
  const [kind, node] = first(value);
  return (
    kind === "VariableSetStmt" &&
    node.name === "search_path" &&
    // FROM CURRENT pins the path that the tool has set for the file: the schema that the function is made in comes first.
    (node.kind === "VAR_SET_CURRENT" || node.kind === "VAR_SET_VALUE") &&
    list(node.args).every((item) => pinnable.has(constantText(item) ?? "?"))
  );
}

/** The last schema has to be pg_temp: where it is not written, temporary objects come first. */
function* definerFindings(options: ReadonlyMap<string, unknown[]>, { pool }: FileContext): Generator<Finding> {
  const pinned = (options.get("set") ?? []).some((value) => {
    const path = list(first(value)[1].args).map(constantText);
    return pinsSearchPath(value) && path[0] === "pg_catalog" && path.at(-1) === "pg_temp";
  });
  if (!pinned) {
    const reason =
      "is SECURITY DEFINER without `SET search_path = pg_catalog, pg_temp`: its caller chooses what its names mean";
    yield { rule: "security-definer-search-path", reason };
  }
  const reason = "is SECURITY DEFINER: it would lend the owner's rights to whoever calls it";
  yield { rule: pool ? "pool-security-definer" : "security-definer", reason };
}

/** The body of `BEGIN ATOMIC … END` is a part of the statement's own tree. */
function* atomicFindings(body: unknown, { pool }: FileContext): Generator<Finding> {
  const parts = [...walk(body)].flatMap(([, node]) => Object.keys(node)).filter((key) => /^[A-Z].*Stmt$/.test(key));
  for (const kind of new Set(parts)) {
    if (!dataStatements.has(kind) && kind !== "ReturnStmt") yield notData(kind, undefined);
  }
  if (pool) yield* contextFindings(body, { text: "", place: (offset) => offset });
}

/** Statements of a function's code. */
function* codeFindings(code: FunctionCode, context: FileContext): Generator<Finding> {
  const statements = yield* parsed(code, () => parseStatements(code.text));
  if (statements === undefined) return;
  for (const { kind, node, offset } of statements) {
    if (!dataStatements.has(kind)) yield notData(kind, code.place(offset));
    else yield* inCode(treeFindings(node, context), code);
    if (!context.pool) continue;
    yield* contextFindings(node, code);
    yield* inCode(poolCodeFindings(node, context), code);
  }
}

function notData(kind: string, location: number | undefined): Finding {
  const reason =
    `runs ${kind.replace(/Stmt$/, "")} in its code: a function may SELECT, INSERT, UPDATE, DELETE ` + `and MERGE`;
  return { rule: "function-code", reason, location };
}

function* inCode(findings: Iterable<Finding>, code: FunctionCode): Generator<Finding> {
  for (const { rule, reason, location } of findings) {
    yield { rule, reason: `${reason} (in its code)`, location: code.place(location ?? 0) };
  }
}

/** Functions of a pool that make themselves another tenant, or believe the setting that says which one it is. */
function* contextFindings(root: unknown, code: FunctionCode): Generator<Finding> {
  for (const [, node] of walk(root)) {
    const name = words(node.funcname).at(-1);
    const setting = constantText(list(node.args)[0])?.toLowerCase();
    const sets = name === "set_config" && (setting === "app.tenant_id" || setting === "app.user_id");
    const reads = name === "current_setting" && setting === "app.tenant_id";
    if (!sets && !reads) continue;
    const reason = sets
      ? `sets ${setting}: the tenant would be what the function says (in its code)`
      : "reads app.tenant_id, which a login can set as it likes (in its code)";
    yield { rule: "pool-context", reason, location: code.place(typeof node.location === "number" ? node.location : 0) };
  }
}
