/**
 * Changes single values in the text of a YAML file and leaves every other character as it is: comments, order, quotes,
 * blank lines. Each result is read again and has to mean exactly what was asked for.
 */
import { isDeepStrictEqual } from "node:util";
import { isAlias, isMap, isScalar, isSeq, type Pair, parseDocument, stringify, type YAMLMap } from "yaml";
import { UserError } from "../user-error.ts";
import { quote } from "../../tenants/faults.ts";

export type EditValue = string | number | boolean | readonly EditValue[] | { readonly [key: string]: EditValue };
type Path = readonly string[];
type Plain = Record<string, unknown>;

const options = { stringKeys: true, prettyErrors: false, logLevel: "silent", uniqueKeys: false } as const;

/** Sets the value at a path; maps on the way that are not there are made. */
export function setIn(text: string, path: Path, value: EditValue): string {
  const expected = withValue(meaning(text), path, value);
  return checked(place(text, path, value), expected, path);
}

/** Takes a key away, with the comment right above it. Does nothing where it is not there. */
export function removeIn(text: string, path: Path): string {
  const before = meaning(text);
  if (!has(before, path)) return text;
  return checked(cut(text, path), withoutValue(before, path), path);
}

/** What stands at a path; undefined where nothing does. */
export function valueIn(text: string, path: Path): unknown {
  let here: unknown = meaning(text);
  for (const key of path) here = isPlain(here) && Object.hasOwn(here, key) ? here[key] : undefined;
  return here;
}

/** A record in lines of its own, as in a file of one tenant. */
export function recordLines(record: Readonly<Record<string, EditValue>>, indent: string): string {
  return Object.entries(record)
    .map(([key, value]) => `${indent}${keyText(key)}: ${inline(value)}`)
    .join("\n");
}

function place(text: string, path: Path, value: EditValue): string {
  let map = rootOf(text, path);
  for (const [depth, key] of path.entries()) {
    const pair = find(map, key);
    if (pair === undefined) return insert(text, map, path.slice(depth), value);
    const node = pair.value;
    const last = depth === path.length - 1;
    if (isAlias(node) || hasProperties(node)) throw byHand(path, "an anchor, an alias or a tag stands there");
    if (last) return replace(text, pair, inline(value));
    if (isMap(node)) map = node;
    else if (node === null || (isScalar(node) && node.value === null))
      return replace(text, pair, nested(path.slice(depth + 1), value));
    else throw byHand(path, `${quote(key)} is no map`);
  }
  throw byHand(path, "there is no path");
}

function insert(text: string, map: YAMLMap, path: Path, value: EditValue): string {
  const [key = "", ...rest] = path;
  const last = map.items.at(-1);
  if (map.flow === true || last === undefined) {
    const [start, end] = rangeOf(map);
    if (last === undefined && path.length === 1 && isRecord(value) && isRecord(Object.values(value)[0]))
      throw byHand(path, "it is empty");
    const entry = `${keyText(key)}: ${nested(rest, value)}`;
    if (last === undefined) return splice(text, start, end, `{ ${entry} }`);
    const at = endOf(last);
    return splice(text, at, at, `, ${entry}`);
  }
  const indent = " ".repeat(columnOf(text, rangeOf(last.key)[0]));
  const at = lineEnd(text, trimmedEnd(text, endOf(last)));
  // Records of tenants stand on lines of their own, with the blank line between them that the others have.
  const isTenant =
    path.length === 1 && isRecord(value) && map.items.every(({ value: node }) => isMap(node) && node.flow !== true);
  if (!isTenant) return splice(text, at, at, `\n${indent}${keyText(key)}: ${nested(rest, value)}`);
  const second = map.items[1];
  const gap = second === undefined || blankBefore(text, second) ? "\n" : "";
  return splice(text, at, at, `\n${gap}${indent}${keyText(key)}:\n${recordLines(value, `${indent}  `)}`);
}

