/** Every attempt against PostgreSQL, in the order in which they are made. */
import type { Recipe } from "../recipe.ts";
import { databaseRecipes } from "./database.ts";
import { destroyRecipes } from "./destroy.ts";
import { exhaustRecipes } from "./exhaust.ts";
import { observeRecipes } from "./observe.ts";
import { poolRecipes } from "./pool/index.ts";
import { readRecipes } from "./read.ts";
import { rightsRecipes } from "./rights.ts";
import { roleRecipes } from "./roles.ts";
import { serverRecipes } from "./server.ts";
import { siloRecipes } from "./silo.ts";
import { writeRecipes } from "./write.ts";

export const recipes: readonly Recipe[] = [
  ...readRecipes,
  ...rightsRecipes,
  ...writeRecipes,
  ...destroyRecipes,
  ...observeRecipes,
  ...exhaustRecipes,
  ...roleRecipes,
  ...serverRecipes,
  ...databaseRecipes,
  ...siloRecipes,
  ...poolRecipes,
];
