/** What the tests of the templates for every tier share: a tenant in a schema of its own. */
import type pg from "pg";
import { poolTenantId } from "../../components/naming.ts";
import type { CopySource, SchemaInputs, SchemaOutputs, TemplateVariables } from "../../provider/inputs.ts";
import type { PostgresDependencies } from "../../provider/postgres/dependencies.ts";
import { loadTemplate } from "../../templates/load.ts";
import { checkVariables } from "../../templates/values.ts";
import { connect, createTenant, schemaInputs, templates, tenantId } from "../provider/postgres/support.ts";

export interface InSchema {
  readonly inputs: SchemaInputs;
  readonly outputs: SchemaOutputs;
  readonly app: pg.Client;
  /** What its rows carry. */
  readonly id: string;
}

export function valuesOf(name: string, given: TemplateVariables): TemplateVariables {
  const { values, faults } = checkVariables(loadTemplate(templates, name), given);
  if (faults.length > 0) throw new Error(JSON.stringify(faults));
  return values;
}

/** The caller ends the connection. */
export async function inSchema(
  deps: PostgresDependencies,
  template: string,
  given: TemplateVariables = {},
  copyOf?: CopySource,
): Promise<InSchema> {
  const variables = valuesOf(template, given);
  const inputs = schemaInputs(tenantId(template), { template, variables, ...(copyOf && { copyOf }) });
  const outputs = await createTenant(deps, inputs);
  const app = await connect(inputs.appRole, inputs.password);
  return { inputs, outputs, app, id: poolTenantId(inputs.externalId) };
}

/** The one value of a query's one row. */
export async function value(client: pg.Client, sql: string, values: unknown[] = []): Promise<unknown> {
  const { rows } = await client.query<unknown[]>({ text: sql, values, rowMode: "array" });
  return rows[0]?.[0];
}
