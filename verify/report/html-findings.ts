/** The parts of the HTML report that a person has to act on, and how the attempts were made. */
import { controlCounts, type Finding, madeDry, notMade, type Report, residueGroups } from "../summary.ts";
import { escapeMarkup as text } from "./escape.ts";
import { link, section, source, storeTitles } from "./html-parts.ts";
import { mend, partyName } from "./text.ts";

/** A pair of directions would be a long list at many victims. */
const shownPairs = 12;

export function article(finding: Finding, report: Report): string {
  const { verdict, attempts, detail, dry, pairs, store } = finding;
  const [attempt] = attempts;
  if (attempt === undefined) return "";
  const single = verdict !== "could not run";
  const shown = pairs
    .slice(0, shownPairs)
    .map(({ attacker, victim }) => `${partyName(attacker, report)} against ${partyName(victim, report)}`);
  const more = pairs.length - shown.length;
  const rows: (readonly [string, string])[] = [
    ["Who", text(shown.join(", ") + (more > 0 ? `, and ${more} more` : ""))],
    [
      verdict === "LEAK" ? "Evidence" : single ? "Answer" : "Reason",
      text(detail + (dry ? " (dry: asked, not done)" : "")),
    ],
  ];
  if (single) {
    rows.push(["Expected", `<code>${text(attempt.expected.join(" or "))}</code>`]);
    rows.push(
      ["How", `<code>${text(attempt.how)}</code>`],
      ["Why it matters", `${text(attempt.why)} ${source(attempt)}`],
    );
  } else if (attempts.length <= shownPairs) rows.push(["Attempts", attempts.map(link).join(", ")]);
  const { command, effect } = mend(finding);
  rows.push(["Mend", `<code>${text(command)}</code> ${text(effect)}`]);
  const title = single
    ? `${link(attempt)}: a tenant tries to ${text(attempt.tries)}`
    : `${storeTitles[store]}: ${attempts.length} attempts`;
  return [
    `<article class="${verdict === "LEAK" ? "bad" : "odd"}"><h3><span class="tag ${verdict === "LEAK" ? "bad" : "odd"}">${text(verdict)}</span> ${title}</h3>`,
    `<dl class="facts">${rows.map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`).join("")}</dl></article>`,
  ].join("\n");
}

export function residue(report: Report): string[] {
  const { sights } = report;
  const known = new Map(sights.flatMap((sight) => sight.known).map((one) => [one.place, one]));
  const grown = sights.flatMap((sight) => sight.grown.map((place) => ({ ...sight, place })));
  const rows = residueGroups([...known.values()]).map(
    ({ places, what, document }) =>
      `<tr><td>${text(what)}</td><td>${places.map((place) => `<code>${text(place)}</code>`).join(", ")}</td><td><code>${text(document)}</code></td></tr>`,
  );
  return section("Visible by design", sights.length > 0, [
    ...grown.map(
      ({ store, server, attacker, victim, place }) =>
        `<article class="bad"><h3><span class="tag bad">LEAK</span> ${text(`${storeTitles[store]} ${server}`)}</h3><p>${text(partyName(attacker, report))} sees ${text(partyName(victim, report))} in <code>${text(place)}</code>, which no document names.</p></article>`,
    ),
    rows.length === 0
      ? "<p>Nothing of another tenant was visible.</p>"
      : `<div class="scroll"><table><caption>Names and sizes that every login sees of others; more than this fails the run.</caption><thead><tr><th scope="col">What</th><th scope="col">Where</th><th scope="col">Document</th></tr></thead><tbody>${rows.join("\n")}</tbody></table></div>`,
  ]);
}

export function manner({ results }: Report): string[] {
  const controls = controlCounts(results);
  const dry = madeDry(results);
  const codes = (ids: readonly string[]): string => ids.map((id) => `<code>${text(id)}</code>`).join(", ");
  return section("How the attempts were made", results.length > 0, [
    `<p>A control makes the same attempt where it has to work, so that a denial is a denial and not a broken probe: ${controls.proven} proven, ${controls.failed} failed, ${controls.impossible} impossible because the platform names no administrator who may do it.</p>`,
    dry.length === 0
      ? "<p>No attempt was made in its dry form only.</p>"
      : `<p>Made dry only (the server was asked whether it would let the login do it), because everyone on the server would feel a success: ${codes(dry)}.</p>`,
    ...notMade(results).map(
      ({ reason, ids, victims }) =>
        `<details><summary>${ids.length} attempts were not made against ${victims} victims: ${text(reason)}</summary><p>${codes(ids)}</p></details>`,
    ),
  ]);
}
