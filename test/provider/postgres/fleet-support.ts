/** Templates of a test's own, and tenants of them that are brought forward. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { SchemaInputs } from "../../../provider/inputs.ts";
import { type PostgresDependencies, postgresDependencies } from "../../../provider/postgres/dependencies.ts";
import { loadTemplate } from "../../../templates/load.ts";
import { services } from "../../support/services.ts";
import { context, projectDir, type Recorded, schemaInputs } from "./support.ts";

export class Fleet {
  readonly templates = mkdtempSync(join(tmpdir(), "tenancy-fleet-"));
  readonly deps: PostgresDependencies = postgresDependencies({
    platform: services().platform,
    templates: this.templates,
    projectDir,
  });

  /** Adds or overwrites files of a template by their names; `seed/…` among them. */
  write(template: string, files: Readonly<Record<string, string>>): void {
    const manifest = join(this.templates, template, "template.yaml");
    const plain: Record<string, string> = existsSync(manifest) ? {} : { "template.yaml": "description: A test's.\n" };
    for (const [name, text] of Object.entries({ ...plain, ...files })) {
      const path = join(this.templates, template, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
  }

  /** A tenant with the files that the template has now. */
  inputs(template: string, id: string, over: Partial<SchemaInputs> = {}): SchemaInputs {
    const { files } = loadTemplate(this.templates, template);
    return { ...schemaInputs(id), template, templateFiles: files, variables: {}, ...over };
  }

  /** The same tenant, asking for the files that the template has now. */
  forward<I extends SchemaInputs>(inputs: I): I {
    return { ...inputs, templateFiles: loadTemplate(this.templates, inputs.template).files };
  }

  async end(): Promise<void> {
    await this.deps.pools.close();
    rmSync(this.templates, { recursive: true });
  }
}

/** Of an update of which a refresh has found nothing to differ. */
export function plainUpdate(id: string): Recorded {
  return { ...context(id), drifted: false };
}
