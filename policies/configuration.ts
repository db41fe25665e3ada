/** A pack's configuration, as `pulumi --policy-pack-config` takes it: checked, all faults at once. */
import { type Enforcement, type Rule, type Setting, settingsOf } from "./rule.ts";

export type RuleConfiguration =
  Enforcement | { readonly enforcementLevel?: Enforcement; readonly [setting: string]: unknown };

/** By the rule's name; `all` is for every rule that has no entry of its own. */
export type Configuration = Readonly<Record<string, RuleConfiguration>>;

export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
}

const levels = ["mandatory", "advisory", "disabled"];

/** @throws ConfigurationError with every fault. */
export function checkConfiguration(value: unknown, rules: readonly Rule[], place: string): Configuration {
  const faults: string[] = [];
  if (!isMap(value)) throw new ConfigurationError(`${place} must be a map from names of rules to what they are set to`);
  const byName = new Map(rules.map((rule) => [rule.name, rule]));
  for (const [name, entry] of Object.entries(value)) {
    const rule = byName.get(name);
    if (rule === undefined && name !== "all") {
      faults.push(`${name}: there is no such rule; docs/policy-rules.md has all of them`);
      continue;
    }
    const { enforcementLevel, ...settings } = isMap(entry) ? entry : { enforcementLevel: entry };
    if (enforcementLevel !== undefined && !(levels as unknown[]).includes(enforcementLevel)) {
      faults.push(`${name}: enforcementLevel is ${JSON.stringify(enforcementLevel)}; allowed are ${levels.join(", ")}`);
    }
    for (const [key, given] of Object.entries(settings)) {
      const setting = (rule?.settings as Record<string, Setting<unknown>> | undefined)?.[key];
      if (setting === undefined) {
        const known = Object.keys(rule?.settings ?? {});
        faults.push(`${name}: there is no setting ${key}; it has ${known.length === 0 ? "none" : known.join(", ")}`);
      } else {
        const fault = faultOf(given, setting.schema);
        if (fault !== undefined) faults.push(`${name}: ${key} is ${JSON.stringify(given)}; allowed is ${fault}`);
      }
    }
  }
  if (faults.length > 0) throw new ConfigurationError(`${place}:\n  ${faults.join("\n  ")}`);
  return value as Configuration;
}

/** Later ones win, setting by setting. */
export function merge(...configurations: readonly Configuration[]): Configuration {
  const merged: Record<string, { enforcementLevel?: Enforcement; [setting: string]: unknown }> = {};
  for (const configuration of configurations) {
    for (const [name, entry] of Object.entries(configuration)) {
      merged[name] = { ...merged[name], ...(typeof entry === "string" ? { enforcementLevel: entry } : entry) };
    }
  }
  return merged;
}

export function configuredFor(
  rule: Rule,
  configuration: Configuration,
): { readonly enforcement: Enforcement; readonly settings: Record<string, unknown> } {
  const whole = merge(configuration);
  const { enforcementLevel: own, ...settings } = entryOf(whole[rule.name]);
  const { enforcementLevel: all } = entryOf(whole.all);
  return { enforcement: own ?? all ?? rule.enforcement, settings: settingsOf(rule, settings) };
}

function entryOf(entry: RuleConfiguration | undefined): Exclude<RuleConfiguration, string> {
  return typeof entry === "object" ? entry : {};
}

type Schema = Setting<unknown>["schema"];

/** What would be allowed; undefined where the value is. */
function faultOf(value: unknown, schema: Schema): string | undefined {
  switch (schema.type) {
    case "boolean":
      return typeof value === "boolean" ? undefined : "true or false";
    case "string":
      return typeof value === "string" ? undefined : "text";
    case "integer":
    case "number":
      return isNumber(value, schema)
        ? undefined
        : `${schema.type === "integer" ? "a whole number" : "a number"}${rangeOf(schema)}`;
    case "array":
      return Array.isArray(value) && value.every((item) => typeof item === "string") ? undefined : "a list of texts";
    case "object": {
      const inner = schema.additionalProperties;
      const type = inner === undefined || inner === false ? "string" : inner.type;
      const ok = isMap(value) && Object.values(value).every((item) => faultOf(item, { type }) === undefined);
      return ok ? undefined : `a map from names to ${type === "string" ? "texts" : "whole numbers"}`;
    }
  }
}

function isNumber(value: unknown, { type, minimum, maximum }: Schema): boolean {
  if (typeof value !== "number" || !Number.isFinite(value)) return false;
  if (type === "integer" && !Number.isInteger(value)) return false;
  return value >= (minimum ?? -Infinity) && value <= (maximum ?? Infinity);
}

function rangeOf({ minimum, maximum }: Schema): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  return minimum === undefined ? "" : ` of at least ${minimum}`;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
