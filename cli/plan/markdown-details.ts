/** Per group of tenants: every field with its old and new value, every resource. */
import { code } from "./escape.ts";
import type { Caps } from "./fold.ts";
import { countText, icons, type ListName } from "./markdown.ts";
import { type Plan, plural, type TenantChange } from "./plan.ts";
import type { FieldChange, Group } from "./records.ts";
import { fieldChanges } from "./records.ts";
import { counts, type ResourceChange, type ResourceStep } from "./resources.ts";
import { shownPair } from "./text.ts";

const signs: Readonly<Record<ResourceStep, string>> = { create: "➕", update: "✏️", replace: "🛑 ±", delete: "🛑 −" };

export function detailsOf(plan: Plan, groups: readonly Group<TenantChange>[], caps: Caps<ListName>): string {
  const shown = groups.slice(0, caps.details).map((group) => details(group, caps));
  const left = groups.slice(caps.details).reduce((sum, { members }) => sum + members.length, 0);
  const note = `Fields and resources of **${plural(left, "tenant")}** are left out here for want of room: <code>npm run -s tenancy -- plan</code> shows them.`;
  const platform = plan.platform.length === 0 ? [] : [platformDetails(plan.platform, caps)];
  const parts = [...shown, ...(left > 0 ? [note] : []), ...platform];
  return parts.length === 0 ? "" : block("🔎 <b>Every field and every resource</b>, tenant by tenant", parts);
}

function details({ kind, members }: Group<TenantChange>, caps: Caps<ListName>): string {
  const [first] = members;
  if (first === undefined) return "";
  const title =
    members.length === 1 ? `<b>${code(first.id)}</b>` : `<b>${members.length} tenants</b>, as ${code(first.id)}`;
  const summary = `${first.dangers.length > 0 ? "🛑" : icons[kind]} ${title}: ${fieldCount(first)}${countText(counts(first.resources))}`;
  const everybody = members.length === 1 ? [] : [`Tenants: ${members.map(({ id }) => code(id)).join(" ")}`];
  return block(summary, [...everybody, fieldTable(first), resourceList(first.resources, caps)]);
}

function fieldCount({ fields }: TenantChange): string {
  return fields.length === 0 ? "" : `${plural(fields.length, "field")}; resources: `;
}

function fieldTable({ kind, fields, before, after }: TenantChange): string {
  if (kind === "added" || kind === "removed") {
    const record = after ?? before;
    return record === undefined
      ? ""
      : valueTable(fieldChanges({}, record), kind === "added" ? "value" : "value until now");
  }
  if (fields.length === 0) return "";
  const rows = fields.map(({ path, before: was, after: is }) => {
    const [old, now] = shownPair(was, is);
    return `| ${code(path)} | ${old === undefined ? "none" : code(old, false)} | ${now === undefined ? "none" : code(now, false)} |`;
  });
  return ["| field | before | after |", "| --- | --- | --- |", ...rows].join("\n");
}

function valueTable(fields: readonly FieldChange[], heading: string): string {
  const told = fields.filter(({ path, after }) => path !== "id" && after !== "{}" && after !== "[]");
  const rows = told.map(({ path, after }) => `| ${code(path)} | ${code(after ?? "")} |`);
  return [`| field | ${heading} |`, "| --- | --- |", ...rows].join("\n");
}

function resourceList(resources: readonly ResourceChange[], caps: Caps<ListName>): string {
  if (resources.length === 0) return "";
  const lines = resources.map(({ step, type, name, changed, unprotected }) => {
    const inputs = changed.length === 0 ? "" : `: ${changed.map((input) => code(input)).join(", ")}`;
    return `- ${signs[step]} ${code(type)} ${code(name)}${inputs}${unprotected ? " · **no longer protected**" : ""}`;
  });
  const shown = lines.slice(0, caps.resources);
  const left = lines.length - shown.length;
  return [...shown, ...(left > 0 ? [`- … and **${plural(left, "more resource")}**`] : [])].join("\n");
}

function platformDetails(resources: readonly ResourceChange[], caps: Caps<ListName>): string {
  const summary = `⚙️ <b>Platform</b>, of no tenant: ${countText(counts(resources))}`;
  return block(summary, [resourceList(resources, caps)]);
}

/** Folded until somebody opens it. */
export function block(summary: string, parts: readonly string[]): string {
  const body = parts.filter((part) => part !== "").join("\n\n");
  return `<details><summary>${summary}</summary>\n\n${body}\n\n</details>`;
}
