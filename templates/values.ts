/** The values of a template's variables, and its files with them filled in. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TemplateVariables } from "../provider/inputs.ts";
import { bareWord, type TemplateVariable } from "./manifest.ts";
import { sha256, type Template, TemplateError } from "./template.ts";

/** `{{name}}`. */
export const placeholder = /\{\{\s*([^{}]*?)\s*\}\}/g;
/** Filled in by the tool: `PARTITION BY HASH (tenant_id)` in a pool with partitions, nothing anywhere else. */
export const partitionPlaceholder = "partition_by_tenant";

export interface VariableFault {
  readonly variable: string;
  readonly message: string;
  /** What would be right, in words. */
  readonly allowed: string;
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
 * The text of one file, or seed, as it is on disk.
 *
 * @throws TemplateError when the file is not one of the template's, or has changed since it was loaded.
 */
export function readFile(root: string, template: Template, file: string): string {
  const entry = [...template.files, ...template.seeds].find((candidate) => candidate.name === file);
  if (entry === undefined) throw new TemplateError(`template "${template.name}" has no file "${file}"`);
  const content = readFileSync(join(root, template.name, file));
  if (sha256(content) !== entry.sha256) {
    throw new TemplateError(`${template.name}/${file} changed while it was being used: run the command again`);
  }
  return content.toString("utf8");
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
  const content = readFile(root, template, file);
  const place = `${template.name}/${file}`;
  return fillIn(template, content, values, options, place);
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

/** Whether a variable may have the value. */
export function isAllowed(definition: TemplateVariable, value: unknown): value is string | number | boolean {
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

/** What a variable may be, in words. */
export function allowedText(definition: TemplateVariable): string {
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