/** The value of a key, or what is written for a key without one. */
function replace(text: string, pair: Pair, value: string): string {
  const colon = text.indexOf(":", rangeOf(pair.key)[1]);
  const node = pair.value;
  const inFlowOrScalar = isMap(node) || isSeq(node) ? node.flow === true : isScalar(node) && node.value !== null;
  if (!inFlowOrScalar) {
    const end = isMap(node) || isSeq(node) ? trimmedEnd(text, rangeOf(node)[1]) : colon + 1;
    return splice(text, colon + 1, end, ` ${value}`);
  }
  const [start, end] = rangeOf(node);
  return splice(text, start, trimmedEnd(text, end), value);
}

function cut(text: string, path: Path): string {
  let map = rootOf(text, path);
  let owner: Pair | undefined;
  for (const key of path.slice(0, -1)) {
    owner = find(map, key);
    if (!isMap(owner?.value)) throw byHand(path, `${quote(key)} is no map of this file`);
    map = owner.value;
  }
  const index = map.items.findIndex(({ key }) => isScalar(key) && key.value === path.at(-1));
  const pair = map.items[index];
  if (pair === undefined) return text;
  if (map.items.length === 1) {
    if (owner !== undefined) return replace(text, owner, "{}");
    const [start, end] = rangeOf(map);
    return splice(text, start, trimmedEnd(text, end), "{}");
  }
  const [start] = rangeOf(pair.key);
  if (map.flow === true) {
    const next = map.items[index + 1];
    const before = map.items[index - 1];
    if (before !== undefined) return splice(text, endOf(before), endOf(pair), "");
    return next === undefined ? text : splice(text, start, rangeOf(next.key)[0], "");
  }
  return cutLines(text, start, trimmedEnd(text, endOf(pair)), index === 0);
}

/** Whole lines, with the comment right above the first and those that are indented deeper below the last. */
function cutLines(text: string, start: number, end: number, isFirst: boolean): string {
  const indent = columnOf(text, start);
  let from = start - indent;
  for (;;) {
    const above = text.lastIndexOf("\n", from - 2) + 1;
    const line = text.slice(above, Math.max(above, from - 1));
    if (from === 0 || !line.trim().startsWith("#") || line.length - line.trimStart().length !== indent) break;
    from = above;
  }
  let to = Math.min(text.length, lineEnd(text, end) + 1);
  for (;;) {
    const line = text.slice(to, lineEnd(text, to));
    if (!line.trim().startsWith("#") || line.length - line.trimStart().length <= indent) break;
    to = Math.min(text.length, lineEnd(text, to) + 1);
  }
  // The blank line below the first of several parted it from the next one.
  if (isFirst && isBlankAt(text, to)) to = Math.min(text.length, lineEnd(text, to) + 1);
  // Of two blank lines that now meet one is too many; at the end of the file none is left.
  if (isBlankAbove(text, from) && (isBlankAt(text, to) || to >= text.length))
    from = text.lastIndexOf("\n", from - 2) + 1;
  return splice(text, from, to, "");
}

function isBlankAbove(text: string, at: number): boolean {
  return at > 0 && text.slice(text.lastIndexOf("\n", at - 2) + 1, at - 1).trim() === "";
}

function isBlankAt(text: string, at: number): boolean {
  return at < text.length && text.slice(at, lineEnd(text, at)).trim() === "";
}

function blankBefore(text: string, pair: Pair): boolean {
  const [start] = rangeOf(pair.key);
  const before = text.slice(0, start - columnOf(text, start)).split("\n");
  // The comment above a record belongs to it.
  let line = before.length - 2;
  while (line > 0 && (before[line] ?? "").trim().startsWith("#")) line -= 1;
  return (before[line] ?? "").trim() === "";
}

