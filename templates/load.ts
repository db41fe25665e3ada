/**
 * Templates: what lies inside of a tenant's schema. A template is a folder `templates/<name>/` with a `template.yaml`
 * (manifest.ts) and files `NNNN-<name>.sql` that are applied in the order of their numbers; `seed/` holds files that fill
 * a new tenant once.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parse as parseYaml, YAMLParseError } from "yaml";
import type { SqlFile, TemplateVariables } from "../provider/inputs.ts";
import { messageOf } from "../provider/message.ts";
import {
  bareWord,
  type Manifest,
  manifestSchema,
  type TemplateTier,
  type TemplateVariable,
  type VectorColumn,
} from "./manifest.ts";
import { vectorFaults } from "./vectors.ts";

const fileName = /^([0-9]{4})-[a-z0-9]+(?:-[a-z0-9]+)*\.sql$/;
const templateName = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
const placeholder = /\{\{\s*([^{}]*?)\s*\}\}/g;

/** The first line of a file whose statements cannot run inside of a transaction. */
const concurrentMark = /^-- tenancy: concurrently[ \t]*\r?\n/;
/** Filled in by the tool: `PARTITION BY HASH (tenant_id)` in a pool with partitions, nothing anywhere else. */
export const partitionPlaceholder = "partition_by_tenant";

export interface Template {
  readonly name: string;
  readonly description: string;
  readonly variables: Readonly<Record<string, TemplateVariable>>;
  /** Extensions that have to be in the database before a tenant can use the template, with any values: `extensionsOf`. */
  readonly extensions: readonly string[];
  /** Isolation models that the files work in. */
  readonly tiers: readonly TemplateTier[];
  /** In the order in which they are applied. */
  readonly files: readonly SqlFile[];
  /** Of those the ones whose statements cannot run inside of a transaction. */
  readonly concurrent: readonly string[];
  /** Files of `seed/`, which fill a new tenant once. */
  readonly seeds: readonly SqlFile[];
  readonly vectors: readonly VectorColumn[];
  readonly appendOnly: readonly string[];
  readonly notAudited: readonly string[];
  /** Whether it has what `tenancy retention` calls. */
  readonly retention: boolean;
}

export interface VariableFault {
  readonly variable: string;
  readonly message: string;
  /** What would be right, in words. */
  readonly allowed: string;
}

/** A fault of a template itself; the message holds all of them, one a line. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
}

export function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/**
 * Names of the templates in a folder, sorted.
 *
 * @throws TemplateError when the folder cannot be read.
 */
export function templateNames(root: string): string[] {
  try {
    return readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && isFile(join(root, entry.name, "template.yaml")))
      .map((entry) => entry.name)
      .sort();
  } catch (error) {
    throw new TemplateError(`the folder of templates ${root} cannot be read: ${messageOf(error)}`);
  }
}

/** What was read, with the state of the folder then: a thousand tenants of one template ask for it several times. */
const loaded = new Map<string, { readonly folder: string; readonly template: Template }>();

/**
 * A template's manifest and the digests of its files; read again when a file of it has changed.
 *
 * @throws TemplateError with every fault of the manifest and of the files' names.
 */
export function loadTemplate(root: string, name: string): Template {
  const path = join(root, name);
  const folder = templateName.test(name) ? folderState(path) : "";
  const known = loaded.get(path);
  if (known?.folder === folder) return known.template;
  const template = readTemplate(root, name);
  loaded.set(path, { folder, template });
  return template;
}

/** Changes with every write to a file of the folder; empty where there is none. */
function folderState(path: string): string {
  try {
    return readdirSync(path, { recursive: true, encoding: "utf8" })
      .map((name) => {
        const { ino, size, ctimeNs } = statSync(join(path, name), { bigint: true });
        return `${name} ${ino} ${size} ${ctimeNs}`;
      })
      .join("\n");
  } catch {
    return "";
  }
}

