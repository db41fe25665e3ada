/** What a person reads of a drift report, and the statements beside what belongs to nobody. */
import { canaryPrefix } from "../components/naming.ts";
import type { Finding } from "../provider/finding.ts";
import { identifier } from "../provider/postgres/quote.ts";
import { quote } from "../provider/neo4j/cypher.ts";
import { expiryOf, isCanaryId } from "./canary/id.ts";
import { canaryRow } from "./orphans/postgres.ts";
import type { DriftReport, PlaceDrift } from "./drift.ts";
import type { Orphan } from "./orphans/orphan.ts";

/** Id of the canary that a name is of; undefined for every other name. */
export function canaryOf({ name }: Orphan): string | undefined {
  const match = new RegExp(
    `(?:^|:|/|tenancy_mark_)${canaryPrefix}(?:_|-|:|\\.|s/)([0-9a-z]+)(?:-|__)([0-9a-z]{8})(?![0-9a-z])`,
  ).exec(name);
  const id = match === null ? undefined : `${match[1] ?? ""}-${match[2] ?? ""}`;
  return id !== undefined && isCanaryId(id) ? id : undefined;
}

/** Catalogue entries are named by their id alone, which a tenant's could be like. */
/** A member's logins tell a canary from a tenant whose id has the same form. */
function memberCanary({ kind, name, detail }: Orphan): string | undefined {
  const id = name.slice(name.indexOf("/") + 1);
  return kind === "pool member" && isCanaryId(id) && detail.includes(` ${canaryPrefix}_`) ? id : undefined;
}

export function isCanary(orphan: Orphan): boolean {
  const { kind, name, detail } = orphan;
  if (kind === "pool member") return memberCanary(orphan) !== undefined;
  if (kind !== "catalogue entry") return canaryOf(orphan) !== undefined;
  return isCanaryId(name) && (detail.includes(`schema ${canaryPrefix}_`) || detail.includes(canaryRow));
}

const who: Readonly<Record<Finding["mend"], string>> = {
  repair: "mended by `tenancy drift --repair`",
  administrator: "an administrator runs",
  "by hand": "left to a person",
};

export function textReport(report: DriftReport): string {
  const { drift, orphans, unknown, notes, read } = report;
  const count = drift.reduce((sum, { findings }) => sum + findings.length, 0);
  const [canaries, strays] = [orphans.filter(isCanary), orphans.filter((orphan) => !isCanary(orphan))];
  const lines: string[] = [];
  for (const place of drift) lines.push(title(place), ...place.findings.flatMap(findingLines), "");
  if (strays.length > 0) {
    lines.push("orphans: on the servers, and of no known tenant; nothing is ever removed by this tool");
    for (const orphan of strays) lines.push(...orphanLines(orphan));
    lines.push("");
  }
  if (canaries.length > 0) {
    lines.push("canaries of verification runs: removed by the run, or after their expiry by the next one");
    for (const orphan of canaries) lines.push(`  ${place(orphan)}  until ${expiry(orphan)}`);
    lines.push("");
  }
  if (unknown.length > 0) lines.push("not found out:", ...unknown.map((sentence) => `  ${sentence}`), "");
  if (notes.length > 0) lines.push("notes:", ...notes.map((sentence) => `  ${sentence}`), "");
  const differ = count === 0 ? "nothing differs" : `${count} ${count === 1 ? "thing differs" : "things differ"}`;
  lines.push(
    `drift: ${read} ${read === 1 ? "place" : "places"} read, ${differ}, ${strays.length} ` +
      `${strays.length === 1 ? "orphan" : "orphans"}${unknown.length === 0 ? "" : `, ${unknown.length} not found out`}`,
  );
  return lines.join("\n");
}

function title({ tenant, store, server, place: name }: PlaceDrift): string {
  return tenant === undefined ? `${store} server ${server}` : `tenant ${tenant}, ${store} on ${server}, ${name}`;
}

function findingLines({ sentence, field, is, should, mend, statements }: Finding): string[] {
  return [
    `  ${sentence}`,
    `    ${field}`,
    `    is:     ${is}`,
    `    should: ${should}`,
    `    ${who[mend]}${statements.length === 0 ? "" : ":"}`,
    ...statements.map((statement) => `      ${statement}`),
  ];
}

function place({ store, server, kind, name }: Orphan): string {
  return `${store} on ${server}: ${kind} ${name}`;
}

function expiry(orphan: Orphan): string {
  const id = memberCanary(orphan) ?? canaryOf(orphan) ?? orphan.name;
  return new Date(expiryOf(id)).toISOString();
}

function orphanLines(orphan: Orphan): string[] {
  const since = orphan.since === undefined ? "" : `, since ${orphan.since}`;
  return [
    `  ${place(orphan)}`,
    `    ${orphan.detail}${since}`,
    ...removalOf(orphan).map((statement) => `      ${statement}`),
  ];
}

/** What a person would run, after having found out that nobody needs it. */
export function removalOf({ store, kind, name }: Orphan): string[] {
  if (store === "neo4j") return graphRemoval(kind, name);
  switch (kind) {
    case "database":
      return [`DROP DATABASE ${identifier(name)};  -- deletes everything in it: back it up first`];
    case "schema":
      return [`DROP SCHEMA ${identifier(name)} CASCADE;  -- deletes its rows: back them up first`];
    case "role":
      return [`REASSIGN OWNED BY … ; DROP OWNED BY ${identifier(name)}; DROP ROLE ${identifier(name)};`];
    case "pool member":
    case "catalogue entry":
      return [`-- put the tenant back into the registry, or have its stack remove it by \`state: offboarding\``];
    case "ACL user":
      return [`ACL DELUSER ${name}`, "ACL SAVE"];
    case "keys":
      return [`-- look at them with SCAN … MATCH, then UNLINK them`];
    case "IAM user":
      return [`aws iam delete-user --user-name ${name}  # after its access keys and policies`];
    case "access key":
      return [`aws iam delete-access-key --access-key-id ${name}`];
    case "mark":
      return [`-- the mark of something that is gone: it says whose it was, and keeps nobody out`];
    case "prefix":
      return [`aws s3 rm --recursive s3://…/${name}  # after a copy, with versions`];
    case "folder":
      return [`rm -r …/${name}  # after a copy`];
    case "user":
    case "instance":
      return [];
  }
}

/** On the database `system`. */
function graphRemoval(kind: Orphan["kind"], name: string): string[] {
  switch (kind) {
    case "database":
      return [`DROP DATABASE ${quote(name)} DUMP DATA;  // keeps a dump on the server`];
    case "user":
      return [`DROP USER ${quote(name)};`];
    case "role":
      return [`DROP ROLE ${quote(name)};`];
    case "instance":
      return [`DELETE /v1/instances/${name} at the instance manager  // deletes its graph: dump it first`];
    default:
      return [`// SHOW ROLES names it whole, with its token: DROP ROLE ${name}_…;`];
  }
}

export function jsonReport(report: DriftReport): string {
  const orphans = report.orphans.map((orphan) => {
    const until = isCanary(orphan) ? { canaryUntil: expiry(orphan) } : {};
    return { ...orphan, ...until, statements: isCanary(orphan) ? [] : removalOf(orphan) };
  });
  return JSON.stringify({ ...report, orphans }, null, 2);
}
