/** The shared servers as the stack's configuration names them, and what of them a tenant's application has to know. */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import {
  fileSystemSchema,
  type Platform,
  postgresServerSchema,
  redisServerSchema,
  s3ServerSchema,
} from "../provider/config.ts";
import type { StoreName } from "../provider/inputs.ts";

/** In configuration a certificate authority may also be a file: `caFile`, relative to the file that names it. */
const caFile = { caFile: z.string().min(1).optional() };

const configuredSchema = z.strictObject({
  postgres: z.record(z.string(), postgresServerSchema.extend(caFile)).default({}),
  redis: z.record(z.string(), redisServerSchema.extend(caFile)).default({}),
  storage: z
    .record(z.string(), z.discriminatedUnion("kind", [s3ServerSchema.extend(caFile), fileSystemSchema]))
    .default({}),
});

export interface PlatformConfig {
  /** For the provider: administrators' logins included, so only ever handed on as a secret. */
  readonly servers: Platform;
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
  const servers = Object.fromEntries(
    Object.entries(parsed.data).map(([store, named]) => [
      store,
      Object.fromEntries(
        Object.entries(named as Record<string, { caFile?: string }>).map(([name, server]) => {
          if (server.caFile === undefined) return [name, server];
          const { caFile: relative, ...rest } = server;
          const path = resolve(folder, relative);
          caFiles[`${store}/${name}`] = path;
          return [name, { ...rest, ca: readText(path) }];
        }),
      ),
    ]),
  ) as Platform;
  return { servers, caFiles };
}

/** Names of the servers of each store, sorted. */
export function serverNames(platform: PlatformConfig): Readonly<Record<StoreName, string[]>> {
  const { postgres, redis, storage } = platform.servers;
  return {
    postgres: Object.keys(postgres).sort(),
    redis: Object.keys(redis).sort(),
    storage: Object.keys(storage).sort(),
  };
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
