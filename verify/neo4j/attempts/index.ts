import type { Neo4jAttempt } from "../attempt.ts";
import { administerAttempts } from "./administer.ts";
import { dataAttempts } from "./data.ts";
import { doorAttempts } from "./doors.ts";
import { observeAttempts } from "./observe.ts";

/** In this order: wrong passwords come last, since three of them lock the login that controls use. */
export const neo4jAttempts: readonly Neo4jAttempt[] = [
  ...dataAttempts,
  ...observeAttempts,
  ...administerAttempts,
  ...doorAttempts.filter(({ door }) => door === "own"),
  ...doorAttempts.filter(({ door }) => door !== "own"),
];
