/**
 * Templates: what lies inside of a tenant's schema. A template is a folder `templates/<name>/` with a `template.yaml`
 * (description, variables, extensions) and files `NNNN-<name>.sql` that are applied in the order of their numbers.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parse as parseYaml, YAMLParseError } from "yaml";
import { z } from "zod";
import type { SqlFile, TemplateVariables } from "../provider/inputs.ts";
import { messageOf } from "../provider/message.ts";

/** Words that may stand in SQL as they are: no quote, no space, no comment can be made of them. */
const bareWord = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;
const fileName = /^([0-9]{4})-[a-z0-9]+(?:-[a-z0-9]+)*\.sql$/;
const templateName = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
const placeholder = /\{\{\s*([^{}]*?)\s*\}\}/g;

const word = z.string().regex(bareWord, "letters, digits and underscores, starting with a letter or underscore");

const variableSchema = z.strictObject({
  type: z.enum(["integer", "number", "boolean", "string"]),
  description: z.string().min(1),
  default: z.union([z.number(), z.boolean(), word]).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  allowed: z
    .array(z.union([word, z.number()]))
    .min(1)
    .optional(),
});

const manifestSchema = z.strictObject({
  description: z.string().min(1),
  variables: z.record(z.string().regex(/^[a-z][a-z0-9_]*$/), variableSchema).default({}),
  extensions: z.array(z.string().regex(/^[a-z][a-z0-9_-]*$/)).default([]),
});

export interface TemplateVariable {
  readonly type: "integer" | "number" | "boolean" | "string";
  readonly description: string;
  /** Left out: the tenant has to give a value. */
  readonly default?: string | number | boolean | undefined;
  /** Least value of an integer or number. */
  readonly minimum?: number | undefined;
  /** Greatest value of an integer or number. */
  readonly maximum?: number | undefined;
  /** The only values there are. A string without it has to be a bare word: `[A-Za-z_][A-Za-z0-9_]*`. */
  readonly allowed?: readonly (string | number)[] | undefined;
}

export interface Template {
  readonly name: string;
  readonly description: string;
  readonly variables: Readonly<Record<string, TemplateVariable>>;
  /** Extensions that have to be in the database before a tenant can use the template. */
  readonly extensions: readonly string[];
  /** In the order in which they are applied. */
  readonly files: readonly SqlFile[];
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
    const names = readdirSync(path);
    return names
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
  for (const file of files) {
    const known = new Set(Object.keys(manifest?.variables ?? {}));
    for (const [text, variable] of file.text.matchAll(placeholder)) {
      if (manifest !== undefined && !known.has(variable ?? "")) {
        faults.push(`${file.name}: ${text} names no variable of template.yaml; it has: ${[...known].join(", ")}`);
      }
    }
  }
  if (manifest === undefined || faults.length > 0) {
    throw new TemplateError(`template "${name}" has faults:\n${faults.map((fault) => `- ${fault}`).join("\n")}`);
  }
  return {
    name,
    description: manifest.description,
    variables: manifest.variables,
    extensions: manifest.extensions,
    files: files.map((file) => ({ name: file.name, sha256: file.sha256 })),
  };
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

/**
 * The SQL of one file with its `{{placeholders}}` filled in.
 *
 * @throws TemplateError when the file is not one of the template's, has changed since it was loaded, or a value is
 * missing or not allowed.
 */
export function renderFile(root: string, template: Template, file: string, values: TemplateVariables): string {
  const entry = template.files.find((candidate) => candidate.name === file);
  if (entry === undefined) throw new TemplateError(`template "${template.name}" has no file "${file}"`);
  const content = readFileSync(join(root, template.name, file));
  if (sha256(content) !== entry.sha256) {
    throw new TemplateError(`${template.name}/${file} changed while it was being used: run the command again`);
  }
  return content.toString("utf8").replaceAll(placeholder, (_text, variable: string) => {
    const definition = template.variables[variable];
    const value = values[variable];
    if (definition === undefined || value === undefined || !isAllowed(definition, value)) {
      throw new TemplateError(`${template.name}/${file}: the value of {{${variable}}} is missing or not allowed`);
    }
    return typeof value === "number" ? numberText(value) : String(value);
  });
}

function isAllowed(definition: TemplateVariable, value: unknown): value is string | number | boolean {
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

function readManifest(path: string, faults: string[]): z.infer<typeof manifestSchema> | undefined {
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
  return parsed.data;
}

function listFiles(folder: string, faults: string[]): (SqlFile & { text: string })[] {
  const names = readdirSync(folder)
    .filter((name) => name !== "template.yaml" && !name.startsWith(".") && name !== "README.md")
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
  if (files.length === 0) faults.push("it has no file NNNN-name.sql");
  return files;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
