import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { checkCommand, runCheck } from "../../cli/commands/check.ts";
import { Folder, head, record, shared } from "../tenants/fixture.ts";

const project = join(import.meta.dirname, "..", "..");
let folder: Folder;
beforeEach(() => {
  folder = new Folder();
});
afterEach(() => {
  folder.remove();
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

const options = () => ({ registry: folder.registry, templates: join(project, "test", "tenants", "templates") });

async function run(...args: readonly string[]): Promise<{ output: string; exitCode: unknown }> {
  const chunks: string[] = [];
  vi.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    chunks.push(String(chunk));
    return true;
  });
  await checkCommand().parseAsync(args, { from: "user" });
  const { exitCode } = process;
  vi.restoreAllMocks();
  process.exitCode = undefined;
  return { output: chunks.join(""), exitCode };
}

describe("runCheck", () => {
  it("counts the tenants of each state in one line", async () => {
    const states = ["", "    state: suspended\n", "", "    state: offboarding\n"];
    const records = states.map((more, index) => record(`t${index}`, more)).join("");
    folder.write({ "registry.yaml": `${head}tenants:\n${records}` });
    const result = await runCheck(options());
    expect(result.text).toBe(`${folder.registry}: 4 tenants, no faults (2 active, 1 suspended, 1 offboarding)`);
    expect(result).toMatchObject({ ok: true, json: { ok: true, tenants: 4, faults: [] } });
    expect(result.registry?.tenants).toHaveLength(4);
  });

  it("says of a registry without tenants, and with one, what it is", async () => {
    folder.write({ "registry.yaml": "tenants: {}\n" });
    expect((await runCheck(options())).text).toBe(`${folder.registry}: 0 tenants, no faults`);
    folder.write({ "registry.yaml": `${head}tenants:\n${record("a")}` });
    expect((await runCheck(options())).text).toBe(`${folder.registry}: 1 tenant, no faults (1 active)`);
  });

  it("gives the report of all faults as a result, coloured only where asked", async () => {
    folder.write({ "registry.yaml": `${head}tenants:\n${record("a", "    tier: shard\n    x: 1\n")}` });
    const result = await runCheck(options());
    expect(result.ok).toBe(false);
    expect(result.registry).toBeUndefined();
    expect(result.json.tenants).toBe(1);
    expect(result.json.faults.map(({ path }) => path)).toEqual(["tenants.a.tier", "tenants.a.x"]);
    expect(result.text).not.toContain("\u001b");
    expect(result.text.endsWith("\n\n2 faults in 1 file")).toBe(true);
    const coloured = (await runCheck({ ...options(), colour: true })).text;
    expect(coloured).toContain("\u001b[");
    expect(coloured.replace(/\u001b\[\d+m/g, "")).toBe(result.text);
  });

  it("checks servers where they are known", async () => {
    folder.write({ "registry.yaml": `${head}tenants: {}\n` });
    const servers = shared({ postgres: ["main"], redis: ["other"], storage: ["main"] });
    const { json } = await runCheck({ ...options(), servers });
    expect(json.faults.map(({ path }) => path)).toEqual(["defaults.placement.redis"]);
  });
});

describe("tenancy check", () => {
  it("ends with 0 and one line for the project's own registry", async () => {
    const { output, exitCode } = await run();
    expect(output).toMatch(/^\S+registry\.yaml: 7 tenants, no faults \(7 active, 1 pool\)\n$/);
    expect(exitCode).toBe(0);
  });

  it("ends with 1 and the report, or one JSON object", async () => {
    folder.write({ "registry.yaml": "tenants: { Acme: {} }\n" });
    const text = await run("--registry", folder.registry);
    expect(text.exitCode).toBe(1);
    expect(text.output).toContain(`${folder.registry}:1:12  tenants.Acme\n  "Acme" is not allowed as a key here\n`);
    expect(text.output.endsWith("5 faults in 1 file\n")).toBe(true);
    const json = await run("--registry", folder.registry, "--json");
    expect(json.exitCode).toBe(1);
    expect(JSON.parse(json.output)).toMatchObject({
      ok: false,
      tenants: 1,
      faults: [{ line: 1, column: 12 }, {}, {}, {}, {}],
    });
  });

  it("ends with 1 for a registry that does not exist, without a stack trace", async () => {
    const { output, exitCode } = await run("--registry", join(folder.path, "none.yaml"));
    expect(exitCode).toBe(1);
    expect(output).toContain("the file does not exist");
    expect(output).not.toMatch(/\n\s+at /);
  });
});

describe("node dev/generate.ts --check", () => {
  it("ends with 0 when the files are up to date", async () => {
    const script = join(project, "dev", "generate.ts");
    const { stderr } = await promisify(execFile)(process.execPath, [script, "--check"]);
    expect(stderr).toBe("");
  });
});
