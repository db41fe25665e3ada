import { life } from "./suites/life.ts";
import { onPulumi } from "./suites/on-pulumi.ts";

await onPulumi(life);
