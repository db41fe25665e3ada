/** Metrics of the last run in the Prometheus text format, for the textfile collector of the node exporter. */
import { randomBytes } from "node:crypto";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { verdicts } from "../assault.ts";
import { count, exitCodes, overall, type Report } from "../summary.ts";
import { escapeLabel } from "./escape.ts";

export function metricsText(report: Report): string {
  const { results, stores, sights, stack, tenants, startedAt, seconds } = report;
  const label = `stack="${escapeLabel(stack)}"`;
  const attempts = stores.flatMap((store) => {
    const counts = count(results.filter(({ attempt }) => attempt.store === store));
    return verdicts.map(
      (verdict) => `tenancy_verify_attempts{${label},store="${store}",verdict="${verdict}"} ${counts[verdict]}`,
    );
  });
  const grown = sights.reduce((sum, sight) => sum + sight.grown.length, 0);
  const end = Date.parse(startedAt) / 1000 + seconds;
  return [
    ...metric("tenancy_verify_attempts", "Attempts of the last run by store and verdict.", attempts),
    ...gauge("tenancy_verify_leaks", "Leaks that the last run found.", label, count(results).LEAK + grown),
    ...gauge("tenancy_verify_residue_grown", "Places that show more than is documented.", label, grown),
    ...gauge("tenancy_verify_tenants", "Tenants of the last run.", label, tenants.length),
    ...gauge("tenancy_verify_exit_code", "0 isolated, 1 leak, 2 could not tell.", label, exitCodes[overall(report)]),
    ...gauge("tenancy_verify_duration_seconds", "How long the last run took.", label, seconds),
    ...gauge("tenancy_verify_last_run_timestamp_seconds", "When the last run ended.", label, end),
    "",
  ].join("\n");
}

function gauge(name: string, help: string, label: string, value: number): string[] {
  return metric(name, help, [`${name}{${label}} ${value}`]);
}

function metric(name: string, help: string, samples: readonly string[]): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, ...samples];
}

/** Writes a file whole or not at all: a collector may read it at any moment, as another user. */
export function writeWhole(path: string, text: string): void {
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    writeFileSync(temporary, text, { mode: 0o644, flush: true });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
