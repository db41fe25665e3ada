import { crash } from "./suites/failures.ts";
import { onPulumi } from "./suites/on-pulumi.ts";

await onPulumi(crash);
