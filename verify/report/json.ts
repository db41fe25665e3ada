/** The report for other programs; docs/verify.md describes its form, which only grows. */
import { count, exitCodes, madeDry, overall, type Report } from "../summary.ts";

export function jsonReport(report: Report): string {
  const verdict = overall(report);
  const { attempts, results, sights, ...rest } = report;
  const document = {
    format: 1,
    verdict,
    exitCode: exitCodes[verdict],
    ...rest,
    counts: count(results),
    madeDry: madeDry(results),
    attempts,
    results: results.map(({ attempt, ...result }) => ({ attempt: attempt.id, store: attempt.store, ...result })),
    sights,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
