/** Brings the state to what the providers see. */
import { isDeepStrictEqual } from "node:util";
import { isProvider } from "./resource.ts";
import type { Resource } from "./resource.ts";
import { Stopped } from "./run.ts";
import type { Run } from "./run.ts";
import { changedKeys, ignoreChanges, markKeys } from "./values.ts";

export async function refresh(run: Run): Promise<void> {
  const resources = run.snapshot.leftovers().filter(({ custom, type, delete: replaced }) => {
    return custom && !isProvider(type) && !replaced;
  });
  const results = await Promise.allSettled(resources.map((old) => run.work(old.urn, () => refreshOne(run, old))));
  for (const result of results) {
    if (result.status === "rejected" && !run.hasFailed() && !(result.reason instanceof Stopped)) throw result.reason;
  }
}

async function refreshOne(run: Run, old: Resource): Promise<void> {
  const { snapshot, providers, touch } = run;
  const seen = await (await providers.of(old, (urn) => snapshot.now(urn))).read(old);
  if (seen === undefined) {
    snapshot.remove(old);
    touch();
    run.step({ kind: "delete", urn: old.urn, changed: [] });
    return;
  }
  const inputs = ignoreChanges(old.inputs, seen.inputs, old.ignoreChanges);
  const outputs = markKeys(seen.outputs, old.additionalSecretOutputs);
  const changed = [...new Set([...changedKeys(old.inputs, inputs), ...changedKeys(old.outputs, outputs)])].sort();
  const now = { ...old, id: seen.id, inputs, outputs };
  if (!isDeepStrictEqual(now, old)) {
    snapshot.replaceInPlace({ ...now, modified: new Date().toISOString() });
    touch();
  }
  run.step({ kind: changed.length > 0 ? "refresh" : "same", urn: old.urn, changed });
}
