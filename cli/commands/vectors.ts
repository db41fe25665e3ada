/** `tenancy vectors`: which columns of vectors are worth an index, and its building without blocking anybody. */
import { resolve } from "node:path";
import { Command } from "commander";
import type { PostgresPools } from "../../provider/postgres/pool.ts";
import { type EngineName, openEngine } from "../engines.ts";
import { openProject } from "../project.ts";
import { registryRecords } from "../registry-gate.ts";
import { Progress } from "../render.ts";
import { UserError } from "../user-error.ts";
import { withVerdict } from "../verdict.ts";
import type { VectorReport } from "../vectors/report.ts";
import type { Survey } from "../vectors/work.ts";
import { engineOptions } from "./operations.ts";

export interface VectorFlags {
  readonly stack: string;
  readonly engine?: EngineName;
  readonly build?: boolean;
  readonly json?: boolean;
  readonly all?: boolean;
  readonly minutes?: string;
  readonly memory?: string;
  readonly workers?: string;
  readonly lockTimeout?: string;
}

export function vectorsCommand(): Command {
  const command = engineOptions(
    new Command("vectors")
      .description(
        "which columns of vectors are worth an HNSW index; 0 nothing to do, 1 something is, or was not done, 2 could not tell",
      )
      .argument("[tenant...]", "only these tenants; left out: all")
      .option("--build", "build and drop what is to be, without blocking anybody")
      .option("--minutes <n>", "of a build: end after so long, and leave the rest to the next run")
      .option("--memory <MB>", "of a build: most memory of one index", "1024")
      .option("--workers <n>", "of a build: processes beside the session's own", "2")
      .option("--lock-timeout <s>", "of a build: wait so long for transactions that were there before", "300")
      .option("--all", "also every line of a long table that has no index and needs none")
      .option("--json", "as JSON"),
  );
  return withVerdict(command, () => runVectors(command.args, command.opts()));
}

export async function runVectors(ids: readonly string[], flags: VectorFlags): Promise<0 | 1 | 2> {
  const project = openProject(flags.stack);
  const records = registryRecords(project);
  const faults = flagFaults(
    ids,
    flags,
    records.map(({ id }) => id),
  );
  if (faults.length > 0) throw new UserError(`vectors: ${faults.join("\n  ")}`);
  const engine = await openEngine(project, { wanted: flags.engine, progress: () => undefined });
  const config = await engine.config();
  // PostgreSQL's client takes long to load, and only this command needs it.
  const { platformOf } = await import("../../verify/parties.ts");
  const pool = await import("../../provider/postgres/pool.ts");
  const { vectorPlaces } = await import("../vectors/places.ts");
  const { reportOf, survey } = await import("../vectors/work.ts");
  const { servers: platform } = platformOf(config, project);
  const pools = new pool.PostgresPools(platform);
  const templates = resolve(project.dir, config["tenancy:templates"] ?? "templates");
  try {
    const places = vectorPlaces(records, platform, pools, templates, ids);
    const progress = new Progress("vectors", places.places.length, "schemas");
    const seen = await survey(pools, places, () => {
      progress.step();
    });
    progress.end();
    const report = flags.build === true ? await build(pools, seen, flags) : reportOf(seen);
    const { vectorJson, vectorTable } = await import("../vectors/report.ts");
    console.log(flags.json === true ? vectorJson(project.stack, report) : vectorTable(report, flags.all === true));
    return exitCodeOf(report);
  } finally {
    await pools.close();
  }
}

async function build(pools: PostgresPools, seen: Survey, flags: VectorFlags): Promise<VectorReport> {
  const { VectorBuilder } = await import("../../provider/postgres/vector-run.ts");
  const { carryOut, dueIn } = await import("../vectors/work.ts");
  const progress = new Progress("vectors", dueIn(seen), "done");
  const abort = new AbortController();
  const stop = (): void => {
    process.stderr.write(
      "\nstopping: the build is cancelled and its unfinished index dropped; Ctrl-C again ends at once\n",
    );
    remove();
    abort.abort();
  };
  const remove = (): void => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.removeListener(signal, stop);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, stop);
  let what = "";
  const builder = new VectorBuilder(pools, {
    memoryMb: Number(flags.memory ?? 1024),
    workers: Number(flags.workers ?? 2),
    lockTimeoutMs: Number(flags.lockTimeout ?? 300) * 1000,
    ...(flags.minutes === undefined ? {} : { deadline: Date.now() + Number(flags.minutes) * 60_000 }),
    signal: abort.signal,
    onProgress: (text) => {
      progress.status(`${what}: ${text}`);
    },
  });
  let begun = 0;
  try {
    return await carryOut(seen, builder, (text) => {
      if (begun > 0) progress.step();
      begun += 1;
      what = text;
      progress.status(text);
    });
  } finally {
    progress.end();
    remove();
  }
}

/** What a look or a build says to who called it. */
export function exitCodeOf({ lines, others, faults }: VectorReport): 0 | 1 | 2 {
  const due = lines.some(({ action, outcome }) => (outcome ?? (action === "none" ? "done" : "left")) !== "done");
  if (lines.some(({ outcome }) => outcome === "failed")) return 1;
  if (faults.length > 0) return 2;
  return due || others.length > 0 ? 1 : 0;
}

/** Every fault of the command line at once. */
export function flagFaults(ids: readonly string[], flags: VectorFlags, known: readonly string[]): string[] {
  const some = known.length === 0 ? "none" : `${known.slice(0, 10).join(", ")}${known.length > 10 ? ", …" : ""}`;
  const number = (option: string, value: string | undefined, least: number, most: number): string[] =>
    value === undefined || (/^\d+$/.test(value) && Number(value) >= least && Number(value) <= most)
      ? []
      : [`${option} is ${JSON.stringify(value)}; allowed is a whole number from ${least} to ${most}.`];
  return [
    ...ids
      .filter((id) => !known.includes(id))
      .map((id) => `tenant ${JSON.stringify(id)} is not in the registry; it has ${some}.`),
    ...number("--minutes", flags.minutes, 1, 1440),
    ...number("--memory", flags.memory, 16, 1_000_000),
    ...number("--workers", flags.workers, 0, 64),
    ...number("--lock-timeout", flags.lockTimeout, 1, 86_400),
    ...(flags.build !== true && flags.minutes !== undefined ? ["--minutes is for --build."] : []),
  ];
}
