/**
 * Writes `tenants/registry.schema.json` and `docs/registry.md` from the schema.
 * With `--check` it writes nothing and ends with 1 when one of them is stale.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { format, resolveConfig } from "prettier";
import { editorSchema, reference } from "./reference.ts";

const project = dirname(dirname(fileURLToPath(import.meta.url)));

/** Path from the project's folder, and content. */
export async function generated(): Promise<readonly { readonly path: string; readonly content: string }[]> {
  const style = await resolveConfig(join(project, "docs", "registry.md"));
  return [
    { path: join("tenants", "registry.schema.json"), content: `${JSON.stringify(editorSchema(), undefined, 2)}\n` },
    { path: join("docs", "registry.md"), content: await format(reference(), { ...style, parser: "markdown" }) },
  ];
}

/** Paths of the files that differ from what the schema gives. */
export async function stale(root: string = project): Promise<string[]> {
  const files = await generated();
  return files.filter(({ path, content }) => read(join(root, path)) !== content).map(({ path }) => path);
}

export async function write(root: string = project): Promise<void> {
  for (const { path, content } of await generated()) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes("--check")) {
    for (const path of await stale()) {
      console.error(`${path} is stale: run \`node tenants/generate.ts\` and commit the result.`);
      process.exitCode = 1;
    }
  } else {
    await write();
  }
}
