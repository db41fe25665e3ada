/** The lines that an edit takes out and puts in, with their numbers: an edit is one stretch of a file. */
import { quiet } from "../plan/text.ts";

export function lineDiff(before: string, after: string): string[] {
  const [old, now] = [linesOf(before), linesOf(after)];
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start += 1;
  let [oldEnd, nowEnd] = [old.length, now.length];
  while (oldEnd > start && nowEnd > start && old[oldEnd - 1] === now[nowEnd - 1]) {
    oldEnd -= 1;
    nowEnd -= 1;
  }
  const numbered = (sign: string, lines: readonly string[], first: number): string[] =>
    lines.map((line, index) => `${String(first + index).padStart(5)} ${sign} ${quiet(line)}`.trimEnd());
  return [...numbered("-", old.slice(start, oldEnd), start + 1), ...numbered("+", now.slice(start, nowEnd), start + 1)];
}

function linesOf(text: string): string[] {
  if (text === "") return [];
  return (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");
}
