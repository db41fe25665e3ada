/** The shared servers as the stack's configuration names them, and what of them a tenant's application has to know. */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type * as pulumi from "@pulumi/pulumi";
import { type Platform, platformSchema } from "../provider/config.ts";
import { type StoreName, storeNames } from "../provider/inputs.ts";
import type { ServerInfo, Servers } from "../tenants/placement.ts";
import { nativeCacheServers } from "./aws/cache-settings.ts";
import { nativeStorageServer } from "./aws/storage-settings.ts";
import { PlatformError } from "./platform-error.ts";
import {
  type CloudServer,
  type CloudServers,
  type Configured,
  type ConfiguredServer,
  configuredSchema,
  type Delivery,
  emptyClouds,
  isCloud,
} from "./platform-forms.ts";

export { PlatformError } from "./platform-error.ts";

export interface PlatformConfig {
  /** For the provider: administrators' logins included, so only ever handed on as a secret. */
  readonly servers: Platform;
  /** Every server, also those of clouds, as the registry is checked against them. */
  readonly infos: Servers;
  /** Entries that the providers of clouds make tenants' places by, by store and name. */
  readonly clouds: CloudServers;
  /** Clusters that tenants' namespaces are made on, by name. */
  readonly kubernetes: Configured["kubernetes"];
  /** A folder of files is an absolute path. */
  readonly delivery?: Delivery;
  /** Absolute path of the CA's file of each server (`postgres/main`), for the applications. */
  readonly caFiles: Readonly<Record<string, string>>;
  /** Servers (`neo4j/main`) that cannot be had on this machine now, and why. */
  readonly unavailable: Readonly<Record<string, string>>;
}

/**
 * Reads the stack's `tenancy:platform` (an object, with secure values) or `tenancy:platformFile` (path of a JSON file
 * of the same form, relative to the project).
 *
 * @throws PlatformError with all faults; never with a value, since it may be a password.
 */
export function readPlatform(config: pulumi.Config, projectDir: string): PlatformConfig {
  const file = config.get("platformFile");
  const inline = config.getObject<unknown>("platform");
  if ((file === undefined) === (inline === undefined)) {
    throw new PlatformError(
      `the stack's configuration must have one of tenancy:platform and tenancy:platformFile; ` +
        `it has ${file === undefined ? "none" : "both"}. See docs/getting-started.md.`,
    );
  }
  if (file === undefined) return parsePlatform(inline, "tenancy:platform", projectDir);
  const path = resolve(projectDir, file);
  return parsePlatform(readJson(path), path, dirname(path));
}

/** @param folder - where a relative `caFile` starts */
export function parsePlatform(value: unknown, place: string, folder: string): PlatformConfig {
  const parsed = configuredSchema.safeParse(value);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `  ${issue.path.join(".")}: ${issue.message}`);
    throw new PlatformError(`${place} has ${faults.length === 1 ? "a fault" : "faults"}:\n${faults.join("\n")}`);
  }
  const faults = clusterFaults(parsed.data);
  if (faults.length > 0) throw new PlatformError(`${place}: ${faults.join("; ")}`);
  const caFiles: Record<string, string> = {};
  const unavailable: Record<string, string> = {};
  const infos: Partial<Record<StoreName, ServerInfo[]>> = {};
  const servers: Partial<Record<StoreName, Record<string, unknown>>> = {};
  const clouds = emptyClouds();
  for (const store of storeNames) {
    const named = Object.entries<ConfiguredServer>(parsed.data[store]).sort(([one], [other]) => (one < other ? -1 : 1));
    infos[store] = named.map(([name, server]) => infoOf(name, server));
    const native: Record<string, unknown> = {};
    for (const [name, configured] of named) {
      if (isCloud(configured)) {
        (clouds[store] as Record<string, CloudServer>)[name] = withPaths(configured, folder);
        Object.assign(native, nativePart(name, configured));
        continue;
      }
      const { residency: _residency, capacity: _capacity, ...others } = configured;
      const { unavailable: reason, ...server } = { unavailable: undefined, ...others };
      if (reason !== undefined) unavailable[`${store}/${name}`] = reason;
      if (!("caFile" in server) || server.caFile === undefined) native[name] = forProvider(store, server);
      else {
        const { caFile: relative, ...rest } = server;
        const path = resolve(folder, relative);
        caFiles[`${store}/${name}`] = path;
        native[name] = { ...forProvider(store, rest), ca: readText(path) };
      }
    }
    servers[store] = native;
  }
  const { kubernetes, delivery } = parsed.data;
  return {
    servers: platformSchema.parse(servers),
    infos: infos as Record<StoreName, ServerInfo[]>,
    clouds,
    kubernetes,
    delivery: delivery?.kind === "file" ? { ...delivery, folder: resolve(folder, delivery.folder) } : delivery,
    caFiles,
    unavailable,
  };
}

function infoOf(name: string, server: ConfiguredServer): ServerInfo {
  // The region that a server of S3's kind signs with need not be a place.
  const lies = "region" in server && server.kind !== "s3" ? server.region : undefined;
  return { name, kind: server.kind, region: server.residency ?? lies, capacity: server.capacity };
}

/** What the native provider gets of a cloud's server: it makes folders, and empties what a removed tenant had. */
function nativePart(name: string, server: CloudServer): Readonly<Record<string, unknown>> {
  switch (server.kind) {
    case "aws":
      return { [name]: nativeStorageServer(server) };
    case "elasticache":
    case "memorydb":
      return nativeCacheServers(name, server);
    default:
      return {};
  }
}

function withPaths<S extends CloudServer>(server: S, folder: string): S {
  return "caBundleFile" in server ? { ...server, caBundleFile: resolve(folder, server.caBundleFile) } : server;
}

/** Clusters that an entry names and nobody knows. */
function clusterFaults({ kubernetes, postgres, neo4j, delivery }: Configured): string[] {
  const named = [
    ...Object.entries<ConfiguredServer>(postgres).map(([name, server]) => [`postgres.${name}`, server] as const),
    ...Object.entries<ConfiguredServer>(neo4j).map(([name, server]) => [`neo4j.${name}`, server] as const),
    ...(delivery === undefined ? [] : [["delivery", delivery] as const]),
  ];
  const known = Object.keys(kubernetes);
  return named.flatMap(([path, entry]) => {
    if (!("cluster" in entry) || known.includes(entry.cluster)) return [];
    const allowed = known.length === 0 ? "there is none" : known.join(", ");
    return [`${path}.cluster: "${entry.cluster}" is no cluster below kubernetes; allowed: ${allowed}`];
  });
}

/** PostgreSQL and Redis have one kind of native server each, which the provider does not have to tell apart. */
function forProvider(store: StoreName, { kind, ...server }: { readonly kind: string }): object {
  return store === "postgres" || store === "redis" ? server : { kind, ...server };
}

/** Names of the servers that the provider works on, sorted: the Baseline makes PostgreSQL's ready. */
export function nativePostgres({ servers }: PlatformConfig): string[] {
  return Object.keys(servers.postgres).sort();
}

function readJson(path: string): unknown {
  const text = readText(path);
  try {
    return JSON.parse(text);
  } catch {
    throw new PlatformError(`${path} is not JSON. \`npm run dev\` writes it anew for the embedded services.`);
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    throw new PlatformError(
      `${path} cannot be read (${code}). For the embedded services run \`npm run dev\`; ` +
        `for your own servers set tenancy:platform in the stack's configuration.`,
    );
  }
}
