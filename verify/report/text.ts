/** The report for a terminal: a table that stays short at many tenants, then what needs a person. */
import {
  controlCounts,
  count,
  type Finding,
  findings,
  made,
  madeDry,
  notMade,
  overall,
  type Report,
  residueGroups,
} from "../summary.ts";
import { type Paint, painter, shownNames, table } from "./text-table.ts";

const shownPairs = 4;
const width = 110;

/** @param colour - whether the output is a terminal that wants colours */
export function textReport(report: Report, colour: boolean): string {
  const paint = painter(colour);
  const parts = [
    head(report),
    table(report, paint),
    ...findings(report.results).map((finding) => findingLines(finding, report, paint)),
    residueLines(report, paint),
    howLines(report),
    list("Notes", report.notes),
    list("Could not be told", report.faults),
    lastLine(report, paint),
  ];
  return parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

function head({ stack, tenants, stores, victim, startedAt, seconds, servers }: Report): string[] {
  const target = victim.kind === "canary" ? `the canary ${victim.id}, and it against them` : `tenant ${victim.id}`;
  return [
    `${plural(tenants.length, "tenant")} of stack ${stack} against ${target}: ${stores.join(", ")}`,
    `${startedAt.slice(0, 19).replace("T", " ")} UTC, ${seconds.toFixed(1)} s; ${servers
      .map(({ store, name, address }) => `${store} ${name} (${address})`)
      .join(", ")}`,
  ];
}

function findingLines(finding: Finding, report: Report, paint: Paint): string[] {
  const { verdict, attempts, detail, dry, store } = finding;
  const [attempt] = attempts;
  if (attempt === undefined) return [];
  const title =
    verdict === "could not run"
      ? `${plural(attempts.length, "attempt")} of ${store}${attempts.length <= shownNames ? `: ${attempts.map(({ id }) => id).join(", ")}` : ""}`
      : `${attempt.id}: a tenant tries to ${attempt.tries}`;
  const lines = [
    `${paint(verdict === "LEAK" ? "red" : "yellow", verdict)}  ${title}`,
    field("who", pairText(finding, report)),
  ];
  if (verdict === "LEAK") lines.push(field("evidence", `${detail}${dry ? " (dry: asked, not done)" : ""}`));
  if (verdict === "denied differently") {
    lines.push(field("answer", `${detail}; expected ${attempt.expected.join(" or ")}`));
  }
  if (verdict === "could not run") lines.push(field("reason", detail));
  if (attempts.length === 1) lines.push(field("how", attempt.how));
  if (verdict !== "could not run") lines.push(field("why", attempt.why), field("source", attempt.source));
  const { command, effect } = mend(finding);
  lines.push(field("mend", `${command} (${effect})`));
  return lines;
}

export interface Mend {
  readonly command: string;
  /** What the command does, completing "it …". */
  readonly effect: string;
}

/** What a person does about a finding. */
export function mend({ verdict }: Pick<Finding, "verdict">): Mend {
  const command = (name: string): string => `npm run -s tenancy -- ${name}`;
  if (verdict === "LEAK") {
    return { command: command("drift --repair"), effect: "puts the defences back; then verify again" };
  }
  return verdict === "denied differently"
    ? { command: command("drift"), effect: "tells whether the defence is another than the one that was made" }
    : { command: command("status"), effect: "tells whether the servers and logins answer" };
}

function pairText({ pairs }: Finding, report: Report): string {
  const shown = pairs
    .slice(0, shownPairs)
    .map(({ attacker, victim }) => `${partyName(attacker, report)} → ${partyName(victim, report)}`);
  const more = pairs.length - shown.length;
  return `${shown.join(", ")}${more > 0 ? `, and ${more} more (--format json has all)` : ""}`;
}

/** The id, and `canary` for the canary. */
export function partyName(id: string, { victim }: Report): string {
  return victim.kind === "canary" && id === victim.id ? "canary" : id;
}

function residueLines(report: Report, paint: Paint): string[] {
  const { sights } = report;
  const known = new Map(sights.flatMap((sight) => sight.known).map((residue) => [residue.place, residue]));
  const grown = sights.flatMap(({ store, server, attacker, victim, grown: places }) =>
    places.map(
      (place) =>
        `  ${paint("red", "LEAK")}  ${store} ${server}: ${partyName(attacker, report)} sees ${partyName(victim, report)} in ${place}, which no document names`,
    ),
  );
  if (known.size === 0 && grown.length === 0) return [];
  return [
    `Visible by design: ${plural(known.size, "place")}${grown.length > 0 ? `, and ${grown.length} more than that` : ""}`,
    ...grown,
    ...residueGroups([...known.values()]).flatMap(({ what, document, places }) =>
      wrapped(`  ${what} (${document}): ${places.join(", ")}`),
    ),
  ];
}

/** What stands behind the counts: controls, dry forms, and what was not made. */
function howLines({ results }: Report): string[] {
  const controls = controlCounts(results);
  const dry = madeDry(results);
  const lines = [
    `Controls: ${controls.proven} proven` +
      (controls.failed > 0 ? `, ${controls.failed} failed` : "") +
      (controls.impossible > 0
        ? `, ${controls.impossible} impossible (the platform names no administrator who may do it)`
        : ""),
  ];
  if (dry.length > 0) {
    lines.push("Made dry only, since everyone on the server would feel a success:", ...idLines(dry));
  }
  for (const { reason, ids, victims } of notMade(results)) {
    lines.push(`Not made against ${plural(victims, "victim")} (${reason}):`, ...idLines(ids));
  }
  return results.length === 0 ? [] : lines;
}

/** A paragraph for each store. */
function idLines(ids: readonly string[]): string[] {
  const stores = new Map<string, string[]>();
  for (const id of ids) {
    const [store = "", name = ""] = id.split("/");
    stores.set(store, [...(stores.get(store) ?? []), name]);
  }
  return [...stores].flatMap(([store, of]) => wrapped(`  ${store}: ${of.join(", ")}`));
}

function lastLine(report: Report, paint: Paint): string[] {
  const counts = count(report.results);
  const leaks = counts.LEAK + report.sights.reduce((sum, { grown }) => sum + grown.length, 0);
  const total = made(counts);
  const end = report.stopped === undefined ? "" : `${report.stopped}; `;
  const verdict = overall(report);
  if (verdict === "isolated") {
    return [paint("green", `isolated: all ${total} attempts were denied as expected`)];
  }
  if (verdict === "leak") return [paint("red", `${end}LEAK: ${plural(leaks, "leak")} in ${plural(total, "attempt")}`)];
  return [
    paint(
      "yellow",
      `${end}could not tell: ${counts["denied as expected"]} of ${total} attempts were denied as expected, ` +
        `${counts["denied differently"]} denied differently, ${counts["could not run"]} could not run`,
    ),
  ];
}

function list(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`${title}:`, ...lines.map((line) => `  ${line}`)];
}

function field(name: string, text: string): string {
  return `      ${`${name}:`.padEnd(10)}${text}`;
}

function wrapped(text: string): string[] {
  const lines: string[] = [];
  const [first = "", ...words] = text.split(/ (?=\S)/);
  let line = first;
  for (const word of words) {
    if (line.length + word.length + 1 > width) {
      lines.push(line);
      line = `    ${word}`;
    } else line += ` ${word}`;
  }
  return [...lines, line];
}

function plural(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
