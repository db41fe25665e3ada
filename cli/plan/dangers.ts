/** Which changes of a tenant destroy, move or open something: they stand first. */
import { storeNames } from "../../provider/inputs.ts";
import { placesOf } from "./places.ts";
import type { RecordChange } from "./records.ts";
import type { ResourceChange } from "./resources.ts";
import { say, type Text, valueList } from "./text.ts";

/** Fields that a live tenant keeps, or whose change destroys; by the begin of their path. */
const fixed: readonly (readonly [RegExp, string])[] = [
  [/^tier$/, "tier"],
  [/^region$/, "region"],
  [/^prefix$/, "prefix of every name"],
  [/^externalId$/, "external id"],
  [/^placement\./, "placement"],
  [/^postgres\.template$/, "template"],
  [/^postgres\.pool$/, "pool"],
  [/^silo\.recoverFrom/, "recovery of the database"],
];

/** Empty where nothing is dangerous. */
export function dangersOf(change: RecordChange, resources: readonly ResourceChange[]): Text[] {
  const dangers: Text[] = [];
  const lost = resources.filter(({ step }) => step === "delete");
  const replaced = resources.filter(({ step }) => step === "replace");
  if (change.kind === "removed") {
    const places = change.before === undefined ? [] : placesOf(change.before);
    dangers.push([{ strong: "removed" }, ": its data is deleted for good: ", ...valueList(places)]);
    return dangers;
  }
  const { clone } = change.after ?? {};
  if (change.kind === "added" && clone?.data === true) {
    dangers.push([{ strong: "copied" }, ...say`: it begins with all rows of the tenant ${clone.of}`]);
  }
  if (change.kind === "offboarded") {
    dangers.push([
      { strong: "offboarded" },
      ": its logins close, its data loses its protection, and the next change may remove it",
    ]);
  }
  for (const [pattern, what] of fixed) {
    for (const { path, before, after } of change.fields) {
      if (!pattern.test(path) || isNewStore(path, change)) continue;
      const name = what === "placement" ? `placement of ${path.slice("placement.".length)}` : what;
      dangers.push([{ strong: name }, ...say`: ${before ?? "none"} → ${after ?? "none"}`]);
    }
  }
  for (const { path, before, after } of change.fields) {
    if (path === "backupWaiver.name" && before === undefined) {
      dangers.push([{ strong: "backup waived" }, ...say` by ${after ?? ""}: its data may be deleted without one`]);
    }
    if (path === "silo.backup.enabled" && after === "false")
      dangers.push([{ strong: "no more backups" }, " of its database"]);
  }
  if (replaced.length > 0) {
    dangers.push([
      { strong: "replaced" },
      ", which deletes what is there: ",
      ...valueList(replaced.map(shownResource)),
    ]);
  }
  if (lost.length > 0) dangers.push([{ strong: "deleted" }, ": ", ...valueList(lost.map(shownResource))]);
  const opened = resources.filter(({ unprotected }) => unprotected);
  if (opened.length > 0 && change.kind !== "offboarded") {
    dangers.push([{ strong: "no longer protected" }, " from deletion: ", ...valueList(opened.map(shownResource))]);
  }
  return dangers;
}

export function shownResource({ type, name }: ResourceChange): string {
  return `${type} ${name}`;
}

/** A store that the tenant did not have is a placement, and moves nothing. */
function isNewStore(path: string, { before }: RecordChange): boolean {
  const store = storeNames.find((name) => path === `placement.${name}`);
  return store !== undefined && before?.placement[store] === undefined;
}
