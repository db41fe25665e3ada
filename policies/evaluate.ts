/** Runs rules over resources: pure, and the same for the CLI's pack, `npm run policy` and the tests. */
import { type Configuration, configuredFor } from "./configuration.ts";
import {
  type Context,
  type Finding,
  messageOf,
  parentsOf,
  type Resource,
  type ResourceRule,
  type Rule,
  undecided,
} from "./rule.ts";
import { subjectOf } from "./support/verdict.ts";
import { watched } from "./values.ts";

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

/** In the order of the rules, and of the URNs within a rule. */
export function evaluate(
  rules: readonly Rule[],
  resources: readonly Resource[],
  configuration: Configuration,
  surroundings: Surroundings,
): Verdict[] {
  const sorted = inOrder(resources);
  const parentOf = parentsOf(resources);
  return rules.flatMap((rule) => {
    const { enforcement, settings } = configuredFor(rule, configuration);
    if (enforcement === "disabled") return [];
    const context = { ...surroundings, settings, parentOf };
    const types = new Set(rule.types);
    const own = sorted.filter(({ type }) => types.has(type));
    if (rule.scope === "stack") {
      return [...rule.check(own, context)].map((finding) => verdictOf(rule, enforcement, finding, finding.urn));
    }
    return own.flatMap((resource) =>
      checkResource(rule, resource, context).map((finding) => verdictOf(rule, enforcement, finding, resource.urn)),
    );
  });
}

/** By URN: a program registers in an order that differs from run to run, and verdicts must not. */
export function inOrder<T extends { readonly urn: string }>(resources: readonly T[]): T[] {
  return resources.toSorted((one, other) => (one.urn < other.urn ? -1 : one.urn > other.urn ? 1 : 0));
}

/**
 * What a rule says of one resource. A rule that looked at a value which is not known yet, and does not say so itself,
 * has decided on the literal ones alone: that is told, and never passed over.
 */
export function checkResource(rule: ResourceRule, resource: Resource, context: Context<unknown>): Finding[] {
  const { props, touched } = watched(resource.props);
  // The engine tells no references of a resource that is checked by itself.
  const findings = [...rule.check({ ...resource, props, references: {} }, context)];
  if (touched.size === 0 || findings.some(({ kind }) => kind === "undecided")) return findings;
  return [...findings, undecided(`${subjectOf(resource)}: ${[...touched].join(", ")}`)];
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
