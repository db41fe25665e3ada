/**
 * Templates and tenants' own files: every file in its order, with what is known of the tables before it. Equal texts
 * are judged once in the life of the process.
 */
import type { TemplateVariables } from "../../provider/inputs.ts";
import { isConcurrentFile, sha256, type Template } from "../template.ts";
import type { RenderOptions } from "../values.ts";
import { groups, type RuleId } from "./catalogue.ts";
import { plainRendering, type Place, type Rendering, renderWithPlaces } from "./rendering.ts";
import type { FileContext, Severity } from "./rule.ts";
import { choicesOf } from "./samples.ts";
import { Tables } from "./tables.ts";
import { loadParser } from "./source.ts";
import { lintText, type TextFault, unusedMark } from "./text.ts";

export interface LintFault extends Place {
  /** As in `ekn/0001-documents.sql`, or a tenant's file as the registry names it. */
  readonly file: string;
  readonly rule: RuleId;
  /** Only `error` refuses. */
  readonly severity: Severity;
  /** What is wrong, as in `CREATE VIEW names the schema "other"`. */
  readonly message: string;
  /** What to write instead. */
  readonly fix: string;
}

export interface LintOptions extends RenderOptions {
  /**
   * Prefixes of the registry's physical names, as in `ekn` of `ekn_42`.
   * @default none: only pools' names are known for other tenants'
   */
  readonly prefixes?: readonly string[];
}

/** What a tenant's own files come behind. */
export interface LintBase {
  /** The folder of the templates. */
  readonly root: string;
  readonly template: Template;
  readonly values: TemplateVariables;
}

export interface OwnFile {
  readonly name: string;
  readonly sql: string;
}

const cache = new Map<string, readonly LintFault[]>();

/**
 * Every fault of a template's files and seeds with these values.
 *
 * @throws TemplateError when a value is missing or a file has changed since it was loaded
 */
export async function lintTemplate(
  root: string,
  template: Template,
  values: TemplateVariables,
  options: LintOptions = {},
): Promise<readonly LintFault[]> {
  return cached(["template", keyOf(template, values), options], () => {
    const { faults, unused } = judgeTemplate(root, template, values, options);
    if (unused.size === 0) return faults;
    // A mark may belong to a text that only another choice fills in.
    for (const others of choicesOf(template, values).slice(1)) {
      const kept = judgeTemplate(root, template, others, options).unused;
      for (const key of unused.keys()) if (!kept.has(key)) unused.delete(key);
    }
    return inOrder([...faults, ...unused.values()]);
  });
}

/**
 * Every fault of one tenant's own files, which come behind the template's.
 *
 * @param base - undefined for files whose template is not known
 */
export async function lintOwnFiles(
  files: readonly OwnFile[],
  base: LintBase | undefined,
  options: LintOptions = {},
): Promise<readonly LintFault[]> {
  const template = base === undefined ? "" : keyOf(base.template, base.values);
  const own = files.map(({ name, sql }) => [name, sha256(sql)]);
  return cached(["own", template, own, options], () => {
    const tables = new Tables(base === undefined);
    if (base !== undefined) judgeTemplate(base.root, base.template, base.values, options, tables);
    return files.flatMap(({ name, sql }) => {
      const context = contextOf("tenant", sql, options, tables, undefined);
      const { faults, unused } = judgeFile(name, plainRendering(sql), context);
      return inOrder([...faults, ...unused.values()]);
    });
  });
}

/** A fault on one line, for the messages of preview and update. */
export function faultText({ file, line, rule, message, fix }: LintFault): string {
  return `${file}, line ${line}: ${message}. ${fix} [${rule}]`;
}

/**
 * The faults that refuse a tenant, or a pool, as it is. A file that was applied is left alone: it cannot be edited any
 * more, and refusing it would take nothing back. In a new schema every table is empty, and a migration costs nothing.
 *
 * @param applied - names of files as in `file` of a fault; undefined for a new tenant or pool
 */
export function refusing(faults: readonly LintFault[], applied: ReadonlySet<string> | undefined): LintFault[] {
  return errorsOf(faults).filter(({ file, rule }) =>
    applied === undefined ? !Object.hasOwn(groups.fleet, rule) : !applied.has(file),
  );
}

export function errorsOf(faults: readonly LintFault[]): LintFault[] {
  return faults.filter(({ severity }) => severity === "error");
}

async function cached(key: unknown, judge: () => readonly LintFault[]): Promise<readonly LintFault[]> {
  const text = JSON.stringify(key);
  const known = cache.get(text);
  if (known !== undefined) return known;
  await loadParser();
  const faults = judge();
  cache.set(text, faults);
  return faults;
}

function keyOf({ name, tiers, files, seeds, variables }: Template, values: TemplateVariables): string {
  return sha256(JSON.stringify([name, tiers, files, seeds, variables, Object.entries(values).sort()]));
}

interface Judged {
  readonly faults: readonly LintFault[];
  /** Faults of marks that allow nothing, by file and byte on disk. */
  readonly unused: Map<string, LintFault>;
}

function judgeTemplate(
  root: string,
  template: Template,
  values: TemplateVariables,
  options: LintOptions,
  tables: Tables = new Tables(false),
): Judged {
  const faults: LintFault[] = [];
  const unused = new Map<string, LintFault>();
  for (const [kind, files] of [
    ["template", template.files],
    ["seed", template.seeds],
  ] as const) {
    for (const { name } of files) {
      const rendering = renderWithPlaces(root, template, name, values, options);
      const context = contextOf(kind, rendering.text, options, tables, template);
      const judged = judgeFile(`${template.name}/${name}`, rendering, context);
      faults.push(...judged.faults);
      for (const [key, fault] of judged.unused) unused.set(key, fault);
    }
  }
  return { faults, unused };
}

function contextOf(
  kind: FileContext["kind"],
  sql: string,
  { prefixes = [] }: LintOptions,
  tables: Tables,
  template: Template | undefined,
): FileContext {
  const tiers = template?.tiers ?? [];
  const pool = tiers.includes("pool");
  return {
    kind,
    concurrent: kind === "template" && isConcurrentFile(sql),
    pool,
    beside: pool && tiers.length > 1,
    prefixes,
    tables,
  };
}

function judgeFile(file: string, rendering: Rendering, context: FileContext): Judged {
  context.tables.nextFile();
  const told = (fault: TextFault): LintFault => {
    const { rule, severity, offset, statement, reason, fix } = fault;
    return { file, ...rendering.place(offset), rule, severity, message: `${statement} ${reason}`, fix };
  };
  const { faults, unused } = lintText(rendering.text, context);
  const marks = unused.map((mark) => [`${file} ${rendering.origin(mark.offset)}`, told(unusedMark(mark))] as const);
  return { faults: faults.map(told), unused: new Map(marks) };
}

/** By file as they came, then by place. */
function inOrder(faults: readonly LintFault[]): LintFault[] {
  const files = [...new Set(faults.map(({ file }) => file))];
  return [...faults].sort(
    (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
  );
}
