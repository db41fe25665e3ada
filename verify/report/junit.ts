/** JUnit XML for CI servers: a test suite for each tenant and store, a test case for each attempt and direction. */
import type { Result } from "../assault.ts";
import { type Cell, cells, overall, type Report } from "../summary.ts";
import { escapeMarkup } from "./escape.ts";
import { partyName } from "./text.ts";

export function junitReport(report: Report): string {
  const suites = [...cells(report).map((cell) => suite(cell, report)), ...sightSuite(report), ...faultSuite(report)];
  const sum = (key: "tests" | "failures" | "errors" | "skipped"): number =>
    suites.reduce((total, one) => total + one[key], 0);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="tenancy verify" tests="${sum("tests")}" failures="${sum("failures")}" errors="${sum("errors")}" skipped="${sum("skipped")}" time="${report.seconds.toFixed(3)}">`,
    `  <!-- ${overall(report)} -->`,
    ...suites.flatMap(({ name, tests, failures, errors, skipped, cases }) => [
      `  <testsuite name="${escapeMarkup(name)}" tests="${tests}" failures="${failures}" errors="${errors}" skipped="${skipped}" timestamp="${report.startedAt.slice(0, 19)}">`,
      ...cases,
      "  </testsuite>",
    ]),
    "</testsuites>",
    "",
  ].join("\n");
}

interface Suite {
  readonly name: string;
  readonly tests: number;
  readonly failures: number;
  readonly errors: number;
  readonly skipped: number;
  readonly cases: readonly string[];
}

function suite({ tenant, store, counts, results }: Cell, report: Report): Suite {
  return {
    name: `${tenant} ${store}`,
    tests: results.length,
    failures: counts.LEAK,
    errors: counts["denied differently"] + counts["could not run"],
    skipped: counts["not made"],
    cases: results.map((result) => testCase(result, `${tenant}.${store}`, report)),
  };
}

function testCase(result: Result, className: string, report: Report): string {
  const { attempt, attacker, victim, verdict, detail, form } = result;
  const name = `${attempt.id}: ${partyName(attacker, report)} against ${partyName(victim, report)}${form === "dry" ? " (dry)" : ""}`;
  const open = `    <testcase classname="${escapeMarkup(className)}" name="${escapeMarkup(name)}"`;
  const text = `${verdict}: ${detail}`;
  const body = `tries to ${attempt.tries}\n${attempt.how}\nexpected: ${attempt.expected.join(" or ")}\nwhy: ${attempt.why}\n${attempt.source}`;
  if (verdict === "denied as expected") return `${open}/>`;
  if (verdict === "not made") return `${open}><skipped message="${escapeMarkup(detail)}"/></testcase>`;
  const kind = verdict === "LEAK" ? "failure" : "error";
  return `${open}><${kind} type="${escapeMarkup(verdict)}" message="${escapeMarkup(text)}">${escapeMarkup(body)}</${kind}></testcase>`;
}

function sightSuite(report: Report): Suite[] {
  if (report.sights.length === 0) return [];
  const cases = report.sights.map(({ store, server, attacker, victim, grown }) => {
    const name = `what ${partyName(attacker, report)} sees of ${partyName(victim, report)} on ${store} ${server}`;
    const open = `    <testcase classname="residue" name="${escapeMarkup(name)}"`;
    if (grown.length === 0) return `${open}/>`;
    return `${open}><failure type="LEAK" message="${escapeMarkup(`more than is documented: ${grown.join(", ")}`)}"/></testcase>`;
  });
  const failures = report.sights.filter(({ grown }) => grown.length > 0).length;
  return [{ name: "residue", tests: cases.length, failures, errors: 0, skipped: 0, cases }];
}

function faultSuite({ faults, stopped }: Report): Suite[] {
  const all = stopped === undefined ? faults : [...faults, stopped];
  if (all.length === 0) return [];
  const cases = all.map(
    (fault, index) =>
      `    <testcase classname="run" name="fault ${index + 1}"><error type="could not tell" message="${escapeMarkup(fault)}"/></testcase>`,
  );
  return [{ name: "run", tests: cases.length, failures: 0, errors: cases.length, skipped: 0, cases }];
}
