import { pools } from "./suites/pools.ts";
import { onPulumi } from "./suites/on-pulumi.ts";

await onPulumi(pools);
