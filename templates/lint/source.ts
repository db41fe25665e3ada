/** A file as statements and marks. PostgreSQL's own scanner tells comments from text that looks like one. */
import { hasSqlDetails, loadModule, parseSync, type ScanToken, scanSync } from "libpg-query";
import { messageOf } from "../../provider/message.ts";
import type { Statement } from "./rule.ts";
import { first, type Node } from "./tree.ts";

/** `-- tenancy: allow <rule>: <reason>` on the lines before a statement. */
export interface Mark {
  readonly rule: string;
  readonly reason: string;
  /** First byte of the comment. */
  readonly offset: number;
  /** Byte of the statement that it stands before; undefined where there is none. */
  readonly statement: number | undefined;
}

export interface Source {
  readonly statements: readonly Statement[];
  readonly marks: readonly Mark[];
  /** Comments to the tool that have no form it knows, by their first byte. */
  readonly malformed: readonly { readonly offset: number; readonly text: string }[];
  readonly tokens: readonly ScanToken[];
}

export class SourceError extends Error {
  override readonly name = "SourceError";
  /** Byte in the file. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

export const concurrentLine = "-- tenancy: concurrently";
const toolComment = /^--\s*tenancy\b/i;
const markForm = /^-- tenancy: allow ([a-z]+(?:-[a-z]+)*): (\S.*\S)\s*$/;
/** A reason that a reviewer can judge. */
export const leastReason = 10;

/** Loads the parser; before it the other functions throw. */
export async function loadParser(): Promise<void> {
  await loadModule();
}

/** @throws SourceError where PostgreSQL cannot parse it */
export function readSource(sql: string): Source {
  if (sql.includes("\u0000")) throw new SourceError("holds a NUL character", 0);
  const bytes = Buffer.from(sql, "utf8");
  try {
    const tokens = scanSync(sql).tokens;
    return { tokens, statements: statementsOf(sql, bytes, tokens), ...commentsOf(bytes, tokens) };
  } catch (error) {
    // The parser counts characters here, from 0, and tokens count bytes.
    const position = hasSqlDetails(error) ? (error.sqlDetails?.cursorPosition ?? 0) : 0;
    const offset = Buffer.byteLength(Array.from(sql).slice(0, position).join(""), "utf8");
    throw new SourceError(`cannot be parsed by PostgreSQL: ${messageOf(error)}`, offset);
  }
}

/** The statements of a text that is no file, as a function's code is. */
export function parseStatements(sql: string): { kind: string; node: Node; offset: number }[] {
  const result: { stmts?: { stmt?: unknown; stmt_location?: number }[] } = parseSync(sql);
  return (result.stmts ?? []).map(({ stmt, stmt_location: offset = 0 }) => {
    const [kind, node] = first(stmt);
    return { kind, node, offset };
  });
}

export function isComment({ tokenName }: ScanToken): boolean {
  return tokenName === "SQL_COMMENT" || tokenName === "C_COMMENT";
}

function statementsOf(sql: string, bytes: Buffer, tokens: readonly ScanToken[]): Statement[] {
  const result: { stmts?: { stmt?: unknown; stmt_location?: number; stmt_len?: number }[] } = parseSync(sql);
  let next = 0;
  return (result.stmts ?? []).map(({ stmt, stmt_location: start = 0, stmt_len: length }) => {
    const [kind, node] = first(stmt);
    const end = length === undefined ? bytes.length : start + length;
    // The parser counts spaces and comments before a statement as part of it.
    for (let token = tokens[next]; token !== undefined; token = tokens[next]) {
      if (token.start >= start && !isComment(token)) break;
      next += 1;
    }
    const offset = tokens[next]?.start ?? start;
    return { kind, node, offset, end, source: bytes.subarray(offset, end).toString("utf8") };
  });
}

function commentsOf(bytes: Buffer, tokens: readonly ScanToken[]): Pick<Source, "marks" | "malformed"> {
  const marks: Mark[] = [];
  const malformed: { offset: number; text: string }[] = [];
  for (const [index, token] of tokens.entries()) {
    if (!isComment(token)) continue;
    const text = bytes.subarray(token.start, token.end).toString("utf8");
    if (!toolComment.test(text) || (token.start === 0 && text.trimEnd() === concurrentLine)) continue;
    const [, rule, reason] = markForm.exec(text) ?? [];
    if (rule === undefined || reason === undefined || reason.length < leastReason) {
      malformed.push({ offset: token.start, text });
    } else {
      marks.push({ rule, reason, offset: token.start, statement: followerOf(bytes, tokens, index) });
    }
  }
  return { marks, malformed };
}

/** The first token behind a comment, where only other comments and no empty line lie between. */
function followerOf(bytes: Buffer, tokens: readonly ScanToken[], index: number): number | undefined {
  const before = tokens[index - 1];
  const [comment] = tokens.slice(index, index + 1);
  if (before !== undefined && !bytes.subarray(before.end, comment?.start).includes(10)) return undefined;
  if (before !== undefined && !isComment(before) && before.text !== ";") return undefined;
  for (let at = index; ; at += 1) {
    const [token, next] = [tokens[at], tokens[at + 1]];
    if (token === undefined || next === undefined) return undefined;
    const between = bytes.subarray(token.end, next.start).toString("utf8");
    if (between.split("\n").length > 2) return undefined;
    if (!isComment(next)) return next.start;
  }
}
