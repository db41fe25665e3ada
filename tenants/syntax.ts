/** Says of the YAML library's errors what to do about them. */
import type { FaultText } from "./faults.ts";

const fixes: Readonly<Record<string, string>> = {
  BAD_INDENT: "indent the line like its neighbours, with two spaces a level; close brackets that are open",
  TAB_AS_INDENT: "use spaces instead of tabs",
  MISSING_CHAR: "write the missing character; a key is followed by a colon and a space",
  MULTILINE_IMPLICIT_KEY: "write a colon and a space after the key, or put a text of several lines in quotes",
  BLOCK_AS_IMPLICIT_KEY: "put a value that holds a colon and a space in quotes, or begin a new line",
  BAD_SCALAR_START: "put a value that begins with @ or ` in quotes",
  BAD_ALIAS: "put a value that begins with * or & in quotes",
  BAD_DQ_ESCAPE: "write \\\\ for a backslash, or use single quotes",
  UNEXPECTED_TOKEN: "remove what does not belong here; put a text with special characters in quotes",
  RESOURCE_EXHAUSTION: "look for a bracket too many",
};

/** @param line - The line of the file at which the error was seen. */
export function syntaxText(code: string, message: string, line: string): FaultText {
  return {
    message: `this is not correct YAML: ${code === "RESOURCE_EXHAUSTION" ? "it is nested too deeply" : message}`,
    found: line === "" ? "the end of the file or an empty line" : line,
    allowed: "YAML 1.2",
    fix: fixes[code] ?? "mend the YAML at this place",
  };
}
