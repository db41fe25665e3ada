/** What was tried: the part of the HTML report that every link to an attempt leads to. */
import { storeNames } from "../../provider/inputs.ts";
import type { Result, Verdict } from "../assault.ts";
import { verdicts } from "../assault.ts";
import type { Attempt } from "../attempt.ts";
import { count, type Report } from "../summary.ts";
import { escapeMarkup as text } from "./escape.ts";
import { anchor, section, source, storeTitles } from "./html-parts.ts";

const harms: Readonly<Record<Attempt["harm"], string>> = {
  none: "changes nothing: against every tenant",
  victim: "would change the victim: against a canary only",
  server: "would be felt by everyone: for real on embedded servers only, elsewhere dry",
};

export function catalogue({ attempts, results }: Report): string[] {
  const counts = new Map<string, Result[]>();
  for (const result of results) {
    const list = counts.get(result.attempt.id) ?? [];
    if (list.length === 0) counts.set(result.attempt.id, list);
    list.push(result);
  }
  return section("What was tried", attempts.length > 0, [
    ...storeNames.flatMap((store) => {
      const own = attempts.filter((attempt) => attempt.store === store);
      if (own.length === 0) return [];
      return [
        `<details class="store"><summary>${storeTitles[store]}: ${own.length} attempts</summary><div class="scroll"><table class="catalogue">`,
        '<thead><tr><th scope="col" style="width:15%">Attempt</th><th scope="col" style="width:23%">A tenant tries to</th><th scope="col" style="width:24%">How</th><th scope="col" style="width:11%">Expected</th><th scope="col">Why it matters</th><th scope="col" style="width:9%">This run</th></tr></thead><tbody>',
        ...own.map((attempt) => attemptRow(attempt, count(counts.get(attempt.id) ?? []))),
        "</tbody></table></div></details>",
      ];
    }),
  ]);
}

function attemptRow(attempt: Attempt, counts: Record<Verdict, number>): string {
  const { id, aim, tries, how, expected, why, harm, control } = attempt;
  const ran = verdicts.filter((name) => counts[name] > 0).map((name) => `${counts[name]} ${name}`);
  return (
    `<tr id="${anchor(id)}"><td><code>${text(id)}</code><br><span class="muted">${aim}</span></td>` +
    `<td>${text(tries)}<br><span class="muted">${text(harms[harm])}; control: ${control}</span></td><td><code>${text(how)}</code></td>` +
    `<td>${expected.map((code) => `<code>${text(code)}</code>`).join(" or ")}</td><td>${text(why)} ${source(attempt)}</td>` +
    `<td>${ran.length === 0 ? "not applicable" : text(ran.join(", "))}</td></tr>`
  );
}
