/** What of a tenant's schema can be refused at preview, all faults at once. Needs no server. */
import { type CheckFailure, isUnknown } from "../handler.ts";
import { type SchemaInputs, type SqlFile, tenantStates } from "../inputs.ts";
import {
  checkVariables,
  loadTemplate,
  renderFile,
  type RenderOptions,
  type Template,
  TemplateError,
} from "../../templates/load.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import { editedText, readAdditional } from "./files.ts";
import { identifier } from "./quote.ts";
import { guardSql } from "../../templates/sql-guard.ts";
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
  if (olds !== undefined) failures.push(...fixedFaults(olds, news));
  if (template !== undefined) failures.push(...(await templateFaults(dependencies, template, news)));
  failures.push(...(await additionalFaults(dependencies, news)));
  return failures.map(({ property, reason }) => ({ property, reason: `tenant ${news.tenant}: ${reason}` }));
}

function* plainFaults(
  dependencies: PostgresDependencies,
  news: SchemaInputs,
  anyServer: boolean,
): Generator<CheckFailure> {
  yield* placeFaults(dependencies, news, anyServer);
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
  const names = ["schema", "ownerRole", "appRole", "readOnlyRole"] as const;
  for (const property of names) {
    const name = news[property];
    if (isUnknown(name)) continue;
    try {
      identifier(name);
      if (reserved.test(name)) yield { property, reason: `"${name}" is reserved; choose another prefix or id` };
    } catch (error) {
      yield { property, reason: `${JSON.stringify(name.slice(0, 80))} is no legal name: ${messageOf(error)}` };
    }
  }
  const roles = [news.ownerRole, news.appRole, news.readOnlyRole];
  if (new Set(roles).size < roles.length) {
    yield { property: "appRole", reason: `the three roles need three names, received ${roles.join(", ")}` };
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

/** @param look - what else is wrong with a file, by its line */
export async function templateFaults(
  { templates }: Pick<PostgresDependencies, "templates">,
  template: Template,
  news: TemplateInputs,
  options: RenderOptions = {},
  look: (sql: string) => Promise<readonly { readonly line: number; readonly reason: string }[]> = () =>
    Promise.resolve([]),
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
  for (const { name, sha256 } of template.files) {
    const key = `${template.name}/${name} ${sha256} ${JSON.stringify([values, options])}`;
    const sql = renderFile(templates, template, name, values, options);
    const refused = await guardSql(key, sql, { concurrent: template.concurrent.includes(name) });
    failures.push(...guardFailures("templateFiles", `${template.name}/${name}`, refused));
    if (refused.length > 0) continue;
    for (const { line, reason } of await look(sql)) {
      failures.push({ property: "templateFiles", reason: `${template.name}/${name}, line ${line}: ${reason}` });
    }
  }
  return failures;
}

async function additionalFaults(dependencies: PostgresDependencies, news: SchemaInputs): Promise<CheckFailure[]> {
  const failures: CheckFailure[] = [];
  const seen = new Set<string>();
  for (const file of news.additionalFiles) {
    if (seen.has(file.name)) {
      failures.push({ property: "additionalFiles", reason: `the file ${file.name} is named twice` });
    }
    seen.add(file.name);
    const found = readAdditional(dependencies, news.additionalRoot, file);
    if (typeof found === "string") failures.push({ property: "additionalFiles", reason: found });
    else failures.push(...guardFailures("additionalFiles", file.name, await guardSql(file.sha256, found.sql)));
  }
  return failures;
}

function guardFailures(
  property: string,
  file: string,
  faults: readonly { readonly line: number; readonly statement: string; readonly reason: string }[],
): CheckFailure[] {
  return faults.map(({ line, statement, reason }) => ({
    property,
    reason: `${file}, line ${line}: ${statement} ${reason}`,
  }));
}
