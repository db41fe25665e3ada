/** A program's request for a resource, as plain data. What this engine does not do is refused by name. */
import type { Alias } from "@pulumi/pulumi/proto/alias_pb.js";
import type { RegisterResourceRequest } from "@pulumi/pulumi/proto/resource_pb.js";
import { randomTypes } from "./random.ts";
import { formatUrn, isProvider, packageOf, parseUrn, stackType } from "./resource.ts";
import type { UrnParts } from "./resource.ts";
import { fromStruct, unsupportedKind } from "./values.ts";
import type { Properties } from "./values.ts";

export interface Registration {
  readonly type: string;
  readonly name: string;
  readonly parent: string;
  readonly custom: boolean;
  readonly inputs: Properties;
  readonly protect: boolean;
  readonly dependencies: readonly string[];
  readonly propertyDependencies: Readonly<Record<string, readonly string[]>>;
  /** Empty: the default provider of the type's package. */
  readonly provider: string;
  readonly version: string;
  readonly deleteBeforeReplace: boolean | undefined;
  readonly ignoreChanges: readonly string[];
  readonly additionalSecretOutputs: readonly string[];
  readonly aliases: readonly AliasSpec[];
  readonly retainOnDelete: boolean;
  readonly deletedWith: string;
}

/** A whole URN, or what differs from the resource's own; `parent` is empty for none. */
export type AliasSpec = string | Partial<UrnParts>;

/** @throws Error that names what this engine does not support. */
export function readRegistration(request: RegisterResourceRequest): Registration {
  const [type, name] = [request.getType(), request.getName()];
  const inputs = fromStruct(request.getObject());
  refuse(type, name, request.getCustom(), unsupported(request, inputs));
  return {
    type,
    name,
    inputs,
    parent: request.getParent(),
    custom: request.getCustom(),
    protect: request.getProtect() ?? false,
    dependencies: request.getDependenciesList(),
    propertyDependencies: Object.fromEntries(
      [...request.getPropertydependenciesMap().entries()].map(([key, urns]) => [key, urns.getUrnsList()]),
    ),
    provider: request.getProvider(),
    version: request.getVersion(),
    deleteBeforeReplace: request.getDeletebeforereplacedefined() ? request.getDeletebeforereplace() : undefined,
    ignoreChanges: request.getIgnorechangesList(),
    additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
    aliases: [...request.getAliasurnsList(), ...request.getAliasesList().map(readAlias)],
    retainOnDelete: request.getRetainondelete() ?? false,
    deletedWith: request.getDeletedwith(),
  };
}

function readAlias(alias: Alias): AliasSpec {
  const spec = alias.getSpec();
  if (spec === undefined) return alias.getUrn();
  const given = { name: spec.getName(), type: spec.getType(), stack: spec.getStack(), project: spec.getProject() };
  const parent = spec.getNoparent()
    ? { parent: "" }
    : spec.getParenturn() === ""
      ? {}
      : { parent: spec.getParenturn() };
  return { ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== "")), ...parent };
}

/** What of a request this engine does not do, in the words of the resource options. */
function unsupported(request: RegisterResourceRequest, inputs: Properties): string[] {
  const timeouts = request.getCustomtimeouts()?.toObject() ?? {};
  const hooks = request.getHooks()?.toObject() ?? {};
  const wildcard = request.getIgnorechangesList().some((path) => /[*[\]"]/.test(path));
  const kind = unsupportedKind(inputs);
  const given = {
    import: request.getImportid() !== "",
    customTimeouts: Object.values(timeouts).some((text) => text !== ""),
    "a remote component": request.getRemote(),
    replaceOnChanges: request.getReplaceonchangesList().length > 0,
    pluginDownloadURL: request.getPlugindownloadurl() !== "" || request.getPluginchecksumsMap().getLength() > 0,
    replaceWith: request.getReplaceWithList().length > 0,
    replacementTrigger: request.hasReplacementTrigger(),
    transforms: request.getTransformsList().length > 0,
    "a parameterized package": request.getPackageref() !== "",
    hooks: Object.values(hooks).flat().length > 0,
    hideDiffs: request.getHidediffsList().length > 0,
    envVarMappings: request.getEnvvarmappingsMap().getLength() > 0,
    snippets: request.getSnippetid() !== "",
    stateMigrations: request.getStateMigrationsList().length > 0,
    "ignoreChanges with brackets or wildcards": wildcard,
    [kind ?? ""]: kind !== undefined,
  };
  return Object.entries(given).flatMap(([what, is]) => (is ? [what] : []));
}

function refuse(type: string, name: string, custom: boolean, what: readonly string[]): void {
  const known =
    !custom ||
    type === stackType ||
    randomTypes.includes(type) ||
    (packageOf(type) === "tenancy" && !type.startsWith("pulumi:")) ||
    (isProvider(type) && ["tenancy", "random"].includes(packageOf(type)));
  if (!known) {
    throw new Error(
      `resource ${name}: the local engine does not know the type ${type}. ` +
        `It runs tenancy:*, ${randomTypes.join(" and ")}; use the Pulumi CLI for everything else.`,
    );
  }
  if (what.length > 0) {
    throw new Error(
      `resource ${name} (${type}): the local engine does not support ${what.join(", ")}; use the Pulumi CLI.`,
    );
  }
}

/**
 * Former URNs of a resource, from its own aliases and from those that its parent was found by.
 *
 * @param formerParent the parent's URN in the last state, where it differs.
 */
export function formerUrns(
  parts: UrnParts,
  aliases: readonly AliasSpec[],
  formerUrn: (urn: string) => string | undefined,
): string[] {
  const own = aliases.map((alias) => {
    if (typeof alias === "string") return alias;
    const parent = alias.parent ?? parts.parent;
    return formatUrn({ ...parts, ...alias, parent: formerUrn(parent) ?? parent });
  });
  const formerParent = formerUrn(parts.parent);
  if (formerParent === undefined) return own;
  const [parentName, formerName] = [parseUrn(parts.parent).name, parseUrn(formerParent).name];
  const inherited = [formatUrn(parts), ...own].map((urn) => {
    const { type, name } = parseUrn(urn);
    // A child named `<parent>-…` was named after the parent's former name.
    const former = name.startsWith(parentName) ? formerName + name.slice(parentName.length) : name;
    return formatUrn({ ...parts, type, name: former, parent: formerParent });
  });
  return [...own, ...inherited];
}
