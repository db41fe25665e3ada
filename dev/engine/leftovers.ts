/** What is done to resources of the last state without a program: deletion and refresh. */
import { isDeepStrictEqual } from "node:util";
import { isProvider, randomProviderType, references } from "./resource.ts";
import type { Resource } from "./resource.ts";
import { providerOf } from "./run.ts";
import type { Run } from "./run.ts";
import { changedKeys, markKeys } from "./values.ts";

/** Deletes all that is left over, each resource after everything that depends on it. Failures are noted in the run. */
export async function deleteLeftovers(run: Run): Promise<void> {
  const doomed = run.snapshot.leftovers();
  for (const { urn, protect, delete: replaced } of doomed) {
    if (!protect || replaced) continue;
    run.fail(
      `resource "${urn}" cannot be deleted because it is protected: put it back into the program, ` +
        "or set its option `protect` to false and run `up` before",
      urn,
    );
  }
  if (run.hasFailed()) return;
  const dependents = new Map<string, Resource[]>();
  for (const resource of doomed) {
    for (const urn of references(resource)) {
      const known = dependents.get(urn);
      if (known === undefined) dependents.set(urn, [resource]);
      else known.push(resource);
    }
  }
  const deletions = new Map<Resource, Promise<unknown>>();
  const above = new Set<Resource>();
  const remove = (resource: Resource): Promise<unknown> => {
    const known = deletions.get(resource);
    if (known !== undefined) return known;
    above.add(resource);
    // After a failed run, dependencies of replaced and of new objects may make a circle: it is cut here.
    const before = (dependents.get(resource.urn) ?? []).filter((other) => !above.has(other)).map(remove);
    above.delete(resource);
    // After a failure `work` begins nothing, so that whatever a resource depends on stays.
    const deletion = Promise.all(before)
      .then(() => run.work(() => deleteOne(run, resource), resource.urn))
      .catch(() => undefined);
    deletions.set(resource, deletion);
    return deletion;
  };
  await Promise.all(doomed.map(remove));
}

async function deleteOne(run: Run, resource: Resource): Promise<void> {
  const { snapshot, preview } = run;
  if (!preview) {
    const hasObject = resource.custom && !isProvider(resource.type);
    if (hasObject) await providerOf(run, resource.type).delete(resource);
    snapshot.remove(resource);
    run.touch();
  }
  // The step of a replacement was told when the new object was made; default providers come and go unseen.
  const shown = !resource.delete && resource.type !== randomProviderType;
  if (shown) run.step({ kind: "delete", urn: resource.urn, changed: [] });
}

/** Brings the state to what the providers see. */
export async function refresh(run: Run): Promise<void> {
  const { snapshot } = run;
  const seen = snapshot.leftovers().map(async (old) => {
    if (!old.custom || isProvider(old.type) || old.delete) return [old];
    try {
      return await run.work(() => refreshOne(run, old), old.urn);
    } catch {
      return [old];
    }
  });
  snapshot.refresh((await Promise.all(seen)).flat());
  run.touch();
}

/** @returns nothing when the object is gone. */
async function refreshOne(run: Run, old: Resource): Promise<Resource[]> {
  const seen = await providerOf(run, old.type).read(old);
  if (seen === undefined) {
    run.step({ kind: "delete", urn: old.urn, changed: [] });
    return [];
  }
  const { inputs } = seen;
  const outputs = markKeys(seen.outputs, old.additionalSecretOutputs);
  const changed = [...new Set([...changedKeys(old.inputs, inputs), ...changedKeys(old.outputs, outputs)])].sort();
  run.step({ kind: changed.length > 0 ? "refresh" : "same", urn: old.urn, changed });
  const now = { ...old, inputs, outputs };
  return [isDeepStrictEqual(now, old) ? old : now];
}
