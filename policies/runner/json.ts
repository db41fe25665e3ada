/** The report for other programs; docs/policies.md describes its form, which only grows. */
import { count, enforcementOf, exitCode, type Report, tenantOf } from "./report.ts";

export function jsonReport(report: Report): string {
  const { verdicts, rules, configuration: _, records: __, ...rest } = report;
  const code = exitCode(report);
  const document = {
    format: 1,
    verdict: code === 0 ? "passed" : "refused",
    exitCode: code,
    ...rest,
    counts: count(verdicts),
    rules: rules.map((rule) => ({
      name: rule.name,
      subject: rule.subject,
      severity: rule.severity,
      enforcement: enforcementOf(rule, report),
      description: rule.description,
      source: rule.source,
    })),
    verdicts: verdicts.map((verdict) => ({
      rule: verdict.rule.name,
      kind: verdict.kind,
      level: verdict.level,
      tenant: tenantOf(verdict),
      urn: verdict.urn,
      message: verdict.message,
    })),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
