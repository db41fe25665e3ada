import { Command } from "commander";
import pLimit from "p-limit";
import { tenantConnections } from "../connections.ts";
import { type EngineName, openEngine } from "../engines.ts";
import type { StoreStatus } from "../probe.ts";
import { openProject } from "../project.ts";
import { Progress } from "../render.ts";
import { UserError } from "../user-error.ts";
import { engineOptions } from "./operations.ts";

/** So many tenants are asked at once. */
const concurrency = 8;

interface Flags {
  readonly stack: string;
  readonly engine?: EngineName;
  readonly json?: boolean;
  readonly tenant?: string[];
}

export interface TenantStatus {
  readonly id: string;
  readonly tier: string;
  readonly state: string;
  readonly stores: Readonly<Record<string, StoreStatus>>;
}

/** `status`: logs in to every store as each tenant; exit code 1 when one is not as its state says. */
export function statusCommand(): Command {
  return engineOptions(
    new Command("status")
      .description("log in to the live servers as each tenant and show what is there")
      .option("--json", "as JSON")
      .option("--tenant <id...>", "only these tenants"),
  ).action(async (flags: Flags) => {
    const project = openProject(flags.stack);
    const engine = await openEngine(project, { wanted: flags.engine, progress: () => undefined });
    const all = await tenantConnections(engine);
    const unknown = (flags.tenant ?? []).filter((id) => !all.has(id));
    if (unknown.length > 0) {
      throw new UserError(`status: no tenant ${unknown.join(", ")} in stack ${project.stack}.`);
    }
    const chosen = [...all].filter(([id]) => flags.tenant?.includes(id) ?? true);
    const progress = new Progress("status", chosen.length);
    // The stores' clients take long to load, and only this command needs them.
    const { probeTenant } = await import("../probe.ts");
    const limit = pLimit(concurrency);
    const tenants = await Promise.all(
      chosen.map(([id, connections]) =>
        limit(async (): Promise<TenantStatus> => {
          const stores = await probeTenant(connections);
          progress.step();
          return { id, tier: connections.tier, state: connections.state, stores };
        }),
      ),
    );
    progress.end();
    if (flags.json === true)
      console.log(JSON.stringify({ engine: engine.name, stack: project.stack, tenants }, null, 2));
    else console.log(statusTable(tenants));
    const healthy = tenants.every(({ stores }) => Object.values(stores).every(({ ok }) => ok));
    process.exitCode = healthy ? 0 : 1;
  });
}

/** One line a tenant and store. */
export function statusTable(tenants: readonly TenantStatus[]): string {
  const rows = tenants.flatMap(({ id, tier, state, stores }) =>
    Object.entries(stores).map(
      ([store, { name, ok, detail }], index) =>
        [
          index === 0 ? id : "",
          index === 0 ? `${tier}, ${state}` : "",
          store,
          ok ? "ok" : "NOT OK",
          name,
          detail,
        ] as const,
    ),
  );
  if (rows.length === 0) return "no tenants";
  const table = [["tenant", "tier, state", "store", "", "name", "seen"] as const, ...rows];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => (row[column] ?? "").length))) ?? [];
  return table
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
