import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { openProject } from "../../cli/project.ts";
import { rules } from "../../policies/catalogue.ts";
import { checkConfiguration, type Configuration, merge } from "../../policies/configuration.ts";
import { evaluate } from "../../policies/evaluate.ts";
import type { Resource } from "../../policies/rule.ts";
import { checkStack } from "../../policies/runner/check.ts";
import { jsonReport } from "../../policies/runner/json.ts";
import { junitReport } from "../../policies/runner/junit.ts";
import { collectRegistrations, ProgramError } from "../../policies/runner/registrations.ts";
import { exitCode, type Report } from "../../policies/runner/report.ts";
import { sarifReport } from "../../policies/runner/sarif.ts";
import { developmentPlatform } from "../../policies/runner/stack-config.ts";
import { textReport } from "../../policies/runner/text.ts";
import { services } from "../support/services.ts";
import { canary } from "./cases/case.ts";
import { cases } from "./cases/index.ts";
import { now, ruleNamed, written } from "./support.ts";

const root = resolve(import.meta.dirname, "..", "..");
const fixtures = join(import.meta.dirname, "fixtures");

/** What the development stack's servers can carry: `npm run policy` takes it by itself. */
const development = checkConfiguration(
  JSON.parse(readFileSync(join(root, "policies", "development.json"), "utf8")),
  rules,
  "development.json",
);

const platform = {
  postgres: { main: { host: "db", database: "tenants", provisioner: { user: "p", password: canary } } },
  redis: { main: { nodes: [{ host: "cache" }], username: "admin", password: canary } },
  storage: {
    main: {
      kind: "s3",
      endpoint: "https://s3.example",
      region: "us-east-1",
      bucket: "tenants",
      accessKeyId: canary,
      secretAccessKey: canary,
    },
  },
  neo4j: { main: { kind: "instances", endpoint: "https://graphs.example", token: canary } },
};

/** The stack's own program with a registry of the fixtures. */
async function checked(registry: string | undefined, stack: string, site: Configuration = {}): Promise<Report> {
  const config = {
    "tenancy:platform": JSON.stringify(platform),
    ...(registry === undefined ? {} : { "tenancy:registry": join(fixtures, "registries", registry) }),
  };
  const project = openProject(stack, root);
  // The security team's own list says where the servers are.
  const configuration = merge(site, { "tenancy-server-in-region": { regions: { "storage/main": "us-east-1" } } });
  return (await checkStack({ project, configuration, posture: "baseline", config, now })).report;
}

describe("the stack's own program", () => {
  it("breaks no rule with the registry of this repository", async () => {
    const report = await checked(undefined, "dev", development);
    expect(report.verdicts.map(written)).toEqual([]);
    expect(report.resources).toBeGreaterThan(28);
    expect(exitCode(report)).toBe(0);
    expect(report.records.get("acme-corp")).toEqual({
      file: "tenants/registry.yaml",
      line: expect.any(Number) as number,
    });
  });

  it("has development servers to stand for the embedded ones, with the same names and kinds", () => {
    const shape = (servers: object): unknown =>
      Object.fromEntries(
        Object.entries(servers as Record<string, Record<string, { kind?: string }>>).map(([store, named]) => [
          store,
          Object.entries(named).map(([name, { kind }]) => [name, kind]),
        ]),
      );
    expect(shape(developmentPlatform)).toEqual(shape(services().platform));
  });

  it.each([
    ["connections.yaml", "dev", ["tenancy-postgres-connections-capacity"], []],
    [
      "brake-off.yaml",
      "dev",
      ["tenancy-roster-max-deletes", "tenancy-postgres-locks-capacity"],
      ["tenant globex: leaves without a backup"],
    ],
    ["region.yaml", "prod", ["tenancy-server-in-region"], []],
  ])("is refused with the faulty registry %s", async (registry, stack, expected, advice) => {
    const report = await checked(registry, stack);
    const refused = report.verdicts.filter(({ kind, level }) => kind === "violation" && level === "mandatory");
    expect(refused.map(({ rule }) => rule.name)).toEqual(expected);
    expect(report.verdicts.filter(({ level }) => level === "advisory").map(written)).toEqual(advice);
    expect(exitCode(report)).toBe(1);
  });
});

