/** The platform's servers, as the native provider was configured with them. */
import type { Resource } from "../rule.ts";
import { at, isProperties, plainProperties, type Properties, text, unknown, type Unknown } from "../values.ts";

export const providerType = "pulumi:providers:tenancy";

/** Servers by store and name; undefined where the configuration cannot be read. */
export function platformOf(provider: Resource | undefined): Properties | Unknown | undefined {
  const config = provider?.props.config;
  if (config === unknown) return unknown;
  if (typeof config !== "string") return undefined;
  try {
    const parsed = JSON.parse(config) as unknown;
    if (typeof parsed !== "object" || parsed === null) return undefined;
    const platform = at(plainProperties(parsed), "platform");
    return isProperties(platform) ? platform : undefined;
  } catch {
    return undefined;
  }
}

export interface Server {
  readonly store: string;
  readonly name: string;
  readonly settings: Properties;
}

export function serversOf(platform: Properties): readonly Server[] {
  return Object.entries(platform).flatMap(([store, named]) =>
    isProperties(named)
      ? Object.entries(named).flatMap(([name, settings]) => (isProperties(settings) ? [{ store, name, settings }] : []))
      : [],
  );
}

export function findProvider(resources: readonly Resource[]): Resource | undefined {
  return resources.find(({ type }) => type === providerType);
}

/** Scheme of a URL in lower case, without its colon: the rest may hold a password. */
export function schemeOf(url: string): string | undefined {
  return /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase();
}

/** For counting by region: a word where the region is not known or not said. */
export function regionName(resource: Resource): string {
  const region = awsRegion(resource);
  return typeof region === "string" ? region : "of the provider";
}

/** The region that a resource of AWS is made in; undefined where nothing says it. */
export function awsRegion(resource: Resource): string | Unknown | undefined {
  const own = resource.props.region ?? resource.provider?.props.region;
  return own === unknown ? unknown : text(own);
}
