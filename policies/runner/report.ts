/** What a run of the pack found, and its verdict. */
import type { Configuration } from "../configuration.ts";
import { configuredFor } from "../configuration.ts";
import type { Level, Verdict } from "../evaluate.ts";
import type { Rule } from "../rule.ts";

export interface Report {
  readonly project: string;
  readonly stack: string;
  /** Of the pack. */
  readonly version: string;
  /** As in `baseline`, or the name of a file of configuration. */
  readonly posture: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly seconds: number;
  readonly resources: number;
  readonly rules: readonly Rule[];
  readonly configuration: Configuration;
  readonly verdicts: readonly Verdict[];
  /** What stood in for what the run did not have. */
  readonly notes: readonly string[];
  /** Path of the registry from the project's folder, and where each tenant's record begins in which file. */
  readonly registry: string;
  readonly records: ReadonlyMap<string, { readonly file: string; readonly line: number }>;
}

export interface Counts {
  readonly mandatory: number;
  readonly advisory: number;
  readonly warnings: number;
  readonly undecided: number;
}

export function count(verdicts: readonly Verdict[]): Counts {
  const of = (kind: Verdict["kind"], level?: Level): number =>
    verdicts.filter((verdict) => verdict.kind === kind && (level === undefined || verdict.level === level)).length;
  return {
    mandatory: of("violation", "mandatory"),
    advisory: of("violation", "advisory"),
    warnings: of("warning"),
    undecided: of("undecided"),
  };
}

/** 0 passed, 1 refused. What could not run has no report, and the exit code 2. */
export function exitCode({ verdicts }: Report): 0 | 1 {
  return count(verdicts).mandatory > 0 ? 1 : 0;
}

export function enforcementOf(rule: Rule, { configuration }: Report): string {
  return configuredFor(rule, configuration).enforcement;
}

/** Type and name of a resource, as in `tenancy:postgres:Schema acme-schema`. */
export function resourceText(urn: string | undefined, { stack }: Report): string {
  if (urn === undefined) return `the stack ${stack}`;
  const [, , types = "", ...name] = urn.split("::");
  return `${types.slice(types.lastIndexOf("$") + 1)} ${name.join("::")}`;
}

/** On one line and without characters that act on a terminal, or turn the direction of what follows. */
export function plainLine(text: string): string {
  return text.replaceAll(
    /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The tenant of a message that names one. */
export function tenantOf(verdict: Verdict): string | undefined {
  return /^tenant ([a-z0-9-]+): /.exec(verdict.message)?.[1];
}