describe("the components of the clouds", () => {
  it("break no rule: silos on CloudNativePG and Amazon RDS with a proxy, a graph on Kubernetes", async () => {
    const folder = join(fixtures, "cloud");
    const { report, resources } = await checkStack({
      project: openProject("prod", root),
      configuration: {},
      posture: "baseline",
      platformFile: join(folder, "platform.json"),
      config: { "tenancy:registry": join(folder, "registry.yaml") },
      now,
    });
    expect(report.verdicts.filter(({ kind }) => kind !== "undecided").map(written)).toEqual([]);
    expect(report.verdicts.map(({ rule, kind }) => `${kind} ${rule.name}`)).toEqual([
      "undecided tenancy-iam-policy-ends-at-tenant",
      "undecided tenancy-iam-trust-names-principals",
    ]);
    const types = new Set(resources.map(({ type }) => type));
    for (const type of [
      "aws:rds/instance:Instance",
      "aws:rds/proxy:Proxy",
      "kubernetes:postgresql.cnpg.io/v1:Cluster",
    ]) {
      expect(types).toContain(type);
    }
  });
});

describe("a program that registers every fault", () => {
  it("has each rule fire on what comes over the SDK, with the same words as on the cases", async () => {
    const all = await collectRegistrations({
      projectDir: join(fixtures, "every-fault"),
      packagesDir: root,
      project: "tenancy",
      stack: "prod",
      main: "index.ts",
      config: {},
    });
    const told = Object.entries(cases).map(([name, { fail }], index) => {
      const own = all.filter((resource) => resource.name.startsWith(`${index}~`)).map(withoutMarks);
      const configuration = { [name]: { ...fail.settings } };
      const verdicts = evaluate([ruleNamed(name)], own, configuration, { stack: "prod", now });
      return [name, verdicts.map(written).sort()] as const;
    });
    const expected = Object.entries(cases).map(([name, { fail }]) => [name, [...fail.says].sort()] as const);
    expect(Object.fromEntries(told)).toEqual(Object.fromEntries(expected));
    expect(all.filter(({ protect }) => protect).length).toBeGreaterThan(10);
  });

  it("ends with what the program said when it does not run to its end", async () => {
    const project = openProject("prod", root);
    const failing = checkStack({
      project,
      configuration: {},
      posture: "baseline",
      config: { "tenancy:platform": "{}" },
    });
    await expect(failing).rejects.toThrow(ProgramError);
    await expect(failing).rejects.toThrow('the platform has no postgres server "main"');
  });
});

/** Takes the case's number off names and URNs. */
function withoutMarks(resource: Resource): Resource {
  const strip = (text: string): string => text.replaceAll(/(^|::)\d+~\d+~/g, "$1");
  const { name, urn, parent } = resource;
  return {
    ...resource,
    name: strip(name),
    urn: strip(urn),
    ...(parent === undefined ? {} : { parent: strip(parent) }),
  };
}

