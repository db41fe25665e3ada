/** The files behind registry records: templates and tenants' own SQL, as names and digests. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { SqlFile } from "../provider/inputs.ts";
import {
  checkVariables,
  extensionsOf,
  loadTemplate,
  renderFile,
  sha256,
  type Template,
  TemplateError,
} from "../templates/load.ts";
import { guardSql } from "../templates/sql-guard.ts";
import type { Registry, TenantRecord } from "../tenants/load.ts";
import type { MigrationFile } from "./kubernetes/migration-script.ts";

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

  /** Extensions that the record's template needs. */
  extensionsOf(record: TenantRecord): readonly string[] {
    const { postgres } = record;
    return postgres === undefined ? [] : extensionsOf(this.template(postgres.template), postgres.variables);
  }

  /**
   * Template and own files with their text, for a cluster that applies them itself.
   *
   * @throws TemplateError naming file and line of what the SQL guard refuses
   */
  async migrationFiles(record: TenantRecord): Promise<MigrationFile[]> {
    if (record.postgres === undefined) return [];
    const template = this.template(record.postgres.template);
    const { values } = checkVariables(template, record.postgres.variables);
    const files = [
      ...template.files.map((file): MigrationFile => {
        return { origin: "template", ...file, sql: renderFile(this.#templatesDir, template, file.name, values) };
      }),
      ...this.additionalFiles(record).map((file): MigrationFile => {
        return { origin: "tenant", ...file, sql: readFileSync(join(this.#registryDir, file.name), "utf8") };
      }),
    ];
    const faults: string[] = [];
    for (const { name, sha256: digest, sql } of files) {
      for (const { line, statement, reason } of await guardSql(`${name} ${digest} ${JSON.stringify(values)}`, sql)) {
        faults.push(`tenant ${record.id}: ${name}, line ${line}: ${statement} ${reason}`);
      }
    }
    if (faults.length > 0) throw new TemplateError(faults.join("\n"));
    return files;
  }

  /** Extensions that the templates of the tenants and pools on one PostgreSQL server need, sorted. */
  extensions({ tenants, pools }: Pick<Registry, "tenants" | "pools">, server: string): string[] {
    const ofTenants = tenants
      .filter((record) => record.placement.postgres === server)
      .flatMap((record) => this.extensionsOf(record));
    const ofPools = pools
      .filter((pool) => pool.server === server)
      .flatMap(({ template, variables }) => extensionsOf(this.template(template), variables));
    return [...new Set([...ofTenants, ...ofPools])].sort();
  }
}
