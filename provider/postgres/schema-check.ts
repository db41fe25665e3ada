/** What of a tenant's schema can be refused at preview, all faults at once. Needs no server. */
import { type CheckFailure, isUnknown } from "../handler.ts";
import { type SchemaInputs, type SqlFile, tenantStates } from "../inputs.ts";
import { loadTemplate, type Template, TemplateError } from "../../templates/load.ts";
import { checkVariables, type RenderOptions } from "../../templates/values.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import { editedText, readAdditional } from "./files.ts";
import { identifier } from "./quote.ts";
import {
  faultText,
  type LintFault,
  lintOwnFiles,
  lintTemplate,
  type OwnFile,
  refusing,
} from "../../templates/lint/lint.ts";
import { messageOf } from "../message.ts";

const reserved = /^(pg_.*|public|platform|extensions|information_schema)$/;

export async function checkSchema(
  dependencies: PostgresDependencies,
  olds: SchemaInputs | undefined,
  news: SchemaInputs,
  options: {
    /** Whether the server may be none of the platform's. */
    readonly anyServer?: boolean;
  } = {},
): Promise<CheckFailure[]> {
  const failures = [...plainFaults(dependencies, news, options.anyServer === true)];
  let template: Template | undefined;
  try {
    template = loadTemplate(dependencies.templates, news.template);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    failures.push({ property: "template", reason: error.message });
  }
  failures.push(...(olds === undefined ? copyFaults(news) : fixedFaults(olds, news)));
  if (template !== undefined) {
    // Seeds fill a schema that is made by this update, and no other.
    const seeds = olds === undefined && news.copyOf === undefined;
    failures.push(...(await templateFaults(dependencies, template, olds, news, { seeds })));
  }
  failures.push(...(await additionalFaults(dependencies, template, olds, news)));
  return failures.map(({ property, reason }) => ({ property, reason: `tenant ${news.tenant}: ${reason}` }));
}

function* plainFaults(
  dependencies: PostgresDependencies,
  news: SchemaInputs,
  anyServer: boolean,
): Generator<CheckFailure> {
  yield* placeFaults(dependencies, news, anyServer);
  yield* loginFaults(news);
  const { application } = news;
  if (application === undefined || isUnknown(application)) return;
  try {
    identifier(application);
    if ([news.ownerRole, news.appRole, news.readOnlyRole].includes(application))
      yield { property: "application", reason: `"${application}" is a tenant's own role` };
  } catch (error) {
    const name = JSON.stringify(application.slice(0, 80));
    yield { property: "application", reason: `${name} is no legal name: ${messageOf(error)}` };
  }
}

/** What a tenant's logins are made with. */
export function* loginFaults(
  news: Pick<SchemaInputs, "state" | "connectionLimit" | "readOnlyConnectionLimit" | "password" | "readOnlyPassword">,
): Generator<CheckFailure> {
  if (!tenantStates.includes(news.state)) {
    yield { property: "state", reason: `"${news.state}" is no state; allowed: ${tenantStates.join(", ")}` };
  }
  for (const property of ["connectionLimit", "readOnlyConnectionLimit"] as const) {
    const limit: unknown = news[property];
    if (!isUnknown(limit) && !(Number.isInteger(limit) && Number(limit) >= 1 && Number(limit) <= 10_000)) {
      yield { property, reason: `is ${JSON.stringify(limit)}; allowed is an integer from 1 to 10000` };
    }
  }
  for (const property of ["password", "readOnlyPassword"] as const) {
    if (!isUnknown(news[property]) && !/^[\x20-\x7e]+$/.test(news[property])) {
      yield { property, reason: "has to be printable ASCII text that is not empty" };
    }
  }
}

