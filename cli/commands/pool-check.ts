/** `tenancy pool-check`: whether all that keeps tenants of a pool apart is there and as it has to be. */
import { resolve } from "node:path";
import { Command } from "commander";
import { poolNames } from "../../components/naming.ts";
import type { Platform } from "../../provider/config.ts";
import { extensionsOf, loadTemplate } from "../../templates/load.ts";
import type { PoolRecord } from "../../tenants/load.ts";
import { columns } from "../columns.ts";
import { type EngineName, openEngine } from "../engines.ts";
import type { PoolCheck, PoolExpectation } from "../pool-checks.ts";
import { openProject } from "../project.ts";
import { registryPools } from "../registry-gate.ts";
import { UserError } from "../user-error.ts";
import { withVerdict } from "../verdict.ts";
import { engineOptions } from "./operations.ts";

interface Flags {
  readonly stack: string;
  readonly engine?: EngineName;
  readonly json?: boolean;
}

export interface CheckedPool {
  readonly pool: string;
  readonly checks: readonly PoolCheck[];
}

export function poolCheckCommand(): Command {
  const command = engineOptions(
    new Command("pool-check")
      .description("check what keeps tenants of a pool apart; 0 all is well, 1 something is not, 2 could not tell")
      .argument("[pool]", "name in the registry (default: all pools)")
      .option("--json", "as JSON"),
  );
  return withVerdict(command, () => runPoolCheck(command.opts(), command.args[0]));
}

async function runPoolCheck(flags: Flags, wanted: string | undefined): Promise<0 | 1> {
  const project = openProject(flags.stack);
  const chosen = poolsOf(registryPools(project), wanted);
  const engine = await openEngine(project, { wanted: flags.engine, progress: () => undefined });
  const config = await engine.config();
  // The clients of the stores take long to load, and only this command needs them.
  const { platformOf } = await import("../../verify/parties.ts");
  const { PostgresPools } = await import("../../provider/postgres/pool.ts");
  const { checkPool } = await import("../pool-look.ts");
  const { servers } = platformOf(config, project);
  const templates = resolve(project.dir, config["tenancy:templates"] ?? "templates");
  const pools = new PostgresPools(servers);
  try {
    const checked: CheckedPool[] = [];
    for (const pool of chosen) {
      checked.push({ pool: pool.name, checks: await checkPool(pools, expectationOf(pool, servers, templates)) });
    }
    console.log(flags.json === true ? JSON.stringify({ pools: checked }, null, 2) : checked.map(poolText).join("\n\n"));
    return checked.every(({ checks }) => checks.every(({ ok }) => ok)) ? 0 : 1;
  } finally {
    await pools.close();
  }
}

/** @throws UserError for a name that the registry does not have, and for a registry without pools. */
export function poolsOf(all: readonly PoolRecord[], wanted: string | undefined): PoolRecord[] {
  const chosen = all.filter(({ name }) => wanted === undefined || name === wanted);
  if (chosen.length > 0) return chosen;
  const names = all.map(({ name }) => name).join(", ");
  throw new UserError(
    wanted === undefined
      ? "pool-check: the registry has no pools."
      : `pool-check: ${JSON.stringify(wanted)} is no pool of the registry; it has: ${names === "" ? "none" : names}.`,
  );
}

export function expectationOf(
  pool: PoolRecord,
  platform: Pick<Platform, "postgres">,
  templates: string,
): PoolExpectation {
  const server = platform.postgres[pool.server];
  if (server === undefined) {
    throw new UserError(
      `pool-check: the platform has no PostgreSQL server "${pool.server}" for the pool ${pool.name}.`,
    );
  }
  const template = loadTemplate(templates, pool.template);
  return {
    inputs: {
      server: pool.server,
      pool: pool.name,
      ...poolNames(pool.name),
      template: template.name,
      variables: pool.variables,
      templateFiles: template.files,
      partitions: pool.partitions,
    },
    server,
    rules: template,
    extensions: extensionsOf(template, pool.variables),
  };
}

/** One line a check, and below a failed one what is wrong and what to do. */
export function poolText({ pool, checks }: CheckedPool): string {
  const rows = checks.flatMap(({ name, ok, seen, fix }) => {
    const [first = "", ...others] = seen;
    return [
      [ok ? "ok" : "FAIL", name, first],
      ...others.map((sentence) => ["", "", sentence]),
      ...(fix === "" ? [] : [["", "", `→ ${fix}`]]),
    ];
  });
  const failed = checks.filter(({ ok }) => !ok).length;
  const end = failed === 0 ? `${checks.length} checks, all ok` : `${failed} of ${checks.length} checks failed`;
  return `pool ${pool}\n${columns(rows)}\n${end}`;
}
