/** The parts of the comment below the tenants: policy, room, money, files, and the engine's own preview. */
import type { Verdict } from "../../policies/evaluate.ts";
import { partsOf } from "../render.ts";
import type { Room } from "./capacity.ts";
import { code, prose } from "./escape.ts";
import type { Caps } from "./fold.ts";
import { difference, type ListName } from "./markdown.ts";
import { block } from "./markdown-details.ts";
import { type Plan, plural } from "./plan.ts";

const most = 10_000;

export function policySection({ policies }: Plan, caps: Caps<ListName>): string {
  const { fresh, standing, solved, posture } = policies;
  const lines = cut(fresh.map(verdictLine), caps.fresh, "verdict");
  const rest = [
    ...(standing.length === 0 ? [] : [`${standing.length} that the base has, too`]),
    ...(solved === 0 ? [] : [`${solved} of the base solved`]),
  ];
  const heading = `📋 <b>Policy</b> (${code(posture)}): ${fresh.length === 0 ? "nothing new" : `${fresh.length} new`}${rest.length === 0 ? "" : `, ${rest.join(", ")}`}`;
  const old = cut(standing.map(verdictLine), caps.standing, "verdict");
  const parts = [lines.join("\n"), ...(old.length === 0 ? [] : [`Also at the base:\n\n${old.join("\n")}`])];
  if (fresh.length === 0) return standing.length === 0 ? heading : block(heading, parts);
  return [heading, "", ...lines, ...(old.length === 0 ? [] : ["", block("Also at the base", [old.join("\n")])])].join(
    "\n",
  );
}

function verdictLine({ rule, kind, level, message }: Verdict): string {
  const mark = kind === "violation" ? (level === "mandatory" ? "⛔" : "⚠️") : kind === "warning" ? "⚠️" : "❔";
  return `- ${mark} ${code(rule.name)} ${prose(message)}`;
}

export function poolsSection({ pools }: Plan, caps: Caps<ListName>): string {
  if (pools.length === 0) return "";
  const lines = pools.map(({ name, kind, fields }) => {
    const told = fields.map(({ path, before, after }) => {
      const value = kind === "removed" ? before : after;
      return `${code(path)} ${kind === "changed" ? `${code(before ?? "none")} → ` : ""}${code(value ?? "none")}`;
    });
    return `- ${kind} ${code(name)}: ${told.join(", ")}`;
  });
  return [`🏊 <b>Pools</b>: ${plural(pools.length, "change")}`, "", ...cut(lines, caps.details, "pool")].join("\n");
}

/** What the change moves, and what is nearly full; the rest is folded. */
export function capacitySection({ room }: Plan, caps: Caps<ListName>): string {
  if (room.length === 0) return "";
  const isShown = ({ before, after, limit }: Room): boolean =>
    before !== after || (limit !== undefined && after >= 0.8 * limit);
  const shown = room.filter(isShown);
  const rest = room.filter((one) => !isShown(one));
  const head = "| limit | now | then | left |\n| --- | ---: | ---: | ---: |";
  const row = ({ what, before, after, limit }: Room): string => {
    const full =
      limit !== undefined && after > limit ? "⛔ " : limit !== undefined && after >= 0.8 * limit ? "⚠️ " : "";
    const left = limit === undefined ? "no limit set" : `${number(limit - after)} of ${number(limit)}`;
    return `| ${full}${prose(what)} | ${number(before)} | ${number(after)} | ${left} |`;
  };
  const table = (rows: readonly Room[]): string => {
    const kept = rows.slice(0, caps.room).map(row);
    const left = rows.length - kept.length;
    return [
      ...(kept.length === 0 ? [] : [head, ...kept]),
      ...(left > 0 ? [`\n… and **${plural(left, "more limit")}**.`] : []),
    ].join("\n");
  };
  const nearest =
    shown.length === 0
      ? "unchanged, nothing nearly full"
      : `${shown.length} of ${room.length} limits move or are nearly full`;
  return [
    `📦 <b>Capacity</b>: ${nearest}`,
    ...(shown.length === 0 ? [] : [table(shown)]),
    ...(rest.length === 0 ? [] : [block(`${plural(rest.length, "limit")} unchanged`, [table(rest)])]),
  ].join("\n\n");
}

