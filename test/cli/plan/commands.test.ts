/** `plan` and the edits as a person or a workflow runs them: exit codes, files, and what is left undone. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Engine } from "../../../cli/engine.ts";
import { marker } from "../../../cli/plan/comment-form.ts";
import { livePreview } from "../../../cli/plan/live.ts";
import { TestRepository } from "./repository.ts";

const registry = `defaults: { region: local, placement: { postgres: main, redis: main, storage: main }, stores: [redis] }
profiles: { p: { prefix: tenant } }

tenants:
  # The first one.
  a:
    displayName: A
    externalId: org_a
    owner: team
    profile: p

  b:
    displayName: B
    externalId: org_b
    owner: team
    profile: p
`;

let repository: TestRepository;
beforeAll(() => {
  repository = new TestRepository(registry);
});
afterAll(() => {
  repository[Symbol.dispose]();
});

async function tenancy(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = ["--disable-warning=ExperimentalWarning", "cli/main.ts", ...args];
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, command, { cwd: repository.dir });
    return { code: 0, stdout, stderr };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

const written = (): string => repository.read("tenants/registry.yaml");

describe("tenancy plan", () => {
  it("has a plan for a change that is fine, by the exit code 0", async () => {
    repository.write({ "tenants/registry.yaml": registry.replace("displayName: A", "displayName: Aa") });
    const { code, stdout } = await tenancy("plan", "--base", "main");
    expect(stdout).toMatch(/^plan of stack dev against main \([0-9a-f]{12}\): ordinary\n/);
    expect(stdout).toContain("    displayName: A → Aa\n");
    expect(code).toBe(0);
  });

  it("refuses a registry with faults by the exit code 1, and writes them where the plan would be", async () => {
    repository.write({ "tenants/registry.yaml": registry.replace("displayName: A", "displayname: A") });
    const { code, stdout } = await tenancy("plan", "--base", "main", "--format", "markdown", "--output", "out/plan.md");
    expect([code, stdout]).toEqual([1, ""]);
    expect(repository.read("out/plan.md").startsWith(`${marker}\n\n## ⛔ Refused: the registry has 2 faults\n`)).toBe(
      true,
    );
  });

  it("ends with 2 where there is nothing to compare with, and says so in the comment, too", async () => {
    repository.write({ "tenants/registry.yaml": registry });
    const { code, stderr } = await tenancy("plan", "--base", "none", "--format", "markdown", "--output", "out/plan.md");
    expect(code).toBe(2);
    expect(stderr).toContain('error: --base "none": there is no such commit here.');
    expect(repository.read("out/plan.md").startsWith(`${marker}\n\n## ⛔ No plan could be made\n`)).toBe(true);
    expect((await tenancy("plan")).code).toBe(2);
    const pwned = join(repository.dir, "pwned");
    expect((await tenancy("plan", `--base=--output=${pwned}`)).code).toBe(2);
    expect(existsSync(pwned)).toBe(false);
  });
});

describe("the edits", () => {
  it("ask nobody where there is no terminal, name the flag that is missing, and write nothing", async () => {
    const { code, stderr } = await tenancy(
      "add",
      "c",
      "--display-name",
      "C",
      "--external-id",
      "org_c",
      "--owner",
      "team",
    );
    expect(stderr).toBe("error: --profile is missing (profile), and there is no terminal to ask at.\n");
    expect(code).toBe(1);
    expect(written()).toBe(registry);
  });

  it("add a tenant by flags, and show a change without writing it", async () => {
    const flags = ["--display-name", "C", "--external-id", "org_c", "--owner", "team", "--profile", "p"];
    const dry = await tenancy("add", "c", ...flags, "--set", "labels.plan=gold", "--dry-run");
    expect(dry.stdout).toContain("+     labels: { plan: gold }\n");
    expect(dry.stdout).toContain("nothing was written (--dry-run)");
    expect(written()).toBe(registry);
    expect((await tenancy("add", "c", ...flags)).code).toBe(0);
    const added = "\n  c:\n    displayName: C\n    externalId: org_c\n    owner: team\n    profile: p\n";
    expect(written()).toBe(`${registry}${added}`);
  });

  it("write tier, pool, ring and clone by flags, and refuse what cannot be together", async () => {
    const shared = `${registry.replace("stores: [redis]", "stores: [postgres]")}
pools: { glyphs: { server: main, template: glyph-foundry } }
`;
    repository.write({ "tenants/registry.yaml": shared });
    const flags = ["--display-name", "C", "--external-id", "org_c", "--owner", "team", "--profile", "p"];
    const dry = await tenancy("add", "c", ...flags, "--clone-data");
    expect([dry.code, dry.stderr]).toEqual([1, "error: --clone-data needs --clone-of <id>.\n"]);
    const text = shared.replaceAll("profile: p\n", "profile: p\n    postgres: { template: knowledge-graph }\n");
    repository.write({ "tenants/registry.yaml": text });
    const pooled = await tenancy("add", "c", ...flags, "--pool", "glyphs", "--ring", "canary");
    expect(pooled.code, pooled.stderr).toBe(0);
    expect(written()).toContain("    tier: pool\n    postgres: { pool: glyphs }\n    ring: canary\n");
    const clone = await tenancy(
      "add",
      "d",
      ...flags.map((flag) => flag.replace("org_c", "org_d")),
      "--clone-of",
      "a",
      "--clone-data",
    );
    expect(clone.code, clone.stderr).toBe(0);
    expect(written()).toContain("    clone: { of: a, data: true }\n");
    expect((await tenancy("set", "d", "--tier", "silo", "--pool", "glyphs")).stderr).toContain(
      "leave out one of the two",
    );
  });

  it("remove a tenant only after its offboarding is recorded in a commit", async () => {
    repository.write({ "tenants/registry.yaml": registry });
    const early = await tenancy("remove", "a");
    expect([early.code, early.stderr]).toEqual([
      1,
      "error: tenant a: its state is active, and only a tenant whose offboarding is recorded may be removed. Nothing was " +
        "written. Run `npm run -s tenancy -- offboard a`, let an update record it, and then remove it.\n",
    ]);
    expect((await tenancy("offboard", "a", "--reason", "contract ended", "--name", "Jo Miller")).code).toBe(0);
    const waived =
      "    profile: p\n    state: offboarding\n    backupWaiver: { reason: contract ended, name: Jo Miller }\n";
    expect(written()).toBe(registry.replace("    profile: p\n", waived));
    const uncommitted = await tenancy("remove", "a");
    expect(uncommitted.stderr).toContain("its offboarding is in no commit yet");
    expect(written()).toContain("offboarding");
    repository.commit("offboard a");
    expect((await tenancy("remove", "a")).code).toBe(0);
    expect(written()).toBe(
      `${registry.slice(0, registry.indexOf("  # The first one."))}${registry.slice(registry.indexOf("  b:"))}`,
    );
  });

  it("suspend a tenant, and take a setting back", async () => {
    repository.write({ "tenants/registry.yaml": registry });
    expect((await tenancy("suspend", "b")).code).toBe(0);
    expect(written()).toBe(`${registry}    state: suspended\n`);
    expect((await tenancy("set", "b", "--unset", "state")).code).toBe(0);
    expect(written()).toBe(registry);
  });
});

describe("livePreview", () => {
  it("takes the engine's steps and messages, each once, and whether it refuses", async () => {
    const urn = "urn:pulumi:dev::tenancy::tenancy:postgres:Schema::a-schema";
    const error = { severity: "error", message: "tenant a: no", urn } as const;
    const engine = {
      title: "an engine of the test",
      run: (operation: string) =>
        Promise.resolve({
          ok: false,
          steps: [
            { kind: "update", urn, changed: ["state"] },
            { kind: "same", urn, changed: [] },
          ],
          diagnostics: [error, error, { severity: "info", message: operation }],
        }),
    } as unknown as Engine;
    expect(await livePreview(engine)).toEqual({
      engine: "an engine of the test",
      ok: false,
      steps: [{ kind: "update", urn, changed: ["state"] }],
      unchanged: 1,
      messages: ["tenant a: no"],
    });
  });
});
