/** What runs in a folder of services now. */
import { readFile } from "node:fs/promises";
import { errorCode } from "./files.ts";
import { unhealthy } from "./health.ts";
import { listInstances } from "./neo4j/client.ts";
import { managerAddress } from "./neo4j/manager.ts";
import { isRunning } from "./process.ts";
import { checkTimeoutMs, type Context, type Service } from "./service.ts";
import { serviceList } from "./services.ts";
import { paths, readPids, readState, type State } from "./state.ts";

export interface Found {
  readonly context: Context;
  readonly services: readonly Service[];
  readonly missing: readonly Service[];
  /** Whether the API of the Neo4j instances answers. */
  readonly instances: boolean;
}

/** What runs in a folder; undefined when its supervisor does not. */
export async function look(dir: string): Promise<Found | undefined> {
  const [state, pids] = await Promise.all([readState(dir), readPids(dir)]);
  if (state === undefined || pids === undefined || !isRunning(pids.supervisor)) return undefined;
  try {
    const context: Context = { dir, state, ca: await readFile(paths(dir).caCertificate, "utf8") };
    const services = serviceList(state);
    const answer = listInstances(managerAddress(context), checkTimeoutMs);
    const [missing, instances] = await Promise.all([
      unhealthy(services, context),
      answer.then(
        () => true,
        () => false,
      ),
    ]);
    return { context, services, missing, instances };
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

export async function allEnded(dir: string, services: readonly Service[]): Promise<boolean> {
  const pids = await readPids(dir);
  return services.every((service) => {
    const entry = pids?.services[service.name];
    return entry === undefined || (!isRunning(entry.guard) && !isRunning(entry.process));
  });
}

/** The ports that are held now; those of TLS proxies and of the API belong to the supervisor and outlive the servers. */
export function portsInUse({ services, missing }: Found, { ports }: State): number[] {
  const names = services.flatMap((service) => [
    ...(missing.includes(service) ? [] : service.ports),
    ...(service.proxy === undefined ? [] : [service.proxy.port]),
  ]);
  return [...names, "neo4j-api" as const].map((name) => ports[name]);
}