function number(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}

export function costSection({ cost }: Plan, caps: Caps<ListName>): string {
  if (cost === undefined) return "💶 <b>Cost</b>: not estimated, there is no price file beside the registry";
  const { currency, before, after, tenants, servers, unpriced, assumedGb } = cost;
  const sum = `💶 <b>Cost a month</b>, estimated: ${before.toFixed(2)} → ${after.toFixed(2)} ${currency} (${difference(after - before, currency)})`;
  const lines = [
    ...[...servers].map(([name, amount]) => `- server ${code(name)}: ${difference(amount, currency)}`),
    ...[...tenants].map(([id, amount]) => `- ${code(id)}: ${difference(amount, currency)}`),
  ];
  const gb = assumedGb === undefined ? [] : [`Each tenant is taken to hold ${assumedGb} GB of objects.`];
  const without =
    unpriced.length === 0 ? [] : [`**Without a price:** ${unpriced.map((name) => code(name)).join(", ")}`];
  if (lines.length === 0) return [sum, ...without].join("\n\n");
  return [block(sum, [...gb, cut(lines, caps.details, "difference").join("\n")]), ...without].join("\n\n");
}

export function filesSection({ files }: Plan, caps: Caps<ListName>): string {
  if (files.length === 0) return "";
  const parts = files.map(({ path, change }) => `- ${change} ${code(path, false)}`);
  const areas = new Map<string, number>();
  for (const { path } of files) areas.set(areaOf(path), (areas.get(areaOf(path)) ?? 0) + 1);
  const told = [...areas].map(([area, count]) => `${area} ${count}`).join(", ");
  return block(`🧰 <b>Files outside of the tenants' data</b>: ${files.length} (${told})`, [
    cut(parts, caps.files, "file").join("\n"),
  ]);
}

/** What a reviewer has to be: each area is another team's. */
export function areaOf(path: string): string {
  if (path.startsWith("policies/")) return "policy pack";
  if (/^(index\.ts|components\/|provider\/|tenants\/.*\.ts$|Pulumi\.yaml$)/.test(path)) return "program";
  if (path.startsWith("templates/")) return "templates";
  if (/^Pulumi\..*\.yaml$/.test(path)) return "stack configuration";
  if (/^(\.github\/|\.gitlab|\.ci\/|cli\/|dev\/|package(-lock)?\.json$|\.npmrc$)/.test(path)) return "tools and CI";
  if (/^(docs\/|test\/|[^/]+\.md$)/.test(path)) return "documents and tests";
  return "other";
}

const steps = { create: "➕", update: "✏️", replace: "🛑 ±", delete: "🛑 −" } as const;

export function liveSection({ live }: Plan, caps: Caps<ListName>): string {
  if (live === undefined) return "";
  const { engine, ok, steps: done, unchanged, messages } = live;
  const lines = done.map(({ kind, urn, changed }) => {
    const { type, name } = partsOf(urn);
    const inputs = changed.length === 0 ? "" : `: ${changed.map((input) => code(input)).join(", ")}`;
    return `- ${kind in steps ? steps[kind as keyof typeof steps] : ""} ${code(type)} ${code(name)}${inputs}`;
  });
  const told = messages.map((message) => `- ${prose(message)}`);
  const heading = `🔌 <b>Live preview</b> by ${code(engine)}: ${ok ? "" : "⛔ refused, "}${plural(done.length, "change")}, ${unchanged} unchanged`;
  return block(heading, [cut(told, caps.live, "message").join("\n"), cut(lines, caps.live, "step").join("\n")]);
}

function cut(lines: readonly string[], cap: number, noun: string): string[] {
  if (lines.length <= Math.min(cap, most)) return [...lines];
  const shown = lines.slice(0, Math.min(cap, most));
  return [...shown, `- … and **${plural(lines.length - shown.length, `more ${noun}`)}**`];
}
