/** Everything that is tried against tenants' namespaces. */
import { admission } from "./admission.ts";
import { ownLimits, wholeCluster } from "./everyone.ts";
import { neighbour } from "./neighbour.ts";
import type { Recipe } from "./recipe.ts";

export const recipes: readonly Recipe[] = [...neighbour, ...ownLimits, ...wholeCluster, ...admission];
