/** A resource of the state, and the names that make up a URN. */
import { z } from "zod";
import { isObject } from "./values.ts";
import type { Properties } from "./values.ts";

const properties = z.custom<Properties>(isObject).default({});
/** As the state holds it. */
export const resourceSchema = z.object({
  urn: z.string(),
  custom: z.boolean(),
  type: z.string(),
  /** Empty for components, and in a preview for what is not made yet. */
  id: z.string().default(""),
  inputs: properties,
  outputs: properties,
  parent: z.string().default(""),
  protect: z.boolean().default(false),
  dependencies: z.array(z.string()).default([]),
  /** `<urn of the provider>::<its id>`; empty for components and providers. */
  provider: z.string().default(""),
  additionalSecretOutputs: z.array(z.string()).default([]),
  /** Replaced, and its deletion still to come. */
  delete: z.boolean().default(false),
});
export type Resource = Readonly<z.infer<typeof resourceSchema>>;

export const stackType = "pulumi:pulumi:Stack";
export const tenancyProviderType = "pulumi:providers:tenancy";
export const randomProviderType = "pulumi:providers:random";

export function isProvider(type: string): boolean {
  return type === tenancyProviderType || type === randomProviderType;
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
export function references({ parent, dependencies, provider }: Resource): string[] {
  return [parent, ...dependencies, providerUrn(provider)].filter((urn) => urn !== "");
}
