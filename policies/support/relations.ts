/** How many relations a tenant's schema has: tables, indexes, sequences and TOAST. */
import type { Resource, Setting } from "../rule.ts";
import { list, text } from "../values.ts";

export const relationsSetting: Setting<Readonly<Record<string, number>>> = {
  description: "Relations (rows of pg_class) that a template makes, by its name.",
  schema: { type: "object", additionalProperties: { type: "integer" } },
  fallback: {},
};

export const relationsOf = (
  { props }: Resource,
  settings: { readonly templates: Readonly<Record<string, number>>; readonly relations: number },
): number => {
  // A file of the tenant's own counts as a table with its indexes.
  const own = list(props.additionalFiles).length * relationsOfFile;
  return (settings.templates[text(props.template) ?? ""] ?? settings.relations) + own;
};

/** A table with two indexes, a sequence, and TOAST with its index. */
const relationsOfFile = 6;

/** Of a template that the setting does not name: five tables. */
export const relationsByDefault = 25;
