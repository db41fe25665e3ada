/** Runs rules over resources: pure, and the same for the CLI's pack, `npm run policy` and the tests. */
import { type Configuration, configuredFor } from "./configuration.ts";
import { type Finding, messageOf, parentsOf, type Resource, type Rule } from "./rule.ts";

export type Level = "mandatory" | "advisory";

/** One thing that a rule said. */
export interface Verdict {
  readonly rule: Rule;
  readonly level: Level;
  readonly kind: "violation" | "warning" | "undecided";
  readonly message: string;
  /** Resource at fault; undefined for the whole stack. */
  readonly urn?: string;
}

export interface Surroundings {
  readonly stack: string;
  readonly now: Date;
}

/** In the order of the rules, and of the resources within a rule. */
export function evaluate(
  rules: readonly Rule[],
  resources: readonly Resource[],
  configuration: Configuration,
  surroundings: Surroundings,
): Verdict[] {
  const byType = new Map<string, Resource[]>();
  for (const resource of resources) {
    const known = byType.get(resource.type);
    if (known === undefined) byType.set(resource.type, [resource]);
    else known.push(resource);
  }
  const parentOf = parentsOf(resources);
  return rules.flatMap((rule) => {
    const { enforcement, settings } = configuredFor(rule, configuration);
    if (enforcement === "disabled") return [];
    const context = { ...surroundings, settings, parentOf };
    const own = [...new Set(rule.types)].flatMap((type) => byType.get(type) ?? []);
    if (rule.scope === "stack") {
      return [...rule.check(own, context)].map((finding) => verdictOf(rule, enforcement, finding, finding.urn));
    }
    return own.flatMap((resource) =>
      // The engine tells no references of a resource that is checked by itself.
      [...rule.check({ ...resource, references: {} }, context)].map((finding) =>
        verdictOf(rule, enforcement, finding, resource.urn),
      ),
    );
  });
}

export function verdictOf(rule: Rule, enforcement: Level, finding: Finding, urn: string | undefined): Verdict {
  const kind = finding.kind ?? "violation";
  return {
    rule,
    level: kind === "violation" ? enforcement : "advisory",
    kind,
    message: messageOf(rule, finding),
    ...(urn === undefined ? {} : { urn }),
  };
}
