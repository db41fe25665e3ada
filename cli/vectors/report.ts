/** What `tenancy vectors` tells: a line a column of a tenant, as a table or as JSON. */
import type { Rows, SeenIndex } from "../../provider/postgres/vector-look.ts";
import type { VectorAction } from "../../provider/postgres/vector-plan.ts";

export interface VectorLine {
  readonly tenant: string;
  readonly server: string;
  readonly schema: string;
  /** As in `embeddings.embedding`. */
  readonly column: string;
  readonly rows: Rows;
  readonly threshold: number;
  readonly index: Pick<SeenIndex, "name" | "bytes"> | undefined;
  readonly state: string;
  readonly action: VectorAction;
  readonly reason: string;
  /** Of a run with --build: what became of the action. */
  readonly outcome?: "done" | "failed" | "left";
}

export interface VectorReport {
  readonly lines: readonly VectorLine[];
  /** Indexes that no template asks for. */
  readonly others: readonly { readonly server: string; readonly schema: string; readonly index: SeenIndex }[];
  readonly notes: readonly string[];
  /** What could not be found out or done. */
  readonly faults: readonly string[];
}

/** So many lines are shown without `--all`: of more, those with an index or something to do. */
const shortTable = 40;

export function vectorTable({ lines, others, notes, faults }: VectorReport, all: boolean): string {
  const shown =
    all || lines.length <= shortTable
      ? lines
      : lines.filter(({ index, action, outcome }) => index !== undefined || action !== "none" || outcome !== undefined);
  const rows = shown.map((line) => [
    line.tenant,
    line.column,
    rowsText(line.rows),
    line.threshold.toLocaleString("en"),
    line.index === undefined ? line.state : `${line.state} ${line.index.name}`,
    line.index === undefined ? "" : bytesText(line.index.bytes),
    whatText(line),
  ]);
  const head = ["tenant", "column", "rows", "threshold", "index", "size", "what"];
  const right = [false, false, true, true, false, true, false];
  const widths = head.map((heading, at) => Math.max(heading.length, ...rows.map((row) => (row[at] ?? "").length)));
  const text = (cells: readonly string[]) =>
    cells
      .map((cell, at) => (right[at] === true ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
      .join("  ")
      .trimEnd();
  const hidden = lines.length - shown.length;
  return [
    ...(lines.length === 0 ? ["no tenant has columns of vectors"] : rows.length === 0 ? [] : [head, ...rows].map(text)),
    ...(hidden > 0 ? [`${hidden} more have no index and need none (--all shows them)`] : []),
    ...others.map(
      ({ server, schema, index }) =>
        `${server} ${schema}: ${index.name} (${bytesText(index.bytes)}) is of no column that a template names: drop`,
    ),
    ...notes.map((note) => `note: ${note}`),
    ...faults.map((fault) => `fault: ${fault}`),
    "",
    summary({ lines, others, faults }),
  ].join("\n");
}

/** As in `2 to build, 1 to drop; `tenancy vectors --build` does it`. */
function summary({ lines, others, faults }: Pick<VectorReport, "lines" | "others" | "faults">): string {
  const count = (wanted: VectorLine["outcome"]) => lines.filter(({ outcome }) => outcome === wanted).length;
  const unknown = faults.length - count("failed");
  const bad = unknown > 0 ? `; ${unknown} could not be found out or done` : "";
  if (lines.some(({ outcome }) => outcome !== undefined)) {
    return `${count("done")} done, ${count("failed")} failed, ${count("left")} left for the next run${bad}`;
  }
  const parts = (["build", "rebuild", "drop", "wait"] as const).flatMap((action) => {
    const number = lines.filter((line) => line.action === action).length + (action === "drop" ? others.length : 0);
    const what = action === "wait" ? "being built by another session" : `to ${action}`;
    return number === 0 ? [] : [`${number} ${what}`];
  });
  if (parts.length === 0) return `nothing to do${bad}`;
  return `${parts.join(", ")}: \`tenancy vectors --build\` does it${bad}`;
}

export function vectorJson(stack: string, { lines, others, notes, faults }: VectorReport): string {
  return JSON.stringify({ stack, columns: lines, others, notes, faults }, null, 2);
}

function whatText({ action, reason, outcome }: VectorLine): string {
  if (outcome !== undefined) return `${action}: ${outcome}`;
  return action === "none" ? reason : `${action}: ${reason}`;
}

function rowsText({ count, precision }: Rows): string {
  const text = count.toLocaleString("en");
  return precision === "about" ? `~ ${text}` : precision === "at least" ? `${text}+` : text;
}

export function bytesText(bytes: number): string {
  if (bytes < 2 ** 20) return `${Math.round(bytes / 1024)} kB`;
  return `${(bytes / 2 ** 20).toFixed(bytes < 2 ** 30 ? 1 : 0)} MB`;
}
