/** What a rule of the pack is. A rule is a pure function of plain data: it reads no file, no clock and no server. */
import type { Properties, Value } from "./values.ts";

/** As Pulumi names them. `mandatory` stops an update, `advisory` only tells. */
export type Enforcement = "mandatory" | "advisory" | "disabled";
export type Severity = "low" | "medium" | "high" | "critical";

export const subjects = ["TLS", "encryption", "isolation", "lifecycle", "capacity", "residency"] as const;
export type Subject = (typeof subjects)[number];

export interface Resource {
  /** As in `tenancy:postgres:Schema`. */
  readonly type: string;
  readonly name: string;
  readonly urn: string;
  readonly props: Properties;
  readonly protect: boolean;
  /** URN of the parent. */
  readonly parent?: string;
  /** URNs of the resources that each property's value comes from. */
  readonly references: Readonly<Record<string, readonly string[]>>;
  /** Only where the engine tells it. */
  readonly provider?: { readonly type: string; readonly props: Properties };
}

export interface Finding {
  /** What is wrong and the value found, never a secret one. The rule's remediation is added to it. */
  readonly message: string;
  /** The resource at fault, for rules that look at the whole stack. */
  readonly urn?: string;
  /**
   * `warning`: told whatever the rule's enforcement is. `undecided`: the rule needs a value that is not known yet.
   * @default a violation
   */
  readonly kind?: "warning" | "undecided";
}

/** A value of the rule that a site may choose: its JSON schema, and what holds without a choice. */
export interface Setting<T> {
  readonly description: string;
  readonly schema: {
    readonly type: "string" | "integer" | "number" | "boolean" | "array" | "object";
    readonly minimum?: number;
    readonly maximum?: number;
    readonly items?: { readonly type: "string" };
    readonly additionalProperties?: { readonly type: "string" | "integer" | "number" } | false;
  };
  readonly fallback: T;
}

export interface Context<S> {
  /** Name of the stack, as in `dev`. */
  readonly stack: string;
  readonly now: Date;
  readonly settings: S;
  /** URN of any resource's parent, whatever its type. */
  readonly parentOf: (urn: string) => string | undefined;
}

interface Described<S> {
  /** `tenancy-<resource>-<rule>`, which is also the file's name. */
  readonly name: string;
  readonly subject: Subject;
  /** What has to hold, in one sentence. */
  readonly description: string;
  /** What happens otherwise. */
  readonly reason: string;
  /** Where it is written: a benchmark, a vendor's page. */
  readonly source: { readonly title: string; readonly url: string };
  /** How to mend it: the last line of every message. */
  readonly remediation: string;
  readonly severity: Severity;
  /** Where no posture and no configuration says otherwise. */
  readonly enforcement: Enforcement;
  /** Types of the resources that it reads. Other resources are not handed to it. */
  readonly types: readonly string[];
  readonly settings?: { readonly [K in keyof S]: Setting<S[K]> };
}

/** Looks at each resource by itself: in `pulumi up` also right before the resource is made. */
export interface ResourceRule<S = unknown> extends Described<S> {
  readonly scope: "resource";
  readonly check: (resource: Resource, context: Context<S>) => Iterable<Finding>;
}

/** Looks at all of a stack's resources of its types together. */
export interface StackRule<S = unknown> extends Described<S> {
  readonly scope: "stack";
  readonly check: (resources: readonly Resource[], context: Context<S>) => Iterable<Finding>;
}

export type Rule = ResourceRule | StackRule;

export function resourceRule<S = object>(rule: Omit<ResourceRule<S>, "scope">): Rule {
  return { ...rule, scope: "resource" } as unknown as Rule;
}

export function stackRule<S = object>(rule: Omit<StackRule<S>, "scope">): Rule {
  return { ...rule, scope: "stack" } as unknown as Rule;
}

/** Every resource's parent, for the rules' context. */
export function parentsOf(
  resources: Iterable<{ readonly urn: string; readonly parent?: string }>,
): Context<unknown>["parentOf"] {
  const parents = new Map<string, string>();
  for (const { urn, parent } of resources) if (parent !== undefined) parents.set(urn, parent);
  return (urn) => parents.get(urn);
}

/** The rule cannot tell: a value that it needs is made by the update. */
export function undecided(property: string, urn?: string): Finding {
  return {
    kind: "undecided",
    message: `${property} is not known before the update, which checks it again`,
    ...(urn === undefined ? {} : { urn }),
  };
}

/** A rule's settings: what was configured, and what holds otherwise. */
export function settingsOf(rule: Rule, configured: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const settings = Object.entries<Setting<unknown>>(rule.settings ?? {});
  return Object.fromEntries(settings.map(([name, { fallback }]) => [name, configured[name] ?? fallback]));
}

/**
 * A value for a message: quoted, cut, and on one line. Only for values that are no secrets.
 */
export function shown(value: Value | undefined): string {
  if (value === undefined) return "nothing";
  const json = JSON.stringify(value);
  return json.length > 120 ? `${json.slice(0, 117)}…` : json;
}

/** The full text of a finding: what is wrong, and how to mend it. */
export function messageOf(rule: Rule, { message, kind }: Finding): string {
  return kind === "undecided" ? message : `${message}. ${rule.remediation}`;
}

/** Pulumi's name of the stack in a URN: `urn:pulumi:<stack>::<project>::…`. */
export function stackOf(urn: string): string {
  return urn.split("::")[0]?.slice("urn:pulumi:".length) ?? "";
}
