/** The plan as a comment of a pull request: who is affected and whether it is safe in ten seconds, the rest below. */
import type { Fault } from "../../tenants/faults.ts";
import { commentLimit, marker } from "./comment-form.ts";
import { code, markdown, prose } from "./escape.ts";
import { type Caps, fold } from "./fold.ts";
import { detailsOf } from "./markdown-details.ts";
import { changeKinds, type ChangeKind, type Group, grouped } from "./records.ts";
import { ringText } from "./pools.ts";
import { plural, type Plan, type Rating, type TenantChange } from "./plan.ts";
import { counts, resourceSteps, type ResourceCounts } from "./resources.ts";
import { type Text, valueList } from "./text.ts";
import {
  capacitySection,
  costSection,
  filesSection,
  liveSection,
  policySection,
  poolsSection,
} from "./markdown-sections.ts";

/** Left for what the poster puts in front. */
const margin = 2_000;

const verdicts: Readonly<Record<Rating, string>> = {
  refused: "⛔ Refused: the update would stop at this change",
  dangerous: "🛑 Dangerous: data, places or protection of tenants are at stake",
  ordinary: "✅ Nothing dangerous",
  unchanged: "✅ No tenant is affected",
};

const words: Readonly<Record<ChangeKind, string>> = {
  removed: "removed",
  offboarded: "offboarded",
  suspended: "suspended",
  resumed: "resumed",
  changed: "changed",
  added: "added",
};
export const icons: Readonly<Record<ChangeKind, string>> = {
  removed: "🗑️",
  offboarded: "🚪",
  suspended: "⏸️",
  resumed: "▶️",
  changed: "✏️",
  added: "➕",
};

export type ListName =
  "resources" | "details" | "files" | "standing" | "room" | "live" | "fresh" | "tenants" | "dangers";
const foldOrder: readonly ListName[] = [
  ...(["resources", "details", "files", "standing", "room", "live", "fresh", "tenants", "dangers"] as const),
];

export function planMarkdown(plan: Plan, limit = commentLimit - margin): string {
  const groups = groupsOf(plan);
  return fold((caps) => document(plan, groups, caps), foldOrder, limit);
}

/** Tenants that change in the same way, with the same resources; dangerous ones first. */
export function groupsOf(plan: Plan): Group<TenantChange>[] {
  return grouped(plan.changes, ({ resources, dangers, inherited, profile }) => [
    resources.map(({ step, type, changed, unprotected }) => [step, type, changed, unprotected]),
    dangers.length > 0 ? dangers : [],
    inherited ? profile : "",
  ]);
}

function document(plan: Plan, groups: readonly Group<TenantChange>[], caps: Caps<ListName>): string {
  const blocks = [
    marker,
    `## ${verdicts[plan.rating]}`,
    summary(plan),
    refusals(plan, caps),
    dangers(plan, groups, caps),
    codeWarning(plan),
    tenantTable(groups, caps),
    rollout(plan),
    poolsSection(plan, caps),
    detailsOf(plan, groups, caps),
    policySection(plan, caps),
    capacitySection(plan, caps),
    costSection(plan, caps),
    filesSection(plan, caps),
    liveSection(plan, caps),
    footer(plan),
  ];
  return `${blocks.filter((block) => block !== "").join("\n\n")}\n`;
}

function summary(plan: Plan): string {
  const { changes, tenants, policies, cost } = plan;
  const kinds = changeKinds
    .map((kind) => [changes.filter((change) => change.kind === kind).length, words[kind]] as const)
    .filter(([number]) => number > 0)
    .map(([number, word]) => `${number} ${word}`);
  const dangerous = changes.filter((change) => change.dangers.length > 0).length + plan.dangers.length;
  const parts = [
    `**${plural(changes.length, "tenant")} of ${tenants}**${kinds.length === 0 ? "" : `: ${kinds.join(", ")}`}`,
    ...(dangerous === 0 ? [] : [`**${plural(dangerous, "danger")}**`]),
    `resources: ${countText(plan.counts)}`,
    `policy: ${policies.fresh.length === 0 ? "nothing new" : `**${policies.fresh.length} new**`}`,
    ...(cost === undefined ? [] : [`cost a month: ${difference(cost.after - cost.before, cost.currency)}`]),
  ];
  return parts.join(" · ");
}

