/** Values with which a template is judged where no tenant gives its own: every text that a choice can fill in is seen. */
import type { TemplateVariables } from "../../provider/inputs.ts";
import type { TemplateVariable } from "../manifest.ts";
import type { Template } from "../template.ts";
import type { RenderOptions } from "../values.ts";

export interface Sample {
  readonly values: TemplateVariables;
  readonly options: RenderOptions;
}

/** The defaults, then each choice with the defaults of the others; a pool's with partitions as well. */
export function samplesOf(template: Template): Sample[] {
  const defaults = Object.fromEntries(
    Object.entries(template.variables).map(([name, variable]) => [name, sampleOf(variable)]),
  );
  const partitions = template.tiers.includes("pool") ? [0, 4] : [0];
  return choicesOf(template, defaults).flatMap((values) =>
    partitions.map((count) => ({ values, options: { partitions: count } })),
  );
}

/** The given values, then the same with every other choice. */
export function choicesOf(template: Template, given: TemplateVariables): TemplateVariables[] {
  const others = Object.entries(template.variables).flatMap(([name, variable]) =>
    variable.type === "choice"
      ? Object.keys(variable.choices)
          .filter((choice) => choice !== given[name])
          .map((choice) => ({ ...given, [name]: choice }))
      : [],
  );
  return [given, ...others];
}

function sampleOf(variable: TemplateVariable): string | number | boolean {
  if (variable.default !== undefined) return variable.default;
  switch (variable.type) {
    case "choice":
      return Object.keys(variable.choices)[0] ?? "";
    case "boolean":
      return true;
    case "string":
      return variable.allowed?.[0] ?? "word";
    case "integer":
    case "number":
      return variable.allowed?.[0] ?? variable.minimum ?? variable.maximum ?? 1;
  }
}
