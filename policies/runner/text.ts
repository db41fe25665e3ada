/** The report for people. */
import type { Verdict } from "../evaluate.ts";
import { count, exitCode, plainLine, type Report, resourceText } from "./report.ts";

const headings: Readonly<Record<string, string>> = {
  "violation mandatory": "refused",
  "violation advisory": "advice",
  "warning advisory": "warning",
  "undecided advisory": "undecided",
};

export function textReport(report: Report): string {
  const { verdicts, stack, resources, rules, posture, notes, seconds } = report;
  const groups = new Map<string, Verdict[]>();
  for (const heading of Object.keys(headings)) {
    for (const verdict of verdicts) {
      if (`${verdict.kind} ${verdict.level}` !== heading) continue;
      const key = `${headings[heading] ?? heading}  ${verdict.rule.name} (${verdict.rule.subject}, ${verdict.rule.severity})`;
      groups.set(key, [...(groups.get(key) ?? []), verdict]);
    }
  }
  const { mandatory, advisory, warnings, undecided } = count(verdicts);
  const lines = [...groups].flatMap(([heading, own]) => [
    heading,
    ...own.flatMap((verdict) => [
      `  ${plainLine(verdict.message)}`,
      `    ${plainLine(resourceText(verdict.urn, report))}`,
    ]),
    `    ${own[0]?.rule.source.url ?? ""}`,
    "",
  ]);
  return [
    `stack ${stack}: ${resources} resources, ${rules.length} rules, posture ${posture} (${seconds.toFixed(1)} s)`,
    ...notes.map((note) => `note: ${plainLine(note)}`),
    "",
    ...lines,
    `${exitCode(report) === 0 ? "passed" : "refused"}: ${mandatory} mandatory violations, ${advisory} advisory, ` +
      `${warnings} warnings, ${undecided} undecided`,
    "",
  ].join("\n");
}
