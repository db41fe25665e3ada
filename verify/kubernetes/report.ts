/** What a run against namespaces found, as text and as JSON. */
import { styleText } from "node:util";
import { type Verdict, verdicts } from "../assault.ts";
import { attemptOf } from "./recipe.ts";
import type { Overall } from "../summary.ts";
import { connectionAttempt } from "./connection.ts";
import { recipes } from "./catalogue.ts";
import type { NamespaceResult, NamespaceRun } from "./run.ts";

export interface NamespaceReport extends NamespaceRun {
  readonly stack: string;
  /** Name in the platform's configuration. */
  readonly cluster: string;
  readonly server: string;
}

export function counts(results: readonly NamespaceResult[]): Record<Verdict, number> {
  const found = Object.fromEntries(verdicts.map((verdict) => [verdict, 0])) as Record<Verdict, number>;
  for (const { verdict } of results) found[verdict] += 1;
  return found;
}

export function verdictOf({ results, faults }: NamespaceRun): Overall {
  const found = counts(results);
  if (found.LEAK > 0) return "leak";
  const unknown = found["denied differently"] + found["could not run"] + faults.length > 0;
  return unknown || found["denied as expected"] === 0 ? "could not tell" : "isolated";
}

export function namespaceJson(report: NamespaceReport): string {
  const { results, ...rest } = report;
  const attempts = [...recipes.map(attemptOf), connectionAttempt];
  const short = results.map(({ attempt, ...result }) => ({ attempt: attempt.id, ...result }));
  return JSON.stringify(
    { overall: verdictOf(report), counts: counts(results), ...rest, results: short, attempts },
    null,
    2,
  );
}

export function namespaceText(report: NamespaceReport, colour: boolean): string {
  const paint = (style: "red" | "yellow" | "green" | "bold", text: string): string =>
    colour ? styleText(style, text, { validateStream: false }) : text;
  const { results, faults, stack, cluster, server } = report;
  const lines = [paint("bold", `namespaces of stack ${stack} on ${cluster} (${server})`), ""];
  for (const group of groupsOf(results)) {
    const [{ verdict, attempt, detail, form }] = group;
    lines.push(
      paint(
        verdict === "LEAK" ? "red" : "yellow",
        `${verdict}: ${attempt.id}: ${detail}${form === "dry" ? " (dry run)" : ""}`,
      ),
      `  A tenant tries to ${attempt.tries}.`,
      `  ${attempt.how}`,
      `  ${attempt.why} ${attempt.source}`,
      ...group.map(({ attacker, account, victim }) => `  ${attacker} (${account}) against ${victim}`),
      "",
    );
  }
  for (const fault of faults) lines.push(paint("yellow", `could not tell: ${fault}`));
  if (faults.length > 0) lines.push("");
  const skipped = new Set(results.filter(({ verdict }) => verdict === "not made").map(({ attempt }) => attempt.id));
  if (skipped.size > 0) {
    lines.push(`not made, since the cluster has no CloudNativePG: ${[...skipped].join(", ")}`, "");
  }
  const found = counts(results);
  const pairs = new Set(results.map(({ attacker, victim }) => `${attacker} ${victim}`)).size;
  const told = verdicts.filter((verdict) => found[verdict] > 0).map((verdict) => `${found[verdict]} ${verdict}`);
  lines.push(
    `${recipes.length} attempts, ${pairs} ${pairs === 1 ? "pair" : "pairs"} of tenants: ${told.join(", ") || "nothing was tried"}`,
  );
  const overall = verdictOf(report);
  lines.push(paint(overall === "isolated" ? "green" : overall === "leak" ? "red" : "yellow", overall));
  return lines.join("\n");
}

/** The same answer to the same attempt, leaks first. */
function groupsOf(results: readonly NamespaceResult[]): [NamespaceResult, ...NamespaceResult[]][] {
  const groups = new Map<string, [NamespaceResult, ...NamespaceResult[]]>();
  for (const verdict of ["LEAK", "denied differently", "could not run"] as const) {
    for (const result of results.filter((one) => one.verdict === verdict)) {
      const key = [verdict, result.attempt.id, result.detail].join("\0");
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [result]);
      else group.push(result);
    }
  }
  return [...groups.values()];
}
