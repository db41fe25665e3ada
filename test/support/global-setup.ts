/** Starts the servers once for a whole run of the tests; they end with it, however it ends. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { readServices, startServices, type Services } from "../../dev/services/index.ts";
import type { TestServices } from "./services.ts";

/** Shared with `npm run dev`, so that a clone downloads once. */
export const pythonDir = join(import.meta.dirname, "..", "..", ".dev", "python");

/**
 * With TENANCY_TEST_SERVICES naming the folder of services that run already, those are used and left running.
 *
 * @returns the teardown
 */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const running = process.env.TENANCY_TEST_SERVICES;
  if (running !== undefined && running !== "") {
    const services = await readServices(running);
    if (services === undefined) {
      throw new Error(
        `TENANCY_TEST_SERVICES=${running}: no services run and answer in that folder. ` +
          `Start them, or leave the variable out to have the tests start their own.`,
      );
    }
    project.provide("services", shared(services));
    return undefined;
  }
  // Short, because unix sockets and some programs limit the length of a path.
  const dir = await mkdtemp(join(tmpdir(), "tenancy-"));
  const remove = (): Promise<void> => rm(dir, { recursive: true, force: true });
  try {
    const services = await startServices({
      dir,
      pythonDir,
      mode: "attached",
      redisNodes: 2,
      durable: false,
      progress: (line) => {
        console.error(`services: ${line}`);
      },
    });
    project.provide("services", shared(services));
    return async () => {
      await services.stop();
      await remove();
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

function shared({ platform, caFile, dir, bin }: Services): TestServices {
  return { platform, caFile, dir, bin };
}
