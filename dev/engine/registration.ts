/** A program's request for a resource, as plain data. What this engine does not do is refused by name. */
import type { Alias } from "@pulumi/pulumi/proto/alias_pb.js";
import type { RegisterResourceRequest } from "@pulumi/pulumi/proto/resource_pb.js";
import { randomTypes } from "./random.ts";
import { stackType, tenancyProviderType } from "./resource.ts";
import type { UrnParts } from "./resource.ts";
import { fromStruct, hasUnsupported } from "./values.ts";
import type { Properties } from "./values.ts";

export type Registration = ReturnType<typeof readRegistration>;

/** A whole URN, or what differs from the resource's own; `parent` is empty for none. */
type AliasSpec = string | Partial<UrnParts>;

/** @throws Error that names what this engine does not support. */
export function readRegistration(request: RegisterResourceRequest) {
  const [type, name, custom] = [request.getType(), request.getName(), request.getCustom()];
  const inputs = fromStruct(request.getObject());
  const known = type === stackType || type === tenancyProviderType || randomTypes.includes(type);
  if (custom && !known && !type.startsWith("tenancy:")) {
    throw new Error(
      `resource ${name}: the local engine does not know the type ${type}. ` +
        `It runs tenancy:*, ${randomTypes.join(" and ")}; use the Pulumi CLI for everything else.`,
    );
  }
  const refused = unsupported(request, inputs);
  if (refused.length > 0) {
    throw new Error(
      `resource ${name} (${type}): the local engine does not support ${refused.join(", ")}; use the Pulumi CLI.`,
    );
  }
  return {
    type,
    name,
    custom,
    inputs,
    parent: request.getParent(),
    protect: request.getProtect() ?? false,
    dependencies: request.getDependenciesList(),
    provider: request.getProvider(),
    version: request.getVersion(),
    additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
    aliases: [...request.getAliasurnsList(), ...request.getAliasesList().map(readAlias)],
  };
}

function readAlias(alias: Alias): AliasSpec {
  const spec = alias.getSpec();
  if (spec === undefined) return alias.getUrn();
  const [name, type, parent] = [spec.getName(), spec.getType(), spec.getParenturn()];
  const [stack, project] = [spec.getStack(), spec.getProject()];
  const given = Object.entries({ name, type, parent, stack, project }).filter(([, value]) => value !== "");
  return { ...Object.fromEntries(given), ...(spec.getNoparent() ? { parent: "" } : {}) };
}

/** What of a request this engine does not do, in the words of the resource options. */
function unsupported(request: RegisterResourceRequest, inputs: Properties): string[] {
  const ofTenancy = request.getCustom() && request.getType().startsWith("tenancy:");
  const timeouts = request.getCustomtimeouts()?.toObject() ?? {};
  const hooks = request.getHooks()?.toObject() ?? {};
  const given = {
    import: request.getImportid() !== "",
    ignoreChanges: request.getIgnorechangesList().length > 0,
    retainOnDelete: request.getRetainondelete() ?? false,
    deletedWith: request.getDeletedwith() !== "",
    deleteBeforeReplace: request.getDeletebeforereplacedefined(),
    replaceOnChanges: request.getReplaceonchangesList().length > 0,
    replaceWith: request.getReplaceWithList().length > 0,
    replacementTrigger: request.hasReplacementTrigger(),
    customTimeouts: Object.values(timeouts).some((text) => text !== ""),
    "a default provider for tenancy (give the option `provider`)": ofTenancy && request.getProvider() === "",
    "a provider of its own for random": randomTypes.includes(request.getType()) && request.getProvider() !== "",
    "a remote component": request.getRemote(),
    "a parameterized package": request.getPackageref() !== "",
    pluginDownloadURL: request.getPlugindownloadurl() !== "" || request.getPluginchecksumsMap().getLength() > 0,
    transforms: request.getTransformsList().length > 0,
    hooks: Object.values(hooks).flat().length > 0,
    hideDiffs: request.getHidediffsList().length > 0,
    envVarMappings: request.getEnvvarmappingsMap().getLength() > 0,
    snippets: request.getSnippetid() !== "",
    stateMigrations: request.getStateMigrationsList().length > 0,
    "assets, archives or references to resources": hasUnsupported(inputs),
  };
  return Object.entries(given).flatMap(([what, is]) => (is ? [what] : []));
}
