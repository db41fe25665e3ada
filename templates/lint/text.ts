/** One file: every fault of it, at its place. */
import { isRule, type RuleId, rules } from "./catalogue.ts";
import { fileFindings } from "./checks/files.ts";
import { fleetFindings } from "./checks/fleet.ts";
import { functionFindings } from "./checks/functions.ts";
import { nameFindings } from "./checks/names.ts";
import { poolFindings } from "./checks/pool.ts";
import { isAllowedKind, statementFindings, statementName } from "./checks/statements.ts";
import { isConcurrentFile } from "../template.ts";
import type { FileContext, Finding, Severity, Statement } from "./rule.ts";
import { leastReason, type Mark, readSource, type Source, SourceError } from "./source.ts";

export interface TextFault {
  readonly rule: RuleId;
  readonly severity: Severity;
  /** Byte of the text. */
  readonly offset: number;
  /** As in `CREATE FUNCTION`. */
  readonly statement: string;
  /** What is wrong; reads on behind the kind of statement. */
  readonly reason: string;
  /** What to write instead. */
  readonly fix: string;
}

export interface TextResult {
  readonly faults: readonly TextFault[];
  /** Marks that no fault answered to, by their first byte. */
  readonly unused: readonly Mark[];
}

/** The statements' effects go into the tables of the context. */
export function lintText(sql: string, context: FileContext): TextResult {
  let source: Source;
  try {
    source = readSource(sql);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    return { faults: [fault("file", { rule: "parse", reason: error.message, location: error.offset }, 0)], unused: [] };
  }
  const used = new Set<Mark>();
  const faults = [...markFaults(source), ...placeFaults(sql, context)];
  for (const statement of source.statements) {
    const marks = source.marks.filter((mark) => mark.statement === statement.offset);
    for (const finding of distinct(findings(statement, source, context))) {
      const mark = marks.find(({ rule }) => rule === finding.rule && rules[finding.rule].allowable === true);
      if (mark === undefined) faults.push(fault(statementName(statement.kind), finding, statement.offset));
      else used.add(mark);
    }
    context.tables.apply(statement);
  }
  faults.sort((a, b) => a.offset - b.offset);
  const unused = source.marks.filter((mark) => !used.has(mark) && isAllowable(mark.rule));
  return { faults, unused };
}

/** A mark that allows nothing, as a fault. */
export function unusedMark({ rule, offset, statement }: Mark): TextFault {
  const reason =
    statement === undefined
      ? `for ${rule} stands before no statement`
      : `for ${rule} allows nothing: the statement breaks no such rule`;
  return fault("mark", { rule: "mark-unused", reason }, offset);
}

function* findings(statement: Statement, source: Source, context: FileContext): Generator<Finding> {
  yield* statementFindings(statement, context);
  yield* fileFindings(statement, context);
  if (context.pool) yield* poolFindings(statement, context);
  if (!isAllowedKind(statement.kind) && statement.kind !== "ReindexStmt") return;
  yield* nameFindings(statement, context);
  if (statement.kind === "CreateFunctionStmt") yield* functionFindings(statement, source, context);
  if (context.kind !== "seed") yield* fleetFindings(statement, context);
}

/** A name that the tree holds twice is one fault. */
function* distinct(all: Iterable<Finding>): Generator<Finding> {
  const seen = new Set<string>();
  for (const finding of all) {
    const key = `${finding.rule} ${finding.location ?? ""} ${finding.reason}`;
    if (!seen.has(key)) yield finding;
    seen.add(key);
  }
}

/** Only a template's file can run outside of the transaction. */
function* placeFaults(sql: string, { kind }: FileContext): Generator<TextFault> {
  if (kind !== "tenant" || !isConcurrentFile(sql)) return;
  const reason = "begins with `-- tenancy: concurrently`, and a tenant's own file runs in the tenant's transaction";
  yield fault("file", { rule: "concurrently-in-transaction", reason, fix: "Take the line and CONCURRENTLY out." }, 0);
}

function* markFaults({ malformed, marks }: Source): Generator<TextFault> {
  for (const { offset } of malformed) {
    const reason = `has no form that the tool knows: \`-- tenancy: allow <rule>: <reason>\` with ${leastReason} characters of reason`;
    yield fault("comment", { rule: "mark-form", reason }, offset);
  }
  for (const { rule, offset } of marks) {
    if (isAllowable(rule)) continue;
    const reason = isRule(rule) ? `for ${rule} allows nothing: no mark can` : `names ${rule}, which is no rule`;
    yield fault("mark", { rule: "mark-rule", reason }, offset);
  }
}

function isAllowable(rule: string): boolean {
  return isRule(rule) && rules[rule].allowable === true;
}

function fault(statement: string, { rule, reason, location, fix }: Finding, offset: number): TextFault {
  const { severity, fix: usual } = rules[rule];
  return { rule, severity, offset: location ?? offset, statement, reason, fix: fix ?? usual };
}
