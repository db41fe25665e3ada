/** Text as a part of Markdown that GitHub or GitLab shows: it is seen as it is, and nothing in it acts. */
import { shortened, type Text, visible } from "./text.ts";

/**
 * As character references, which Markdown never takes for its own marks. Left as they are: letters, digits, and what
 * means nothing inside of a line, so that the source of a comment can be read, too.
 */
function references(text: string): string {
  return text
    .replaceAll(/[^\p{L}\p{M}\p{N}\p{S} ,./()%;?'-]|[`$^+<=>|~]/gu, reference)
    .replaceAll(/www\./gi, (word) => `${word.slice(0, 3)}&#46;`)
    .replace(/^[-.\d]+(?=[.) -]|$)|^-/, (begin) => begin.replaceAll(/[-.]/g, reference));
}

function reference(character: string): string {
  return character.charCodeAt(0) < 0x80 ? `&#${character.charCodeAt(0)};` : character;
}

/**
 * A value, in the font of code: names, mentions, numbers of issues and addresses are not made links inside of it.
 * The element, and not backticks: no content can end it.
 */
export function code(value: string, cut = true): string {
  const shown = visible(cut ? shortened(value) : value);
  // An empty element would vanish, and spaces at the ends with it.
  if (shown.trim() === "") return `<code>&quot;${shown.replaceAll(" ", "&#32;")}&quot;</code>`;
  return `<code>${references(shown)}</code>`;
}

/** A sentence that may hold foreign words: mentions, references and addresses in it stay text. */
export function prose(text: string): string {
  return references(visible(text))
    .replaceAll("&#64;", "&#64;&#8203;")
    .replaceAll("&#35;", "&#35;&#8203;")
    .replaceAll("&#58;//", "&#58;&#8203;//")
    .replaceAll("www&#46;", "www&#8203;&#46;")
    .replaceAll(/\b(gh)-(?=\d)/gi, "$1&#8203;-");
}

export function markdown(text: Text): string {
  return text
    .map((part) => {
      if (typeof part === "string") return part;
      return "strong" in part ? `**${part.strong}**` : code(part.value);
    })
    .join("");
}
