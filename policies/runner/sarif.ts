/** SARIF 2.1.0 for code scanning: each finding at the tenant's record in the registry. */
import { createHash } from "node:crypto";
import type { Verdict } from "../evaluate.ts";
import type { Rule } from "../rule.ts";
import { enforcementOf, plainLine, type Report, resourceText, tenantOf } from "./report.ts";

/** GitHub sorts by it: the lower ends of its ranges. */
const scores: Readonly<Record<Rule["severity"], string>> = { low: "2.0", medium: "5.0", high: "8.0", critical: "9.5" };

export function sarifReport(report: Report): string {
  const { rules, verdicts, version } = report;
  const indexes = new Map(rules.map(({ name }, index) => [name, index]));
  return sarifLog({
    name: "tenancy-policies",
    version,
    rules: rules.map((rule) => ({
      id: rule.name,
      shortDescription: { text: rule.description },
      fullDescription: { text: `${rule.description} ${rule.reason}` },
      help: { text: `${rule.remediation}. Source: ${rule.source.title}` },
      helpUri: rule.source.url,
      defaultConfiguration: { level: levelOf(enforcementOf(rule, report)) },
      properties: { tags: ["security", rule.subject], "security-severity": scores[rule.severity] },
    })),
    results: verdicts.map((verdict) => result(verdict, indexes.get(verdict.rule.name) ?? -1, report)),
  });
}

/** A log of one run of one tool. */
export function sarifLog(run: {
  readonly name: string;
  readonly version: string;
  readonly rules: readonly object[];
  readonly results: readonly object[];
}): string {
  const document = {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: run.name, semanticVersion: run.version, rules: run.rules } },
        results: run.results,
      },
    ],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** What tells a finding from others when lines have moved. */
export function fingerprint(...parts: readonly string[]): string {
  return createHash("sha256").update(parts.join("\n")).digest("hex");
}

function result(verdict: Verdict, ruleIndex: number, report: Report): object {
  const { rule, kind, level, urn } = verdict;
  const record = report.records.get(tenantOf(verdict) ?? "") ?? { file: report.registry, line: 1 };
  const message = plainLine(verdict.message);
  return {
    ruleId: rule.name,
    ruleIndex,
    level: kind === "undecided" ? "note" : levelOf(level),
    message: { text: message },
    locations: [
      {
        physicalLocation: { artifactLocation: { uri: record.file }, region: { startLine: record.line } },
        logicalLocations: [
          { fullyQualifiedName: urn ?? report.stack, name: resourceText(urn, report), kind: "resource" },
        ],
      },
    ],
    partialFingerprints: {
      "tenancyPolicy/v1": fingerprint(rule.name, urn ?? "", message),
    },
  };
}

function levelOf(enforcement: string): string {
  return enforcement === "mandatory" ? "error" : enforcement === "disabled" ? "none" : "warning";
}
