/** The real servers that the tests share: started once by `global-setup.ts`, or by a developer beforehand. */
import { inject } from "vitest";
import type { Services } from "../../dev/services/index.ts";

/** What tests get of the servers; plain data, because it crosses from vitest's main process to its workers. */
export type TestServices = Pick<Services, "platform" | "caFile" | "dir" | "bin">;

declare module "vitest" {
  export interface ProvidedContext {
    services: TestServices;
  }
}

/**
 * The platform's servers: `main` in each store (PostgreSQL with its administrator's login, two Valkey nodes, S3) and
 * the storage server `files`. Shared by all test files: each uses tenant ids of its own.
 */
export function services(): TestServices {
  return inject("services");
}
