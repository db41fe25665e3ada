/** `tenancy verify-namespaces`: the service accounts of every tenant try to get at another tenant's namespace. */
import { Command, Option } from "commander";
import type { CloudServers } from "../../components/platform-forms.ts";
import type { PlatformConfig } from "../../components/platform.ts";
import { placeOf, type Place } from "../../components/kubernetes/settings.ts";
import type { TenantRecord } from "../../tenants/load.ts";
import type { Connection } from "../../verify/kubernetes/connection.ts";
import type { Scene } from "../../verify/kubernetes/recipe.ts";
import { type EngineName, openEngine } from "../engines.ts";
import { openProject } from "../project.ts";
import { isLive } from "../render.ts";
import { registryRecords } from "../registry-gate.ts";
import { UserError } from "../user-error.ts";
import { withVerdict } from "../verdict.ts";
import { engineOptions } from "./operations.ts";

export interface NamespaceFlags {
  readonly stack: string;
  readonly engine?: EngineName;
  readonly cluster?: string;
  readonly tenant?: readonly string[];
  readonly connect?: boolean;
  readonly format: string;
}

export function verifyNamespacesCommand(): Command {
  const command = engineOptions(
    new Command("verify-namespaces")
      .description("try to get at other tenants' namespaces with each tenant's service accounts; exit codes of verify")
      .option(
        "--cluster <name>",
        "the cluster below kubernetes in the platform's configuration (default: the only one)",
      )
      .option("--tenant <id...>", "only these tenants, at least two (default: all that have a namespace there)")
      .option(
        "--connect",
        "also from a pod in each tenant's namespace to the other's database; makes the pod and removes it",
      )
      .addOption(new Option("--format <name>", "text, json").choices(["text", "json"]).default("text")),
  );
  return withVerdict(command, () => runVerifyNamespaces(command.opts()));
}

export async function runVerifyNamespaces(flags: NamespaceFlags): Promise<number> {
  const project = openProject(flags.stack);
  const records = registryRecords(project);
  const engine = await openEngine(project, { wanted: flags.engine, progress: () => undefined });
  const { platformOf } = await import("../../verify/parties.ts");
  const platform = platformOf(await engine.config(), project);
  const cluster = clusterName(platform.kubernetes, flags.cluster);
  const { ring } = await import("../../verify/kubernetes/run.ts");
  const pairs = ring(placesOn(cluster, records, platform.clouds, flags.tenant));
  const settings = platform.kubernetes[cluster];
  const connection = flags.connect === true ? connectionOf(cluster, settings) : undefined;
  return attackNamespaces({ stack: project.stack, cluster, settings, pairs, connection }, flags.format);
}

/**
 * Where a connection has to be denied, and where it has to work.
 *
 * @throws UserError when the platform names no image or no application that may connect
 */
export function connectionOf(cluster: string, settings: PlatformConfig["kubernetes"][string] | undefined): Connection {
  const image = settings?.postgresImage;
  const applicationNamespace = settings?.applicationNamespaces[0];
  if (image === undefined || applicationNamespace === undefined) {
    throw new UserError(
      `verify-namespaces: --connect needs postgresImage and one of applicationNamespaces of cluster ${cluster}: ` +
        "the image has pg_isready, and from the application the connection has to work.",
    );
  }
  return { image, applicationNamespace };
}

export interface NamespaceTarget {
  readonly stack: string;
  readonly cluster: string;
  readonly settings: { readonly kubeconfig?: string; readonly context?: string } | undefined;
  readonly pairs: readonly Scene[];
  readonly connection?: Connection;
}

/** @returns the exit code */
export async function attackNamespaces(target: NamespaceTarget, format: string): Promise<number> {
  const { accessOf, KubeconfigError } = await import("../../verify/kubernetes/kubeconfig.ts");
  const { Api } = await import("../../verify/kubernetes/api.ts");
  const { runNamespaces } = await import("../../verify/kubernetes/run.ts");
  const { namespaceJson, namespaceText, verdictOf } = await import("../../verify/kubernetes/report.ts");
  const { exitCodes } = await import("../../verify/summary.ts");
  const { stack, cluster, settings, pairs, connection } = target;
  let access;
  try {
    access = accessOf(settings?.kubeconfig, settings?.context);
  } catch (error) {
    if (error instanceof KubeconfigError)
      throw new UserError(`verify-namespaces: cluster ${cluster}: ${error.message}`);
    throw error;
  }
  const administrator = new Api(access);
  const abort = new AbortController();
  const stop = (): void => {
    abort.abort();
  };
  process.once("SIGINT", stop);
  try {
    const run = await runNamespaces({ administrator, pairs, connection, signal: abort.signal });
    const report = { stack, cluster, server: access.server, ...run };
    const colour = isLive(process.stdout);
    process.stdout.write(`${format === "json" ? namespaceJson(report) : namespaceText(report, colour)}\n`);
    return exitCodes[verdictOf(report)];
  } finally {
    process.removeListener("SIGINT", stop);
    administrator.close();
  }
}

/** @throws UserError when it is not clear which cluster is meant. */
export function clusterName(clusters: PlatformConfig["kubernetes"], wanted: string | undefined): string {
  const names = Object.keys(clusters);
  const known = names.length === 0 ? "none" : names.join(", ");
  if (wanted === undefined && names.length === 1 && names[0] !== undefined) return names[0];
  if (wanted === undefined) {
    throw new UserError(`verify-namespaces: name a cluster with --cluster; the platform's configuration has ${known}.`);
  }
  if (!names.includes(wanted)) {
    throw new UserError(
      `verify-namespaces: --cluster ${JSON.stringify(wanted)} is not below kubernetes in the platform's configuration; it has ${known}.`,
    );
  }
  return wanted;
}

/**
 * Namespaces of the registry's tenants on a cluster, in the registry's order.
 *
 * @throws UserError for fewer than two: one alone has nobody to attack.
 */
export function placesOn(
  cluster: string,
  records: readonly TenantRecord[],
  { postgres, neo4j }: Pick<CloudServers, "postgres" | "neo4j">,
  wanted?: readonly string[],
): Place[] {
  const onCluster = (record: TenantRecord): boolean => {
    const database = postgres[record.placement.postgres ?? ""];
    const graph = neo4j[record.placement.neo4j ?? ""];
    return (
      (database !== undefined && "cluster" in database && database.cluster === cluster) || graph?.cluster === cluster
    );
  };
  const there = records.filter(onCluster);
  const ids = there.map(({ id }) => id);
  const strangers = (wanted ?? []).filter((id) => !ids.includes(id));
  if (strangers.length > 0) {
    throw new UserError(
      `verify-namespaces: --tenant ${strangers.join(", ")}: no namespace on cluster ${cluster}; ` +
        `it has those of ${ids.join(", ") || "nobody"}.`,
    );
  }
  const chosen = there.filter(({ id }) => wanted?.includes(id) ?? true);
  if (chosen.length < 2) {
    throw new UserError(
      `verify-namespaces: ${chosen.length} tenants with a namespace on cluster ${cluster}: two are needed, one to attack the other.`,
    );
  }
  return chosen.map(({ id, prefix, externalId, tier }) => placeOf({ tenant: id, prefix, externalId, tier }));
}
