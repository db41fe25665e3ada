/** `npm run dev` in a clone: services, stack, what plain Pulumi needs, and nothing left behind. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { copyProject } from "../../dev/project-copy.ts";
import { availableEngines } from "../support/project.ts";
import { processesOf } from "../support/processes.ts";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "..", "..");
const dir = mkdtempSync(join(tmpdir(), "tenancy-dev-"));

async function script(name: string): Promise<string> {
  const path = (process.env.PATH ?? "").split(delimiter).filter((part) => !part.endsWith("node_modules/.bin"));
  const env = { ...process.env, PATH: path.join(delimiter), CI: "true" };
  const { stdout, stderr } = await run(process.execPath, [join(dir, name)], { cwd: dir, env });
  return `${stdout}${stderr}`;
}

beforeAll(() => {
  copyProject(dir);
  mkdirSync(join(dir, ".dev"), { mode: 0o700 });
  // Downloaded once a clone.
  symlinkSync(join(root, ".dev", "python"), join(dir, ".dev", "python"));
  if (existsSync(join(root, ".dev", "neo4j"))) symlinkSync(join(root, ".dev", "neo4j"), join(dir, ".dev", "neo4j"));
});
afterAll(async () => {
  await script("dev/down.ts");
  rmSync(dir, { recursive: true, force: true });
});

it("starts everything, provisions the example tenants and says what to try", async () => {
  const output = await script("dev/main.ts");
  expect(output).toContain("7 tenants, no faults");
  for (const id of ["acme", "acme-corp", "42", "43"]) expect(output).toMatch(new RegExp(`^${id} +bridge, active`, "m"));
  expect(output).toMatch(/^org-123 +silo, active +postgres {2}ok {2}oikion_org__123 /m);
  expect(output).toMatch(/^glyph-a +pool, active +postgres {2}ok {2}pool_glyphs /m);
  expect(output).toMatch(/^glyph-b +pool, active +postgres {2}ok {2}pool_glyphs /m);
  // One store of each tenant, and where Neo4j can be had, the graph of one.
  if (!output.includes("Neo4j: not available")) expect(output).toMatch(/^ +neo4j +ok {2}neo4j +login neo4j/m);
  expect(output).not.toContain("NOT OK");
  expect(output).toContain("What to try next");
  for (const file of ["platform.json", "passphrase", "env"]) {
    expect(statSync(join(dir, ".dev", file)).mode & 0o077).toBe(0);
  }
});

it("changes nothing the second time, and no file that is in version control", async () => {
  expect(await script("dev/main.ts")).toContain("nothing to change");
  for (const file of ["Pulumi.yaml", "Pulumi.dev.yaml", "tenants/registry.yaml", "package.json"]) {
    expect(readFileSync(join(dir, file), "utf8")).toBe(readFileSync(join(root, file), "utf8"));
  }
});

it.skipIf((await availableEngines()).length < 2)("lets plain `pulumi` work after `source .dev/env`", async () => {
  const shell = (text: string): ReturnType<typeof run> => run("bash", ["-c", text], { cwd: dir });
  const { stdout } = await shell("source .dev/env && pulumi preview --non-interactive --expect-no-changes 2>&1");
  expect(stdout).toMatch(/\d+ unchanged/);
  expect(readFileSync(join(dir, "Pulumi.dev.yaml"), "utf8")).not.toContain("encryptionsalt");
});

it("stops the services on `dev:down`, and `dev:reset` removes all that it made", async () => {
  await script("dev/down.ts");
  for (let waited = 0; (await processesOf(dir)).length > 0 && waited < 100; waited++) {
    await new Promise((resume) => setTimeout(resume, 100));
  }
  expect(await processesOf(dir)).toEqual([]);
  rmSync(join(dir, ".dev", "python"));
  rmSync(join(dir, ".dev", "neo4j"), { force: true });
  await script("dev/reset.ts");
  expect(existsSync(join(dir, ".dev"))).toBe(false);
});