export function countText(number: ResourceCounts): string {
  const told = { create: "made", update: "changed", replace: "replaced", delete: "deleted" } as const;
  const parts = resourceSteps.flatMap((step) => (number[step] === 0 ? [] : [`${number[step]} ${told[step]}`]));
  return parts.length === 0 ? "none" : parts.join(", ");
}

export function difference(amount: number, currency: string): string {
  const rounded = Math.round(Math.abs(amount) * 100) / 100;
  if (rounded === 0) return Math.abs(amount) < 0.0005 ? "no change" : `less than 0.01 ${currency}`;
  return `${amount < 0 ? "−" : "+"}${rounded.toFixed(2)} ${currency}`;
}

/** A quoted block with a heading of its own, which GitHub and GitLab both colour. */
function alert(kind: "CAUTION" | "WARNING" | "NOTE", lines: readonly string[]): string {
  return [`> [!${kind}]`, ...lines.map((line) => `> ${line}`)].join("\n");
}

function refusals({ refusals: reasons, policies }: Plan, caps: Caps<ListName>): string {
  const mandatory = policies.fresh.filter(({ kind, level }) => kind === "violation" && level === "mandatory");
  const lines = [...reasons, ...mandatory.map(({ message }) => message)].map((reason) => `- ${prose(reason)}`);
  if (lines.length === 0) return "";
  return alert("CAUTION", ["**The update refuses this:**", "", ...cut(lines, caps.dangers, "reason")]);
}

function dangers(plan: Plan, groups: readonly Group<TenantChange>[], caps: Caps<ListName>): string {
  // Rendered only as far as there is room: there may be thousands.
  const entries: { tenants: number; line: () => string }[] = [
    ...plan.dangers.map((danger) => ({ tenants: 1, line: () => `- ${markdown(danger)}` })),
    ...groups.flatMap(({ members }) => {
      const own = members[0]?.dangers ?? [];
      if (own.length === 0) return [];
      return [{ tenants: members.length, line: () => `- ${who(members)}: ${own.map(markdown).join("; ")}` }];
    }),
  ];
  if (entries.length === 0) return "";
  const number = (some: typeof entries): number => some.reduce((sum, { tenants }) => sum + tenants, 0);
  const heading = `**Look closely:** ${plural(number(entries), "dangerous change")}`;
  const left = number(entries.slice(caps.dangers));
  const more = left === 0 ? [] : [`- … and **${plural(left, "more dangerous change")}**`];
  return alert("WARNING", [heading, "", ...entries.slice(0, caps.dangers).map(({ line }) => line()), ...more]);
}

function rollout({ rings }: Plan): string {
  return rings.length === 0 ? "" : `🪜 <b>Ring by ring</b>: ${ringText(rings)} (${plural(rings.length, "ring")})`;
}

function codeWarning({ files }: Plan): string {
  if (files.length === 0) return "";
  return alert("NOTE", [
    `${plural(files.length, "file")} outside of the tenants' data ${files.length === 1 ? "changes" : "change"} as well: ` +
      `the program, its policies or this plan itself may do something else than the base's. They are listed below.`,
  ]);
}

function tenantTable(groups: readonly Group<TenantChange>[], caps: Caps<ListName>): string {
  if (groups.length === 0) return "";
  const shown = groups.slice(0, caps.tenants).map(({ kind, members }) => {
    const [first] = members;
    if (first === undefined) return "";
    const mark = first.dangers.length > 0 ? "🛑" : icons[kind];
    return `| ${mark}&nbsp;${words[kind]} | ${who(members)} | ${gist(first)} | ${resourceText(first, members.length)} |`;
  });
  const missing = groups.slice(caps.tenants).reduce((sum, { members }) => sum + members.length, 0);
  const note =
    missing === 0 ? [] : ["", `… and **${plural(missing, "more tenant")}** that this comment has no room for.`];
  if (shown.length === 0) return note.join("\n").trim();
  return ["| change | tenant | what | resources |", "| --- | --- | --- | --- |", ...shown, ...note].join("\n");
}

function resourceText({ resources }: TenantChange, members: number): string {
  return `${countText(counts(resources))}${members > 1 && resources.length > 0 ? " each" : ""}`;
}

