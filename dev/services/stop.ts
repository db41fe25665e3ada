/** Ends the services of a folder by their recorded process ids. */
import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import { endProcesses, isRunning } from "./process.ts";
import { cleanUp } from "./services.ts";
import { paths, readPids, readState, serviceNames } from "./state.ts";

/** Longer than the guards give each server, so that the supervisor sees its children end. */
const supervisorGraceMs = 15_000;
const serviceGraceMs = 5_000;

/**
 * Stops what runs in a folder: the supervisor, which stops its children, then whatever it could not. Only processes
 * whose id and start time are those of the record are touched.
 *
 * @returns one line for each process that ran, as in `postgres (process 123)`; empty when nothing did
 */
export async function stopServices(dir: string): Promise<string[]> {
  const at = paths(resolve(dir));
  const pids = await readPids(resolve(dir));
  if (pids === undefined) return [];
  const services = serviceNames.flatMap((name) => {
    const entry = pids.services[name];
    return entry === undefined ? [] : [{ name, ...entry }];
  });
  const stopped = [
    ...services
      .filter((service) => isRunning(service.process))
      .map((service) => `${service.name} (process ${service.process.pid})`),
    ...(isRunning(pids.supervisor) ? [`supervisor (process ${pids.supervisor.pid})`] : []),
  ];
  await endProcesses([pids.supervisor], supervisorGraceMs);
  await endProcesses(
    services.flatMap((service) => [service.process, service.guard]),
    serviceGraceMs,
  );
  // A damaged state must not keep anyone from stopping.
  const state = await readState(resolve(dir)).catch(() => undefined);
  if (state !== undefined) await cleanUp(state);
  await rm(at.pids, { force: true });
  return stopped;
}