function readTemplate(root: string, name: string): Template {
  const names = templateNames(root);
  if (!templateName.test(name) || !names.includes(name)) {
    throw new TemplateError(`template "${name}" is unknown; the folder ${root} has: ${names.join(", ") || "none"}`);
  }
  const faults: string[] = [];
  const manifest = readManifest(join(root, name, "template.yaml"), faults);
  const files = listFiles(join(root, name), faults);
  const seeds = isFolder(join(root, name, seedFolder)) ? listFiles(join(root, name, seedFolder), faults) : [];
  if (files.length === 0) faults.push("it has no file NNNN-name.sql");
  const known = new Set(manifest === undefined ? [] : placeholdersOf(manifest));
  for (const file of [...files, ...seeds]) {
    for (const [text, variable] of file.text.matchAll(placeholder)) {
      if (manifest !== undefined && !known.has(variable ?? "")) {
        faults.push(`${file.name}: ${text} names no variable of template.yaml; it has: ${[...known].join(", ")}`);
      }
    }
  }
  for (const { name: seed, text } of seeds) {
    if (concurrentMark.test(text)) faults.push(`seed/${seed} cannot run outside of the tenant's transaction`);
  }
  if (manifest === undefined || faults.length > 0) {
    throw new TemplateError(`template "${name}" has faults:\n${faults.map((fault) => `- ${fault}`).join("\n")}`);
  }
  return {
    name,
    description: manifest.description,
    variables: manifest.variables,
    extensions: manifest.extensions,
    tiers: manifest.tiers,
    files: files.map((file) => ({ name: file.name, sha256: file.sha256 })),
    concurrent: files.filter(({ text }) => concurrentMark.test(text)).map((file) => file.name),
    seeds: seeds.map((file) => ({ name: `${seedFolder}/${file.name}`, sha256: file.sha256 })),
    vectors: manifest.vectors,
    appendOnly: manifest.appendOnly,
    notAudited: manifest.notAudited,
    retention: manifest.retention,
  };
}

const seedFolder = "seed";

/** Every word that may stand in double braces. */
function placeholdersOf({ variables, tiers }: Manifest): string[] {
  return [
    ...Object.entries(variables).flatMap(([name, variable]) =>
      variable.type === "choice"
        ? [...new Set(Object.values(variable.choices).flatMap(({ text }) => Object.keys(text)))]
        : [name],
    ),
    ...(tiers.includes("pool") ? [partitionPlaceholder] : []),
  ];
}

/** Extensions that a tenant or pool with these values needs. */
export function extensionsOf(template: Template, values: TemplateVariables): string[] {
  const chosen = Object.entries(template.variables).flatMap(([name, variable]) =>
    variable.type === "choice" ? (variable.choices[String(values[name])]?.extensions ?? []) : [],
  );
  return [...new Set([...template.extensions, ...chosen])];
}

/** Fills in defaults and checks each value; reports all faults at once. */
export function checkVariables(
  template: Template,
  given: Readonly<Record<string, unknown>>,
): { values: TemplateVariables; faults: VariableFault[] } {
  const values: Record<string, string | number | boolean> = {};
  const faults: VariableFault[] = [];
  for (const [variable, definition] of Object.entries(template.variables)) {
    const value = given[variable] ?? definition.default;
    const allowed = allowedText(definition);
    if (value === undefined) {
      faults.push({ variable, message: "has no default and is not set", allowed });
    } else if (isAllowed(definition, value)) {
      values[variable] = value;
    } else {
      faults.push({ variable, message: `is ${JSON.stringify(value)}`, allowed });
    }
  }
  const known = Object.keys(template.variables);
  for (const variable of Object.keys(given).filter((key) => !known.includes(key))) {
    faults.push({
      variable,
      message: `is no variable of the template "${template.name}"`,
      allowed: known.length === 0 ? "the template has no variables" : known.join(", "),
    });
  }
  return { values, faults };
}

export interface RenderOptions {
  /**
   * Hash partitions of a pool's tables.
   * @default 0: none
   */
  readonly partitions?: number;
}

/**
 * The SQL of one file, or seed, with its `{{placeholders}}` filled in.
 *
 * @throws TemplateError when the file is not one of the template's, has changed since it was loaded, or a value is
 * missing or not allowed.
 */
export function renderFile(
  root: string,
  template: Template,
  file: string,
  values: TemplateVariables,
  options: RenderOptions = {},
): string {
  const entry = [...template.files, ...template.seeds].find((candidate) => candidate.name === file);
  if (entry === undefined) throw new TemplateError(`template "${template.name}" has no file "${file}"`);
  const content = readFileSync(join(root, template.name, file));
  if (sha256(content) !== entry.sha256) {
    throw new TemplateError(`${template.name}/${file} changed while it was being used: run the command again`);
  }
  const place = `${template.name}/${file}`;
  return fillIn(template, content.toString("utf8"), values, options, place);
}

/**
 * A text of the template with its `{{placeholders}}` filled in.
 *
 * @param place - named in the message of a fault
 * @throws TemplateError when a value is missing or not allowed.
 */
export function fillIn(
  template: Template,
  content: string,
  values: TemplateVariables,
  { partitions = 0 }: RenderOptions,
  place: string,
): string {
  const texts = chosenTexts(template, values, place);
  const plain = (text: string): string =>
    text.replaceAll(placeholder, (_text, variable: string) => {
      const definition = template.variables[variable];
      const value = values[variable];
      if (
        definition === undefined ||
        definition.type === "choice" ||
        value === undefined ||
        !isAllowed(definition, value)
      ) {
        throw new TemplateError(`${place}: the value of {{${variable}}} is missing or not allowed`);
      }
      return typeof value === "number" ? numberText(value) : String(value);
    });
  return content.replaceAll(placeholder, (text, variable: string) => {
    if (variable === partitionPlaceholder) return partitions > 0 ? "PARTITION BY HASH (tenant_id)" : "";
    return plain(texts.get(variable) ?? text);
  });
}

