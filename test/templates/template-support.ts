/** What the tests of the templates for every tier share: a tenant in a schema of its own, seeded as the tool seeds it. */
import type pg from "pg";
import { poolTenantId } from "../../components/naming.ts";
import type { SchemaInputs, SchemaOutputs, TemplateVariables } from "../../provider/inputs.ts";
import type { PostgresDependencies } from "../../provider/postgres/dependencies.ts";
import { checkVariables, loadTemplate, renderFile } from "../../templates/load.ts";
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
): Promise<InSchema> {
  const variables = valuesOf(template, given);
  const inputs = schemaInputs(tenantId(template), { template, variables });
  const outputs = await createTenant(deps, inputs);
  const app = await connect(inputs.appRole, inputs.password);
  const id = poolTenantId(inputs.externalId);
  await app.query("BEGIN");
  await app.query(
    "SELECT set_config('app.tenant_id', $1, true), set_config('app.tenant_slug', $2, true), set_config('app.tenant_name', $3, true)",
    [id, inputs.tenant, `Tenant ${inputs.tenant}`],
  );
  const loaded = loadTemplate(templates, template);
  for (const seed of loaded.seeds) await app.query(renderFile(templates, loaded, seed.name, variables));
  await app.query("COMMIT");
  return { inputs, outputs, app, id };
}

/** The one value of a query's one row. */
export async function value(client: pg.Client, sql: string, values: unknown[] = []): Promise<unknown> {
  const { rows } = await client.query<unknown[]>({ text: sql, values, rowMode: "array" });
  return rows[0]?.[0];
}