/** On one line, as the files of this project write maps and lists. */
function inline(value: EditValue): string {
  if (Array.isArray(value)) return `[${(value as readonly EditValue[]).map(inline).join(", ")}]`;
  if (isRecord(value)) {
    const entries = Object.entries(value).map(([key, inner]) => `${keyText(key)}: ${inline(inner)}`);
    return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
  }
  // Line ends and the like are escaped: the value stays on its line.
  if (typeof value === "string" && /[^\P{C}]/u.test(value)) return JSON.stringify(value);
  return stringify([value], { collectionStyle: "flow", lineWidth: 0 }).slice(2, -3);
}

function nested(path: Path, value: EditValue): string {
  return path.reduceRight((inner, key) => `{ ${keyText(key)}: ${inner} }`, inline(value));
}

function keyText(key: string): string {
  return /^[\w-]+$/.test(key) && !key.startsWith("-") ? key : inline(key);
}

function rootOf(text: string, path: Path): YAMLMap {
  const document = parseDocument(text, options);
  if (document.errors.some(({ code }) => code !== "NON_STRING_KEY") || !isMap(document.contents)) {
    throw byHand(path, "the file is no map, or not correct YAML");
  }
  return document.contents;
}

function find(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((pair) => isScalar(pair.key) && pair.key.value === key);
}

function rangeOf(node: unknown): [number, number] {
  const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined;
  if (range === null || range === undefined) throw byHand([], "its place in the file is not known");
  return [range[0], range[1]];
}

function endOf(pair: Pair): number {
  return pair.value === null ? afterColon(pair) : Math.max(rangeOf(pair.value)[1], rangeOf(pair.key)[1]);
}

function afterColon(pair: Pair): number {
  return rangeOf(pair.key)[1] + 1;
}

function hasProperties(node: unknown): boolean {
  return (isScalar(node) || isMap(node) || isSeq(node)) && (node.anchor !== undefined || node.tag !== undefined);
}

function splice(text: string, start: number, end: number, inside: string): string {
  return text.slice(0, start) + inside + text.slice(end);
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end === -1 ? text.length : end;
}

/** Without the line ends and comments that the parser counts to a collection. */
function trimmedEnd(text: string, end: number): number {
  return text.slice(0, end).trimEnd().length;
}

function columnOf(text: string, at: number): number {
  return at - (text.lastIndexOf("\n", at - 1) + 1);
}

function isRecord(value: EditValue | undefined): value is Readonly<Record<string, EditValue>> {
  return typeof value === "object" && !Array.isArray(value);
}

function isPlain(value: unknown): value is Plain {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function meaning(text: string): Plain {
  try {
    const value: unknown = parseDocument(text, options).toJS();
    if (isPlain(value)) return value;
  } catch {
    // Told below: more aliases than a person would write.
  }
  throw byHand([], "the file is no map, or not correct YAML");
}

function has(value: Plain, path: Path): boolean {
  let here: unknown = value;
  return path.every((key) => {
    if (!isPlain(here) || !Object.hasOwn(here, key)) return false;
    here = here[key];
    return true;
  });
}

function withValue(map: unknown, [key = "", ...rest]: Path, value: EditValue): Plain {
  const copy: Plain = isPlain(map) ? { ...map } : {};
  copy[key] = rest.length === 0 ? value : withValue(copy[key], rest, value);
  return copy;
}

function withoutValue(map: Plain, [key = "", ...rest]: Path): Plain {
  const { [key]: value, ...others } = map;
  return rest.length === 0 ? others : { ...map, [key]: withoutValue(value as Plain, rest) };
}

function checked(text: string, expected: Plain, path: Path): string {
  if (isDeepStrictEqual(meaning(text), expected)) return text;
  throw byHand(path, "the way in which it is written is not known here");
}

function byHand(path: Path, reason: string): UserError {
  const where = path.length === 0 ? "the file" : path.join(".");
  return new UserError(`${where}: ${reason}. Nothing was written; edit the file by hand and run \`tenancy check\`.`);
}
