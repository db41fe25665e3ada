/** The report for an auditor: one page without script and without anything to load. */
import { type Result, verdicts } from "../assault.ts";
import {
  type Cell,
  cells,
  controlCounts,
  count,
  findings,
  made,
  type Overall,
  overall,
  type Report,
} from "../summary.ts";
import { escapeMarkup as text } from "./escape.ts";
import { catalogue } from "./html-catalogue.ts";
import { article, manner, residue } from "./html-findings.ts";
import { bullets, link, section, storeTitles } from "./html-parts.ts";
import { style } from "./html-style.ts";
import { partyName } from "./text.ts";

const looks: Readonly<Record<Overall, { readonly className: string; readonly sign: string }>> = {
  isolated: { className: "good", sign: "✓" },
  leak: { className: "bad", sign: "✗" },
  "could not tell": { className: "odd", sign: "?" },
};

export function htmlReport(report: Report): string {
  const found = findings(report.results);
  return [
    "<!doctype html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    // Nothing is loaded and no script runs, whatever stands in a name.
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    `<title>Isolation of ${text(report.stack)}, ${report.startedAt.slice(0, 10)}: ${overall(report)}</title>`,
    `<style>${style}</style>`,
    "</head>",
    "<body>",
    "<main>",
    ...head(report),
    ...matrix(report),
    ...section(
      "Leaks and deviations",
      found.length > 0,
      found.map((finding) => article(finding, report)),
    ),
    ...residue(report),
    ...manner(report),
    ...section("Notes", report.notes.length > 0, [bullets(report.notes.map(text))]),
    ...section("What could not be told", report.faults.length > 0, [bullets(report.faults.map(text))]),
    ...catalogue(report),
    "</main>",
    "</body>",
    "</html>",
    "",
  ].join("\n");
}

function head(report: Report): string[] {
  const { startedAt, seconds, stack, project, version, victim, tenants, servers, stopped } = report;
  const counts = count(report.results);
  const verdict = overall(report);
  const { className, sign } = looks[verdict];
  const target =
    victim.kind === "canary" ? `canary ${victim.id}, made for this run and removed after it` : `tenant ${victim.id}`;
  const numbers: readonly (readonly [number, string])[] = [
    [tenants.length, "tenants"],
    [made(counts), "attempts made"],
    ...verdicts.map((name) => [counts[name], name] as const),
    [controlCounts(report.results).proven, "controls proven"],
  ];
  return [
    "<header>",
    "<h1>Isolation of tenants</h1>",
    `<p class="muted">What each tenant reached of another with its own logins, tried on the live servers.</p>`,
    `<div class="verdict ${className}"><strong>${sign} ${verdictTitle(verdict)}</strong>${text(conclusion(report))}</div>`,
    '<dl class="facts">',
    ...(
      [
        ["Date", `${startedAt.slice(0, 19).replace("T", " ")} UTC, ${seconds.toFixed(1)} s`],
        ["Stack", `${project} / ${stack}`],
        ["Victim", target],
        ["Tool", `tenancy ${version}`],
        ...servers.map(({ store, name, address, embedded }) => [
          `${storeTitles[store]} ${name}`,
          `${address}${embedded ? " (embedded development server)" : ""}`,
        ]),
        ...(stopped === undefined ? [] : [["Ended early", stopped]]),
      ] as const
    ).map(([name, value]) => `<dt>${text(name)}</dt><dd>${text(value)}</dd>`),
    "</dl>",
    '<ul class="numbers">',
    ...numbers.map(([number, name]) => `<li><b>${number}</b>${text(name)}</li>`),
    "</ul>",
    "</header>",
  ];
}

function verdictTitle(verdict: Overall): string {
  return { isolated: "Isolated", leak: "Leak", "could not tell": "Could not tell" }[verdict];
}

function conclusion(report: Report): string {
  const counts = count(report.results);
  const grown = report.sights.reduce((sum, sight) => sum + sight.grown.length, 0);
  const verdict = overall(report);
  if (verdict === "isolated") return `All ${made(counts)} attempts were denied as expected.`;
  if (verdict === "leak") {
    return `${counts.LEAK} of ${made(counts)} attempts worked${grown > 0 ? `, and in ${grown === 1 ? "one place" : `${grown} places`} more of other tenants is visible than is documented` : ""}.`;
  }
  return `No leak was seen, but not every attempt gave the answer that proves isolation.`;
}

function matrix(report: Report): string[] {
  const { tenants, stores, victim } = report;
  const all = new Map(cells(report).map((cell) => [`${cell.tenant} ${cell.store}`, cell]));
  const direction =
    victim.kind === "canary"
      ? "Each cell: the tenant against the canary, and the canary against the tenant."
      : `Each cell: the tenant against ${victim.id}.`;
  return [
    '<section aria-labelledby="matrix"><h2 id="matrix">Tenants and stores</h2>',
    '<div class="scroll"><table class="matrix">',
    `<caption>${text(direction)} Open a cell for its counts.</caption>`,
    `<thead><tr><th scope="col">Tenant</th>${stores.map((store) => `<th scope="col">${storeTitles[store]}</th>`).join("")}</tr></thead>`,
    "<tbody>",
    ...tenants.map(
      (tenant) =>
        `<tr><th scope="row">${text(tenant)}</th>${stores.map((store) => cellOf(all.get(`${tenant} ${store}`), report)).join("")}</tr>`,
    ),
    "</tbody></table></div></section>",
  ];
}

function cellOf(cell: Cell | undefined, report: Report): string {
  if (cell === undefined) return '<td class="muted">not tried</td>';
  const { counts, verdict, results } = cell;
  const { className, sign } = looks[verdict];
  const word =
    verdict === "isolated" ? "denied" : verdict === "leak" ? `denied, ${counts.LEAK} LEAK` : "denied, could not tell";
  const lines = verdicts.filter((name) => counts[name] > 0).map((name) => `${counts[name]} ${name}`);
  const odd = results.filter(({ verdict: one }) => one !== "denied as expected" && one !== "not made");
  return (
    `<td class="${className}"><details><summary>${sign} ${counts["denied as expected"]} of ${made(counts)} ${word}</summary><div>` +
    `${text(lines.join(", "))}${odd.length === 0 ? "" : bullets(oddLines(odd, report))}</div></details></td>`
  );
}

function oddLines(odd: readonly Result[], report: Report): string[] {
  return odd.map(
    ({ attempt, verdict, attacker, victim }) =>
      `${text(verdict)}: ${link(attempt)}, ${text(partyName(attacker, report))} against ${text(partyName(victim, report))}`,
  );
}
