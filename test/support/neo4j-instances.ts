/** The API by which tests get Neo4j Community instances of their own, each a process that starts in seconds. */
import type { Neo4jInstances } from "../../provider/config.ts";
import { services } from "./services.ts";

/**
 * Where the API is and how to log in to it: `platform.neo4j.main` of the tests' servers. Its first PUT downloads Neo4j
 * (docs/development-services.md). Whoever makes an instance removes it: names are shared by all test files, so take a
 * prefix that no other has.
 */
export function neo4jInstances(): Neo4jInstances & { readonly caFile: string } {
  const { platform, caFile } = services();
  const { main } = platform.neo4j;
  if (main?.kind !== "instances") throw new Error("the tests' services have no Neo4j instances");
  return { ...main, caFile };
}
