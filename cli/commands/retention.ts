/** `tenancy retention`: deletes what has expired of every tenant whose template keeps rows for a time only. */
import { resolve } from "node:path";
import { Command } from "commander";
import pLimit from "p-limit";
import type { TenantRecord } from "../../tenants/load.ts";
import { loadTemplate } from "../../templates/load.ts";
import { columns } from "../columns.ts";
import { type Connections, tenantConnections } from "../connections.ts";
import { type EngineName, openEngine } from "../engines.ts";
import { openProject } from "../project.ts";
import { registryRecords } from "../registry-gate.ts";
import { Progress } from "../render.ts";
import { UserError } from "../user-error.ts";
import { engineOptions } from "./operations.ts";

/** So many tenants at once: each holds one connection of its own login. */
const concurrency = 4;

interface Flags {
  readonly stack: string;
  readonly engine?: EngineName;
  readonly tenant?: readonly string[];
  readonly dryRun?: boolean;
  readonly batch: string;
  readonly json?: boolean;
}

export interface TenantRetention {
  readonly id: string;
  /** Expired rows by table. */
  readonly tables: Readonly<Record<string, number>>;
  /** Why it was left, or where it broke off. */
  readonly reason?: string;
  /** Whether rows may be left that had to go. */
  readonly failed: boolean;
}

export function retentionCommand(): Command {
  return engineOptions(
    new Command("retention")
      .description("delete what has expired of tenants whose template says for how long rows are kept")
      .option("--tenant <id...>", "only these tenants")
      .option("--dry-run", "count what has expired and delete nothing")
      .option("--batch <n>", "rows of a table in one transaction", "5000")
      .option("--json", "as JSON"),
  ).action(async (flags: Flags) => {
    process.exitCode = await runRetention(flags);
  });
}

async function runRetention(flags: Flags): Promise<0 | 1> {
  const project = openProject(flags.stack);
  const engine = await openEngine(project, { wanted: flags.engine, progress: () => undefined });
  const [live, config] = await Promise.all([tenantConnections(engine), engine.config()]);
  const root = resolve(project.dir, config["tenancy:templates"] ?? "templates");
  const keeps = (template: string) => loadTemplate(root, template).retention;
  const chosen = keepers(registryRecords(project), live, keeps);
  const faults = faultsOf(flags, chosen);
  if (faults.length > 0) throw new UserError(`retention: ${faults.join("\n  ")}`);
  const wanted = chosen.filter(({ id }) => flags.tenant?.includes(id) ?? true);
  const abort = new AbortController();
  const stop = () => {
    abort.abort();
  };
  process.once("SIGINT", stop).once("SIGTERM", stop);
  const progress = new Progress("retention", wanted.length, "tenants");
  const limit = pLimit(concurrency);
  // The client takes long to load, and only this command needs it.
  const { retain, RetentionError } = await import("../retain.ts");
  const options = { dryRun: flags.dryRun === true, batch: Number(flags.batch), signal: abort.signal };
  const tenants = await Promise.all(
    wanted.map(({ id, left, connection }) =>
      limit(async (): Promise<TenantRetention> => {
        if (connection === undefined) return { id, tables: {}, reason: left ?? "", failed: false };
        if (abort.signal.aborted) return { id, tables: {}, reason: "stopped before its turn", failed: true };
        try {
          return { id, tables: await retain(connection, options), failed: false };
        } catch (error) {
          if (!(error instanceof RetentionError)) throw error;
          return { id, tables: error.deleted, reason: error.message, failed: true };
        } finally {
          progress.step();
        }
      }),
    ),
  );
  progress.end();
  process.off("SIGINT", stop).off("SIGTERM", stop);
  console.log(
    flags.json === true
      ? JSON.stringify({ stack: project.stack, dryRun: options.dryRun, tenants }, null, 2)
      : retentionTable(tenants, options.dryRun),
  );
  return tenants.some(({ failed }) => failed) || abort.signal.aborted ? 1 : 0;
}

export interface Keeper {
  readonly id: string;
  readonly connection?: Connections["postgres"];
  /** Why nothing is deleted of it, where there is no connection. */
  readonly left?: string;
}

/** Tenants of templates that keep rows for a time only, sorted by id. */
export function keepers(
  records: readonly TenantRecord[],
  live: ReadonlyMap<string, Connections>,
  keeps: (template: string) => boolean,
): Keeper[] {
  return records
    .filter(({ postgres }) => postgres !== undefined && keeps(postgres.template))
    .map(({ id }): Keeper => {
      const connections = live.get(id);
      if (connections?.postgres === undefined) return { id, left: "is not in the stack yet" };
      if (connections.state !== "active") return { id, left: `is ${connections.state}: its logins are closed` };
      return { id, connection: connections.postgres };
    })
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** Every fault of the flags at once. */
export function faultsOf(flags: Pick<Flags, "tenant" | "batch">, chosen: readonly Keeper[]): string[] {
  const batch = Number(flags.batch);
  return [
    ...(Number.isInteger(batch) && batch >= 1 && batch <= 100_000
      ? []
      : [`--batch ${JSON.stringify(flags.batch)}: allowed is a whole number from 1 to 100000.`]),
    ...(flags.tenant ?? [])
      .filter((id) => !chosen.some((keeper) => keeper.id === id))
      .map(
        (id) =>
          `--tenant ${JSON.stringify(id)}: no such tenant has a template with retention; ` +
          `there are: ${chosen.map((keeper) => keeper.id).join(", ") || "none"}.`,
      ),
  ];
}

/** One line a tenant and table; tables without an expired row are left out. */
export function retentionTable(tenants: readonly TenantRetention[], dryRun: boolean): string {
  const rows = tenants.flatMap(({ id, tables, reason }) => {
    const counts = Object.entries(tables).filter(([, count]) => count > 0);
    const lines = counts.map(([table, count]) => [table, String(count), ""]);
    if (reason !== undefined) lines.push(["", "", reason]);
    if (lines.length === 0) lines.push(["", "0", ""]);
    return lines.map((line, at) => [at === 0 ? id : "", ...line]);
  });
  const total = tenants.reduce(
    (sum, { tables }) => sum + Object.values(tables).reduce((count, each) => count + each, 0),
    0,
  );
  const failed = tenants.filter((tenant) => tenant.failed).length;
  const end =
    `${total} ${total === 1 ? "row" : "rows"} of ${tenants.length} ${tenants.length === 1 ? "tenant" : "tenants"} ` +
    `${dryRun ? "expired, nothing deleted" : "deleted"}${failed === 0 ? "" : `; ${failed} failed`}`;
  if (rows.length === 0) return "no tenant has a template with retention";
  return `${columns([["tenant", "table", dryRun ? "expired" : "deleted", ""], ...rows])}\n\n${end}`;
}
