/** Registries in a folder of their own, for the tests of the loader. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  type Fault,
  type LoadContext,
  type Registry,
  RegistryError,
  type Servers,
  loadRegistry,
} from "../../tenants/load.ts";
import { serverKinds } from "../../tenants/placement.ts";

export const templates = join(import.meta.dirname, "templates");

export const head = `defaults:
  region: local
  stores: [postgres, redis, storage]
  placement: { postgres: main, redis: main, storage: main }
profiles:
  kg: { prefix: tenant, postgres: { template: plain } }
  ekn: { prefix: ekn, postgres: { template: vectors, variables: { dimensions: 8 } } }
`;

export function record(id: string, more = ""): string {
  return `  ${id}:\n    displayName: "${id}"\n    externalId: org_${id}\n    owner: team\n    profile: kg\n${more}`;
}

/** Servers of the kind that every store has first, without region and capacity. */
export function shared(names: Readonly<Partial<Record<keyof Servers, readonly string[]>>>): Servers {
  const of = (store: keyof Servers) => (names[store] ?? []).map((name) => ({ name, kind: serverKinds[store][0] }));
  return { postgres: of("postgres"), redis: of("redis"), storage: of("storage"), neo4j: of("neo4j") };
}

export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), "registry-"));

  /** Writes files by their path from the folder. */
  write(files: Readonly<Record<string, string | Uint8Array>>): this {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(this.path, name)), { recursive: true });
      writeFileSync(join(this.path, name), content);
    }
    return this;
  }

  registry = join(this.path, "registry.yaml");

  load(context: Partial<LoadContext> = {}): Registry {
    return loadRegistry(this.registry, { templates, ...context });
  }

  faults(context: Partial<LoadContext> = {}): Fault[] {
    try {
      this.load(context);
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      return error.faults.map((fault) => ({ ...fault, file: fault.file.replace(`${this.path}/`, "") }));
    }
    return [];
  }

  /** `line:column path: message`, which is what most tests look at. */
  told(context: Partial<LoadContext> = {}): string[] {
    return this.faults(context).map(({ file, line, column, path, message }) => {
      const name = file === "registry.yaml" ? "" : `${file}:`;
      return `${name}${line}:${column} ${path}: ${message}`;
    });
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
