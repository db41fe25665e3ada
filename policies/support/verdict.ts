/** Small decisions that many rules are made of. */
import { type Finding, type Resource, shown, undecided } from "../rule.ts";
import { at, unknown, type Value } from "../values.ts";
import { ownTenant, tenantPrefix } from "./tenants.ts";

/** As in `tenant acme: bucket acme-bucket`, the begin of a message. */
export function subjectOf(resource: Resource, kind?: string): string {
  const short = kind ?? resource.type.slice(resource.type.lastIndexOf(":") + 1);
  return `${tenantPrefix(ownTenant(resource))}${short} ${resource.name}`;
}

/** A property must be `true`: left out counts as what the vendor does then. */
export function* mustBeTrue(
  resource: Resource,
  property: string,
  what: string,
  options: { readonly leftOut?: boolean } = {},
): Iterable<Finding> {
  yield* mustBe(resource, property, (value) => isTrue(value ?? options.leftOut ?? false), what);
}

export function* mustBeFalse(resource: Resource, property: string, what: string): Iterable<Finding> {
  yield* mustBe(resource, property, (value) => !isTrue(value ?? false), what);
}

/**
 * @param property - path with dots
 * @param what - the rest of the sentence, as in `is not encrypted at rest`
 */
export function* mustBe(
  resource: Resource,
  property: string,
  test: (value: Value | undefined) => boolean,
  what: string,
): Iterable<Finding> {
  const value = at(resource.props, ...property.split("."));
  if (value === unknown) yield undecided(`${subjectOf(resource)}: ${property}`);
  else if (!test(value)) yield { message: `${subjectOf(resource)} ${what}: ${property} is ${shown(value)}` };
}

/** Providers keep true and numbers as text in places. */
export function isTrue(value: Value | undefined): boolean {
  return value === true || value === "true" || value === 1 || value === "1";
}

export function numberOf(value: Value | undefined): number | undefined {
  if (typeof value === "number") return value;
  return typeof value === "string" && /^\d+$/.test(value) ? Number(value) : undefined;
}
