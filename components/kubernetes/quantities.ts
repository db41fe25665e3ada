/** Cores and bytes as Kubernetes writes them, and what a tenant's pods need together. */
import type { Quantities, Resources } from "./manifest.ts";
import {
  KubernetesError,
  poolerInstancesDefault,
  replicasDefault,
  type KubernetesPlatform,
  type Quota,
  type SiloSettings,
} from "./settings.ts";

const units: Readonly<Record<string, number>> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 };

/** `500m` or `2`, in thousandths of a core. */
export function millicores(text: string): number {
  const match = /^(\d+)(m?)$/.exec(text);
  if (match === null) throw new RangeError(`${JSON.stringify(text)} is no number of cores: write 2 or 500m`);
  return Number(match[1]) * (match[2] === "m" ? 1 : 1000);
}

/** `512Mi` or `10Gi`, in bytes. */
export function bytes(text: string): number {
  const match = /^(\d+)(Ki|Mi|Gi|Ti)$/.exec(text);
  if (match === null) throw new RangeError(`${JSON.stringify(text)} is no number of bytes: write 512Mi or 10Gi`);
  return Number(match[1]) * (units[match[2] ?? ""] ?? 1);
}

export function coresText(milli: number): string {
  return milli % 1000 === 0 ? String(milli / 1000) : `${milli}m`;
}

export function bytesText(count: number): string {
  const unit = ["Ti", "Gi", "Mi", "Ki"].find((name) => count % (units[name] ?? 1) === 0) ?? "Ki";
  return `${Math.ceil(count / (units[unit] ?? 1))}${unit}`;
}

/** Reserves `cpu` and may use twice as much; memory is reserved whole, since it cannot be taken back. */
export function resourcesOf(cpu: string, memory: string): Resources {
  return { requests: { cpu, memory }, limits: { cpu: coresText(2 * millicores(cpu)), memory } };
}

/** The barman plugin's container beside each instance. */
export const sidecarResources: Resources = {
  requests: { cpu: "50m", memory: "128Mi" },
  limits: { cpu: "100m", memory: "128Mi" },
};
export const poolerResources: Resources = {
  requests: { cpu: "50m", memory: "64Mi" },
  limits: { cpu: "100m", memory: "64Mi" },
};
export const migrationResources: Resources = {
  requests: { cpu: "100m", memory: "64Mi" },
  limits: { cpu: "200m", memory: "64Mi" },
};
/** Of the job that changes a graph's password: a Java program. */
export const rotationResources: Resources = {
  requests: { cpu: "50m", memory: "256Mi" },
  limits: { cpu: "500m", memory: "256Mi" },
};
const graphCpu = { request: "100m", limit: "1" } as const;

export function graphResources(memory: string): Resources {
  return { requests: { cpu: graphCpu.request, memory }, limits: { cpu: graphCpu.limit, memory } };
}

/** Millicores and bytes, reserved and at most. */
interface Demand {
  readonly requestsCpu: number;
  readonly requestsMemory: number;
  readonly limitsCpu: number;
  readonly limitsMemory: number;
  readonly volumeClaims: number;
}

const nothing: Demand = { requestsCpu: 0, requestsMemory: 0, limitsCpu: 0, limitsMemory: 0, volumeClaims: 0 };

function add(one: Demand, resources: Resources, count: number, volumeClaims = 0): Demand {
  const of = (quantities: Quantities, name: string): string => quantities[name] ?? "0";
  return {
    requestsCpu: one.requestsCpu + count * millicores(of(resources.requests, "cpu")),
    requestsMemory: one.requestsMemory + count * bytes(of(resources.requests, "memory")),
    limitsCpu: one.limitsCpu + count * millicores(of(resources.limits, "cpu")),
    limitsMemory: one.limitsMemory + count * bytes(of(resources.limits, "memory")),
    volumeClaims: one.volumeClaims + volumeClaims,
  };
}

/**
 * The most that a silo's pods need at one moment. The jobs of CloudNativePG (initdb, recovery, join) have an instance's
 * resources and run in its place, before it: they are in the count. A pooler is rolled with one pod more.
 */
export function siloDemand(silo: SiloSettings, platform: KubernetesPlatform): Demand {
  const instances = instancesOf(silo);
  const sidecars = silo.backup.enabled || silo.recoverFrom !== undefined ? instances : 0;
  const claims = instances * (silo.walStorageSize === undefined ? 1 : 2);
  return [
    { resources: resourcesOf(silo.cpu, silo.memory), count: instances, claims },
    { resources: sidecarResources, count: sidecars, claims: 0 },
    { resources: poolerResources, count: (platform.poolerInstances ?? poolerInstancesDefault) + 1, claims: 0 },
    { resources: migrationResources, count: 1, claims: 0 },
  ].reduce((sum, { resources, count, claims: more }) => add(sum, resources, count, more), nothing);
}

export function instancesOf(silo: SiloSettings): number {
  return (silo.replicas ?? replicasDefault) + 1;
}

/** The registry's quota is the database's; a graph brings its own need along. */
export function quotaHard(quota: Quota, graphMemory: string | undefined): Quantities {
  const graph =
    graphMemory === undefined ? nothing : add(add(nothing, graphResources(graphMemory), 1, 1), rotationResources, 1);
  return {
    "requests.cpu": coresText(millicores(quota.requestsCpu) + graph.requestsCpu),
    "requests.memory": bytesText(bytes(quota.requestsMemory) + graph.requestsMemory),
    "limits.cpu": coresText(millicores(quota.limitsCpu) + graph.limitsCpu),
    "limits.memory": bytesText(bytes(quota.limitsMemory) + graph.limitsMemory),
    persistentvolumeclaims: String(quota.volumeClaims + graph.volumeClaims),
  };
}

/** @throws KubernetesError that names every quota that the silo does not fit into, and what would fit. */
export function assertFits(tenant: string, silo: SiloSettings, platform: KubernetesPlatform): void {
  const need = siloDemand(silo, platform);
  const { quota } = silo;
  const faults = [
    ...lacking("requestsCpu", need.requestsCpu, millicores(quota.requestsCpu), coresText),
    ...lacking("requestsMemory", need.requestsMemory, bytes(quota.requestsMemory), bytesText),
    ...lacking("limitsCpu", need.limitsCpu, millicores(quota.limitsCpu), coresText),
    ...lacking("limitsMemory", need.limitsMemory, bytes(quota.limitsMemory), bytesText),
    ...lacking("volumeClaims", need.volumeClaims, quota.volumeClaims, String),
  ];
  if (faults.length === 0) return;
  throw new KubernetesError(
    tenant,
    `${instancesOf(silo)} instances with ${silo.cpu} CPU and ${silo.memory} memory each, their poolers and jobs do not ` +
      `fit into the quota: ${faults.join("; ")}. Raise silo.quota, or lower silo.replicas, silo.cpu or silo.memory.`,
  );
}

function lacking(name: string, need: number, has: number, text: (value: number) => string): string[] {
  return need > has ? [`${name} is ${text(has)}, needed are ${text(need)}`] : [];
}