describe("reports", () => {
  const resources = (cases["tenancy-bucket-not-public"]?.fail.resources ?? []).length;
  const rule = ruleNamed("tenancy-acl-user-name");
  const report: Report = {
    project: "tenancy",
    stack: "prod",
    version: "0.1.0",
    posture: "baseline",
    startedAt: "2026-11-27T00:00:00.000Z",
    seconds: 1.5,
    resources,
    rules,
    configuration: { "tenancy-rds-multi-az": "disabled" },
    verdicts: [
      {
        rule,
        level: "mandatory",
        kind: "violation",
        message: 'tenant acme: keyPrefix is "<b>" & \u001b[31m\u202e::set-output',
        urn: "urn:pulumi:prod::tenancy::tenancy:redis:AclUser::acme-acl-user",
      },
      { rule: ruleNamed("tenancy-rds-encrypted"), level: "advisory", kind: "undecided", message: "not known" },
    ],
    notes: [],
    registry: "tenants/registry.yaml",
    records: new Map([["acme", { file: "tenants/registry.d/acme.yaml", line: 1 }]]),
  };

  it("say the same in all four forms: what is refused, where, and the verdict", () => {
    expect(textReport(report)).toContain("refused: 1 mandatory violations, 0 advisory, 0 warnings, 1 undecided");
    const json = JSON.parse(jsonReport(report)) as Record<string, unknown>;
    expect(json).toMatchObject({
      format: 1,
      verdict: "refused",
      exitCode: 1,
      counts: { mandatory: 1, advisory: 0, warnings: 0, undecided: 1 },
      verdicts: [{ rule: rule.name, tenant: "acme", level: "mandatory" }, { kind: "undecided" }],
    });
    const junit = junitReport(report);
    expect(junit).toContain(
      `<testsuites name="tenancy policy" tests="${rules.length}" failures="1" errors="0" skipped="1"`,
    );
    const sarif = JSON.parse(sarifReport(report)) as {
      version: string;
      runs: { tool: { driver: { rules: { id: string }[] } }; results: Record<string, unknown>[] }[];
    };
    const [run] = sarif.runs;
    expect(sarif.version).toBe("2.1.0");
    expect(run?.tool.driver.rules.map(({ id }) => id)).toEqual(rules.map(({ name }) => name));
    expect(run?.results[0]).toMatchObject({
      ruleId: rule.name,
      ruleIndex: rules.indexOf(rule),
      level: "error",
      locations: [
        { physicalLocation: { artifactLocation: { uri: "tenants/registry.d/acme.yaml" }, region: { startLine: 1 } } },
      ],
    });
    expect(run?.results[1]).toMatchObject({ level: "note" });
  });

  it("carry nothing over that acts on a terminal, an XML reader or the direction of text", () => {
    for (const text of [textReport(report), sarifReport(report)]) {
      expect(text).not.toMatch(/[\u001b\u202e]/);
    }
    expect(junitReport(report)).not.toContain("\u001b");
    expect(junitReport(report)).toContain("&lt;b&gt;");
    expect(
      textReport(report)
        .split("\n")
        .filter((line) => line.trimStart().startsWith("::")),
    ).toEqual([]);
  });
});

describe("npm run policy", () => {
  it("ends with 0, 1 and 2 for what passed, what was refused and what could not run", async () => {
    const folder = mkdtempSync(join(tmpdir(), "policy-"));
    try {
      const servers = join(folder, "platform.json");
      writeFileSync(servers, JSON.stringify(platform));
      const strict = join(folder, "site.json");
      writeFileSync(strict, JSON.stringify({ "tenancy-stack-tenants-capacity": { limit: 3 } }));
      const report = join(folder, "report.sarif");
      const runs = await Promise.all([
        policy("--platform", servers),
        policy("--platform", servers, "--config", strict, "--format", "sarif", "--output", report),
        policy("--platform", join(folder, "absent.json")),
        policy("--format", "pdf"),
      ]);
      expect(runs.map(({ code }) => code)).toEqual([0, 1, 2, 2]);
      expect(runs[0].stdout).toContain("passed: 0 mandatory violations");
      expect(runs[1].stdout).toBe("");
      expect(readFileSync(report, "utf8")).toMatch(/this stack: tenants: \d+ of 3, \d+ too many/);
      expect(runs[2].stderr).toContain("is not there");
      expect(runs.map(({ stdout, stderr }) => stdout + stderr).join()).not.toContain(canary);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

function policy(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((done) => {
    const script = join(root, "policies", "runner", "main.ts");
    execFile(process.execPath, [script, ...args], { cwd: root }, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}
