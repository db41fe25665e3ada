import * as pulumi from "@pulumi/pulumi";
import { isAdoptable, orphanText } from "../provider/mark.ts";

/**
 * Refuses, before it is made, a resource that a crash would orphan, in a run whose engine saves the state at its end
 * only (`PULUMI_SKIP_CHECKPOINTS`; docs/decisions/checkpoints.md).
 */
export function refuseOrphans(): void {
  if (process.env.PULUMI_SKIP_CHECKPOINTS !== "true") return;
  pulumi.runtime.registerStackTransformation(({ type, name }) => {
    if (isAdoptable(type)) return undefined;
    throw new pulumi.RunError(`${type} ${name} ${orphanText}. Unset PULUMI_SKIP_CHECKPOINTS.`);
  });
}
