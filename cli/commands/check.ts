/** `tenancy check`: tells every fault of the registry, or that there is none. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { styleText } from "node:util";
import { Command } from "commander";
import { tenantStates } from "../../provider/inputs.ts";
import { type Fault, type Style, count, escapeText, report, shownPath } from "../../tenants/faults.ts";
import { type LoadContext, type Registry, RegistryError, loadRegistry } from "../../tenants/load.ts";

const project = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface CheckOptions {
  /** @default tenants/registry.yaml of the project */
  readonly registry?: string;
  /** @default templates/ of the project */
  readonly templates?: string;
  /** Names of the platform's servers, where they are known. */
  readonly servers?: LoadContext["servers"];
  /** @default false */
  readonly colour?: boolean;
}

export interface CheckResult {
  readonly ok: boolean;
  /** The whole report, without a closing line feed. */
  readonly text: string;
  readonly json: {
    readonly ok: boolean;
    /** Tenants that the files name, faulty ones included. */
    readonly tenants: number;
    readonly faults: readonly Fault[];
  };
  /** Undefined where there are faults. */
  readonly registry?: Registry;
}

/** Reads and checks the registry; faults are a result and no exception. */
export function runCheck(options: CheckOptions = {}): Promise<CheckResult> {
  return Promise.resolve().then(() => check(options));
}

function check({ registry: path, templates, servers, colour }: CheckOptions): CheckResult {
  const file = path ?? join(project, "tenants", "registry.yaml");
  try {
    const registry = loadRegistry(file, { templates: templates ?? join(project, "templates"), servers });
    const { tenants } = registry;
    return {
      ok: true,
      text: summary(file, registry),
      json: { ok: true, tenants: tenants.length, faults: [] },
      registry,
    };
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    const { faults, tenantCount } = error;
    const text = report(faults, colour === true ? colours : undefined);
    return { ok: false, text, json: { ok: false, tenants: tenantCount, faults } };
  }
}

function summary(file: string, { tenants, pools }: Registry): string {
  const states = tenantStates
    .map((state) => [tenants.filter((tenant) => tenant.state === state).length, state] as const)
    .filter(([number]) => number > 0)
    .map(([number, state]) => `${number} ${state}`);
  const parts = [...states, ...(pools.length === 0 ? [] : [count(pools.length, "pool")])];
  const detail = parts.length === 0 ? "" : ` (${parts.join(", ")})`;
  return `${escapeText(shownPath(file))}: ${count(tenants.length, "tenant")}, no faults${detail}`;
}

// Whether colours fit the output is the caller's question: the report may be bound for another stream.
const always = { validateStream: false };
export const colours: Style = {
  place: (text) => styleText("cyan", text, always),
  label: (text) => styleText("dim", text, always),
  message: (text) => styleText("bold", text, always),
};

export function checkCommand(): Command {
  return new Command("check")
    .description("tell every fault of the registry; ends with 1 if there is one")
    .option("--registry <path>", "file of the registry (default: tenants/registry.yaml of the project)")
    .option("--json", "write one JSON object: ok, tenants, faults")
    .action(async (options: { registry?: string; json?: boolean }) => {
      const { ok, text, json } = await runCheck({ registry: options.registry, colour: process.stdout.isTTY });
      process.stdout.write(`${options.json === true ? JSON.stringify(json, undefined, 2) : text}\n`);
      process.exitCode = ok ? 0 : 1;
    });
}
