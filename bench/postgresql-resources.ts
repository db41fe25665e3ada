/** The equivalent with @pulumi/postgresql: three roles, a schema, grants and default privileges a tenant. */
import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import pg from "pg";
import type { Services } from "../dev/services/index.ts";
import { isExecutable } from "../cli/find-pulumi.ts";
import { measure, type Measured } from "./measure.ts";

const root = resolve(import.meta.dirname, "..");
const database = "resources";

export interface ResourceRuns {
  readonly first: Measured;
  readonly noop: Measured;
  readonly more: Measured;
  readonly less: Measured;
}

/** @returns nothing where the plugin is not on PATH. */
export async function postgresResources(
  dir: string,
  services: Services,
  ids: readonly string[],
): Promise<ResourceRuns | undefined> {
  const folders = (process.env.PATH ?? "").split(delimiter);
  if (!folders.some((folder) => isExecutable(join(folder, "pulumi-resource-postgresql")))) return undefined;
  const server = services.platform.postgres.main;
  if (server?.admin === undefined) throw new Error("the benchmark's server has an administrator");
  const { host, port, admin, ca } = server;
  const client = new pg.Client({ host, port, database: "postgres", ...admin, ssl: { ca } });
  await client.connect();
  await client.query(`CREATE DATABASE ${database}`);
  await client.end();

  cpSync(join(import.meta.dirname, "postgresql-resources"), dir, { recursive: true });
  symlinkSync(join(root, "node_modules"), join(dir, "node_modules"));
  mkdirSync(join(dir, "state"));
  const env = (tenants: readonly string[]): Record<string, string> => ({
    PATH: [join(process.execPath, ".."), ...folders].join(delimiter),
    PULUMI_BACKEND_URL: `file://${join(dir, "state")}`,
    PULUMI_CONFIG_PASSPHRASE: "benchmark",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    // As the tenancy stack does it where nothing can be orphaned.
    PULUMI_EXPERIMENTAL: "true",
    PULUMI_SKIP_CHECKPOINTS: "true",
    BENCH_TENANTS: tenants.join(","),
    BENCH_SERVER: JSON.stringify({ host, port, database, username: admin.user, password: admin.password }),
    PGSSLROOTCERT: services.caFile,
  });
  await measure(["pulumi", "stack", "init", "bench"], dir, env([]));
  const up = (tenants: readonly string[]): Promise<Measured> =>
    measure(["pulumi", "up", "--yes", "--skip-preview", "--suppress-outputs"], dir, env(tenants));
  const first = await up(ids);
  const noop = await up(ids);
  const more = await up([...ids, "extra"]);
  const less = await up(ids);
  return { first, noop, more, less };
}
