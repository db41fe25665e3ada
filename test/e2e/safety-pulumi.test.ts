import { safety } from "./suites/safety.ts";
import { onPulumi } from "./suites/on-pulumi.ts";

await onPulumi(safety);
