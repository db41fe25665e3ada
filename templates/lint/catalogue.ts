/** Every rule of the linter, by its name. */
import type { RuleText } from "./rule.ts";
import { fileRules } from "./rules/files.ts";
import { fleetRules } from "./rules/fleet.ts";
import { functionRules } from "./rules/functions.ts";
import { nameRules } from "./rules/names.ts";
import { poolRules } from "./rules/pool.ts";
import { statementRules } from "./rules/statements.ts";

export const groups = {
  statements: statementRules,
  names: nameRules,
  functions: functionRules,
  files: fileRules,
  fleet: fleetRules,
  pool: poolRules,
} as const;
export type Group = keyof typeof groups;

const all = {
  ...statementRules,
  ...nameRules,
  ...functionRules,
  ...fileRules,
  ...fleetRules,
  ...poolRules,
};
export type RuleId = keyof typeof all;

export const rules: Readonly<Record<RuleId, RuleText>> = all;
export const ruleIds = Object.keys(all) as readonly RuleId[];

export function isRule(name: string): name is RuleId {
  return Object.hasOwn(all, name);
}
