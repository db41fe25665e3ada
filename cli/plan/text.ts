/** Sentences whose words are ours and whose values come from files that anybody may write. */

/** A value of a registry, a program or a server, to be shown as it is and to act nowhere. */
export interface Value {
  readonly value: string;
}

export interface Strong {
  readonly strong: string;
}

export type Text = readonly (string | Value | Strong)[];

/** As in say`tier ${before} becomes ${after}`. */
export function say(words: TemplateStringsArray, ...values: readonly (string | number)[]): Text {
  return words.flatMap((word, index): (string | Value)[] => {
    const value = values[index];
    return value === undefined ? [word] : [word, { value: String(value) }];
  });
}

/** Values with commas between them. */
export function valueList(values: readonly string[], most = 20): Text {
  const shown = values.slice(0, most).flatMap((value, index) => [...(index === 0 ? [] : [", "]), { value }]);
  return values.length > most ? [...shown, ` and ${values.length - most} more`] : shown;
}

/** What is not seen, or turns, hides or joins the characters around it; and what is no character at all. */
const hidden =
  /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/gu;

/** The text with everything that hides made visible, on one line. */
export function visible(text: string): string {
  return text.replace(hidden, (character) => {
    const known: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
    return known[character] ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

const longest = 120;

/** Two values that differ, each cut to where they do. */
export function shownPair(
  before: string | undefined,
  after: string | undefined,
): [string | undefined, string | undefined] {
  const [one, other] = [before ?? "", after ?? ""].map((value) => Array.from(value));
  if (one === undefined || other === undefined) return [before, after];
  const first = one.findIndex((character, index) => character !== other[index]);
  const start = Math.max(0, (first === -1 ? Math.min(one.length, other.length) : first) - 20);
  const cut = (value: readonly string[]): string => {
    if (value.length <= longest) return value.join("");
    const from = Math.min(start, Math.max(0, value.length - longest));
    const part = value.slice(from, from + longest).join("");
    const end = from + longest < value.length ? "…" : "";
    return `${from > 0 ? "…" : ""}${part}${end} (${value.length} characters)`;
  };
  return [before === undefined ? undefined : cut(one), after === undefined ? undefined : cut(other)];
}

export function shortened(value: string): string {
  return shownPair(value, value)[0] ?? "";
}

/** For a terminal. */
export function plainText(text: Text): string {
  return text
    .map((part) => {
      if (typeof part === "string") return part;
      return "strong" in part ? part.strong : quiet(shortened(part.value));
    })
    .join("");
}

/** Visible, and without the marks that a log of GitHub Actions takes for commands. */
export function quiet(text: string): string {
  return visible(text)
    .replaceAll("##[", "#\\u{23}[")
    .replace(/^(\s*)::/, "$1\\u{3a}:");
}
