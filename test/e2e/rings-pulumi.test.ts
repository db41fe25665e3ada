import { rings } from "./suites/rings.ts";
import { onPulumi } from "./suites/on-pulumi.ts";

await onPulumi(rings);
