/** Where a tenant is written, and what an edit of its record does to that file. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parsePlatform } from "../../components/platform.ts";
import { quote, shownPath } from "../../tenants/faults.ts";
import { tenantFiles } from "../../tenants/files.ts";
import type { Registry, Servers } from "../../tenants/load.ts";
import { tenantIdSchema, tenantSchema } from "../../tenants/schema.ts";
import { layoutOf } from "../plan/base-project.ts";
import { type Project, stackConfig } from "../project.ts";
import { UserError } from "../user-error.ts";
import { type Change, type Check, readText, tryOut, writeChange } from "./files.ts";
import { type EditValue, recordLines, removeIn, setIn, valueIn } from "./yaml-text.ts";
import { valueFor } from "./values.ts";

export interface Place {
  readonly file: string;
  readonly text: string;
  /** Path of the record in its file; empty in a file of one tenant. */
  readonly path: readonly string[];
}

export class RegistryEditor {
  readonly check: Check;
  readonly #folder: string;

  constructor(project: Project) {
    const { registry, templates } = layoutOf(project);
    const path = join(project.dir, registry);
    this.check = { registry: path, templates: join(project.dir, templates), servers: knownServers(project) };
    this.#folder = join(dirname(path), "registry.d");
  }

  /** Ids of all tenants, faulty records included. */
  ids(): string[] {
    const main = valueIn(this.#main().text, ["tenants"]);
    const inMain = typeof main === "object" && main !== null ? Object.keys(main) : [];
    return [...inMain, ...tenantFiles(this.check.registry).files.map(({ id }) => id)].sort();
  }

  profiles(): string[] {
    const profiles = valueIn(this.#main().text, ["profiles"]);
    return typeof profiles === "object" && profiles !== null ? Object.keys(profiles) : [];
  }

  /** @throws UserError when no file has the tenant. */
  find(id: string): Place {
    const main = this.#main();
    if (valueIn(main.text, ["tenants", id]) !== undefined) return { ...main, path: ["tenants", id] };
    const file = join(this.#folder, `${id}.yaml`);
    const text = tenantIdSchema.safeParse(id).success ? readText(file) : undefined;
    if (text !== undefined) return { file, text, path: [] };
    const ids = this.ids();
    throw new UserError(
      `tenant ${quote(id)} is not in the registry; it has ${ids.length === 0 ? "none" : ids.slice(0, 20).join(", ")}` +
        `${ids.length > 20 ? ` and ${ids.length - 20} more` : ""}.`,
    );
  }

  value(place: Place, path: readonly string[]): unknown {
    return valueIn(place.text, [...place.path, ...path]);
  }

  /** @param own - in a file of its own in `registry.d`; left out: where there is such a folder */
  add(id: string, record: Readonly<Record<string, EditValue>>, own = existsSync(this.#folder)): Change {
    if (!tenantIdSchema.safeParse(id).success) {
      throw new UserError(
        `tenant ${quote(id)}: an id has 1 to 40 lower-case letters, digits and hyphens, no hyphen at the begin or end.`,
      );
    }
    if (this.ids().includes(id)) {
      throw new UserError(`tenant ${id} is in the registry already: \`tenancy set ${id} …\` changes it.`);
    }
    if (own) {
      const file = join(this.#folder, `${id}.yaml`);
      return { file, before: readText(file), after: `${recordLines(record, "")}\n` };
    }
    const { file, text } = this.#main();
    return { file, before: text, after: addRecord(text, id, record) };
  }

  set(place: Place, settings: readonly (readonly [path: readonly string[], value: EditValue | undefined])[]): Change {
    let after = place.text;
    for (const [path, value] of settings) {
      const full = [...place.path, ...path];
      after = value === undefined ? removeIn(after, full) : setIn(after, full, value);
    }
    return { file: place.file, before: place.text, after };
  }

  remove(place: Place): Change {
    if (place.path.length === 0) return { file: place.file, before: place.text, after: undefined };
    return { file: place.file, before: place.text, after: removeIn(place.text, place.path) };
  }

  /**
   * Checks the registry as it would be and writes the file.
   *
   * @throws RegistryError with every fault; then nothing was written.
   */
  apply(change: Change, dryRun = false): Registry {
    const registry = tryOut(this.check, change);
    if (!dryRun && change.before !== change.after) writeChange(change);
    return registry;
  }

  #main(): Place {
    const text = readText(this.check.registry);
    if (text === undefined) throw new UserError(`${shownPath(this.check.registry)} is not there.`);
    return { file: this.check.registry, text, path: [] };
  }
}

/** Below `tenants`, which may be empty. */
function addRecord(text: string, id: string, record: Readonly<Record<string, EditValue>>): string {
  const tenants = valueIn(text, ["tenants"]);
  const isEmpty = tenants === null || (typeof tenants === "object" && Object.keys(tenants).length === 0);
  if (!isEmpty) return setIn(text, ["tenants", id], record);
  const lines = `tenants:\n  ${id}:\n${recordLines(record, "    ")}`;
  // The record stands on lines of its own from the first one on.
  const empty = /^tenants:[ \t]*(\{[ \t]*\})?[ \t]*(#.*)?$/m;
  if (!empty.test(text)) return setIn(text, ["tenants", id], record);
  return text.replace(empty, (_line, _braces, comment?: string) => {
    return lines.replace("tenants:", comment === undefined ? "tenants:" : `tenants: ${comment}`);
  });
}

/** As in `postgres.connectionLimit=20`. */
export function parseSetting(text: string): readonly [readonly string[], EditValue] {
  const [, path = "", value] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  if (value === undefined) throw new UserError(`${quote(text)}: write key=value, as in postgres.connectionLimit=20.`);
  const keys = parsePath(path);
  return [keys, valueFor(tenantSchema, keys, value)];
}

/** As in `postgres.connectionLimit` or `labels["example.com/team"]`. */
export function parsePath(text: string): string[] {
  const parts = [...text.matchAll(/\.?([\w-]+)|\[("(?:[^"\\]|\\.)*")\]/gy)];
  const length = parts.reduce((sum, [part]) => sum + part.length, 0);
  if (parts.length === 0 || length !== text.length || text.startsWith(".")) {
    throw new UserError(
      `${quote(text)} is no key: write it as in postgres.connectionLimit or labels["example.com/team"].`,
    );
  }
  return parts.map(([, plain, quoted]) => plain ?? (JSON.parse(quoted ?? '""') as string));
}

/** Servers of a platform that can be read here: then placements are checked, too. */
function knownServers(project: Project): Servers | undefined {
  const config = stackConfig(project);
  const file = config["tenancy:platformFile"];
  if (typeof file !== "string") return undefined;
  const path = resolve(project.dir, file);
  if (!existsSync(path)) return undefined;
  try {
    return parsePlatform(JSON.parse(readFileSync(path, "utf8")), path, dirname(path)).infos;
  } catch (error) {
    if (error instanceof SyntaxError) throw new UserError(`${shownPath(path)} is not JSON.`);
    throw error;
  }
}
