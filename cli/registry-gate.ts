/** The registry is checked before any engine starts: with a fault nothing is changed. */
import { relative, resolve } from "node:path";
import type { StoreName } from "../provider/inputs.ts";
import { loadRegistry, type PoolRecord, type Registry, type TenantRecord } from "../tenants/load.ts";
import { type Project, stackConfig } from "./project.ts";

export interface CheckedRegistry {
  readonly path: string;
  readonly ids: readonly string[];
  /** Stores that a tenant has. */
  readonly stores: ReadonlySet<StoreName>;
  /** As in `registry tenants/registry.yaml: 4 tenants, no faults`. */
  readonly summary: string;
}

/** @throws RegistryError with every fault. */
export function registryGate(project: Project): CheckedRegistry {
  const { path, tenants } = load(project);
  const ids = tenants.map(({ id }) => id);
  const count = `${ids.length} ${ids.length === 1 ? "tenant" : "tenants"}`;
  const shown = relative(project.dir, path);
  const stores = new Set(tenants.flatMap((record) => record.stores));
  return { path: shown, ids, stores, summary: `registry ${shown}: ${count}, no faults` };
}

/**
 * The registry's tenants, sorted by id.
 *
 * @throws RegistryError with every fault.
 */
export function registryRecords(project: Project): readonly TenantRecord[] {
  return load(project).tenants;
}

/**
 * The registry's pools, sorted by name.
 *
 * @throws RegistryError with every fault.
 */
export function registryPools(project: Project): readonly PoolRecord[] {
  return load(project).pools;
}

function load(project: Project): Registry {
  const config = stackConfig(project);
  const setting = (key: string, fallback: string): string => {
    const value = config[`tenancy:${key}`];
    return resolve(project.dir, typeof value === "string" ? value : fallback);
  };
  return loadRegistry(setting("registry", "tenants/registry.yaml"), { templates: setting("templates", "templates") });
}
