/** The linter's findings for people, for programs, and for code scanning. */
import type { Style } from "../../tenants/faults.ts";
import { count } from "../../tenants/faults.ts";
import { plainLine } from "../../policies/runner/report.ts";
import { fingerprint, sarifLog } from "../../policies/runner/sarif.ts";
import { ruleIds, rules } from "../../templates/lint/catalogue.ts";
import type { LintFault } from "../../templates/lint/lint.ts";
import type { LintReport } from "./run.ts";

/** A longer line is cut, so that the caret stays below what it points at. */
const widest = 160;

export function textReport({ files, faults }: LintReport, style: Partial<Style> = {}): string {
  const errors = faults.filter(({ severity }) => severity === "error").length;
  const counts = `${count(errors, "error")}, ${count(faults.length - errors, "warning")}`;
  const summary = `${count(files, "file")}: ${faults.length === 0 ? "no faults" : counts}`;
  return [...faults.map((fault) => faultLines(fault, style)), summary].join("\n\n");
}

function faultLines(
  { file, line, column, rule, severity, message, fix, excerpt }: LintFault,
  style: Partial<Style>,
): string {
  const plain = (text: string) => text;
  const { place = plain, label = plain, message: strong = plain } = style;
  const number = String(line);
  const gutter = " ".repeat(number.length);
  const before = Array.from(excerpt).slice(0, column - 1);
  const from = Math.max(0, before.length - widest / 2);
  const shown = Array.from(excerpt)
    .slice(from, from + widest)
    .join("");
  // A tab stays one, so that both lines are as wide.
  const padding = before.slice(from).map((character) => (character === "\t" ? "\t" : " ".repeat(width(character))));
  return [
    `${place(`${plainLine(file)}:${line}:${column}`)} ${severity} ${label(`[${rule}]`)}`,
    `  ${strong(plainLine(message))}`,
    `  ${plainLine(fix)}`,
    `  ${label(`${number} |`)} ${escapeLine(shown)}`,
    `  ${label(`${gutter} |`)} ${padding.join("")}^`,
  ].join("\n");
}

/** As wide as `escapeLine` shows it. */
function width(character: string): number {
  return escapeLine(character).length;
}

function escapeLine(text: string): string {
  return text.split("\t").map(plainLine).join("\t");
}

export function jsonReport({ files, faults }: LintReport): string {
  const errors = faults.filter(({ severity }) => severity === "error").length;
  return JSON.stringify({ ok: errors === 0, files, errors, warnings: faults.length - errors, faults }, undefined, 2);
}

export function sarifReport({ faults }: LintReport, version: string): string {
  const indexes = new Map(ruleIds.map((id, index) => [id, index]));
  return sarifLog({
    name: "tenancy-lint",
    version,
    rules: ruleIds.map((id) => ({
      id,
      shortDescription: { text: rules[id].what },
      fullDescription: { text: `${rules[id].what} Why: ${rules[id].why}.` },
      help: { text: rules[id].fix },
      defaultConfiguration: { level: rules[id].severity },
    })),
    results: faults.map(({ file, line, column, rule, severity, message, fix, excerpt }) => ({
      ruleId: rule,
      ruleIndex: indexes.get(rule) ?? -1,
      level: severity,
      message: { text: `${message}. ${fix}` },
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: file.split("\\").join("/") },
            region: { startLine: line, startColumn: column },
          },
        },
      ],
      partialFingerprints: { "tenancyLint/v1": fingerprint(rule, file, message, excerpt.trim()) },
    })),
  });
}
