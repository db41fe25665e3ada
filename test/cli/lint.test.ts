import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, it, vi } from "vitest";
import { lintCommand } from "../../cli/commands/lint.ts";

const folder = mkdtempSync(join(tmpdir(), "tenancy-lint-command-"));
const file = join(folder, "own.sql");
writeFileSync(file, "SELECT 1;\n\tDROP TABLE t;\nUPDATE t SET a = 1;\n");
afterAll(() => {
  rmSync(folder, { recursive: true });
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

async function run(...args: readonly string[]): Promise<{ output: string; exitCode: unknown }> {
  const chunks: string[] = [];
  vi.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    chunks.push(String(chunk));
    return true;
  });
  await lintCommand().parseAsync(args, { from: "user" });
  const { exitCode } = process;
  vi.restoreAllMocks();
  return { output: chunks.join(""), exitCode };
}

it("finds no fault in the project's own templates and registry", async () => {
  const { output, exitCode } = await run();
  expect(output).toMatch(/^\d+ files: no faults\n$/);
  expect(exitCode).toBe(0);
});

it("ends with 1 and points at each fault of a file", async () => {
  const { output, exitCode } = await run("--file", file);
  expect(exitCode).toBe(1);
  expect(output).toContain(`${file}:2:2 error [drop-table]\n  DROP loses the rows of t\n`);
  expect(output).toContain("  2 | \tDROP TABLE t;\n    | \t^\n");
  expect(output).toContain(`${file}:3:1 warning [update-all-rows]\n`);
  expect(output).toMatch(/\n1 file: 1 error, 1 warning\n$/);
});

it("writes JSON, and SARIF whose results name rules that the log describes", async () => {
  const json = JSON.parse((await run("--file", file, "--json")).output) as Record<string, unknown>;
  expect(json).toMatchObject({ ok: false, files: 1, errors: 1, warnings: 1 });
  const sarif = JSON.parse((await run("--file", file, "--sarif")).output) as {
    runs: {
      tool: { driver: { rules: { id: string }[] } };
      results: { ruleId: string; ruleIndex: number; level: string }[];
    }[];
  };
  const [log] = sarif.runs;
  expect(log?.results.map(({ ruleIndex }) => log.tool.driver.rules[ruleIndex]?.id)).toEqual([
    "drop-table",
    "update-all-rows",
  ]);
  expect(log?.results.map(({ level }) => level)).toEqual(["error", "warning"]);
});