/** One tenant by its name, many by their number and the first of them. */
export function who(members: readonly TenantChange[], most = 5): string {
  const ids = members.map(({ id }) => id);
  if (ids.length === 1) return markdown(valueList(ids));
  return `**${ids.length}**: ${markdown(valueList(ids, most))}`;
}

const gistFields = 3;

function gist(change: TenantChange): string {
  const { kind, after, before, fields, inherited, profile } = change;
  if (kind === "added" && after !== undefined) {
    const pool = after.postgres?.pool;
    const text: Text = [
      { value: after.displayName },
      `: ${after.tier}`,
      ...(pool === undefined ? [] : [" ", { value: pool }]),
      ", profile ",
      { value: profile },
      ...(after.ring === "all" ? [] : [`, ring ${after.ring}`]),
      ...(after.clone === undefined ? [] : [", like ", { value: after.clone.of }]),
    ];
    return `${markdown(text)}, ${after.stores.join(", ")}`;
  }
  if (kind === "removed" && before !== undefined) return `${code(before.displayName)} and all of its data`;
  const shown = fields.slice(0, gistFields).map(({ path, before: was, after: is }) => {
    return `${code(path)} ${was === undefined ? "" : `${code(was)} `}→ ${is === undefined ? "none" : code(is)}`;
  });
  const more = fields.length > gistFields ? [`${fields.length - gistFields} more`] : [];
  const origin = inherited && fields.length > 0 ? ` (by profile ${code(profile)} or the defaults)` : "";
  return fields.length === 0
    ? "only its resources: templates or program"
    : `${[...shown, ...more].join("<br>")}${origin}`;
}

/** @param noun - what a line is one of */
export function cut(lines: readonly string[], most: number, noun: string): string[] {
  if (lines.length <= most) return [...lines];
  return [...lines.slice(0, most), `- … and **${plural(lines.length - most, `more ${noun}`)}**`];
}

function footer({ stack, baseRef, baseCommit, notes }: Plan): string {
  const where = `<sub>Stack ${code(stack)}, compared with ${code(baseRef)} at ${code(baseCommit.slice(0, 12))}.`;
  const rest = notes.map((note) => ` Note: ${prose(note)}.`).join("");
  return `---\n${where}${rest} Made by <code>npm run -s tenancy -- plan</code>.</sub>`;
}

/** In place of a plan, where the branch's registry has faults. */
export function faultsMarkdown(faults: readonly Fault[], limit = commentLimit - margin): string {
  const lines = faults.map(({ file, line, column, path, message, found, allowed, fix }) => {
    const rest = [
      ["found", found],
      ["allowed", allowed],
      ["fix", fix],
    ].filter(([, text]) => text !== "");
    const told = rest.map(([label, text]) => `${label}: ${code(text ?? "")}`).join("<br>");
    return `| ${code(`${file}:${line}:${column}`)} | ${path === "" ? "" : code(path)} | ${prose(message)}<br>${told} |`;
  });
  return fold<"faults">(
    (caps) =>
      [
        marker,
        `## ⛔ Refused: the registry has ${plural(faults.length, "fault")}`,
        "No plan can be made before they are mended.",
        ["| place | key | fault |", "| --- | --- | --- |", ...lines.slice(0, caps.faults)].join("\n"),
        ...(lines.length > caps.faults ? [`… and **${plural(lines.length - caps.faults, "more fault")}**.`] : []),
        "Found by <code>npm run -s tenancy -- check</code>, which shows them all.",
      ].join("\n\n") + "\n",
    ["faults"],
    limit,
  );
}

/** In place of a plan, where none could be made. */
export function failureMarkdown(message: string, limit = commentLimit - margin): string {
  const lines = message.split("\n").map((line) => (line.trim() === "" ? "" : prose(line)));
  return fold<"lines">(
    (caps) => {
      const more = lines.length > caps.lines ? `\n\n… and **${plural(lines.length - caps.lines, "more line")}**.` : "";
      return `${marker}\n\n## ⛔ No plan could be made\n\n${lines.slice(0, caps.lines).join("<br>\n")}${more}\n`;
    },
    ["lines"],
    limit,
  );
}
