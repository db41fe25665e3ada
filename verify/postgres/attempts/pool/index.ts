/** Every attempt that is about a pool. */
import type { Recipe } from "../../recipe.ts";
import { poolChangeRecipes } from "./change.ts";
import { poolReadRecipes } from "./read.ts";
import { poolRoleRecipes } from "./roles.ts";
import { poolTrustedRecipes } from "./trusted.ts";
import { poolWriteRecipes } from "./write.ts";

export const poolRecipes: readonly Recipe[] = [
  ...poolReadRecipes,
  ...poolWriteRecipes,
  ...poolChangeRecipes,
  ...poolRoleRecipes,
  ...poolTrustedRecipes,
];
