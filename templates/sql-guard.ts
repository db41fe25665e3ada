/**
 * One text of SQL by itself: what it may not do wherever it stands, its statements, and the names that it makes. Whole
 * templates and tenants' own files go through lint/lint.ts, which also knows what earlier files made.
 */
import { groups } from "./lint/catalogue.ts";
import { plainRendering } from "./lint/rendering.ts";
import type { Statement } from "./lint/rule.ts";
import { loadParser, readSource } from "./lint/source.ts";
import { Tables } from "./lint/tables.ts";
import { lintText } from "./lint/text.ts";
import { isNode, text, words } from "./lint/tree.ts";

export interface GuardFault {
  /** From 1. */
  readonly line: number;
  /** As in `CREATE FUNCTION`. */
  readonly statement: string;
  /** What is refused, and why. */
  readonly reason: string;
}

export interface GuardOptions {
  /**
   * Whether the file's statements run one by one, outside of a transaction: other statements are allowed then.
   * @default false
   */
  readonly concurrent?: boolean;
}

const cache = new Map<string, readonly GuardFault[]>();

/** Loads the parser; before it the other functions throw. */
export async function loadGuard(): Promise<void> {
  await loadParser();
}

/**
 * Everything in a text that is refused, whatever came before it. Equal texts are parsed once in the life of the process.
 *
 * @param key - what stands for the text in the cache, as in the digest of it
 */
export async function guardSql(key: string, sql: string, options: GuardOptions = {}): Promise<readonly GuardFault[]> {
  const concurrent = options.concurrent === true;
  const place = `${key}${concurrent ? " concurrently" : ""}`;
  const known = cache.get(place);
  if (known !== undefined) return known;
  await loadGuard();
  const { place: placeOf } = plainRendering(sql);
  const tables = new Tables(true);
  const alone = { kind: "template", concurrent, pool: false, beside: false, prefixes: [], tables } as const;
  const faults = lintText(sql, alone)
    .faults.filter(({ rule }) => !Object.hasOwn(groups.fleet, rule))
    .map(({ statement, reason, offset }): GuardFault => ({ line: placeOf(offset).line, statement, reason }));
  cache.set(place, faults);
  return faults;
}

/**
 * The statements of a text. The parser has to be loaded.
 *
 * @throws SourceError where it cannot be parsed
 */
export function statementsOf(sql: string): readonly Statement[] {
  return readSource(sql).statements;
}

/** Names of the tables and functions that a text creates. Empty where it cannot be parsed. */
export async function createdNames(sql: string): Promise<string[]> {
  await loadGuard();
  try {
    return statementsOf(sql).flatMap(({ kind, node }) => {
      const name =
        kind === "CreateStmt" && isNode(node.relation) ? text(node.relation.relname) : words(node.funcname).at(-1);
      return (kind === "CreateStmt" || kind === "CreateFunctionStmt") && name !== undefined ? [name] : [];
    });
  } catch {
    return [];
  }
}
