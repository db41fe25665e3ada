/** Faults of the registry: what they hold, and how a report shows them. */
import { relative } from "node:path";
import { distance } from "fastest-levenshtein";

export interface Fault {
  /** Path of the file, from the working directory where it lies below it. */
  readonly file: string;
  /** Counted from 1; 1 where the fault is the file's as a whole. */
  readonly line: number;
  /** Counted from 1, in UTF-16 units as editors do. */
  readonly column: number;
  /** As in `tenants.acme.tier`; empty where the fault is the file's. */
  readonly path: string;
  /** What is wrong. */
  readonly message: string;
  /** What was found, shortened and escaped. */
  readonly found: string;
  /** What is allowed. */
  readonly allowed: string;
  /** How to mend it. */
  readonly fix: string;
}

/** A place in a file: the begin of a key or of a value. */
export interface Spot {
  readonly source: Source;
  readonly offset: number;
}

export interface Source {
  /** As shown in faults. */
  readonly file: string;
  readonly text: string;
  place(offset: number): { readonly line: number; readonly column: number };
}

export type FaultText = Pick<Fault, "message" | "found" | "allowed" | "fix">;

/** Every fault of all files of a registry; the message is the whole report. */
export class RegistryError extends Error {
  override readonly name = "RegistryError";
  readonly faults: readonly Fault[];
  /** Ids that the files name, faulty ones included. */
  readonly tenantCount: number;

  constructor(faults: readonly Fault[], tenantCount = 0) {
    super(report(faults));
    this.faults = faults;
    this.tenantCount = tenantCount;
  }
}

export function faultAt(spot: Spot, path: string, text: FaultText): Fault {
  return { file: spot.source.file, ...spot.source.place(spot.offset), path, ...text };
}

/** A fault of a file that cannot be read as text. */
export function faultOfFile(file: string, text: FaultText): Fault {
  return { file, line: 1, column: 1, path: "", ...text };
}

/** In the order of the files as they are read, then by place; one that aliases repeat is told once. */
export function inOrder(faults: readonly Fault[], files: readonly string[]): Fault[] {
  const seen = new Set<string>();
  const rank = new Map(files.map((file, index) => [file, index]));
  const rankOf = ({ file }: Fault) => rank.get(file) ?? files.length;
  return faults
    .filter(({ file, line, column, message, found }) => {
      const key = JSON.stringify([file, line, column, message, found]);
      return !seen.has(key) && seen.add(key);
    })
    .sort((a, b) => rankOf(a) - rankOf(b) || a.line - b.line || a.column - b.column);
}

export interface Style {
  readonly place: (text: string) => string;
  readonly label: (text: string) => string;
  readonly message: (text: string) => string;
}
const plain: Style = { place: (text) => text, label: (text) => text, message: (text) => text };

/** The report of `tenancy check`: a paragraph a fault, in the form `file:line:column` that editors and terminals link. */
export function report(faults: readonly Fault[], style: Style = plain): string {
  const paragraphs = faults.map((fault) => {
    const place = style.place(`${escapeText(fault.file)}:${fault.line}:${fault.column}`);
    return [
      fault.path === "" ? place : `${place}  ${fault.path}`,
      `  ${style.message(fault.message)}`,
      ...(["found", "allowed", "fix"] as const)
        .filter((label) => fault[label] !== "")
        .map((label) => `  ${style.label(`${label}:`.padEnd(8))} ${fault[label]}`),
    ].join("\n");
  });
  const files = new Set(faults.map((fault) => fault.file)).size;
  return [...paragraphs, style.message(`${count(faults.length, "fault")} in ${count(files, "file")}`)].join("\n\n");
}

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

const maxShown = 80;
/** Control characters, and those that hide or turn the text around them. */
const unsafe = /[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]/gu;

/** Text of a file that is safe to print: shortened, escaped. */
export function escapeText(text: string): string {
  const characters = Array.from(text.slice(0, 2 * maxShown + 2));
  const short = characters.length > maxShown ? `${characters.slice(0, maxShown).join("")}…` : text;
  return short.replace(unsafe, (character) => {
    const known: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
    return known[character] ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

export function quote(text: string): string {
  return `"${escapeText(text)}"`;
}

/** Appends a key to a path: `tenants.acme`, `labels["example.com/team"]`. */
export function under(path: string, key: string | number): string {
  if (typeof key === "number") return `${path}[${key}]`;
  if (!/^[\w-]{1,63}$/.test(key)) return `${path}[${quote(key)}]`;
  return path === "" ? key : `${path}.${key}`;
}

/** The candidate that was probably meant; undefined where none is close. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  // Two letters that changed places are a distance of two.
  const limit = word.length < 3 ? 1 : Math.max(2, Math.floor(Math.min(word.length, 40) / 3));
  let best: string | undefined;
  let least = limit + 1;
  for (const candidate of word.length > 100 ? [] : candidates) {
    const [one, other] = [word.toLowerCase(), candidate.toLowerCase()];
    const apart = letters(one) === letters(other) ? Math.min(1, distance(one, other)) : distance(one, other);
    if (apart < least) [best, least] = [candidate, apart];
  }
  return best;
}

function letters(word: string): string {
  return Array.from(word).sort().join("");
}

/** `a, b, c`, or the first of many. */
export function listed(names: readonly string[]): string {
  if (names.length === 0) return "there is none";
  return names.length <= 20 ? names.join(", ") : `${names.slice(0, 20).join(", ")} and ${names.length - 20} more`;
}

export function shownPath(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere === "" || fromHere.startsWith("..") ? path : fromHere;
}
