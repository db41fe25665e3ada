/** Waits until servers answer, and says what went wrong when they do not. */
import { setTimeout as delay } from "node:timers/promises";
import { errorMessage, readIfThere } from "./files.ts";
import { ServicesError } from "./error.ts";
import type { Context, Service } from "./service.ts";
import { paths, readPids } from "./state.ts";

const startTimeoutMs = 60_000;
const logLines = 15;

/** @throws ServicesError with the end of the server's log, when it ends or does not answer within a minute */
export async function waitUntilHealthy(service: Service, context: Context, signal?: AbortSignal): Promise<void> {
  const end = performance.now() + startTimeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const exit = (await readPids(context.dir))?.services[service.name]?.exit;
    if (exit !== undefined) throw await failure(service, context, `ended with exit code ${exit.code}`);
    try {
      await service.check(context);
      return;
    } catch (error) {
      if (performance.now() > end) {
        const seconds = startTimeoutMs / 1000;
        throw await failure(service, context, `does not answer after ${seconds} s (${errorMessage(error)})`);
      }
    }
    await delay(50, undefined, { signal });
  }
}

/** Names of the services that do not answer now. */
export async function unhealthy(services: readonly Service[], context: Context): Promise<readonly Service[]> {
  const answers = await Promise.allSettled(services.map((service) => service.check(context)));
  return services.filter((_, index) => answers[index]?.status === "rejected");
}

export async function failure(service: Service, { dir, state }: Context, what: string): Promise<ServicesError> {
  const log = paths(dir).log(service.name);
  const text = (await readIfThere(log)) ?? "";
  const secrets = Object.values(state.secrets);
  const tail = text
    .trimEnd()
    .split("\n")
    .slice(-logLines)
    .map((line) => secrets.reduce((shown, secret) => shown.replaceAll(secret, "[secret]"), line));
  return new ServicesError(`${service.title} ${what}. The end of ${log}:\n${tail.join("\n")}`);
}
