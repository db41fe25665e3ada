/** JUnit XML for CI servers: a test suite for each subject, a test case for each rule. */
import { escapeMarkup } from "../../verify/report/escape.ts";
import type { Verdict } from "../evaluate.ts";
import { type Rule, subjects } from "../rule.ts";
import { enforcementOf, type Report, resourceText } from "./report.ts";

export function junitReport(report: Report): string {
  const { rules, verdicts, seconds, startedAt } = report;
  const byRule = new Map<string, Verdict[]>();
  for (const verdict of verdicts) byRule.set(verdict.rule.name, [...(byRule.get(verdict.rule.name) ?? []), verdict]);
  const refused = (rule: Rule): Verdict[] =>
    (byRule.get(rule.name) ?? []).filter(({ kind, level }) => kind === "violation" && level === "mandatory");
  const counts = (own: readonly Rule[]): string => {
    const failures = own.filter((rule) => refused(rule).length > 0).length;
    const skipped = own.filter((rule) => enforcementOf(rule, report) === "disabled").length;
    return `tests="${own.length}" failures="${failures}" errors="0" skipped="${skipped}"`;
  };
  const suites = subjects.flatMap((subject) => {
    const own = rules.filter((rule) => rule.subject === subject);
    return [
      `  <testsuite name="${subject}" ${counts(own)} timestamp="${startedAt.slice(0, 19)}">`,
      ...own.map((rule) => testCase(rule, refused(rule), byRule.get(rule.name) ?? [], report)),
      "  </testsuite>",
    ];
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="tenancy policy" ${counts(rules)} time="${seconds.toFixed(3)}">`,
    ...suites,
    "</testsuites>",
    "",
  ].join("\n");
}

function testCase(rule: Rule, refused: readonly Verdict[], all: readonly Verdict[], report: Report): string {
  const open = `    <testcase classname="policy.${rule.subject}" name="${escapeMarkup(rule.name)}"`;
  if (enforcementOf(rule, report) === "disabled") return `${open}><skipped message="disabled"/></testcase>`;
  if (all.length === 0) return `${open}/>`;
  const line = (verdict: Verdict): string => escapeMarkup(`${resourceText(verdict.urn, report)}: ${verdict.message}`);
  const told = all.filter((verdict) => !refused.includes(verdict));
  const failure =
    refused.length === 0
      ? ""
      : `<failure type="${rule.severity}" message="${escapeMarkup(`${refused.length} violations`)}">${refused.map(line).join("\n")}</failure>`;
  const output = told.length === 0 ? "" : `<system-out>${told.map(line).join("\n")}</system-out>`;
  return `${open}>${failure}${output}</testcase>`;
}
