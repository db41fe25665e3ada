/** A resource of the state, and the names that make up a URN. */
import type { Properties } from "./values.ts";

export interface Resource {
  readonly urn: string;
  readonly custom: boolean;
  readonly type: string;
  /** Empty for components. */
  readonly id: string;
  readonly inputs: Properties;
  readonly outputs: Properties;
  readonly parent: string;
  readonly protect: boolean;
  readonly dependencies: readonly string[];
  readonly propertyDependencies: Readonly<Record<string, readonly string[]>>;
  /** `<urn of the provider>::<its id>`; empty for components and providers. */
  readonly provider: string;
  readonly additionalSecretOutputs: readonly string[];
  readonly ignoreChanges: readonly string[];
  readonly retainOnDelete: boolean;
  readonly deletedWith: string;
  /** What was left undone when it was made; the next update goes on. */
  readonly initErrors: readonly string[];
  /** Replaced, and its deletion still to come. */
  readonly delete: boolean;
  readonly created: string;
  readonly modified: string;
}

export const stackType = "pulumi:pulumi:Stack";
const providerPrefix = "pulumi:providers:";

export function isProvider(type: string): boolean {
  return type.startsWith(providerPrefix);
}

export function providerType(name: string): string {
  return `${providerPrefix}${name}`;
}

/** As in `tenancy` of `tenancy:redis:AclUser` and of `pulumi:providers:tenancy`. */
export function packageOf(type: string): string {
  return isProvider(type) ? type.slice(providerPrefix.length) : (type.split(":")[0] ?? "");
}

/** Its parts: `urn:pulumi:<stack>::<project>::<parent's types>$<type>::<name>`. */
export function parseUrn(urn: string): { qualifiedType: string; type: string; name: string } {
  const [, , qualifiedType = "", ...name] = urn.split("::");
  return { qualifiedType, type: qualifiedType.split("$").at(-1) ?? "", name: name.join("::") };
}

export interface UrnParts {
  readonly stack: string;
  readonly project: string;
  readonly parent: string;
  readonly type: string;
  readonly name: string;
}

export function formatUrn({ stack, project, parent, type, name }: UrnParts): string {
  const above = parent === "" ? stackType : parseUrn(parent).qualifiedType;
  return `urn:pulumi:${stack}::${project}::${above === stackType ? "" : `${above}$`}${type}::${name}`;
}

export function providerUrn(reference: string): string {
  return reference.slice(0, reference.lastIndexOf("::"));
}

/** URNs of what must be there before this resource and may go only after it. */
export function references(resource: Resource): Set<string> {
  const urns = new Set([...resource.dependencies, ...Object.values(resource.propertyDependencies).flat()]);
  if (resource.parent !== "") urns.add(resource.parent);
  if (resource.provider !== "") urns.add(providerUrn(resource.provider));
  if (resource.deletedWith !== "") urns.add(resource.deletedWith);
  return urns;
}

/** The resource with each URN that it refers to put through `map`; what `map` gives up is left out. */
export function mapReferences(resource: Resource, map: (urn: string) => string | undefined): Resource {
  const one = (urn: string): string => (urn === "" ? "" : (map(urn) ?? ""));
  const many = (urns: readonly string[]): string[] => urns.flatMap((urn) => map(urn) ?? []);
  const { provider } = resource;
  return {
    ...resource,
    parent: one(resource.parent),
    dependencies: many(resource.dependencies),
    propertyDependencies: Object.fromEntries(
      Object.entries(resource.propertyDependencies).map(([key, urns]) => [key, many(urns)]),
    ),
    provider: provider === "" ? "" : `${one(providerUrn(provider))}${provider.slice(provider.lastIndexOf("::"))}`,
    deletedWith: one(resource.deletedWith),
  };
}
