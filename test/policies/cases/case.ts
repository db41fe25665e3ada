/** What the cases of the rules are made of. */
import type { Resource } from "../../../policies/rule.ts";

/** How the engine's protocol writes a value that only the update will know. */
export const unknownText = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Stands in every secret property: no message may repeat it. */
export const canary = "c4n4ry-of-a-secret";

/** A resource with properties as the protocol has them: unknown values are `unknownText`. */
export interface Given extends Omit<Resource, "props" | "provider"> {
  readonly props: Readonly<Record<string, unknown>>;
  readonly provider?: { readonly type: string; readonly props: Readonly<Record<string, unknown>> };
}

interface Options {
  /** Makes it a child of a tenant's component. */
  readonly tenant?: string;
  readonly protect?: boolean;
  readonly references?: Given["references"];
  readonly region?: string;
}

export function given(type: string, name: string, props: object = {}, options: Options = {}): Given {
  const { tenant, protect = false, references = {}, region } = options;
  const parent = tenant === undefined ? undefined : urnOf("tenancy:index:TenantThing", tenant);
  const types = parent === undefined ? type : `tenancy:index:TenantThing$${type}`;
  return {
    ...{ type, name, urn: urnOf(types, name), props: { ...props }, protect, references },
    ...(parent === undefined ? {} : { parent }),
    ...(region === undefined ? {} : { provider: { type: "pulumi:providers:aws", props: { region } } }),
  };
}

export function urnOf(types: string, name: string): string {
  return `urn:pulumi:prod::tenancy::${types}::${name}`;
}

export interface Case {
  readonly resources: readonly Given[];
  /** Settings of the rule. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Each finding's message without the remediation; a warning or an undecided one begins with its kind. */
  readonly says: readonly string[];
}

export interface RuleCases {
  readonly pass: Case;
  readonly fail: Case;
  /** With a value that is not known yet. */
  readonly unknown: Case;
}

export type Cases = Readonly<Record<string, RuleCases>>;

/** A Roster with tenants of the prefix `t` in eu-central-1; more can be said of each. */
export function roster(tenants: Readonly<Record<string, object>>, more: object = {}): Given {
  const entries = Object.entries(tenants).map(([id, own]) => [
    id,
    { prefix: "t", tier: "bridge", state: "active", region: "eu-central-1", placement: {}, ...own },
  ]);
  return given(
    "tenancy:index:Roster",
    "tenants",
    { maxDeletes: 1, tenants: Object.fromEntries(entries) as object, ...more },
    { protect: true },
  );
}

/** The native provider with servers of the platform; everything that could be a login is the canary. */
export function provider(platform: object): Given {
  return given("pulumi:providers:tenancy", "platform", {
    config: JSON.stringify({ platform, templates: "templates" }),
  });
}

export const policy = (...statements: readonly object[]): string =>
  JSON.stringify({ Version: "2012-10-17", Statement: statements });
