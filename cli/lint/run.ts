/** Every fault of templates' and tenants' SQL, each once, at its path. */
import { readFileSync, realpathSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { canaryPrefix } from "../../components/naming.ts";
import { shownPath } from "../../tenants/faults.ts";
import type { Registry, TenantRecord } from "../../tenants/load.ts";
import { type LintFault, lintOwnFiles, lintTemplate } from "../../templates/lint/lint.ts";
import { samplesOf } from "../../templates/lint/samples.ts";
import { loadTemplate, templateNames } from "../../templates/load.ts";
import type { TemplateVariables } from "../../provider/inputs.ts";
import type { RenderOptions } from "../../templates/values.ts";
import { UserError } from "../user-error.ts";

export interface LintRun {
  /** Absolute path of the folder of templates. */
  readonly templates: string;
  /** Undefined where only templates are asked for. */
  readonly registry: Registry | undefined;
  /** @default every template and every tenant's own file */
  readonly names?: readonly string[];
  /** One file alone. */
  readonly file?: string;
}

export interface LintReport {
  /** How many files were looked at. */
  readonly files: number;
  /** `file` is a path from the working directory. */
  readonly faults: readonly LintFault[];
}

export async function runLint({ templates, registry, names = [], file }: LintRun): Promise<LintReport> {
  const found = new Found();
  if (file !== undefined) return oneFile(file, templates, registry);
  const known = templateNames(templates);
  for (const name of names) {
    if (!known.includes(name)) throw new UserError(`There is no template "${name}"; there are: ${known.join(", ")}.`);
  }
  const prefixes = prefixesOf(registry);
  for (const name of names.length > 0 ? names : known) {
    await lintOneTemplate(name, templates, registry, prefixes, found);
  }
  for (const record of names.length > 0 ? [] : (registry?.tenants ?? [])) {
    await lintTenant(record, templates, registry?.path ?? "", prefixes, found);
  }
  return found.report();
}

/** Faults by their place: what many tenants share is told once. */
class Found {
  readonly #faults = new Map<string, LintFault>();
  readonly #files = new Set<string>();

  add(files: readonly string[], faults: readonly LintFault[], path: (file: string) => string): void {
    for (const file of files) this.#files.add(path(file));
    for (const fault of faults) {
      const told = { ...fault, file: path(fault.file) };
      const { file, line, column, rule, message } = told;
      this.#faults.set(JSON.stringify([file, line, column, rule, message]), told);
    }
  }

  report(only?: string): LintReport {
    const faults = [...this.#faults.values()].filter(({ file }) => only === undefined || file === only);
    faults.sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line || a.column - b.column));
    return { files: only === undefined ? this.#files.size : 1, faults };
  }
}

/** With sample values, and with those of every tenant and pool that uses it. */
async function lintOneTemplate(
  name: string,
  root: string,
  registry: Registry | undefined,
  prefixes: readonly string[],
  found: Found,
): Promise<void> {
  const template = loadTemplate(root, name);
  const used: { values: TemplateVariables; options: RenderOptions }[] = [
    ...samplesOf(template),
    ...(registry?.tenants ?? []).flatMap(({ postgres }) =>
      postgres?.template === name ? [{ values: postgres.variables, options: {} }] : [],
    ),
    ...(registry?.pools ?? []).flatMap(({ template: own, variables, partitions }) =>
      own === name ? [{ values: variables, options: { partitions } }] : [],
    ),
  ];
  const files = [...template.files, ...template.seeds].map((file) => `${name}/${file.name}`);
  for (const { values, options } of used) {
    const faults = await lintTemplate(root, template, values, { ...options, prefixes });
    found.add(files, faults, (file) => shownPath(join(root, file)));
  }
}

async function lintTenant(
  { postgres }: TenantRecord,
  root: string,
  registry: string,
  prefixes: readonly string[],
  found: Found,
): Promise<void> {
  const names = postgres?.additionalSql ?? [];
  if (postgres === undefined || names.length === 0) return;
  const folder = dirname(registry);
  const files = names.map((name) => ({ name, sql: readFileSync(join(folder, name), "utf8") }));
  const base = { root, template: loadTemplate(root, postgres.template), values: postgres.variables };
  const faults = await lintOwnFiles(files, base, { prefixes });
  found.add(names, faults, (file) => shownPath(join(folder, file)));
}

/** A template's file among the others of its template, a tenant's behind its template, any other by itself. */
async function oneFile(file: string, root: string, registry: Registry | undefined): Promise<LintReport> {
  let path: string;
  try {
    path = realpathSync(file);
  } catch {
    throw new UserError(`There is no file ${JSON.stringify(file)}.`);
  }
  const found = new Found();
  const prefixes = prefixesOf(registry);
  const [name = "", ...rest] = relative(realpathSync(root), path).split(sep);
  if (name !== ".." && rest.length > 0 && templateNames(root).includes(name)) {
    await lintOneTemplate(name, root, registry, prefixes, found);
    return found.report(shownPath(join(root, name, ...rest)));
  }
  const folder = dirname(registry?.path ?? "");
  const owners = (registry?.tenants ?? []).filter(({ postgres }) =>
    postgres?.additionalSql.some((own) => realpathSync(join(folder, own)) === path),
  );
  for (const owner of owners) await lintTenant(owner, root, registry?.path ?? "", prefixes, found);
  if (owners.length > 0) return found.report(shownPath(path));
  const sql = readFileSync(path, "utf8");
  found.add([path], await lintOwnFiles([{ name: path, sql }], undefined, { prefixes }), shownPath);
  return found.report();
}

/** Those of the canary are nobody's. */
function prefixesOf(registry: Registry | undefined): string[] {
  const all = new Set([canaryPrefix, ...(registry?.tenants ?? []).map(({ prefix }) => prefix)]);
  return [...all].sort();
}
