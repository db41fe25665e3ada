/** What of a pool's tenant can be refused at preview, all faults at once, and its seeds. Needs no server. */
import { type CheckFailure, isUnknown, ProviderError } from "../handler.ts";
import type { PoolTenantInputs } from "../inputs.ts";
import { checkVariables, loadTemplate, renderFile, type Template, TemplateError } from "../../templates/load.ts";
import { guardSql } from "../../templates/sql-guard.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import type { Seed } from "./pool-tenant-script.ts";
import { loginFaults, nameFaults, placeFaults } from "./schema-check.ts";

/** As PostgreSQL writes it: a text that differs only in case would name the same rows. */
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export async function checkPoolTenant(
  dependencies: PostgresDependencies,
  news: PoolTenantInputs,
): Promise<CheckFailure[]> {
  const failures = [
    ...placeFaults(dependencies, news),
    ...poolFaults(news),
    ...loginFaults(news),
    ...(await templateFaults(dependencies, news)),
  ];
  return failures.map(({ property, reason }) => ({ property, reason: `tenant ${news.tenant}: ${reason}` }));
}

function* poolFaults(news: PoolTenantInputs): Generator<CheckFailure> {
  const groups = ["poolAppRole", "poolReadOnlyRole"] as const;
  yield* nameFaults(news, groups);
  for (const property of groups) {
    const name = news[property];
    const others = [
      news.ownerRole,
      news.appRole,
      news.readOnlyRole,
      ...groups.filter((group) => group !== property).map((group) => news[group]),
    ];
    if (!isUnknown(name) && others.includes(name)) {
      yield { property, reason: `"${name}" is the name of two roles: each group of the pool is a role of its own` };
    }
  }
  if (!isUnknown(news.tenantId) && !uuid.test(news.tenantId)) {
    yield {
      property: "tenantId",
      reason: `${JSON.stringify(news.tenantId.slice(0, 80))} is no uuid in lower case, as in 2c1d6f0e-0f4b-4b7a-9f0e-1a2b3c4d5e6f`,
    };
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
