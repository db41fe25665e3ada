/** Pieces that every part of the HTML report uses. */
import type { StoreName } from "../../provider/inputs.ts";
import type { Attempt } from "../attempt.ts";
import { escapeMarkup as text } from "./escape.ts";

export const storeTitles: Readonly<Record<StoreName, string>> = {
  postgres: "PostgreSQL",
  redis: "Redis",
  storage: "Object storage",
  neo4j: "Neo4j",
};

export function section(title: string, wanted: boolean, lines: readonly string[]): string[] {
  return wanted ? [`<section><h2>${title}</h2>`, ...lines, "</section>"] : [];
}

export function bullets(items: readonly string[]): string {
  return `<ul class="plain">${items.map((item) => `<li>${item}</li>`).join("")}</ul>`;
}

/** To the attempt's row in the catalogue. */
export function link({ id }: Attempt): string {
  return `<a href="#${anchor(id)}"><code>${text(id)}</code></a>`;
}

export function anchor(id: string): string {
  return id.replaceAll(/[^a-z0-9-]/g, "_");
}

/** A page is linked; anything else stands as it is. */
export function source({ source: from }: Attempt): string {
  if (!/^https:\/\/[^\s"'<>]+$/.test(from)) return `<span class="muted">(${text(from)})</span>`;
  return `(<a href="${text(from)}">source</a>)`;
}
