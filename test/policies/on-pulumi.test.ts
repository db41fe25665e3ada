import { execFile } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { findPulumi } from "../../cli/find-pulumi.ts";
import { TestProject } from "../support/project.ts";

const root = resolve(import.meta.dirname, "..", "..");
const found = await findPulumi(root, () => undefined);

const eventSchema = z.object({
  policyEvent: z
    .object({
      policyName: z.string(),
      enforcementLevel: z.string(),
      message: z.string(),
      resourceUrn: z.string().optional(),
    })
    .optional(),
});
const reportSchema = z.object({
  rules: z.array(z.object({ name: z.string(), description: z.string() })),
  verdicts: z.array(
    z.object({
      rule: z.string(),
      kind: z.string(),
      level: z.string(),
      message: z.string(),
      urn: z.string().optional(),
    }),
  ),
});

interface Outcome {
  readonly code: number;
  readonly text: string;
}

function run(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<Outcome> {
  return new Promise((done) => {
    execFile(command, args, { cwd, env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : Number(error.code), text: `${stdout}\n${stderr}` });
    });
  });
}

describe("pulumi preview --policy-pack", () => {
  if (found.kind === "missing") {
    it.skip(`gives the verdicts of npm run policy (not run: ${found.reason})`, () => undefined);
    return;
  }

  it("gives the verdicts of npm run policy, refuses, and shows no secret", async () => {
    const project = new TestProject("pulumi");
    try {
      // 7 x 15 connections of 90; one leaves without a backup, which is advice only.
      const ids = ["a1", "a2", "a3", "a4", "a5", "a6"];
      project.tenants = Object.fromEntries(ids.map((id) => [id, {}]));
      project.tenants.gone = {
        state: "offboarding",
        backupWaiver: { reason: "the contract has ended", name: "A Person" },
      };
      project.writeRegistry();
      const state = join(project.dir, ".dev", "cli-state");
      mkdirSync(state, { recursive: true });
      const inherited = Object.entries(process.env).filter(
        ([name]) => !/^(PULUMI_|VITEST|NODE_OPTIONS$|npm_)/.test(name),
      );
      const env = {
        ...Object.fromEntries(inherited),
        PATH: [dirname(process.execPath), found.bin, "/usr/bin", "/bin"].join(":"),
        PULUMI_BACKEND_URL: `file://${state}`,
        PULUMI_CONFIG_PASSPHRASE: "test",
        PULUMI_SKIP_UPDATE_CHECK: "true",
        PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
        // For --event-log, which has the verdicts for programs.
        PULUMI_DEBUG_COMMANDS: "true",
      };
      const pulumi = join(found.bin, "pulumi");
      const init = await run(pulumi, ["stack", "init", "dev"], project.dir, env);
      expect(init).toMatchObject({ code: 0 });
      const events = join(project.dir, ".dev", "events.json");
      const [preview, policy] = await Promise.all([
        run(
          pulumi,
          ["preview", "--stack", "dev", "--non-interactive", "--color", "never", "--event-log", events].concat(
            "--policy-pack",
            "policies",
            "--policy-pack-config",
            "policies/baseline.json",
          ),
          project.dir,
          env,
        ),
        run(
          process.execPath,
          [join(project.dir, "policies", "runner", "main.ts"), "--format", "json"].concat(
            "--config",
            "policies/baseline.json",
          ),
          project.dir,
          env,
        ),
      ]);
      expect(preview.code, preview.text).not.toBe(0);
      expect(policy.code, policy.text).toBe(1);

      const report = reportSchema.parse(JSON.parse(policy.text));
      const descriptions = new Map(report.rules.map(({ name, description }) => [name, description]));
      const fromRunner = report.verdicts.map(({ rule, level, message }) => `${level} ${rule} ${message}`).sort();
      const fromCli = readFileSync(events, "utf8")
        .split("\n")
        .filter((line) => line.trim() !== "")
        .flatMap((line) => eventSchema.parse(JSON.parse(line)).policyEvent ?? [])
        .map(({ policyName, enforcementLevel, message }) => {
          const text = message.trim().replace(`${descriptions.get(policyName) ?? ""}\n`, "");
          return `${enforcementLevel} ${policyName} ${text}`;
        })
        .sort();
      expect(fromRunner).toHaveLength(2);
      expect(fromCli).toEqual(fromRunner);

      const passwords = [project.platform.postgres.main?.provisioner.password, project.platform.redis.main?.password];
      for (const password of passwords) {
        expect(password?.length).toBeGreaterThan(8);
        expect(`${preview.text}${policy.text}`).not.toContain(password);
      }
    } finally {
      project.remove();
    }
  });
});
