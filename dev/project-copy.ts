/** A copy of the project in another folder, with the packages shared: tests and benchmarks change what they like in it. */
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Platform } from "../provider/config.ts";

const root = resolve(import.meta.dirname, "..");
const parts = [
  "Pulumi.yaml",
  "Pulumi.dev.yaml",
  "package.json",
  "tsconfig.json",
  "index.ts",
  "components",
  "tenants",
  "provider",
  "templates",
  "cli",
  "dev",
  "verify",
  "policies",
];

export function copyProject(target: string): void {
  for (const part of parts) cpSync(join(root, part), join(target, part), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(target, "node_modules"));
}

/** Writes `.dev/platform.json`, with the authority as a file instead of inline. */
export function writePlatformFile(project: string, platform: Platform, caFile: string): void {
  mkdirSync(join(project, ".dev"), { recursive: true, mode: 0o700 });
  const stores = Object.entries(platform).map(([store, servers]) => [
    store,
    Object.fromEntries(
      Object.entries(servers as Record<string, { ca?: string }>).map(([name, { ca, ...server }]) => [
        name,
        ca === undefined ? server : { ...server, caFile },
      ]),
    ),
  ]);
  writeFileSync(join(project, ".dev", "platform.json"), JSON.stringify(Object.fromEntries(stores)), { mode: 0o600 });
}
