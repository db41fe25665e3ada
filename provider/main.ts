/** The provider's process: started by an engine, it serves until the engine is gone. */
import { resolve } from "node:path";
import { EngineClient } from "./engine-client.ts";
import { providerConfigSchema } from "./config.ts";
import { type CheckFailure, isUnknown, ProviderError } from "./handler.ts";
import { createHandlers } from "./handlers.ts";
import { ProviderServer } from "./rpc.ts";

/** How long a call under way may still run after the engine has gone: a transaction ends, nothing new begins. */
const drainLimitMs = 30_000;

function parseConfig(args: Record<string, unknown>): ReturnType<typeof providerConfigSchema.safeParse> {
  let value: unknown;
  try {
    value = JSON.parse(String(args.config));
  } catch {
    value = undefined;
  }
  return providerConfigSchema.safeParse(value);
}

/** Faults by their place; never with a value, since the configuration holds administrators' passwords. */
function configFailures(args: Record<string, unknown>): CheckFailure[] {
  if (isUnknown(args.config)) return [];
  const { error } = parseConfig(args);
  return (error?.issues ?? []).map((issue) => ({
    property: ["config", ...issue.path].join("."),
    reason: `${issue.message}. Correct tenancy:platform or the file that tenancy:platformFile names.`,
  }));
}

const address = process.argv[2];
const service = new ProviderServer(
  {
    version: "0.1.0",
    adopt: new Set((process.env.TENANCY_ADOPT ?? "").split(",").filter((id) => id !== "")),
    checkConfig: configFailures,
    configure(args) {
      const { data } = parseConfig(args);
      if (data === undefined) {
        throw new ProviderError(
          configFailures(args)
            .map(({ property, reason }) => `${property}: ${reason}`)
            .join("\n"),
        );
      }
      const { platform, templates, projectDir = resolve(import.meta.dirname, "..") } = data;
      return createHandlers({ platform, templates: resolve(projectDir, templates), projectDir });
    },
  },
  (engineAddress) => {
    const engine = new EngineClient(engineAddress);
    engine.onGone(() => void end());
    return engine;
  },
  address,
);

let ending = false;
async function end(): Promise<void> {
  if (ending) return;
  ending = true;
  await service.drain(drainLimitMs);
  server.forceShutdown();
  process.exit(0);
}

// The engine sends SIGINT to the process group of a plugin that it does not need any more; Ctrl-C does not reach it.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void end());

const { server, port } = await service.listen();
console.log(port);
