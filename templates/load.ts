/**
 * Templates: what lies inside of a tenant's schema. A template is a folder `templates/<name>/` with a `template.yaml`
 * (manifest.ts) and files `NNNN-<name>.sql` that are applied in the order of their numbers; `seed/` holds files that fill
 * a new tenant once.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parse as parseYaml, YAMLParseError } from "yaml";
import type { SqlFile } from "../provider/inputs.ts";
import { messageOf } from "../provider/message.ts";
import { type Manifest, manifestSchema } from "./manifest.ts";
import { isConcurrentFile, sha256, type Template, TemplateError } from "./template.ts";
import { allowedText, isAllowed, partitionPlaceholder, placeholder } from "./values.ts";
import { vectorFaults } from "./vectors.ts";

export { sha256, type Template, TemplateError } from "./template.ts";

const fileName = /^([0-9]{4})-[a-z0-9]+(?:-[a-z0-9]+)*\.sql$/;
const templateName = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;

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
    if (isConcurrentFile(text)) faults.push(`seed/${seed} cannot run outside of the tenant's transaction`);
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
    concurrent: files.filter(({ text }) => isConcurrentFile(text)).map((file) => file.name),
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
