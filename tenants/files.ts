/** Reads the registry's files as text: what is no readable UTF-8 text of a sane size is a fault. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { isUtf8 } from "node:buffer";
import { dirname, join } from "node:path";
import { LineCounter } from "yaml";
import { type Fault, type FaultText, type Source, count, faultOfFile, quote, shownPath } from "./faults.ts";

export const maxFileBytes = 10 * 1024 * 1024;

const extension = ".yaml";
const allowedText = "a text file in UTF-8";

export interface TextSource extends Source {
  /** Filled by the YAML parser. */
  readonly lines: LineCounter;
}

export interface Read {
  readonly source?: TextSource;
  readonly faults: readonly Fault[];
}

/** Reads one file; `faults` may hold some although there is a source. */
export function readSource(path: string): Read {
  const file = shownPath(path);
  const refuse = (text: FaultText): Read => ({ faults: [faultOfFile(file, text)] });
  let bytes: Buffer;
  try {
    const stats = statSync(path);
    if (stats.isDirectory()) {
      return refuse({
        message: "the path is a folder",
        found: "a folder",
        allowed: allowedText,
        fix: "give the path of a file",
      });
    }
    // A pipe or device would be waited for without an end.
    if (!stats.isFile()) {
      return refuse({
        message: "the path is no regular file",
        found: "a pipe, socket or device",
        allowed: allowedText,
        fix: "give the path of a file",
      });
    }
    if (stats.size > maxFileBytes) {
      return refuse({
        message: "the file is too large",
        found: `${stats.size} bytes`,
        allowed: `at most ${maxFileBytes} bytes`,
        fix: "move tenants into files of their own in registry.d, or split the platform into several stacks",
      });
    }
    bytes = readFileSync(path);
  } catch (error) {
    return refuse(unreadable(error));
  }
  return decode(file, bytes);
}

function decode(file: string, bytes: Buffer): Read {
  const wide = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  if (wide || (bytes.length > 1 && (bytes[0] === 0 || bytes[1] === 0))) {
    const text = {
      message: "the file is not UTF-8",
      found: "UTF-16 or binary data",
      allowed: allowedText,
      fix: "save the file as UTF-8",
    };
    return { faults: [faultOfFile(file, text)] };
  }
  const text = new TextDecoder("utf-8").decode(bytes);
  const source = sourceOf(file, text);
  return { source, faults: [...encodingFaults(file, bytes), ...controlFaults(source)] };
}

/** A source without its byte order mark. */
export function sourceOf(file: string, text: string): TextSource {
  const lines = new LineCounter();
  return {
    file,
    text,
    lines,
    place(offset) {
      const { line, col } = lines.linePos(offset);
      return { line: Math.max(line, 1), column: Math.max(col, 1) };
    },
  };
}

/** Names the first bad byte; a line feed is never part of a longer UTF-8 sequence. */
function encodingFaults(file: string, bytes: Buffer): Fault[] {
  if (isUtf8(bytes)) return [];
  const bad: { line: number; column: number; offset: number }[] = [];
  let line = 1;
  for (let start = 0; start < bytes.length; line += 1) {
    const feed = bytes.indexOf(0x0a, start);
    const end = feed === -1 ? bytes.length : feed;
    const part = bytes.subarray(start, end);
    if (!isUtf8(part)) {
      const valid = validLength(part);
      bad.push({ line, column: part.subarray(0, valid).toString("utf8").length + 1, offset: start + valid });
    }
    start = end + 1;
  }
  const first = bad[0];
  if (first === undefined) return [];
  const byte = (bytes[first.offset] ?? 0).toString(16).padStart(2, "0");
  const more = bad.length > 1 ? `, and ${count(bad.length - 1, "more line")} like it` : "";
  return [
    {
      file,
      line: first.line,
      column: first.column,
      path: "",
      message: "the file is not UTF-8",
      found: `byte 0x${byte} at offset ${first.offset}${more}`,
      allowed: allowedText,
      fix: "save the file as UTF-8 (it may be Latin-1 or Windows-1252)",
    },
  ];
}

function validLength(part: Buffer): number {
  const text = part.toString("utf8");
  let offset = 0;
  for (const character of text) {
    const length = Buffer.byteLength(character);
    // Replaced, and not a replacement character that was written as such.
    if (character === "\ufffd" && part.toString("latin1", offset, offset + 3) !== "\u00ef\u00bf\u00bd") return offset;
    offset += length;
  }
  return offset;
}

function controlFaults(source: TextSource): Fault[] {
  const matches = [...source.text.matchAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f]/g)];
  const first = matches[0];
  if (first === undefined) return [];
  const before = source.text.slice(0, first.index).split("\n");
  const code = first[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
  return [
    {
      file: source.file,
      line: before.length,
      column: (before.at(-1) ?? "").length + 1,
      path: "",
      message: "the file holds a control character",
      found: `U+${code}${matches.length > 1 ? `, and ${matches.length - 1} more` : ""}`,
      allowed: "printable characters, spaces and line ends",
      fix: "remove it",
    },
  ];
}

/** The files of `registry.d` beside a registry, sorted by name; hidden ones are left out. */
export function tenantFiles(registry: string): { files: { id: string; path: string }[]; faults: Fault[] } {
  const folder = join(dirname(registry), "registry.d");
  const files: { id: string; path: string }[] = [];
  const faults: Fault[] = [];
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => !name.startsWith("."));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return { files, faults };
    const text =
      codeOf(error) === "ENOTDIR"
        ? {
            message: "this is no folder",
            found: "a file",
            allowed: "a folder of one file a tenant",
            fix: "make it a folder, or remove it",
          }
        : unreadable(error);
    return { files, faults: [faultOfFile(shownPath(folder), text)] };
  }
  for (const name of names.sort()) {
    const path = join(folder, name);
    if (name.endsWith(extension)) {
      files.push({ id: name.slice(0, -extension.length), path });
      continue;
    }
    const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
    const fix = name.endsWith(".yml") ? `rename it to ${name.slice(0, -4)}${extension}` : "move it out of registry.d";
    faults.push(
      faultOfFile(shownPath(path), {
        message: isFolder ? "a folder has no place here" : "this is no file of a tenant",
        found: quote(name),
        allowed: `files named <tenant id>${extension}, and hidden ones`,
        fix,
      }),
    );
  }
  return { files, faults };
}

function unreadable(error: unknown): FaultText {
  const code = codeOf(error);
  if (code === "ENOENT" || code === "ENOTDIR") {
    return {
      message: "the file does not exist",
      found: "no file",
      allowed: allowedText,
      fix: "make the file (an example is in tenants/examples), or give another path with --registry",
    };
  }
  if (code === "EACCES" || code === "EPERM") {
    return {
      message: "it cannot be read",
      found: `${code}: no permission`,
      allowed: allowedText,
      fix: "give your user the right to read it",
    };
  }
  return { message: "it cannot be read", found: code, allowed: allowedText, fix: "see what the path leads to" };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : String(error);
}