/** The server, and the names of the schema and its roles. */
export function* placeFaults(
  { pools }: Pick<PostgresDependencies, "pools">,
  news: Pick<SchemaInputs, "server" | "schema" | "ownerRole" | "appRole" | "readOnlyRole">,
  anyServer = false,
): Generator<CheckFailure> {
  if (!anyServer && !pools.names().includes(news.server)) {
    yield {
      property: "server",
      reason: `"${news.server}" is no PostgreSQL server of the platform; it has: ${pools.names().join(", ") || "none"}`,
    };
  }
  yield* nameFaults(news, ["schema", "ownerRole", "appRole", "readOnlyRole"]);
  const roles = [news.ownerRole, news.appRole, news.readOnlyRole];
  if (new Set(roles).size < roles.length) {
    yield { property: "appRole", reason: `the three roles need three names, received ${roles.join(", ")}` };
  }
}

export function* nameFaults<K extends string>(
  news: Readonly<Record<K, string>>,
  properties: readonly K[],
): Generator<CheckFailure> {
  for (const property of properties) {
    const name = news[property];
    if (isUnknown(name)) continue;
    try {
      identifier(name);
      if (reserved.test(name)) yield { property, reason: `"${name}" is reserved; choose another prefix or id` };
    } catch (error) {
      yield { property, reason: `${JSON.stringify(name.slice(0, 80))} is no legal name: ${messageOf(error)}` };
    }
  }
}

/** Of a schema that is made by this update. */
function* copyFaults({ copyOf, tenant, schema }: SchemaInputs): Generator<CheckFailure> {
  if (copyOf === undefined || isUnknown(copyOf)) return;
  if (copyOf.tenant === tenant || copyOf.schema === schema) {
    yield {
      property: "copyOf",
      reason: "copyOf names the tenant itself; allowed is another tenant of the same database",
    };
  }
  for (const property of ["schema", "ownerRole"] as const) {
    const name = copyOf[property];
    if (isUnknown(name)) continue;
    try {
      identifier(name);
      if (property === "schema" && reserved.test(name)) {
        yield { property: "copyOf.schema", reason: `copyOf.schema is "${name}", which is no tenant's` };
      }
    } catch (error) {
      yield { property: `copyOf.${property}`, reason: `copyOf.${property} is no legal name: ${messageOf(error)}` };
    }
  }
}

/** What stays as it was once it has been applied. */
function* fixedFaults(olds: SchemaInputs, news: SchemaInputs): Generator<CheckFailure> {
  yield* fixedTemplateFaults(olds, news, "tenant");
  if (olds.template === news.template) {
    yield* orderFaults("additionalFiles", olds.additionalFiles, news.additionalFiles);
  }
}

type TemplateInputs = Pick<SchemaInputs, "template" | "variables" | "templateFiles">;

/** The same of the template alone. @param whose - a `tenant` or a `pool` */
export function* fixedTemplateFaults(
  olds: TemplateInputs,
  news: TemplateInputs,
  whose: "tenant" | "pool",
): Generator<CheckFailure> {
  if (olds.template !== news.template) {
    yield {
      property: "template",
      reason:
        `the template of a ${whose} that exists cannot change (from "${olds.template}" to "${news.template}"). ` +
        `Restore it, and add what is needed as a file of the template${whose === "tenant" ? " or of the tenant" : ""}.`,
    };
    return;
  }
  for (const variable of new Set([...Object.keys(olds.variables), ...Object.keys(news.variables)])) {
    const [was, is] = [olds.variables[variable], news.variables[variable]];
    // A variable that came with a new file has no value that was applied.
    if (was === is || was === undefined) continue;
    yield {
      property: `variables.${variable}`,
      reason:
        `cannot change once applied (from ${JSON.stringify(was)} to ${JSON.stringify(is)}). ` +
        `Restore it, and put the change into a new file.`,
    };
  }
  yield* orderFaults("templateFiles", olds.templateFiles, news.templateFiles);
}

