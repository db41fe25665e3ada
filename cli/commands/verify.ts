/** `tenancy verify`: every tenant tries to get at another one with its own logins. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Command, Option } from "commander";
import { storeNames } from "../../provider/inputs.ts";
import type { TenantRecord } from "../../tenants/load.ts";
import type { StoreProbe } from "../../verify/attempt.ts";
import type { Report } from "../../verify/summary.ts";
import { tenantConnections } from "../connections.ts";
import { type EngineName, openEngine } from "../engines.ts";
import { writePrivate } from "../private-file.ts";
import { openProject, type Project } from "../project.ts";
import { isLive, Progress } from "../render.ts";
import { registryPools, registryRecords } from "../registry-gate.ts";
import { UserError } from "../user-error.ts";
import { withVerdict } from "../verdict.ts";
import { engineOptions } from "./operations.ts";

export const formats = ["text", "json", "junit", "html"] as const;
export type Format = (typeof formats)[number];

export interface VerifyFlags {
  readonly stack: string;
  readonly engine?: EngineName;
  readonly tenant?: readonly string[];
  readonly store?: readonly string[];
  readonly against?: string;
  readonly canary?: boolean;
  readonly format: string;
  readonly output?: string;
  readonly metrics?: string;
  readonly concurrency: string;
  readonly minutes: string;
}

export function verifyCommand(): Command {
  const command = engineOptions(
    new Command("verify")
      .description(
        "try to get at other tenants' data with each tenant's own logins; 0 isolated, 1 leak, 2 could not tell",
      )
      .option("--tenant <id...>", "only these tenants (default: all that are active)")
      .option("--store <name...>", `only these stores: ${storeNames.join(", ")}`)
      .option("--canary", "against a canary that is made for the run and removed after it (default)")
      .option("--against <id>", "against this tenant: only attempts that change nothing")
      .addOption(new Option("--format <name>", formats.join(", ")).default("text"))
      .option("--output <file>", "write the report there and not to standard output")
      .option("--metrics <file>", "also write metrics of this run for Prometheus' textfile collector")
      .option("--concurrency <n>", "so many tenants at once on each server", "4")
      .option("--minutes <n>", "stop after so many minutes", "15"),
  );
  return withVerdict(command, () => runVerify(command.opts()));
}

/** @param probes - of every store; the real ones where left out */
export async function runVerify(flags: VerifyFlags, probes?: readonly StoreProbe[]): Promise<number> {
  const project = openProject(flags.stack);
  const records = registryRecords(project);
  const faults = faultsOf(flags, records);
  if (faults.length > 0) throw new UserError(`verify: ${faults.join("\n  ")}`);
  const engine = await openEngine(project, { wanted: flags.engine, progress: () => undefined });
  const [live, config] = await Promise.all([tenantConnections(engine), engine.config()]);
  // The stores' clients take long to load, and only this command needs them.
  const { embeddedServers, partiesOf, platformOf, secretsOf, storesOf } = await import("../../verify/parties.ts");
  const { Canaries } = await import("../../verify/canary/canaries.ts");
  const { verify } = await import("../../verify/verify.ts");
  const { exitCodes, overall } = await import("../../verify/summary.ts");
  const { servers: platform, clouds } = platformOf(config, project);
  const embedded = await embeddedServers(project.devDir);
  const { parties, left } = partiesOf(records, live, { servers: platform, clouds }, embedded);
  const wanted = storeNames.filter((store) => flags.store?.includes(store) ?? true);
  const named = [...(flags.tenant ?? []), ...(flags.against === undefined ? [] : [flags.against])];
  const absent = left.filter(({ id }) => named.includes(id) && !parties.some((party) => party.id === id));
  if (absent.length > 0) {
    throw new UserError(`verify: ${absent.map(({ id, reason }) => `tenant ${id} ${reason}`).join("\n  ")}`);
  }
  const against = parties.find(({ id }) => id === flags.against);
  const tenants = parties.filter(
    (party) =>
      party.id !== against?.id && (flags.tenant?.includes(party.id) ?? true) && storesOf(party, wanted).length > 0,
  );
  if (tenants.length === 0) {
    throw new UserError(`verify: no active tenant of stack ${project.stack} has a place in ${wanted.join(", ")}.`);
  }
  const chosen = (probes ?? (await import("../../verify/catalogue.ts")).allProbes()).filter(({ store }) =>
    wanted.includes(store),
  );
  const others = left.filter(({ id }) => flags.tenant?.includes(id) ?? true);
  const sentence = ({ id, reason }: { id: string; reason: string }): string => `tenant ${id} ${reason}`;
  const concurrency = Number(flags.concurrency);
  const canaries =
    against === undefined
      ? new Canaries({
          platform,
          project: project.name,
          stack: project.stack,
          projectDir: project.dir,
          pools: registryPools(project),
          templates: resolve(project.dir, config["tenancy:templates"] ?? "templates"),
          embedded,
          // The attackers' sessions as the canary, and its own for the controls.
          connections: 2 * concurrency + 8,
        })
      : undefined;
  const abort = new AbortController();
  const stop = onStop(abort);
  let progress: Progress | undefined;
  let report: Report;
  try {
    report = await verify({
      version: versionOf(project),
      project: project.name,
      stack: project.stack,
      probes: chosen,
      tenants,
      ...(against === undefined ? {} : { against }),
      ...(canaries === undefined ? {} : { canaries }),
      leases: join(project.devDir, "canaries"),
      concurrency,
      minutes: Number(flags.minutes),
      signal: abort.signal,
      secrets: secretsOf(platform, parties),
      faults: others.filter(({ isFault }) => isFault).map(sentence),
      notes: others.filter(({ isFault }) => !isFault).map(sentence),
      onStart: (expected) => {
        progress = new Progress("verify", expected, "attempts");
      },
      onResult: () => progress?.step(),
      onStatus: (message) => progress?.status(message),
    });
  } finally {
    progress?.end();
    stop();
    await canaries?.close();
  }
  await write(report, flags);
  return exitCodes[overall(report)];
}

