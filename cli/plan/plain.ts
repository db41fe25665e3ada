/** The plan for a terminal, and for other programs. */
import type { Fault } from "../../tenants/faults.ts";
import { countText, difference, groupsOf } from "./markdown.ts";
import { plural, type Plan } from "./plan.ts";
import { ringText } from "./pools.ts";
import { counts, type ResourceChange } from "./resources.ts";
import { plainText, quiet, shortened, shownPair, valueList } from "./text.ts";

const signs = { create: "+", update: "~", replace: "±", delete: "-" } as const;

export function planText(plan: Plan): string {
  const { rating, changes, counts: total, policies, room, cost, files, notes, live } = plan;
  const resourceLine = ({ step, type, name, changed, unprotected }: ResourceChange): string =>
    `    ${signs[step]} ${type} ${quiet(name)}${changed.length === 0 ? "" : `  [${changed.map(quiet).join(", ")}]`}` +
    (unprotected ? "  no longer protected" : "");
  const groups = groupsOf(plan).flatMap(({ kind, members }) => {
    const [first] = members;
    if (first === undefined) return [];
    const origin = first.inherited && first.fields.length > 0 ? `, by profile ${first.profile} or the defaults` : "";
    const fields = first.fields.map(({ path, before, after }) => {
      const [was, is] = shownPair(before, after);
      return `    ${quiet(path)}: ${was === undefined ? "none" : quiet(was)} → ${is === undefined ? "none" : quiet(is)}`;
    });
    return [
      `${first.dangers.length > 0 ? "! " : "  "}${kind} ${plainText(valueList(members.map(({ id }) => id)))}${origin}: ` +
        countText(counts(first.resources)),
      ...first.dangers.map((danger) => `    danger: ${plainText(danger)}`),
      ...fields,
      ...first.resources.map(resourceLine),
    ];
  });
  return [
    `plan of stack ${plan.stack} against ${quiet(plan.baseRef)} (${plan.baseCommit.slice(0, 12)}): ${rating}`,
    ...notes.map((note) => `note: ${quiet(note)}`),
    "",
    ...plan.refusals.map((reason) => `refused: ${quiet(reason)}`),
    ...plan.dangers.map((danger) => `danger: ${plainText(danger)}`),
    ...plan.pools.flatMap(({ name, kind, fields }) => [
      `  pool ${kind} ${quiet(name)}`,
      ...fields.map(
        ({ path, before, after }) => `    ${quiet(path)}: ${quiet(before ?? "none")} → ${quiet(after ?? "none")}`,
      ),
    ]),
    ...groups,
    ...(plan.rings.length === 0 ? [] : [`  order: ${ringText(plan.rings)}`]),
    ...(plan.platform.length === 0 ? [] : ["  platform", ...plan.platform.map(resourceLine)]),
    "",
    ...policies.fresh.map(({ rule, kind, message }) => `policy: ${kind} ${rule.name}: ${quiet(message)}`),
    `policy: ${policies.fresh.length} new, ${policies.standing.length} at the base, too, ${policies.solved} solved`,
    ...room.map(({ what, before, after, limit }) => {
      return `capacity: ${quiet(what)}: ${before} → ${after}${limit === undefined ? "" : ` of ${limit}`}`;
    }),
    ...(cost === undefined
      ? ["cost: not estimated, there is no price file beside the registry"]
      : [
          `cost a month: ${cost.before.toFixed(2)} → ${cost.after.toFixed(2)} ${cost.currency} (${difference(cost.after - cost.before, cost.currency)})`,
        ]),
    ...files.map(({ path, change }) => `file: ${change} ${quiet(path)}`),
    ...(live === undefined
      ? []
      : [
          `live: ${live.engine}: ${live.ok ? "" : "refused, "}${plural(live.steps.length, "change")}, ${live.unchanged} unchanged`,
          ...live.messages.map((message) => `live: ${message.split("\n").map(quiet).join(" ")}`),
        ]),
    `${rating}: ${plural(changes.length, "tenant")} affected; resources: ${countText(total)}`,
    "",
  ].join("\n");
}

/** The form only grows. Values of resources are not in it: they may be secret. */
export function planJson(plan: Plan): string {
  const { changes, policies, cost, dangers, ...rest } = plan;
  const verdict = ({ rule, kind, level, message, urn }: Plan["policies"]["fresh"][number]) => ({
    ...{ rule: rule.name, kind, level, message, urn },
  });
  const document = {
    format: 1,
    ...rest,
    dangers: dangers.map(plainText),
    changes: changes.map(({ id, kind, profile, inherited, fields, dangers: own, resources, before, after }) => {
      return { id, kind, profile, inherited, dangers: own.map(plainText), fields, resources, before, after };
    }),
    policies: {
      posture: policies.posture,
      fresh: policies.fresh.map(verdict),
      standing: policies.standing.map(verdict),
      solved: policies.solved,
    },
    ...(cost === undefined
      ? {}
      : { cost: { ...cost, tenants: Object.fromEntries(cost.tenants), servers: Object.fromEntries(cost.servers) } }),
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

export function faultsJson(faults: readonly Fault[]): string {
  return `${JSON.stringify({ format: 1, rating: "refused", faults }, undefined, 2)}\n`;
}

export function faultsText(faults: readonly Fault[]): string {
  const lines = faults.flatMap(({ file, line, column, path, message, found, allowed, fix }) => [
    `${quiet(file)}:${line}:${column}${path === "" ? "" : `  ${quiet(path)}`}`,
    `  ${quiet(message)}`,
    `  found:   ${quiet(shortened(found))}`,
    `  allowed: ${quiet(allowed)}`,
    `  fix:     ${quiet(fix)}`,
    "",
  ]);
  return [...lines, `refused: the registry has ${plural(faults.length, "fault")}`, ""].join("\n");
}
