/** Embedded servers for one measurement, with data of their own: what an earlier one left would slow a later one down. */
import { join, resolve } from "node:path";
import { type Services, startServices } from "../dev/services/index.ts";

export async function withServices<T>(
  options: { readonly dir: string; readonly durable: boolean },
  measure: (services: Services) => Promise<T>,
): Promise<T> {
  const services = await startServices({
    ...options,
    pythonDir: join(resolve(import.meta.dirname, ".."), ".dev", "python"),
    mode: "attached",
    progress: () => undefined,
  });
  try {
    return await measure(services);
  } finally {
    await services.stop();
  }
}
