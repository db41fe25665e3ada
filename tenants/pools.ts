/** The pools of a registry: what tenants of the tier `pool` share. */
import type { TemplateVariables } from "../provider/inputs.ts";
import { checkVariables } from "../templates/load.ts";
import { quote } from "./faults.ts";
import { type PoolLayer, nodeAt } from "./layers.ts";
import type { Servers } from "./placement.ts";
import { builtIn } from "./text-forms.ts";
import { type Tell, type Templates, checkServer, checkTemplate, tierText, variableText } from "./written.ts";

export interface PoolRecord {
  readonly name: string;
  /** Name of the platform's PostgreSQL server. */
  readonly server: string;
  readonly template: string;
  /** With the template's defaults. */
  readonly variables: TemplateVariables;
  /** Hash partitions; 0: none. */
  readonly partitions: number;
}

/** Undefined where a fault stands in the way: told here, or earlier. */
export function resolvePool(
  layer: PoolLayer,
  { templates, servers, tell }: { readonly templates: Templates; readonly servers?: Servers; readonly tell: Tell },
): PoolRecord | undefined {
  const { server, template: templateName, variables = {}, partitions = builtIn.partitions } = layer.values;
  if (server !== undefined && servers !== undefined) checkPoolServer(layer, server, servers, tell);
  if (templateName === undefined) return undefined;
  checkTemplate(layer, ["template"], templateName, templates, tell);
  const template = templates.get(templateName);
  if (template === undefined || template instanceof Error) return undefined;
  const fits = template.tiers.includes("pool");
  if (!fits) tell(layer, ["template"], tierText(template, "pool", templates));
  const { values, faults } = checkVariables(template, variables);
  for (const { variable, message, allowed } of faults) {
    const keys = ["variables", variable];
    if (Object.hasOwn(variables, variable)) {
      tell(layer, keys, variableText(template, variable, variables[variable], message, allowed));
      continue;
    }
    // A value that is written and wrong was told where it stands.
    if (nodeAt(layer.node, keys) !== undefined) continue;
    tell(layer, keys, {
      message: `the template ${quote(template.name)} needs a value: ${variable} ${message}`,
      found: "no such key",
      allowed,
      fix: "add it below variables of the pool",
    });
  }
  if (!fits || faults.length > 0 || server === undefined) return undefined;
  return { name: layer.name, server, template: template.name, variables: { ...values }, partitions };
}

function checkPoolServer(layer: PoolLayer, name: string, servers: Servers, tell: Tell): void {
  const shared = servers.postgres.filter(({ kind }) => kind === "server").map((one) => one.name);
  const server = servers.postgres.find((one) => one.name === name);
  if (server === undefined) checkServer(layer, ["server"], "postgres", name, shared, tell);
  else if (server.kind !== "server") {
    tell(layer, ["server"], {
      message: "a pool needs a shared server, and this one makes a database for each tenant",
      found: `${quote(name)}, which is of the kind ${server.kind}`,
      allowed: `a server of the kind server: ${shared.join(", ") || "there is none"}`,
      fix: "name a shared server",
    });
  }
}
