/** `tenancy drift`: asks the live servers what a plain `up` does not look at. */
import { resolve } from "node:path";
import { Command } from "commander";
import { type StoreName, storeNames } from "../../provider/inputs.ts";
import type { DriftReport } from "../../verify/drift.ts";
import { tenantConnections } from "../connections.ts";
import type { Engine } from "../engine.ts";
import { type EngineName, openEngine } from "../engines.ts";
import { operate } from "../operation.ts";
import { openProject, type Project } from "../project.ts";
import { registryRecords } from "../registry-gate.ts";
import { isChange, Progress } from "../render.ts";
import { UserError } from "../user-error.ts";
import { withVerdict } from "../verdict.ts";
import { engineOptions } from "./operations.ts";

export interface DriftFlags {
  readonly stack: string;
  readonly engine?: EngineName;
  readonly tenant?: readonly string[];
  readonly store?: readonly string[];
  readonly json?: boolean;
  readonly repair?: boolean;
}

export function driftCommand(): Command {
  const command = engineOptions(
    new Command("drift")
      .description(
        "compare the live servers with the stack's state and templates; 0 no drift, 1 drift, 2 could not tell",
      )
      .option("--tenant <id...>", "only these tenants, without servers and orphans")
      .option("--store <name...>", `only these stores: ${storeNames.join(", ")}`)
      .option("--json", "as JSON")
      .option("--repair", "refresh and update, then look again; deletes no data and no orphan"),
  );
  return withVerdict(command, () => runDrift(command.opts()));
}

export async function runDrift(flags: DriftFlags): Promise<0 | 1 | 2> {
  const project = openProject(flags.stack);
  const engine = await openEngine(project, { wanted: flags.engine, progress: () => undefined });
  const look = () => lookAt(engine, project, flags);
  const first = await look();
  const { exitCodeOf } = await import("../../verify/drift.ts");
  const { isCanary, jsonReport, textReport } = await import("../../verify/drift-report.ts");
  const show = (report: DriftReport) => (flags.json === true ? jsonReport(report) : textReport(report));
  if (flags.repair !== true || first.drift.length === 0) {
    console.log(show(first));
    return exitCodeOf(first, isCanary);
  }
  if (flags.json !== true) console.log(`${show(first)}\n`);
  const refused = lostText(first) ?? (await repair(engine, flags.json === true));
  if (refused !== undefined) {
    process.stderr.write(`drift: nothing was repaired, since ${refused}\n`);
    if (flags.json === true) console.log(show(first));
    return 1;
  }
  const left = await look();
  if (flags.json !== true) console.log("\nafter the repair:");
  console.log(show(left));
  return exitCodeOf(left, isCanary);
}

async function lookAt(engine: Engine, project: Project, flags: DriftFlags): Promise<DriftReport> {
  const [connections, config, state] = await Promise.all([
    tenantConnections(engine),
    engine.config(),
    engine.exportState(),
  ]);
  // The stores' clients take long to load, and only this command needs them.
  const { platformOf } = await import("../../verify/parties.ts");
  const { driftState } = await import("../../verify/drift-state.ts");
  const { chosenPlaces, collectDrift } = await import("../../verify/drift-collect.ts");
  const { servers: platform } = platformOf(config, project);
  const faults = faultsOf(flags, [...connections.keys()]);
  if (faults.length > 0) throw new UserError(`drift: ${faults.join("\n  ")}`);
  const options = {
    platform,
    state: driftState(state, connections, platform),
    records: registryRecords(project),
    origin: { project: project.name, stack: project.stack },
    projectDir: project.dir,
    templates: resolve(project.dir, config["tenancy:templates"] ?? "templates"),
    ...(flags.tenant === undefined ? {} : { tenants: flags.tenant }),
    ...(flags.store === undefined ? {} : { stores: storeNames.filter((store) => flags.store?.includes(store)) }),
  };
  const progress = new Progress("drift", chosenPlaces(options).length, "places");
  try {
    return await collectDrift({
      ...options,
      onRead: () => {
        progress.step();
      },
    });
  } finally {
    progress.end();
  }
}

/** Every fault of the flags at once. */
export function faultsOf(flags: Pick<DriftFlags, "tenant" | "store">, ids: readonly string[]): string[] {
  const some = (values: readonly string[]) =>
    values.length === 0 ? "none" : `${values.slice(0, 10).join(", ")}${values.length > 10 ? ", …" : ""}`;
  return [
    ...(flags.store ?? [])
      .filter((store) => !storeNames.includes(store as StoreName))
      .map((store) => `--store ${JSON.stringify(store)} is not known; allowed are ${storeNames.join(", ")}.`),
    ...(flags.tenant ?? [])
      .filter((id) => !ids.includes(id))
      .map((id) => `--tenant ${JSON.stringify(id)} is not in the stack; it has ${some(ids)}.`),
  ];
}

/** An update would put an empty place where data has been. */
function lostText(report: DriftReport): string | undefined {
  const lost = report.drift.filter(({ findings }) => findings.some(({ is }) => is === "gone"));
  if (lost.length === 0) return undefined;
  return (
    `${lost.map(({ place }) => place).join(", ")} ${lost.length === 1 ? "is" : "are"} gone: an update would make an empty ` +
    `place for data that has to come back from a backup. Restore it first; or run \`npm run refresh\` and ` +
    `\`npm run up\`, if it shall begin anew.`
  );
}

/**
 * Refresh, then up: the state knows the drift, and the handlers' updates mend it.
 *
 * @returns why nothing was repaired, as when the registry asks for other changes, which a repair must not carry out
 * @throws UserError when refresh or up fail
 */
async function repair(engine: Engine, quiet: boolean): Promise<string | undefined> {
  const plan = await engine.run("preview");
  if (!plan.ok) return "a preview is refused: run `npm run preview` to see why.";
  const others = plan.steps
    .filter(isChange)
    .filter(({ kind, changed }) => kind !== "update" || changed.some((path) => path !== "drift"));
  if (others.length > 0) {
    return (
      `the registry asks for ${others.length} other ${others.length === 1 ? "change" : "changes"}: ` +
      `run \`npm run preview\` and \`npm run up\` first, then the repair.`
    );
  }
  const log = console.log;
  // Only the report may stand on standard output where a program reads it.
  if (quiet) console.log = console.error;
  try {
    for (const operation of ["refresh", "up"] as const) {
      if (await operate(engine, operation)) continue;
      throw new UserError(`drift: the ${operation} of the repair failed; what it told stands above.`);
    }
  } finally {
    console.log = log;
  }
  return undefined;
}
