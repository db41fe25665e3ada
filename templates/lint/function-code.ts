/** A function's code, or a part of it, with the way back to its place in the file. */
import type { ScanToken } from "libpg-query";
import { messageOf } from "../../provider/message.ts";
import type { Finding, Statement } from "./rule.ts";

export interface FunctionCode {
  readonly text: string;
  /** Byte in the file of a byte of the text. */
  readonly place: (offset: number) => number;
}

/** @param body - the text as the server sees it, without quotes */
export function codeOf(statement: Statement, tokens: readonly ScanToken[], body: string): FunctionCode {
  const constants = tokens.filter(
    ({ tokenName, start, end }) => tokenName === "SCONST" && start >= statement.offset && end <= statement.end,
  );
  for (const { text, start } of constants) {
    for (const quote of [/^\$[^$]*\$/.exec(text)?.[0] ?? "", "'"]) {
      if (quote === "" || text !== quote + body + quote) continue;
      return { text: body, place: (offset) => start + Buffer.byteLength(quote, "utf8") + offset };
    }
  }
  // Doubled quotes and escapes make the places inside of the text other ones than those in the file.
  return { text: body, place: () => statement.offset };
}

/** A part of the code that was found in it, as PL/pgSQL's expressions are; `shift` bytes of the text are not in it. */
export function partOf(code: FunctionCode, part: string, begin: number, shift: number): FunctionCode {
  return { text: part, place: (offset) => code.place(begin + Math.max(0, offset - shift)) };
}

/** What `parse` gives; a finding, and undefined, where the code cannot be parsed. */
export function* parsed<T>(code: FunctionCode, parse: () => T): Generator<Finding, T | undefined> {
  try {
    return parse();
  } catch (error) {
    yield {
      rule: "function-code",
      reason: `has code that cannot be parsed: ${messageOf(error)}`,
      location: code.place(0),
    };
    return undefined;
  }
}
