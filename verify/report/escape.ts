/** Text of a server or a registry as part of a document. */

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** For content and quoted attributes of XML and HTML; characters that XML 1.0 does not allow become U+FFFD. */
export function escapeMarkup(text: string): string {
  return (
    text
      .toWellFormed()
      // XML 1.0, production [2] Char.
      .replaceAll(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, "\u{fffd}")
      .replaceAll(/[&<>"']/g, (character) => entities[character] ?? "")
  );
}

/** For the quoted value of a label in the Prometheus text format. */
export function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
