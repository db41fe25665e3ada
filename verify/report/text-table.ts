/** The table of tenants and stores for a terminal. */
import { styleText } from "node:util";
import { type Cell, cells, made, type Overall, type Report } from "../summary.ts";

/** So many names stand in one line before the rest is a number. */
export const shownNames = 3;

export type Paint = (colour: "red" | "yellow" | "green" | "dim" | "bold", text: string) => string;

export function painter(colour: boolean): Paint {
  return (name, text) => (colour ? styleText(name, text, { validateStream: false }) : text);
}

/** Lines of one store that say the same are one line. */
export function table(report: Report, paint: Paint): string[] {
  const groups = new Map<string, Cell[]>();
  for (const cell of cells(report)) {
    const key = [cell.store, cell.verdict, ...Object.values(cell.counts)].join(" ");
    groups.set(key, [...(groups.get(key) ?? []), cell]);
  }
  if (groups.size === 0) return [];
  const rows = [...groups.values()]
    .flatMap((group) => {
      const [first] = group;
      return first === undefined ? [] : [{ first, group }];
    })
    // Few first: the tenants that differ from the others.
    .sort((a, b) => rank(a.first.verdict) - rank(b.first.verdict) || a.group.length - b.group.length)
    .map(({ first, group }) => ({
      verdict: first.verdict,
      cells: [
        names(group.map(({ tenant }) => tenant)),
        first.store,
        String(made(first.counts)),
        String(first.counts["denied as expected"]),
        verdictText(first),
      ],
    }));
  const titles = ["tenant", "store", "attempts", "denied", "verdict"];
  const all = [titles, ...rows.map((row) => row.cells)];
  const widths = titles.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]): string =>
    row
      .map((text, column) =>
        column === 2 || column === 3 ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  return [paint("bold", line(titles)), ...rows.map((row) => paint(colourOf(row.verdict), line(row.cells)))];
}

function verdictText({ counts, verdict }: Cell): string {
  if (verdict === "isolated") return "isolated";
  const parts = [
    [counts.LEAK, "LEAK"],
    [counts["denied differently"], "denied differently"],
    [counts["could not run"], "could not run"],
  ] as const;
  const text = parts.flatMap(([number, name]) => (number === 0 ? [] : [`${number} ${name}`])).join(", ");
  return text === "" ? "nothing was tried" : text;
}

function names(all: readonly string[]): string {
  if (all.length <= shownNames) return all.join(", ");
  return `${all.length} tenants (${all[0] ?? ""} … ${all.at(-1) ?? ""})`;
}

function rank(verdict: Overall): number {
  return { leak: 0, "could not tell": 1, isolated: 2 }[verdict];
}

function colourOf(verdict: Overall): "red" | "yellow" | "green" {
  return ({ leak: "red", "could not tell": "yellow", isolated: "green" } as const)[verdict];
}
