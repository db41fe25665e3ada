/** What of a pool's tenant can be refused at preview, all faults at once, and its seeds. Needs no server. */
import { type CheckFailure, isUnknown, ProviderError } from "../handler.ts";
import { type PoolTenantInputs, tenantStates } from "../inputs.ts";
import { messageOf } from "../message.ts";
import { checkVariables, loadTemplate, renderFile, type Template, TemplateError } from "../../templates/load.ts";
import { guardSql } from "../../templates/sql-guard.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import type { Seed } from "./pool-tenant-script.ts";
import { identifier } from "./quote.ts";

const reserved = /^(pg_.*|public|platform|extensions|information_schema)$/;
/** As PostgreSQL writes it: a text that differs only in case would name the same rows. */
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const nameProperties = [
  "schema",
  "ownerRole",
  "poolAppRole",
  "poolReadOnlyRole",
  "appRole",
  "readOnlyRole",
] as const satisfies readonly (keyof PoolTenantInputs)[];

export async function checkPoolTenant(
  dependencies: PostgresDependencies,
  news: PoolTenantInputs,
): Promise<CheckFailure[]> {
  const failures = [
    ...placeFaults(dependencies, news),
    ...nameFaults(news),
    ...valueFaults(news),
    ...(await templateFaults(dependencies, news)),
  ];
  return failures.map(({ property, reason }) => ({ property, reason: `tenant ${news.tenant}: ${reason}` }));
}

function* placeFaults({ pools }: PostgresDependencies, news: PoolTenantInputs): Generator<CheckFailure> {
  if (!pools.names().includes(news.server)) {
    yield {
      property: "server",
      reason: `"${news.server}" is no PostgreSQL server of the platform; it has: ${pools.names().join(", ") || "none"}`,
    };
  }
  if (!tenantStates.includes(news.state)) {
    yield { property: "state", reason: `"${news.state}" is no state; allowed: ${tenantStates.join(", ")}` };
  }
}

function* nameFaults(news: PoolTenantInputs): Generator<CheckFailure> {
  for (const property of nameProperties) {
    const name = news[property];
    if (isUnknown(name)) continue;
    try {
      identifier(name);
      if (reserved.test(name)) yield { property, reason: `"${name}" is reserved; choose another prefix or id` };
    } catch (error) {
      yield { property, reason: `${JSON.stringify(name.slice(0, 80))} is no legal name: ${messageOf(error)}` };
    }
  }
  const roles = [news.ownerRole, news.poolAppRole, news.poolReadOnlyRole, news.appRole, news.readOnlyRole];
  if (!roles.some(isUnknown) && new Set(roles).size < roles.length) {
    yield { property: "appRole", reason: `the five roles need five names, received ${roles.join(", ")}` };
  }
  if (!isUnknown(news.tenantId) && !uuid.test(news.tenantId)) {
    yield {
      property: "tenantId",
      reason: `${JSON.stringify(news.tenantId.slice(0, 80))} is no uuid in lower case, as in 2c1d6f0e-0f4b-4b7a-9f0e-1a2b3c4d5e6f`,
    };
  }
}

function* valueFaults(news: PoolTenantInputs): Generator<CheckFailure> {
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

async function templateFaults({ templates }: PostgresDependencies, news: PoolTenantInputs): Promise<CheckFailure[]> {
  let template: Template;
  try {
    template = loadTemplate(templates, news.template);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return [{ property: "template", reason: error.message }];
  }
  const failures: CheckFailure[] = [];
  if (!template.tiers.includes("pool")) {
    const reason = `the template "${template.name}" is not made for a pool; it is for: ${template.tiers.join(", ")}`;
    failures.push({ property: "template", reason });
  }
  const { values, faults } = checkVariables(template, news.variables);
  failures.push(
    ...faults.map(({ variable, message, allowed }) => ({
      property: `variables.${variable}`,
      reason: `the variable ${variable} ${message}; allowed: ${allowed}`,
    })),
  );
  if (faults.length > 0) return failures;
  for (const { name, sha256 } of template.seeds) {
    const key = `${template.name}/${name} ${sha256} ${JSON.stringify(values)}`;
    const refused = await guardSql(key, renderFile(templates, template, name, values));
    failures.push(
      ...refused.map(({ line, statement, reason }) => ({
        property: "template",
        reason: `${template.name}/${name}, line ${line}: ${statement} ${reason}`,
      })),
    );
  }
  return failures;
}

/**
 * What fills a new tenant once.
 *
 * @throws ProviderError when a file is missing or changes while it is read.
 */
export function renderSeeds({ templates }: PostgresDependencies, inputs: PoolTenantInputs): Seed[] {
  try {
    const template = loadTemplate(templates, inputs.template);
    const { values } = checkVariables(template, inputs.variables);
    return template.seeds.map((file) => ({ ...file, sql: renderFile(templates, template, file.name, values) }));
  } catch (error) {
    if (error instanceof TemplateError) throw new ProviderError(`tenant ${inputs.tenant}: ${error.message}`);
    throw error;
  }
}