/** What the choices fill in, by placeholder; a placeholder that only another choice has is empty. */
function chosenTexts(template: Template, values: TemplateVariables, place: string): Map<string, string> {
  const texts = new Map<string, string>();
  for (const [name, variable] of Object.entries(template.variables)) {
    if (variable.type !== "choice") continue;
    const chosen = variable.choices[String(values[name])];
    if (chosen === undefined) throw new TemplateError(`${place}: the value of ${name} is missing or not allowed`);
    for (const { text } of Object.values(variable.choices)) for (const key of Object.keys(text)) texts.set(key, "");
    for (const [key, text] of Object.entries(chosen.text)) texts.set(key, text);
  }
  return texts;
}

function isAllowed(definition: TemplateVariable, value: unknown): value is string | number | boolean {
  if (definition.type === "choice") return typeof value === "string" && Object.hasOwn(definition.choices, value);
  if (definition.type === "boolean") return typeof value === "boolean";
  if (definition.type === "string") {
    return typeof value === "string" && bareWord.test(value) && (definition.allowed?.includes(value) ?? true);
  }
  if (typeof value !== "number" || !Number.isFinite(value)) return false;
  if (definition.type === "integer" && !Number.isSafeInteger(value)) return false;
  if (definition.allowed !== undefined) return definition.allowed.includes(value);
  return value >= (definition.minimum ?? -Infinity) && value <= (definition.maximum ?? Infinity);
}

function allowedText(definition: TemplateVariable): string {
  if (definition.type === "choice") return `one of ${Object.keys(definition.choices).join(", ")}`;
  if (definition.type === "boolean") return "true or false";
  if (definition.allowed !== undefined) return `one of ${definition.allowed.join(", ")}`;
  if (definition.type === "string") return "a word of letters, digits and underscores, at most 63 characters";
  const { minimum, maximum } = definition;
  const kind = definition.type === "integer" ? "an integer" : "a number";
  if (minimum !== undefined && maximum !== undefined) return `${kind} from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return `${kind} of at least ${minimum}`;
  return maximum === undefined ? kind : `${kind} of at most ${maximum}`;
}

/** A negative number in parentheses: `1 -{{x}}` must not become the comment `--`. */
function numberText(value: number): string {
  return value < 0 ? `(${value})` : String(value);
}

function readManifest(path: string, faults: string[]): Manifest | undefined {
  let data: unknown;
  try {
    data = parseYaml(readFileSync(path, "utf8"));
  } catch (error) {
    const line = error instanceof YAMLParseError ? `, line ${error.linePos?.[0].line ?? 1}` : "";
    faults.push(`template.yaml${line}: ${messageOf(error)}`);
    return undefined;
  }
  const parsed = manifestSchema.safeParse(data);
  if (!parsed.success) {
    faults.push(...parsed.error.issues.map((issue) => `template.yaml: ${issue.path.join(".")}: ${issue.message}`));
    return undefined;
  }
  for (const [name, variable] of Object.entries(parsed.data.variables)) {
    if (variable.default !== undefined && !isAllowed(variable, variable.default)) {
      faults.push(
        `template.yaml: variables.${name}.default is ${JSON.stringify(variable.default)}, ` +
          `allowed is ${allowedText(variable)}`,
      );
    }
  }
  faults.push(...vectorFaults(parsed.data));
  return parsed.data;
}

function listFiles(folder: string, faults: string[]): (SqlFile & { text: string })[] {
  const names = readdirSync(folder)
    .filter((name) => !["template.yaml", "README.md", seedFolder].includes(name) && !name.startsWith("."))
    .sort();
  const numbers = new Map<string, string>();
  const files = [];
  for (const name of names) {
    const number = fileName.exec(name)?.[1];
    if (number === undefined) {
      faults.push(`"${name}" is no file of a template: name it NNNN-name.sql, lower case, as in 0001-tables.sql`);
      continue;
    }
    const other = numbers.get(number);
    if (other !== undefined) faults.push(`${name} and ${other} have the same number: their order is not certain`);
    numbers.set(number, name);
    const content = readFileSync(join(folder, name));
    const text = content.toString("utf8");
    if (text.includes("\u0000") || !Buffer.from(text, "utf8").equals(content)) {
      faults.push(`${name} is not UTF-8 text`);
    }
    files.push({ name, sha256: sha256(content), text });
  }
  return files;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
