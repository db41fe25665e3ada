/** The files behind registry records: templates and tenants' own SQL, as names and digests. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { SqlFile } from "../provider/inputs.ts";
import { loadTemplate, sha256, type Template } from "../templates/load.ts";
import type { TenantRecord } from "../tenants/load.ts";

export class TenantSources {
  readonly #templatesDir: string;
  readonly #registryDir: string;
  readonly #templates = new Map<string, Template>();

  /**
   * @param templatesDir - absolute path of the templates
   * @param registryDir - absolute path of the registry's folder, where tenants' own files start
   */
  constructor(templatesDir: string, registryDir: string) {
    this.#templatesDir = templatesDir;
    this.#registryDir = registryDir;
  }

  /** Each template is read once, whatever the number of its tenants. */
  template(name: string): Template {
    const known = this.#templates.get(name);
    if (known !== undefined) return known;
    const template = loadTemplate(this.#templatesDir, name);
    this.#templates.set(name, template);
    return template;
  }

  templateFiles(record: TenantRecord): readonly SqlFile[] {
    return record.postgres === undefined ? [] : this.template(record.postgres.template).files;
  }

  additionalFiles(record: TenantRecord): readonly SqlFile[] {
    return (record.postgres?.additionalSql ?? []).map((name) => ({
      name,
      sha256: sha256(readFileSync(join(this.#registryDir, name))),
    }));
  }

  /** Extensions that the templates of the tenants on one PostgreSQL server need, sorted. */
  extensions(tenants: readonly TenantRecord[], server: string): string[] {
    const needed = tenants
      .filter((record) => record.placement.postgres === server && record.postgres !== undefined)
      .flatMap((record) => (record.postgres === undefined ? [] : this.template(record.postgres.template).extensions));
    return [...new Set(needed)].sort();
  }
}
