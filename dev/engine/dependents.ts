/** What has to go before a resource that is deleted before its replacement is made. */
import type { Run } from "./run.ts";
import { references } from "./resource.ts";
import type { Resource } from "./resource.ts";
import { unknown } from "./values.ts";
import type { Properties } from "./values.ts";

const graphs = new WeakMap<Run, Map<string, Resource[]>>();

/** Direct dependents by URN; made once a run, as resources only leave the last state. */
function graphOf(run: Run): Map<string, Resource[]> {
  const known = graphs.get(run);
  if (known !== undefined) return known;
  const graph = new Map<string, Resource[]>();
  for (const resource of run.snapshot.leftovers()) {
    if (resource.delete) continue;
    for (const urn of references(resource)) {
      const dependents = graph.get(urn);
      if (dependents === undefined) graph.set(urn, [resource]);
      else dependents.push(resource);
    }
  }
  graphs.set(run, graph);
  return graph;
}

/**
 * Resources that would be replaced if the properties which they take from `root` changed, in dependency order.
 *
 * @throws Error for one that is protected.
 */
export async function dependentsToReplace(
  root: Resource,
  run: Run,
  registered: (urn: string) => boolean,
): Promise<Resource[]> {
  const graph = graphOf(run);
  const replaced = new Set([root.urn]);
  const found = new Set<Resource>([root]);
  // A set's iteration also visits what is added meanwhile.
  for (const resource of found) {
    for (const dependent of graph.get(resource.urn) ?? []) found.add(dependent);
  }
  const result: Resource[] = [];
  for (const resource of run.snapshot.leftovers()) {
    if (resource === root || !found.has(resource) || !resource.custom || registered(resource.urn)) continue;
    if (!(await isReplaced(resource, replaced, run))) continue;
    if (resource.protect) {
      throw new Error(`resource "${resource.urn}" would be replaced together with "${root.urn}", but it is protected`);
    }
    replaced.add(resource.urn);
    result.push(resource);
  }
  return result;
}

async function isReplaced(resource: Resource, replaced: ReadonlySet<string>, run: Run): Promise<boolean> {
  const inputs: Properties = { ...resource.inputs };
  const keys = Object.keys(inputs).filter((key) =>
    resource.propertyDependencies[key]?.some((urn) => replaced.has(urn)),
  );
  if (keys.length === 0) return false;
  for (const key of keys) inputs[key] = unknown;
  const provider = await run.providers.of(resource, (urn) => run.snapshot.now(urn));
  return (await provider.diff(resource, inputs, resource.ignoreChanges)).replaces.length > 0;
}
