/** Plans of real changes in real repositories: the program runs over both sides, no server is asked. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { planMarkdown } from "../../../cli/plan/markdown.ts";
import { planJson, planText } from "../../../cli/plan/plain.ts";
import type { Plan } from "../../../cli/plan/plan.ts";
import { plainText } from "../../../cli/plan/text.ts";
import { fixture, TestRepository } from "./repository.ts";

const base = readFileSync(join(fixture, "base.yaml"), "utf8");
const head = readFileSync(join(fixture, "head.yaml"), "utf8");

function edited(text: string, ...replacements: readonly (readonly [string, string])[]): string {
  return replacements.reduce((result, [from, to]) => {
    if (!result.includes(from)) throw new Error(`there is no ${from}`);
    return result.replace(from, to);
  }, text);
}

describe("a change that onboards, suspends, offboards and removes", () => {
  let plan: Plan;
  let repository: TestRepository;
  beforeAll(async () => {
    repository = new TestRepository(base);
    repository.write({ "tenants/registry.yaml": head }).commit("change");
    // What the base got since is no change of the branch.
    repository.git("checkout", "--quiet", "main");
    repository.write({
      "tenants/registry.yaml": edited(base, [
        "  acme:",
        "  later:\n    displayName: L\n    externalId: l\n    owner: t\n    profile: ekn\n\n  acme:",
      ]),
    });
    repository.commit("later").git("checkout", "--quiet", "change");
    plan = await repository.plan();
  });
  afterAll(() => {
    repository[Symbol.dispose]();
  });

  it("is this comment, to the letter", () => {
    const markdown = planMarkdown(plan).replaceAll(plan.baseCommit.slice(0, 12), "0".repeat(12));
    expect(markdown).toBe(readFileSync(join(fixture, "comment.md"), "utf8"));
  });

  it("tells each tenant's kind of change, fields and resources, the dangerous ones first", () => {
    expect(plan.rating).toBe("dangerous");
    expect(
      plan.changes.map(({ id, kind, dangers, resources }) => [id, kind, dangers.length, resources.length]),
    ).toEqual([
      ["hooli", "removed", 1, 3],
      ["initech", "offboarded", 2, 3],
      ["globex", "suspended", 0, 3],
      ["42", "changed", 0, 0],
      ["43", "changed", 0, 0],
      ["acme", "changed", 0, 1],
      ["umbrella", "added", 0, 3],
    ]);
    expect(plan.counts).toEqual({ create: 3, update: 9, replace: 0, delete: 3 });
    expect(plan.changes.map(({ id, inherited }) => [id, inherited]).filter(([, inherited]) => inherited)).toEqual([
      ["42", true],
      ["43", true],
    ]);
    expect(plan.refusals).toEqual([]);
    expect(plan.files).toEqual([]);
  });

  it("is the same in JSON, and in a text for a terminal", () => {
    const json = JSON.parse(planJson(plan)) as { rating: string; counts: object; changes: { id: string }[] };
    expect(json.rating).toBe("dangerous");
    expect(json.counts).toEqual(plan.counts);
    expect(json.changes.map(({ id }) => id)).toEqual(plan.changes.map(({ id }) => id));
    expect(planText(plan)).toContain(
      "  changed 42, 43, by profile ekn or the defaults: none\n    redis.defaultTtlSeconds: 3600 → 1800\n",
    );
    expect(planText(plan).trimEnd().split("\n").at(-1)).toBe(
      "dangerous: 7 tenants affected; resources: 3 made, 9 changed, 3 deleted",
    );
  });

  it("says that the servers are placeholders, and what was not checked for it", () => {
    expect(plan.notes).toEqual([expect.stringMatching(/^the platform's servers are not known here: placeholders/)]);
  });
});

describe("a change that no update may make", () => {
  const password = "provisioner-password-of-the-test";
  let plan: Plan;
  beforeAll(async () => {
    using repository = new TestRepository(base);
    const server = (name: string) => ({
      host: `${name}.example`,
      database: "tenants",
      provisioner: { user: "p", password },
    });
    const platform = {
      postgres: { main: { ...server("main"), capacity: 7 }, two: server("two") },
      redis: { main: { nodes: [{ host: "r.example" }], username: "admin", password } },
      storage: {
        main: {
          kind: "s3",
          endpoint: "https://s.example",
          region: "us-east-1",
          bucket: "tenants",
          accessKeyId: password,
          secretAccessKey: password,
        },
      },
    };
    repository.write({
      ".dev/platform.json": JSON.stringify(platform),
      "tenants/registry.yaml": edited(
        base,
        ["maxDeletes: 1", "maxDeletes: 5"],
        ["    externalId: org_acme\n", "    externalId: org_acme\n    placement: { postgres: two }\n"],
        [base.slice(base.indexOf("  globex:"), base.indexOf("  hooli:")), ""],
        [
          "    displayName: Initech\n",
          "    displayName: Initech\n    region: us-east-1\n    stores: [postgres, redis]\n",
        ],
        ["    state: offboarding\n    backupWaiver: { reason: contract ended, name: Jo Miller }\n", ""],
      ),
      "templates/ekn/0009-more.sql": "CREATE TABLE more (id bigint PRIMARY KEY);\n",
      "components/extra.ts": "export {};\n",
      "Pulumi.other.yaml": "config: {}\n",
    });
    plan = await repository.plan();
  });

  it("says what the roster will refuse, in its own words", () => {
    expect(plan.rating).toBe("refused");
    expect(plan.refusals.map((reason) => reason.split(/[.;] /)[0])).toEqual([
      "tenant globex: leaves the registry in the state active",
      'tenant acme: placement.postgres of a live tenant cannot change (from "main" to "two")',
      'tenant initech: region of a live tenant cannot change (from "eu-central-1" to "us-east-1")',
      'tenant initech: placement.storage of a live tenant cannot change (from "main" to none)',
    ]);
  });

  it("marks what moves, replaces, deletes or opens", () => {
    expect(plan.dangers.map(plainText)).toEqual(["maxDeletes raised: 1 → 5 tenants may leave in one update"]);
    const dangers = plan.changes.flatMap(({ id, dangers: own }) => own.map((danger) => `${id} ${plainText(danger)}`));
    expect(dangers).toEqual([
      "globex removed: its data is deleted for good: schema tenant_globex, keys tenant:globex:*, objects tenants/globex/",
      "acme placement of postgres: main → two",
      "acme replaced, which deletes what is there: tenancy:postgres:Schema acme-schema",
      "initech region: eu-central-1 → us-east-1",
      "initech placement of storage: main → none",
      "initech deleted: tenancy:storage:Prefix initech-prefix",
    ]);
    expect(plan.changes.find(({ id }) => id === "hooli")?.kind).toBe("resumed");
  });

  it("shows a template's change at every tenant that has it, although their records are the same", () => {
    const networks = plan.changes.filter(({ profile }) => profile === "ekn");
    expect(
      networks.map(({ id, fields, resources }) => [id, fields.length, resources.map(({ changed }) => changed)]),
    ).toEqual([
      ["42", 0, [["templateFiles"]]],
      ["43", 0, [["templateFiles"]]],
    ]);
  });

  it("names files outside of the tenants' data, and none of them", () => {
    expect(plan.files).toEqual([
      { path: "Pulumi.other.yaml", change: "added" },
      { path: "components/extra.ts", change: "added" },
      { path: "templates/ekn/0009-more.sql", change: "added" },
    ]);
    expect(planMarkdown(plan)).toContain("> 3 files outside of the tenants' data change as well");
  });

  it("tells what room is left by the platform's own capacities", () => {
    const placed = plan.room.filter(({ what }) => what.startsWith("postgres server"));
    expect(placed).toEqual([
      { what: "postgres server main: tenants", before: 6, after: 4, limit: 7 },
      { what: "postgres server two: tenants", before: 0, after: 1 },
    ]);
    expect(plan.notes).toEqual([]);
  });

  it("shows no password of a server in any form", () => {
    for (const text of [planMarkdown(plan), planText(plan), planJson(plan)]) expect(text).not.toContain(password);
  });
});