function* orderFaults(
  property: "templateFiles" | "additionalFiles",
  olds: readonly SqlFile[],
  news: readonly SqlFile[],
): Generator<CheckFailure> {
  const positions = new Map(news.map(({ name }, index) => [name, index]));
  for (const { name, sha256 } of olds) {
    const file = news.find((candidate) => candidate.name === name);
    if (file === undefined) {
      yield {
        property,
        reason: `the file ${name} was applied and is gone: restore it (SHA-256 ${sha256}); undo it by a new file`,
      };
    } else if (file.sha256 !== sha256) {
      yield { property, reason: editedText(name, sha256, file.sha256) };
    }
  }
  const known = new Set(olds.map(({ name }) => name));
  const last = Math.max(-1, ...olds.map(({ name }) => positions.get(name) ?? -1));
  for (const [index, { name }] of news.entries()) {
    if (known.has(name) || index > last) continue;
    yield {
      property,
      reason:
        `the new file ${name} comes before ${news[last]?.name ?? ""}, which was applied already: ` +
        `it has to be the last one${property === "templateFiles" ? "; give it a higher number" : " of the list"}`,
    };
  }
}

export interface TemplateLook extends RenderOptions {
  /** Whether the template's seeds will run, and have to be right. */
  readonly seeds: boolean;
}

export async function templateFaults(
  { templates }: Pick<PostgresDependencies, "templates">,
  template: Template,
  olds: TemplateInputs | undefined,
  news: TemplateInputs,
  { seeds, ...options }: TemplateLook,
): Promise<CheckFailure[]> {
  const { values, faults } = checkVariables(template, news.variables);
  const failures: CheckFailure[] = faults.map(({ variable, message, allowed }) => ({
    property: `variables.${variable}`,
    reason: `the variable ${variable} ${message}; allowed: ${allowed}`,
  }));
  const onDisk = new Map(template.files.map(({ name, sha256 }) => [name, sha256]));
  const asked = new Map(news.templateFiles.map(({ name, sha256 }) => [name, sha256]));
  for (const name of new Set([...onDisk.keys(), ...asked.keys()])) {
    if (onDisk.get(name) === asked.get(name)) continue;
    failures.push({
      property: "templateFiles",
      reason:
        `the file ${template.name}/${name} is ${onDisk.get(name) ?? "not there"} on disk, ` +
        `and ${asked.get(name) ?? "not there"} in the inputs: run the command again`,
    });
  }
  if (failures.length > 0) return failures;
  const found = await lintTemplate(templates, template, values, options);
  const refused = refusing(found, appliedNames(olds?.templateFiles, `${template.name}/`));
  const seedNames = new Set(template.seeds.map(({ name }) => `${template.name}/${name}`));
  failures.push(...lintFailures("templateFiles", seeds ? refused : refused.filter(({ file }) => !seedNames.has(file))));
  return failures;
}

/** Files that ran with the digest that they have, as the linter names them. */
function appliedNames(olds: readonly SqlFile[] | undefined, folder = ""): ReadonlySet<string> | undefined {
  return olds === undefined ? undefined : new Set(olds.map(({ name }) => folder + name));
}

async function additionalFaults(
  dependencies: PostgresDependencies,
  template: Template | undefined,
  olds: SchemaInputs | undefined,
  news: SchemaInputs,
): Promise<CheckFailure[]> {
  const failures: CheckFailure[] = [];
  const seen = new Set<string>();
  const files: OwnFile[] = [];
  for (const file of news.additionalFiles) {
    if (seen.has(file.name)) {
      failures.push({ property: "additionalFiles", reason: `the file ${file.name} is named twice` });
    }
    seen.add(file.name);
    const found = readAdditional(dependencies, news.additionalRoot, file);
    if (typeof found === "string") failures.push({ property: "additionalFiles", reason: found });
    else files.push({ name: file.name, sql: found.sql });
  }
  if (files.length === 0) return failures;
  const { values, faults } =
    template === undefined ? { values: {}, faults: [] } : checkVariables(template, news.variables);
  const base =
    template === undefined || faults.length > 0 ? undefined : { root: dependencies.templates, template, values };
  const found = await lintOwnFiles(files, base);
  return [...failures, ...lintFailures("additionalFiles", refusing(found, appliedNames(olds?.additionalFiles)))];
}

function lintFailures(property: string, faults: readonly LintFault[]): CheckFailure[] {
  return faults.map((fault) => ({ property, reason: faultText(fault) }));
}
