import { it } from "vitest";
import { availableEngines } from "../../support/project.ts";
import type { EngineName } from "../../../cli/engines.ts";

/** Runs a suite on the Pulumi CLI; where there is none, the report says so by one skipped test. */
export async function onPulumi(suite: (engine: EngineName) => void): Promise<void> {
  const engines = await availableEngines();
  if (engines.includes("pulumi")) suite("pulumi");
  else it.skipIf(true)("the Pulumi CLI is not on this machine", () => undefined);
}
