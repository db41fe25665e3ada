/** `tenancy migrations`: which files of its template each tenant and pool has. */
import { dirname, resolve } from "node:path";
import { Command } from "commander";
import { poolNames, postgresNames } from "../../components/naming.ts";
import { TenantSources } from "../../components/tenant-sources.ts";
import type { PostgresPools } from "../../provider/postgres/pool.ts";
import { ProviderError } from "../../provider/handler.ts";
import type { PoolRecord, TenantRecord } from "../../tenants/load.ts";
import { type EngineName, openEngine } from "../engines.ts";
import { type AppliedRow, migrationsText, type Standing, standingOf, type Wanted } from "../migrations.ts";
import { openProject } from "../project.ts";
import { registryGate, registryPools, registryRecords } from "../registry-gate.ts";
import { couldNotTell, withVerdict } from "../verdict.ts";
import { engineOptions } from "./operations.ts";

interface Flags {
  readonly stack: string;
  readonly engine?: EngineName;
  readonly json?: boolean;
}

export function migrationsCommand(): Command {
  const command = engineOptions(
    new Command("migrations")
      .description("show who has which files of its template, ring by ring; 0 all were asked, 2 somebody was not")
      .option("--json", "as JSON"),
  );
  return withVerdict(command, () => runMigrations(command.opts()));
}

async function runMigrations(flags: Flags): Promise<0 | 2> {
  const project = openProject(flags.stack);
  const { path } = registryGate(project);
  const [records, pools] = [registryRecords(project), registryPools(project)];
  const engine = await openEngine(project, { wanted: flags.engine, progress: () => undefined });
  const config = await engine.config();
  // The clients of the stores take long to load, and only this command needs them.
  const { platformOf } = await import("../../verify/parties.ts");
  const { PostgresPools } = await import("../../provider/postgres/pool.ts");
  const { servers } = platformOf(config, project);
  const templates = resolve(project.dir, config["tenancy:templates"] ?? "templates");
  const sources = new TenantSources(templates, dirname(resolve(project.dir, path)));
  const connections = new PostgresPools(servers);
  try {
    const standings = await lookAt(connections, wantedOf(records, pools, sources));
    const told = { stack: project.stack, standings };
    console.log(flags.json === true ? JSON.stringify(told, null, 2) : migrationsText(standings));
    return standings.some(({ is }) => is === "unknown") ? couldNotTell : 0;
  } finally {
    await connections.close();
  }
}

/** Where something of a template lies. */
export interface Place extends Wanted {
  readonly server: string;
  /** A database of its own on that server; left out: the shared one. */
  readonly database?: string;
}

/** Everything in the registry that is made from a template: pools first, then tenants by their ids. */
export function wantedOf(
  records: readonly TenantRecord[],
  pools: readonly PoolRecord[],
  sources: TenantSources,
): Place[] {
  const ofPools = pools.map((pool): Place => {
    const { name, template, server } = pool;
    const files = sources.template(template).files.map((file) => ({ ...file, origin: "template" as const }));
    return { id: `pool ${name}`, template, ring: "pool", schema: poolNames(name).schema, files, server };
  });
  const ofTenants = records.flatMap((record): Place[] => {
    const { id, prefix, tier, ring, postgres, placement } = record;
    if (postgres === undefined || placement.postgres === undefined || tier === "pool") return [];
    const { schema } = postgresNames(prefix, id);
    const files = [
      ...sources.templateFiles(record).map((file) => ({ ...file, origin: "template" as const })),
      ...sources.additionalFiles(record).map((file) => ({ ...file, origin: "tenant" as const })),
    ];
    const place = { id, template: postgres.template, ring, schema, files, server: placement.postgres };
    return [tier === "silo" ? { ...place, database: schema } : place];
  });
  return [...ofPools, ...ofTenants];
}

/** Each database is asked once, whatever the number of its tenants. */
export async function lookAt(pools: PostgresPools, places: readonly Place[]): Promise<Standing[]> {
  const asked = new Map<string, Promise<AppliedRow[] | string>>();
  return Promise.all(
    places.map(async ({ server, database, ...wanted }) => {
      const key = database === undefined ? server : `${server}/${database}`;
      const rows = asked.get(key) ?? appliedIn(pools, server, database);
      asked.set(key, rows);
      return standingOf(wanted, await rows);
    }),
  );
}

/** @returns what was applied in a database, or why nobody knows */
async function appliedIn(
  pools: PostgresPools,
  server: string,
  database: string | undefined,
): Promise<AppliedRow[] | string> {
  if (!pools.names().includes(server)) {
    return `its database on "${server}" is made by a cloud's provider, and this command has no login to it`;
  }
  const key =
    database === undefined ? server : pools.within(`${server}/${database}`, { ...pools.server(server), database });
  const task = { subject: `server "${server}"`, doing: "reading which files were applied" };
  try {
    return await pools.run(
      key,
      task,
      async (session) => {
        const [there] = await session.query<{ there: boolean }>(
          "SELECT to_regclass('platform.applied_files') IS NOT NULL AS there",
        );
        if (there?.there !== true) return [];
        return session.query<AppliedRow>(
          "SELECT schema_name AS schema, origin, name, sha256 FROM platform.applied_files WHERE origin <> 'seed'",
        );
      },
      { retryMilliseconds: 5_000 },
    );
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    // Its tenant, or the whole server, has not been made yet.
    return /database ".*" does not exist/.test(error.message) ? [] : error.message;
  }
}
