/** A file with its placeholders filled in, and the way back to the file as it is on disk. */
import type { TemplateVariables } from "../../provider/inputs.ts";
import type { Template } from "../template.ts";
import { fillIn, placeholder, readFile, type RenderOptions } from "../values.ts";

export interface Place {
  /** From 1. */
  readonly line: number;
  /** From 1, in characters. */
  readonly column: number;
  /** The line of the file. */
  readonly excerpt: string;
}

export interface Rendering {
  readonly text: string;
  /** Byte of the file on disk for a byte of the text. */
  readonly origin: (offset: number) => number;
  /** Line and column of a byte of the text in the file on disk. */
  readonly place: (offset: number) => Place;
}

export function plainRendering(text: string): Rendering {
  const bytes = Buffer.from(text, "utf8");
  return { text, origin: (offset) => offset, place: (offset) => placeIn(bytes, offset) };
}

/** @throws TemplateError as renderFile does */
export function renderWithPlaces(
  root: string,
  template: Template,
  file: string,
  values: TemplateVariables,
  options: RenderOptions,
): Rendering {
  const source = readFile(root, template, file);
  const label = `${template.name}/${file}`;
  const bytes = Buffer.from(source, "utf8");
  const pieces: { readonly from: number; readonly at: number; readonly filled: boolean }[] = [];
  let [text, from, at] = ["", 0, 0];
  const add = (piece: string, length: number, filled: boolean): void => {
    pieces.push({ from, at, filled });
    text += piece;
    from += length;
    at += Buffer.byteLength(piece);
  };
  let end = 0;
  for (const match of source.matchAll(placeholder)) {
    const before = source.slice(end, match.index);
    add(before, Buffer.byteLength(before), false);
    add(fillIn(template, match[0], values, options, label), Buffer.byteLength(match[0]), true);
    end = match.index + match[0].length;
  }
  add(source.slice(end), Buffer.byteLength(source.slice(end)), false);
  const origin = (offset: number): number => {
    const piece = pieces.findLast((candidate) => candidate.at <= offset);
    return piece === undefined ? 0 : piece.from + (piece.filled ? 0 : offset - piece.at);
  };
  return { text, origin, place: (offset) => placeIn(bytes, origin(offset)) };
}

function placeIn(bytes: Buffer, offset: number): Place {
  const before = bytes.subarray(0, offset).toString("utf8");
  const start = before.lastIndexOf("\n") + 1;
  const rest = bytes.subarray(offset).toString("utf8");
  const [tail = ""] = rest.split("\n", 1);
  return {
    line: before.split("\n").length,
    column: Array.from(before.slice(start)).length + 1,
    excerpt: (before.slice(start) + tail).replace(/\r$/, ""),
  };
}
