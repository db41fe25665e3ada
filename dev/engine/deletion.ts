/** Deletes what is left over, each resource after everything that depends on it. */
import { references } from "./resource.ts";
import type { Resource } from "./resource.ts";
import { isProvider } from "./resource.ts";
import { Stopped } from "./run.ts";
import type { Run } from "./run.ts";

/** @returns when all that could be deleted is deleted; failures are noted in the run. */
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
  const graph = new Map<string, Resource[]>();
  for (const resource of doomed) graph.set(resource.urn, [...(graph.get(resource.urn) ?? []), resource]);
  /** How many dependents of each are still to be deleted. */
  const waiting = new Map(doomed.map((resource) => [resource, 0]));
  const needs = (resource: Resource): Resource[] =>
    [...references(resource)].flatMap((urn) => graph.get(urn) ?? []).filter((other) => other !== resource);
  for (const resource of doomed) {
    for (const other of needs(resource)) waiting.set(other, (waiting.get(other) ?? 0) + 1);
  }
  const remove = async (resource: Resource): Promise<void> => {
    await run.work(resource.urn, () => deleteOne(run, resource, graph.has(resource.deletedWith)));
    const freed = needs(resource).filter((other) => {
      const left = (waiting.get(other) ?? 0) - 1;
      waiting.set(other, left);
      return left === 0;
    });
    await Promise.all(freed.map(remove));
  };
  const leaves = doomed.filter((resource) => waiting.get(resource) === 0);
  const results = await Promise.allSettled(leaves.map(remove));
  for (const result of results) {
    if (result.status === "rejected" && !run.hasFailed() && !(result.reason instanceof Stopped)) throw result.reason;
  }
}

async function deleteOne(run: Run, resource: Resource, goesWithAnother: boolean): Promise<void> {
  const { snapshot, providers, preview } = run;
  const kept = !resource.custom || isProvider(resource.type) || resource.retainOnDelete || goesWithAnother;
  if (!preview) {
    if (!kept) await (await providers.of(resource, (urn) => snapshot.now(urn))).delete(resource);
    snapshot.remove(resource);
    run.touch();
  }
  // The step of a replacement was told when the new object was made; default providers come and go unseen.
  const shown = !resource.delete && !isDefault(resource);
  if (shown) run.step({ kind: "delete", urn: resource.urn, changed: [] });
}

function isDefault({ type, urn }: Resource): boolean {
  return isProvider(type) && /::default(_[^:]*)?$/.test(urn);
}
