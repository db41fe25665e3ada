/** Refuses, at preview and at up, a change in place that a live object would not survive or not carry out. */
import * as pulumi from "@pulumi/pulumi";
import type { ClusterSpec } from "./custom-manifest.ts";
import { clusterRefusals } from "./cluster.ts";
import { bytes } from "./quantities.ts";
import { KubernetesError } from "./settings.ts";

type Refusals = (before: unknown, after: unknown) => string[];

/** @param refusals - of the two `spec`s */
function guard(name: string, tenant: string, refusals: Refusals): pulumi.ResourceHookBinding {
  const hook = new pulumi.ResourceHook(
    name,
    ({ oldInputs, newInputs }) => {
      assertAllowed(tenant, refusals, oldInputs?.spec, newInputs?.spec);
    },
    { onDryRun: true },
  );
  return { beforeUpdate: [hook] };
}

/** @throws KubernetesError with every refusal. */
export function assertAllowed(tenant: string, refusals: Refusals, before: unknown, after: unknown): void {
  if (before === undefined || after === undefined) return;
  const found = refusals(before, after);
  if (found.length > 0) throw new KubernetesError(tenant, `refused: ${found.join("; ")}.`);
}

export const clusterGuard: Refusals = (before, after) => clusterRefusals(before as ClusterSpec, after as ClusterSpec);

interface ClaimSpec {
  readonly storageClassName?: string;
  readonly resources: { readonly requests: { readonly storage: string } };
}

export const claimGuard: Refusals = (before, after) => {
  const [old, wanted] = [before as ClaimSpec, after as ClaimSpec];
  const [had, wants] = [old.resources.requests.storage, wanted.resources.requests.storage];
  return [
    ...(bytes(wants) < bytes(had)
      ? [`neo4j.storageSize is ${wants} and was ${had}: a volume only grows; write at least ${had}`]
      : []),
    ...(old.storageClassName === wanted.storageClassName
      ? []
      : ["the storage class of the graph is another than before: volumes keep their class"]),
  ];
};

export function guardCluster(tenant: string): pulumi.ResourceHookBinding {
  return guard(`${tenant}-cluster-guard`, tenant, clusterGuard);
}

export function guardClaim(tenant: string): pulumi.ResourceHookBinding {
  return guard(`${tenant}-graph-guard`, tenant, claimGuard);
}
