/** The shared servers as the stack's configuration names them, and what of them a tenant's application has to know. */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type * as pulumi from "@pulumi/pulumi";
import { type Platform, platformSchema } from "../provider/config.ts";
import { type StoreName, storeNames } from "../provider/inputs.ts";
import type { ServerInfo, Servers } from "../tenants/placement.ts";
import { type Configured, type ConfiguredServer, configuredSchema } from "./platform-forms.ts";

export interface PlatformConfig {
  /** For the provider: administrators' logins included, so only ever handed on as a secret. */
  readonly servers: Platform;
  /** Every server, also those of clouds, as the registry is checked against them. */
  readonly infos: Servers;
  /** Clusters that tenants' namespaces are made on, by name. */
  readonly kubernetes: Configured["kubernetes"];
  /** Absolute path of the CA's file of each server (`postgres/main`), for the applications. */
  readonly caFiles: Readonly<Record<string, string>>;
}

/** Configuration that a person can mend: shown without a stack trace. */
export class PlatformError extends Error {
  override readonly name = "PlatformError";
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
  const caFiles: Record<string, string> = {};
  const infos: Record<string, ServerInfo[]> = {};
  const servers: Record<string, Record<string, unknown>> = {};
  for (const store of storeNames) {
    const named = Object.entries<ConfiguredServer>(parsed.data[store]).sort(([one], [other]) => (one < other ? -1 : 1));
    infos[store] = named.map(([name, { kind, residency, capacity }]) => ({ name, kind, region: residency, capacity }));
    servers[store] = Object.fromEntries(
      named.map(([name, { residency: _residency, capacity: _capacity, ...server }]) => {
        if (!("caFile" in server) || server.caFile === undefined) return [name, forProvider(store, server)];
        const { caFile: relative, ...rest } = server;
        const path = resolve(folder, relative);
        caFiles[`${store}/${name}`] = path;
        return [name, { ...forProvider(store, rest), ca: readText(path) }];
      }),
    );
  }
  return {
    servers: platformSchema.parse(servers),
    infos: infos as Record<keyof Servers, ServerInfo[]>,
    kubernetes: parsed.data.kubernetes,
    caFiles,
  };
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
