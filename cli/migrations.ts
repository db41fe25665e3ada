/** Who has which files of its template: the registry's tenants and pools beside the records on the servers. */
import type { Ring, SqlFile } from "../provider/inputs.ts";
import { rings } from "../provider/inputs.ts";
import { columns } from "./columns.ts";

/** A tenant or a pool, with the files that it shall have. */
export interface Wanted {
  /** A tenant's id, or `pool <name>`. */
  readonly id: string;
  readonly template: string;
  /** A pool comes before all rings. */
  readonly ring: Ring | "pool";
  readonly schema: string;
  /** In the order in which they are applied. */
  readonly files: readonly (SqlFile & { readonly origin: "template" | "tenant" })[];
}

export interface AppliedRow {
  readonly schema: string;
  readonly origin: string;
  readonly name: string;
  readonly sha256: string;
}

export interface Standing extends Omit<Wanted, "files" | "schema"> {
  /** `new`: nothing of it was applied yet. `unknown`: nobody was asked. */
  readonly is: "up to date" | "behind" | "edited" | "new" | "unknown";
  /** Files that were not applied. */
  readonly lacks: readonly string[];
  /** Files that were applied with another text than they have now. */
  readonly edited: readonly string[];
  /** Why nobody was asked. */
  readonly reason?: string;
}

/** @param applied - of the database that it lies in, or why that was not asked */
export function standingOf({ files, schema, ...place }: Wanted, applied: readonly AppliedRow[] | string): Standing {
  if (typeof applied === "string") return { ...place, is: "unknown", lacks: [], edited: [], reason: applied };
  const had = new Map(
    applied.filter((row) => row.schema === schema).map(({ origin, name, sha256 }) => [`${origin} ${name}`, sha256]),
  );
  const digest = ({ origin, name }: (typeof files)[number]) => had.get(`${origin} ${name}`);
  const lacks = files.filter((file) => digest(file) === undefined).map(({ name }) => name);
  const edited = files
    .filter((file) => digest(file) !== undefined && digest(file) !== file.sha256)
    .map(({ name }) => name);
  const is = had.size === 0 ? "new" : edited.length > 0 ? "edited" : lacks.length > 0 ? "behind" : "up to date";
  return { ...place, is, lacks: is === "new" ? [] : lacks, edited };
}

const ringOrder = ["pool", ...rings];
/** So many ids are named in a line of the text. */
const named = 8;

/** One line a template and ring, then who lacks which file, whose file was edited, and who was not asked. */
export function migrationsText(standings: readonly Standing[]): string {
  if (standings.length === 0) return "no tenant of the registry has a schema from a template";
  const kinds = ["up to date", "behind", "edited", "new", "unknown"] as const;
  const heading = ["template", "ring", "up to date", "behind", "edited", "not made", "not asked"];
  const table = groups(standings, ({ template, ring }) => `${template}\n${String(ringOrder.indexOf(ring))}`).map(
    ([, members], index, all) => {
      const { template, ring } = members[0] ?? { template: "", ring: "" };
      const first = all[index - 1]?.[1][0]?.template !== template;
      const counts = kinds.map((kind) => members.filter(({ is }) => is === kind).length);
      const cells = counts.map((count, at) =>
        at === 0 ? `${count} of ${members.length}` : count === 0 ? "-" : String(count),
      );
      return [first ? template : "", ring, ...cells];
    },
  );
  const byFile = (title: string, filesOf: (one: Standing) => readonly string[]): string[] => {
    const pairs = standings.flatMap((one) =>
      filesOf(one).map((file) => ({ id: one.id, ring: one.ring, file: `${one.template}/${file}` })),
    );
    if (pairs.length === 0) return [];
    const lines = groups(pairs, ({ file, ring }) => `${file}\n${String(ringOrder.indexOf(ring))}`).map(
      ([, members]) => [`  ${members[0]?.file ?? ""}`, members[0]?.ring ?? "", idsText(members.map(({ id }) => id))],
    );
    return ["", title, columns(lines)];
  };
  const unknown = groups(
    standings.filter(({ is }) => is === "unknown"),
    ({ reason }) => reason ?? "",
  ).map(([reason, members]) => `  ${idsText(members.map(({ id }) => id))}: ${reason}`);
  return [
    columns([heading, ...table]),
    ...byFile("Files that are not applied yet:", ({ is, lacks }) => (is === "new" ? [] : lacks)),
    ...byFile(
      "Files that were edited after they had been applied, which the next update refuses:",
      ({ edited }) => edited,
    ),
    ...(unknown.length > 0 ? ["", "Not asked:", ...unknown] : []),
  ].join("\n");
}

/** In the order of their keys. */
function groups<T>(items: readonly T[], keyOf: (item: T) => string): [string, T[]][] {
  const found = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    found.set(key, [...(found.get(key) ?? []), item]);
  }
  return [...found].sort(([one], [other]) => (one < other ? -1 : 1));
}

function idsText(ids: readonly string[]): string {
  const more = ids.length - named;
  const shown = ids.slice(0, named).join(", ");
  return ids.length === 1 ? shown : `${ids.length}: ${shown}${more > 0 ? ` and ${more} more` : ""}`;
}
