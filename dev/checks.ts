/**
 * `npm test`: format, types, lint, SQL and every test, in the order of what they cost; each runs although one failed.
 * `--crashes N`: only the crash tests, with N seeds on each engine.
 */
import { spawn } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

const projectDir = resolve(import.meta.dirname, "..");
const { values } = parseArgs({ options: { crashes: { type: "string" } } });
const report = join(tmpdir(), `tenancy-tests-${process.pid}.json`);

interface Check {
  readonly name: string;
  readonly command: readonly string[];
}

const vitest = ["vitest", "run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
const everything: readonly Check[] = [
  { name: "format", command: ["prettier", "--check", "--log-level", "warn", "."] },
  { name: "types", command: ["tsc", "--noEmit"] },
  { name: "lint", command: ["eslint", "."] },
  { name: "SQL", command: ["node", "cli/main.ts", "lint"] },
  { name: "generated files", command: ["node", "dev/generate.ts", "--check"] },
  { name: "tests", command: vitest },
];
const crashes: readonly Check[] = [{ name: "crashes", command: [...vitest, "test/e2e/crash"] }];

const failed: string[] = [];
for (const { name, command } of values.crashes === undefined ? everything : crashes) {
  const started = Date.now();
  const ok = await run(command);
  console.log(`${ok ? "ok    " : "FAILED"} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  if (!ok) failed.push(name);
}
const counts = testCounts();
rmSync(report, { force: true });
if (failed.length > 0) console.log(`failed: ${failed.join(", ")}`);
console.log(`tests: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = failed.length > 0 ? 1 : 0;
if (process.connected) process.disconnect();

function run([program = "", ...args]: readonly string[]): Promise<boolean> {
  return new Promise((done) => {
    const path = join(projectDir, "node_modules", ".bin");
    const child = spawn(program, args, {
      cwd: projectDir,
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, PATH: `${path}:${process.env.PATH ?? ""}`, TENANCY_TEST_CRASHES: values.crashes ?? "3" },
    });
    child.on("error", () => {
      done(false);
    });
    child.on("exit", (code) => {
      done(code === 0);
    });
  });
}

function testCounts(): { passed: number; failed: number; skipped: number } {
  try {
    const json = JSON.parse(readFileSync(report, "utf8")) as Record<string, number>;
    return {
      passed: json.numPassedTests ?? 0,
      failed: json.numFailedTests ?? 0,
      skipped: (json.numPendingTests ?? 0) + (json.numTodoTests ?? 0),
    };
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
}
