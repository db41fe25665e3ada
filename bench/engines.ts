/**
 * N tenants with all three stores on each engine of this machine, beside the same calls without any
 * engine, in one run. Options: --tenants 100,300,1000 --engines local,pulumi --durable.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { stringify } from "yaml";
import type { EngineName } from "../cli/engines.ts";
import { findPulumi } from "../cli/find-pulumi.ts";
import { copyProject, writePlatformFile } from "../dev/project-copy.ts";
import type { Services } from "../dev/services/index.ts";
import { floor } from "./floor.ts";
import { measure, type Measured } from "./measure.ts";
import { postgresResources } from "./postgresql-resources.ts";
import { withServices } from "./services.ts";
import { printTable } from "./table.ts";

/** Above this the embedded S3 server's IAM is slower than all else together: the tenants' files lie in folders. */
const mostS3Tenants = 100;
/** Above this the comparison takes longer than all else, and shows nothing new. */
const mostComparedTenants = 300;
const projectDir = resolve(import.meta.dirname, "..");

const { values } = parseArgs({
  options: {
    tenants: { type: "string", default: "100,300,1000" },
    engines: { type: "string", default: "local,pulumi" },
    durable: { type: "boolean", default: false },
  },
});
const counts = values.tenants.split(",").map(Number);
const found = await findPulumi(projectDir, () => undefined);
const engines = (["local", "pulumi"] as const).filter(
  (engine) => values.engines.split(",").includes(engine) && (engine === "local" || found.kind === "found"),
);
// npm's folder holds npm's launcher of pulumi, which comes before the CLI that was found.
process.env.PATH = (process.env.PATH ?? "")
  .split(delimiter)
  .filter((folder) => !folder.endsWith("node_modules/.bin"))
  .join(delimiter);

const dir = mkdtempSync(join(tmpdir(), "tenancy-bench-"));
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const rows: string[][] = [];
/** Said at once: a run of 1,000 tenants takes a quarter of an hour. */
const add = (row: string[]): void => {
  rows.push(row);
  say(`  ${row.join(" | ")}`);
};

try {
  for (const count of counts) {
    const storage = count > mostS3Tenants ? "files" : "main";
    // Servers of their own for each size: what an earlier one left would slow a later one down.
    for (const engine of engines) await withOwn((services) => benchEngine(engine, count, storage, services));
    await withOwn((services) => benchFloor(count, storage, services));
    if (found.kind === "found" && count <= mostComparedTenants)
      await withOwn((services) => benchPostgresResources(count, services));
  }
} finally {
  // Also what was measured before a failure.
  printTable(
    [
      "tenants",
      "storage",
      "what",
      "first up or run",
      "no-op",
      "one more",
      "remove one",
      "largest / all processes",
      "state",
    ],
    rows,
  );
  rmSync(dir, { recursive: true, force: true });
}
if (process.connected) process.disconnect();

function withOwn(bench: (services: Services) => Promise<void>): Promise<void> {
  const own = join(dir, `services-${randomBytes(3).toString("hex")}`);
  return withServices({ dir: own, durable: values.durable }, bench);
}

async function benchEngine(engine: EngineName, count: number, storage: string, services: Services): Promise<void> {
  const project = join(dir, `${engine}-${count}`);
  copyProject(project);
  writePlatformFile(project, services.platform, services.caFile);
  const ids = tenantIds(count);
  const command = (...args: string[]): [string, ...string[]] => [
    process.execPath,
    join(project, "cli", "main.ts"),
    ...args,
  ];
  const up = (label: string): ReturnType<typeof measure> => {
    say(`${count} tenants, ${engine}: ${label}`);
    return measure(command("up", "--engine", engine), project);
  };
  const write = (tenants: Record<string, object>): void => {
    writeFileSync(join(project, "tenants", "registry.yaml"), registryText(tenants, storage));
  };
  const tenants: Record<string, object> = Object.fromEntries(ids.map((id) => [id, {}]));
  write(tenants);
  const first = await up("first up");
  // Isolation is proven on all three stores, and does not depend on the engine.
  if (engine === "local" && storage === "main") {
    say(`${count} tenants: verify`);
    const verify = await measure(command("verify"), project);
    const what = "tenancy verify, all attempts, both directions";
    add([String(count), "S3", what, `${verify.seconds.toFixed(1)} s`, "", "", "", memory([verify]), ""]);
  }
  const noop = await up("no-op");
  write({ ...tenants, extra: {} });
  const more = await up("one more");
  const leaving = { state: "offboarding", backupWaiver: { reason: "benchmark", name: "benchmark" } };
  write({ ...tenants, extra: leaving });
  await up("offboarding");
  write(tenants);
  const less = await up("remove one");
  const state =
    engine === "local"
      ? join(project, ".dev", "state", "dev.local.json")
      : join(project, ".dev", "state", ".pulumi", "stacks", "tenancy", "dev.json");
  const runs = [first, noop, more, less];
  add([
    String(count),
    storage === "main" ? "S3" : "folders",
    engine === "local" ? "local engine" : `Pulumi CLI ${found.kind === "found" ? found.version : ""}`,
    ...runs.map(({ seconds }) => `${seconds.toFixed(1)} s`),
    memory(runs),
    `${(statSync(state).size / 2 ** 20).toFixed(1)} MB`,
  ]);
}

async function benchFloor(count: number, storage: "main" | "files", services: Services): Promise<void> {
  say(`${count} tenants: the same calls without any engine`);
  const templates = join(projectDir, "templates");
  const spent = await floor(services.platform, storage, "floor", tenantIds(count), templates);
  const { postgresSeconds, redisSeconds, storageSeconds } = spent;
  const all = postgresSeconds + redisSeconds + storageSeconds;
  const parts = [postgresSeconds, redisSeconds, storageSeconds].map((part) => part.toFixed(1)).join(" + ");
  const what = `floor: PostgreSQL + Redis + storage (${parts} s)`;
  add([String(count), storage === "main" ? "S3" : "folders", what, `${all.toFixed(1)} s`, "", "", "", "", ""]);
}

async function benchPostgresResources(count: number, services: Services): Promise<void> {
  say(`${count} tenants: PostgreSQL only, with @pulumi/postgresql`);
  const measured = await postgresResources(join(dir, `resources-${count}`), services, tenantIds(count));
  if (measured === undefined) return;
  const { first, noop, more, less } = measured;
  const runs = [first, noop, more, less];
  add([
    String(count),
    "none",
    "@pulumi/postgresql, PostgreSQL only",
    ...runs.map(({ seconds }) => `${seconds.toFixed(1)} s`),
    memory(runs),
    "",
  ]);
}

/** Of the largest process, and of all processes together, at their highest. */
function memory(runs: readonly Measured[]): string {
  const largest = Math.max(...runs.map(({ largestMb }) => largestMb));
  const total = Math.max(...runs.map(({ totalMb }) => totalMb));
  return `${largest.toFixed(0)} / ${total.toFixed(0)} MB`;
}

function tenantIds(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `t${index}`);
}

function registryText(tenants: Record<string, object>, storage: string): string {
  return stringify({
    defaults: { region: "local", placement: { postgres: "main", redis: "main", storage } },
    profiles: {
      bench: {
        prefix: "bench",
        stores: ["postgres", "redis", "storage"],
        postgres: { template: "knowledge-graph" },
      },
    },
    tenants: Object.fromEntries(
      Object.entries(tenants).map(([id, settings]) => [
        id,
        { displayName: id, externalId: `org_${id}`, owner: "bench@example.com", profile: "bench", ...settings },
      ]),
    ),
  });
}
