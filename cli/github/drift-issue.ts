/** Opens, updates and closes the one issue that tells of drift. */
import { prose } from "../plan/escape.ts";
import { visible } from "../plan/text.ts";
import type { Api } from "./api.ts";
import { shape } from "./shape.ts";

export interface DriftReport {
  readonly stack: string;
  /** Exit code of `refresh --preview-only`. */
  readonly verdict: 0 | 1 | 2;
  /** What it printed. */
  readonly text: string;
  /** Of the run. */
  readonly link: string;
}

const label = "drift";
const mostText = 40_000;

/** @returns what was done, for the log */
export async function reportDrift(api: Api, report: DriftReport): Promise<string> {
  const marker = markerOf(report.stack);
  const open = await api.list(`/issues?state=open&labels=${label}&sort=created&direction=asc`, 1_000);
  const known = open.find((issue) => {
    const body = shape.at(issue, "body");
    const isOurs =
      shape.at(issue, "user", "login") === "github-actions[bot]" && shape.at(issue, "pull_request") === undefined;
    return isOurs && typeof body === "string" && body.startsWith(marker);
  });
  const number = known === undefined ? undefined : shape.number(known, "number");
  if (report.verdict === 0) {
    if (number === undefined) return "no drift, and no open issue";
    await api.send("POST", `/issues/${number}/comments`, { body: `Nothing differs any more. ${runLink(report.link)}` });
    await api.send("PATCH", `/issues/${number}`, { state: "closed", state_reason: "completed" });
    return `issue ${number} closed`;
  }
  const title =
    report.verdict === 1
      ? `Drift: stack ${report.stack} differs from what its last update made`
      : `Drift: nobody can tell whether stack ${report.stack} differs`;
  const body = issueBody(report);
  if (number === undefined) {
    const made = await api.send("POST", "/issues", { title, body, labels: [label] });
    return `issue ${shape.number(made, "number")} opened`;
  }
  await api.send("PATCH", `/issues/${number}`, { title, body });
  return `issue ${number} updated`;
}

function markerOf(stack: string): string {
  return `<!-- tenancy-drift ${stack.replaceAll(/[^\w.-]/g, "")} -->`;
}

export function issueBody({ stack, text, link, verdict }: DriftReport): string {
  const lines = text.trimEnd().split("\n");
  const shown: string[] = [];
  let length = 0;
  for (const line of lines) {
    const safe = escaped(line);
    length += safe.length + 1;
    if (length > mostText) break;
    shown.push(safe);
  }
  const left = lines.length - shown.length;
  return [
    markerOf(stack),
    verdict === 1
      ? "The servers differ from what the last update made. `npm run preview` and `npm run up` mend what the registry asks for; what somebody changed on purpose belongs into the registry."
      : "The nightly look at the servers failed, so that nobody can tell whether something differs.",
    `<pre><code>${shown.join("\n")}</code></pre>`,
    ...(left > 0 ? [`… and ${left} more lines in the run.`] : []),
    `${runLink(link)} · ${prose("npm run refresh -- --preview-only")}`,
    "",
  ].join("\n\n");
}

/** Inside of `pre` no line may be empty to Markdown, and no character may be its or HTML's. */
function escaped(line: string): string {
  const shown = visible(line).replaceAll(/[&<>"'`*_[\]@#:\\$|~]/g, (character) => `&#${character.charCodeAt(0)};`);
  return shown.trim() === "" ? "&#32;" : shown;
}

function runLink(link: string): string {
  return /^https:\/\/[\w:/.?=&%-]+$/.test(link) ? `[Run](${link})` : "The run's log has the rest.";
}
