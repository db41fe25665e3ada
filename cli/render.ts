/** What a person sees of an operation: tenants with their resources, and one line of counts. */
import { styleText } from "node:util";
import type { Diagnostic, Operation, Step, StepKind } from "./engine.ts";

const signs: Record<StepKind, string> = {
  same: " ",
  create: "+",
  update: "~",
  replace: "±",
  delete: "-",
  read: ">",
  refresh: "~",
};
const colours = { "+": "green", "~": "yellow", "±": "magenta", "-": "red" } as const;

/** Whether colours and a moving bar are wanted: a terminal, and no NO_COLOR. */
export function isLive(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY && process.env.NO_COLOR === undefined && process.env.CI === undefined;
}

export function isChange(step: Step): boolean {
  return step.kind !== "same" && step.kind !== "read" && step.kind !== "refresh";
}

/** As in `3 to create, 1 to update, 30 unchanged`. */
export function countLine(operation: Operation, steps: readonly Step[]): string {
  const counts = new Map<StepKind, number>();
  for (const { kind } of steps) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const words: readonly (readonly [StepKind, string, string])[] = [
    ["create", "to create", "created"],
    ["update", "to update", "updated"],
    ["replace", "to replace", "replaced"],
    ["delete", "to delete", "deleted"],
    ["refresh", "to refresh", "refreshed"],
    ["same", "unchanged", "unchanged"],
  ];
  const parts = words.flatMap(([kind, future, past]) => {
    const count = counts.get(kind);
    return count === undefined ? [] : [`${count} ${operation === "preview" ? future : past}`];
  });
  return parts.length === 0 ? "nothing" : parts.join(", ");
}

/** The changed resources, those of a component under it, in the order of their names. */
export function planLines(steps: readonly Step[], colour: boolean): string[] {
  const parts = steps.map((step) => ({ step, ...partsOf(step.urn) }));
  const roots = new Set(parts.filter(({ depth }) => depth === 0).map(({ type, name }) => `${type} ${name}`));
  return parts
    .filter(({ step, type }) => isChange(step) && type !== "")
    .map((part) => ({ ...part, sortKey: sortKey(part, roots) }))
    .sort((a, b) => (a.sortKey < b.sortKey ? -1 : 1))
    .map(({ step, type, name, depth }) => {
      const sign = signs[step.kind];
      const detail = step.kind === "update" || step.kind === "replace" ? `  [${step.changed.join(", ")}]` : "";
      const line = `  ${"  ".repeat(depth)}${sign} ${type} ${name}${detail}`;
      const colourName = colours[sign as keyof typeof colours];
      return colour ? styleText(colourName, line) : line;
    });
}

/** By name, then type; what belongs to a component behind it. A child's name begins with its component's. */
function sortKey({ name, rootType, depth }: UrnParts, roots: ReadonlySet<string>): string {
  let root = name;
  while (depth > 0 && root !== "" && !roots.has(`${rootType} ${root}`)) {
    root = root.slice(0, Math.max(0, root.lastIndexOf("-")));
  }
  return [root === "" ? name : root, rootType, depth, name].join("\0");
}

/** Errors and warnings with the resource they belong to; a repeated text once. */
export function diagnosticLines(diagnostics: readonly Diagnostic[], colour: boolean): string[] {
  const seen = new Set<string>();
  return diagnostics
    .filter(({ severity }) => severity !== "info")
    .flatMap(({ severity, urn, message }) => {
      const place = urn === undefined || urn === "" ? "" : `${partsOf(urn).type} ${partsOf(urn).name}: `;
      const text = `${severity}: ${place}${message}`;
      if (seen.has(text)) return [];
      seen.add(text);
      return [colour ? styleText(severity === "error" ? "red" : "yellow", text) : text];
    });
}

export interface UrnParts {
  /** Empty for the stack itself. */
  readonly type: string;
  readonly name: string;
  /** Type of the outermost component. */
  readonly rootType: string;
  /** How many components it lies in. */
  readonly depth: number;
}

export function partsOf(urn: string): UrnParts {
  const [, , qualified = "", ...rest] = urn.split("::");
  const types = qualified.split("$").filter((type) => type !== "pulumi:pulumi:Stack");
  const name = rest.join("::");
  return { type: types.at(-1) ?? "", name, rootType: types[0] ?? "", depth: Math.max(0, types.length - 1) };
}

/** A bar on a terminal; elsewhere a line every few seconds. */
export class Progress {
  readonly #label: string;
  readonly #total: number | undefined;
  readonly #unit: string;
  readonly #live: boolean;
  readonly #started = Date.now();
  #last = Date.now();
  #done = 0;
  #status = "";

  /**
   * @param total - number of steps where it is known
   * @param unit - what a step is one of
   */
  constructor(label: string, total: number | undefined, unit = "resources") {
    this.#label = label;
    this.#total = total;
    this.#unit = unit;
    this.#live = isLive(process.stderr);
  }

  step(): void {
    this.#done += 1;
    this.#show(this.#live ? 100 : 5000);
  }

  status(message: string): void {
    this.#status = message.split("\n")[0] ?? "";
    this.#show(this.#live ? 100 : 5000);
  }

  end(): void {
    if (this.#live) process.stderr.write("\r\u001b[2K");
  }

  #show(everyMs: number): void {
    if (Date.now() - this.#last < everyMs) return;
    this.#last = Date.now();
    const seconds = ((Date.now() - this.#started) / 1000).toFixed(0);
    const count = this.#total === undefined ? String(this.#done) : `${this.#done} of ${this.#total}`;
    const text = `${this.#label}: ${count} ${this.#unit}, ${seconds} s`;
    if (!this.#live) {
      process.stderr.write(`${text}\n`);
      return;
    }
    const width = 24;
    const filled = this.#total === undefined ? 0 : Math.min(width, Math.round((this.#done / this.#total) * width));
    const bar = `${"█".repeat(filled)}${"░".repeat(width - filled)}`;
    const line = `${bar} ${text}${this.#status === "" ? "" : ` · ${this.#status}`}`;
    process.stderr.write(`\r\u001b[2K${line.slice(0, (process.stderr.columns || 80) - 1)}`);
  }
}