/** Every fault of the flags at once. */
export function faultsOf(flags: VerifyFlags, records: readonly TenantRecord[]): string[] {
  const faults: string[] = [];
  const choice = (option: string, value: string, allowed: readonly string[]): void => {
    if (!allowed.includes(value)) {
      faults.push(`${option} ${JSON.stringify(value)} is not known; allowed are ${allowed.join(", ")}.`);
    }
  };
  const count = (option: string, value: string, most: number): void => {
    if (!/^[1-9]\d*$/.test(value) || Number(value) > most) {
      faults.push(`${option} ${JSON.stringify(value)} is no number from 1 to ${most}.`);
    }
  };
  const ids = records.map(({ id }) => id);
  const tenant = (option: string, id: string): void => {
    if (ids.includes(id)) return;
    const some = ids.slice(0, 10).join(", ");
    faults.push(
      `${option} ${JSON.stringify(id)} is not in the registry; it has ${ids.length === 0 ? "no tenant" : some}${ids.length > 10 ? ", …" : ""}.`,
    );
  };
  choice("--format", flags.format, formats);
  for (const store of flags.store ?? []) choice("--store", store, storeNames);
  for (const id of flags.tenant ?? []) tenant("--tenant", id);
  if (flags.against !== undefined) {
    tenant("--against", flags.against);
    if (flags.canary === true) faults.push("--against and --canary exclude each other: leave one out.");
    if (flags.tenant?.every((id) => id === flags.against) === true) {
      faults.push(`--against ${JSON.stringify(flags.against)} is the only attacker, too: name another --tenant.`);
    }
  }
  count("--concurrency", flags.concurrency, 64);
  count("--minutes", flags.minutes, 24 * 60);
  for (const option of ["output", "metrics"] as const) {
    const path = flags[option];
    if (path !== undefined && !existsSync(dirname(resolve(path)))) {
      faults.push(`--${option} ${JSON.stringify(path)}: the folder ${dirname(resolve(path))} does not exist.`);
    }
  }
  return faults;
}

/** Ctrl-C and SIGTERM stop the run, which removes its canary; the second one ends the process. */
function onStop(abort: AbortController): () => void {
  const stop = (): void => {
    process.stderr.write(
      "\nstopping: the canary is removed first; Ctrl-C again leaves it to the next run, which removes it\n",
    );
    remove();
    abort.abort();
  };
  const remove = (): void => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.removeListener(signal, stop);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, stop);
  return remove;
}

async function write(report: Report, flags: VerifyFlags): Promise<void> {
  const colour = flags.output === undefined && isLive(process.stdout);
  const text = await render(report, flags.format as Format, colour);
  if (flags.output === undefined) process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
  else {
    writePrivate(resolve(flags.output), text.endsWith("\n") ? text : `${text}\n`);
    const { overall } = await import("../../verify/summary.ts");
    process.stderr.write(`verify: ${overall(report)}; the report is in ${flags.output}\n`);
  }
  if (flags.metrics === undefined) return;
  const { metricsText, writeWhole } = await import("../../verify/report/metrics.ts");
  writeWhole(resolve(flags.metrics), metricsText(report));
}

async function render(report: Report, format: Format, colour: boolean): Promise<string> {
  switch (format) {
    case "text":
      return (await import("../../verify/report/text.ts")).textReport(report, colour);
    case "json":
      return (await import("../../verify/report/json.ts")).jsonReport(report);
    case "junit":
      return (await import("../../verify/report/junit.ts")).junitReport(report);
    case "html":
      return (await import("../../verify/report/html.ts")).htmlReport(report);
  }
}

function versionOf(project: Project): string {
  const { version } = JSON.parse(readFileSync(join(project.dir, "package.json"), "utf8")) as { version: string };
  return version;
}
