/**
 * `npm run generate`: writes the documents that follow from the code, `tenants/registry.schema.json`,
 * `docs/registry.md`, `docs/attempts.md`, `docs/policy-rules.md`, `docs/sql-rules.md` and the postures of `policies/`. With `--check` it writes nothing and ends with 1 when one of them is stale.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { format, resolveConfig } from "prettier";
import { registryDocuments } from "../tenants/generate.ts";
import { policyDocuments } from "../policies/documents.ts";
import { ruleDocuments } from "../templates/lint/document.ts";
import { attemptsPage } from "../verify/catalogue.ts";

const project = dirname(import.meta.dirname);

export interface GeneratedFile {
  /** From the project's folder. */
  readonly path: string;
  readonly content: string;
}

export async function generated(): Promise<readonly GeneratedFile[]> {
  const documents = [
    ...registryDocuments(),
    { path: join("docs", "attempts.md"), content: attemptsPage() },
    ...policyDocuments(),
    ...ruleDocuments(),
  ];
  return Promise.all(
    documents.map(async ({ path, content }) => {
      const parser = path.endsWith(".md") ? "markdown" : path.startsWith("policies") ? "json" : undefined;
      if (parser === undefined) return { path, content };
      const style = await resolveConfig(join(project, path));
      return { path, content: await format(content, { ...style, parser }) };
    }),
  );
}

/** Paths of the files that differ from what the code gives. */
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
      console.error(`${path} is stale: run \`npm run generate\` and commit the result.`);
      process.exitCode = 1;
    }
  } else {
    await write();
  }
  // The channel to cli/run.mjs must not keep a finished command from ending.
  if (process.connected) process.disconnect();
}
