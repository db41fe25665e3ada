/** Settings that several rules have. */
import type { Setting } from "../rule.ts";

export const developmentStacks: Setting<readonly string[]> = {
  description: "Stacks of developers' machines, which the rule leaves alone.",
  schema: { type: "array", items: { type: "string" } },
  fallback: ["dev"],
};

export function names(description: string, fallback: readonly string[] = []): Setting<readonly string[]> {
  return { description, schema: { type: "array", items: { type: "string" } }, fallback };
}

export function days(description: string, fallback: number): Setting<number> {
  return { description, schema: { type: "integer", minimum: 0 }, fallback };
}

export function choice(description: string, fallback: boolean): Setting<boolean> {
  return { description, schema: { type: "boolean" }, fallback };
}
