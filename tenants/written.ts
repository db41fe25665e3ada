/** Checks of settings at the place that they are written at, whether or not a tenant uses them. */
import { realpathSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { canaryPrefix } from "../components/naming.ts";
import { type StoreName, storeNames } from "../provider/inputs.ts";
import { type Template, checkVariables, loadTemplate, templateNames } from "../templates/load.ts";
import type { TemplateTier } from "../templates/manifest.ts";
import { type FaultText, listed, nearest, quote } from "./faults.ts";
import { type SettingsLayer, type Written, nodeAt } from "./layers.ts";
import type { Servers } from "./placement.ts";
import { sqlPathSchema } from "./settings.ts";

export type Tell = (layer: Written, keys: readonly (string | number)[], text: FaultText) => void;

/** The templates of a folder, each read once. The one of the canaries of `tenancy verify` is not for tenants. */
export class Templates {
  readonly #root: string;
  readonly #loaded = new Map<string, Template | Error>();
  #names: readonly string[] | undefined;
  #unreadable: Error | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  /** Empty where the folder cannot be read. */
  get names(): readonly string[] {
    if (this.#names === undefined) {
      try {
        this.#names = templateNames(this.#root).filter((name) => name !== canaryPrefix);
      } catch (error) {
        this.#names = [];
        this.#unreadable = asError(error);
      }
    }
    return this.#names;
  }

  /** Undefined where there is none of the name; an error where it has faults of its own. */
  get(name: string): Template | Error | undefined {
    if (!this.names.includes(name)) return this.#unreadable;
    let template = this.#loaded.get(name);
    if (template === undefined) {
      try {
        template = loadTemplate(this.#root, name);
      } catch (error) {
        template = asError(error);
      }
      this.#loaded.set(name, template);
    }
    return template;
  }
}

export interface KnownNames {
  readonly templates: Templates;
  readonly servers: Servers | undefined;
  /** Names of the registry's pools, faulty ones included; undefined where they could not be read. */
  readonly pools: readonly string[] | undefined;
}

/** @param registry - path of its file, where paths of SQL start */
export function checkWritten(
  layer: SettingsLayer,
  { templates, servers, pools }: KnownNames,
  registry: string,
  tell: Tell,
): void {
  const { postgres, placement } = layer.values;
  if (postgres?.template !== undefined)
    checkTemplate(layer, ["postgres", "template"], postgres.template, templates, tell);
  if (postgres?.pool !== undefined && pools?.includes(postgres.pool) === false) {
    tell(layer, ["postgres", "pool"], {
      message: `there is no pool ${quote(postgres.pool)}`,
      found: quote(postgres.pool),
      allowed: listed(pools),
      fix: didYouMean(
        postgres.pool,
        pools,
        `add ${quote(postgres.pool)} to the pools of the registry, or name another`,
      ),
    });
  }
  const files = nodeAt(layer.node, ["postgres", "additionalSql"]);
  for (const [index, item] of (files?.kind === "list" ? files.items : []).entries()) {
    const path = item.kind === "scalar" ? sqlPathSchema.safeParse(item.value).data : undefined;
    const text = path === undefined ? undefined : sqlFault(registry, path);
    if (text !== undefined) tell(layer, ["postgres", "additionalSql", index], text);
  }
  for (const store of servers === undefined ? [] : storeNames) {
    const server = placement?.[store];
    const names = (servers?.[store] ?? []).map(({ name }) => name);
    if (server !== undefined) checkServer(layer, ["placement", store], store, server, names, tell);
  }
}

export function checkTemplate(
  layer: Written,
  keys: readonly string[],
  name: string,
  templates: Templates,
  tell: Tell,
): void {
  const template = templates.get(name);
  if (template === undefined) {
    tell(layer, keys, {
      message: `there is no template ${quote(name)}`,
      found: quote(name),
      allowed: listed(templates.names),
      fix: didYouMean(name, templates.names, `make the folder templates/${name}, or name another`),
    });
  } else if (template instanceof Error) {
    tell(layer, keys, {
      message: `the template ${quote(name)} cannot be used: ${template.message}`,
      found: quote(name),
      allowed: "a template without faults",
      fix: "mend the template",
    });
  }
}

export function checkServer(
  layer: Written,
  keys: readonly string[],
  store: StoreName,
  name: string,
  names: readonly string[],
  tell: Tell,
): void {
  if (names.includes(name)) return;
  tell(layer, keys, {
    message: `the platform has no ${store} server ${quote(name)}`,
    found: quote(name),
    allowed: listed(names),
    fix: didYouMean(name, names, "name a server of the platform's configuration, or add one there"),
  });
}

/** Faults of the variables that a layer itself gives to a template; missing ones may come from another layer. */
export function checkLayerVariables(layer: SettingsLayer, template: Template, tell: Tell): void {
  const given = layer.values.postgres?.variables ?? {};
  for (const { variable, message, allowed } of checkVariables(template, given).faults) {
    if (!Object.hasOwn(given, variable)) continue;
    tell(
      layer,
      ["postgres", "variables", variable],
      variableText(template, variable, given[variable], message, allowed),
    );
  }
}

/** A template whose files do not work in a tier. */
export function tierText(template: Template, tier: TemplateTier, templates: Templates): FaultText {
  const fitting = templates.names.filter((name) => {
    const one = templates.get(name);
    return one !== undefined && !(one instanceof Error) && one.tiers.includes(tier);
  });
  return {
    message: `the template ${quote(template.name)} does not work in the tier ${tier}`,
    found: `${quote(template.name)}, whose tiers are ${template.tiers.join(", ")}`,
    allowed: `a template of the tier ${tier}: ${listed(fitting)}`,
    fix: `name another template, or another tier; template.yaml has the tiers that its files work in`,
  };
}

/** Of a variable that is given; names no tenant, so that it is told once of a profile that many use. */
export function variableText(
  template: Template,
  variable: string,
  value: unknown,
  message: string,
  allowed: string,
): FaultText {
  const known = Object.keys(template.variables);
  return {
    message: known.includes(variable)
      ? `the template ${quote(template.name)} does not allow this value of ${quote(variable)}`
      : `${quote(variable)} ${message}`,
    found: typeof value === "string" ? quote(value) : String(value),
    allowed,
    fix: known.includes(variable) ? "give it an allowed value, or remove it" : didYouMean(variable, known, "remove it"),
  };
}

export function missing(keys: readonly string[], example: string): FaultText {
  const key = keys.join(".");
  return {
    message: `the setting "${key}" is missing`,
    found: "it stands neither in the tenant, nor in its profile, nor in the defaults",
    allowed: "in any of the three",
    fix: `add \`${keys.join(": { ")}: ${example}${" }".repeat(keys.length - 1)}\``,
  };
}

export function didYouMean(word: string, names: readonly string[], otherwise: string): string {
  const near = nearest(word, names);
  return near === undefined ? otherwise : `did you mean ${quote(near)}?`;
}

/** Links are followed: a file outside of the registry's folder is not under its review. */
function sqlFault(registry: string, path: string): FaultText | undefined {
  const allowed = "a .sql file inside of the registry's folder";
  const folder = realpathSync(dirname(registry));
  let real: string;
  try {
    real = realpathSync(join(folder, path));
  } catch {
    const fix = `make the file ${quote(path)} below the registry's folder, or remove the path`;
    return { message: "there is no such file", found: quote(path), allowed, fix };
  }
  if (relative(folder, real).startsWith("..")) {
    const fix = "put the file itself there instead of a link";
    return { message: "the path leads out of the registry's folder", found: quote(path), allowed, fix };
  }
  if (!statSync(real).isFile()) {
    return { message: "this is no regular file", found: quote(path), allowed, fix: "name the files one by one" };
  }
  return undefined;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
