/** Registries that somebody wrote to run something, to break the comment, or to hide a change. */
import { marked } from "marked";
import { mkdirSync, symlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commentLimit, marker } from "../../../cli/plan/comment-form.ts";
import { failureMarkdown, faultsMarkdown, planMarkdown } from "../../../cli/plan/markdown.ts";
import { makePlan, type Plan, type Side } from "../../../cli/plan/plan.ts";
import { faultsText, planText } from "../../../cli/plan/plain.ts";
import { UserError } from "../../../cli/user-error.ts";
import { type Fault, RegistryError, type TenantRecord } from "../../../tenants/load.ts";
import { TestRepository } from "./repository.ts";

const small = `defaults: { region: local, placement: { postgres: main, redis: main, storage: main }, stores: [redis] }
profiles: { p: { prefix: tenant } }
tenants:
  a: { displayName: A, externalId: org_a, owner: team, profile: p }
`;

let repository: TestRepository;
beforeAll(() => {
  repository = new TestRepository(small);
});
afterAll(() => {
  repository[Symbol.dispose]();
});

async function faultsOf(registry: string): Promise<readonly Fault[]> {
  repository.write({ "tenants/registry.yaml": registry });
  try {
    await repository.plan();
  } catch (error) {
    if (error instanceof RegistryError) return error.faults;
    throw error;
  }
  throw new Error("the registry was taken");
}

/** Elements that a comment shows, but for those of the form itself. */
function elements(markdown: string): string[] {
  const html = marked.parse(markdown, { gfm: true, async: false });
  const own =
    /^<\/?(?:h2|p|table|thead|tbody|tr|t[hd](?: align="\w+")?|code|strong|b|br|ul|li|blockquote|details|summary|sub|hr)>$/;
  return (html.match(/<[^>]*>/g) ?? []).filter((tag) => !own.test(tag) && tag !== marker);
}

const record = (id: string, more = "") =>
  `  ${id}: { displayName: A, externalId: org_b, owner: team, profile: p${more} }\n`;

describe("a registry that is refused", () => {
  it.each([
    ["a file of more than 10 MB", `${small}${"# x\n".repeat(2_700_000)}`, /the file is too large/],
    ["nesting without an end", `${small}  b: ${"[".repeat(50_000)}`, /nested too deeply/],
    ["aliases of aliases", `x: &a [1,1,1,1,1,1,1,1,1]\n${"bcdefghi".split("").map((name, index) => `${name}: &${name} [${Array(9).fill(`*${"abcdefghi"[index] ?? ""}`).join(",")}]\n`).join("")}${small}`, /aliases stand for too many values/],
    ["a control character", `${small}  b: { displayName: "x\u0007" }\n`, /control character/],
    ["characters that turn the line around", `${small}${record("b").replace("displayName: A", 'displayName: "safe\u202e"')}`, /displayName/],
    ["markup in an id", `${small}${record('"<img src=x onerror=alert(1)>"')}`, /is not allowed as a key here/],
    ["a mention in an id", `${small}${record('"@octocat"')}`, /is not allowed as a key here/],
    ["a workflow command in an id", `${small}${record('"::set-output name=x::y"')}`, /is not allowed as a key here/],
    ["an expression of a workflow in an id", `${small}${record('"${{ secrets.X }}"')}`, /is not allowed as a key here/],
    ["an id of a megabyte", `${small}${record(`"${"a".repeat(1_000_000)}"`)}`, /is not allowed as a key here/],
    ["a tag", `${small}  b: !!js/function 'function () { process.exit(9) }'\n`, /YAML tag/],
  ])("by %s is told in a comment that fits and makes nothing of it", async (_what, registry, message) => {
    const faults = await faultsOf(registry);
    expect(faults.map((fault) => `${fault.message} ${fault.path}`).join("\n")).toMatch(message);
    const markdown = faultsMarkdown(faults);
    expect(markdown.length).toBeLessThanOrEqual(commentLimit);
    expect(markdown.startsWith(`${marker}\n\n## ⛔ Refused: the registry has `)).toBe(true);
    expect(elements(markdown)).toEqual([]);
    expect(markdown).not.toMatch(/@octocat|\$\{\{|<img/);
    for (const line of faultsText(faults).split("\n")) expect(line).not.toMatch(/^\s*::|##\[|[\u0007\u202e]/);
  }); // prettier-ignore

  it("is refused for a link among its files, which would be read wherever it leads", async () => {
    repository.write({ "tenants/registry.yaml": small });
    mkdirSync(join(repository.dir, "tenants/registry.d"));
    symlinkSync("/proc/self/environ", join(repository.dir, "tenants/registry.d/b.yaml"));
    try {
      await expect(repository.plan()).rejects.toThrow(/tenants\/registry\.d\/b\.yaml:1:1\n {2}this is a symbolic link/);
    } finally {
      rmSync(join(repository.dir, "tenants/registry.d"), { recursive: true });
    }
  });

  it.each(["--upload-pack=touch /tmp/x", "-c core.pager=id", "HEAD:x", "main..change"])(
    "is compared with no base %j",
    async (base) => {
      await expect(repository.plan({ base })).rejects.toThrow(UserError);
    },
  );

  it("names a base that is not there, and how to get it", async () => {
    await expect(repository.plan({ base: "origin/none" })).rejects.toThrow(
      '--base "origin/none": there is no such commit here. Fetch it, for example with `git fetch origin main`.',
    );
  });
});

describe("a plan of many hostile tenants", () => {
  const hostile = "](https://evil.example) <script>x</script> @octocat `${{ x }}` | #1 ::error:: ✅";
  const tenant = (index: number, more: Partial<TenantRecord> = {}): TenantRecord => ({
    id: `t${index}`,
    displayName: hostile,
    externalId: `org_${index}`,
    owner: hostile,
    profile: "p",
    prefix: "tenant",
    tier: "bridge",
    ring: "all",
    state: "active",
    region: "local",
    placement: { redis: "main" },
    stores: ["redis"],
    labels: {},
    ...more,
  });
  const sideOf = (tenants: readonly TenantRecord[], maxDeletes = 1): Side => {
    return { registry: { path: "r", maxDeletes, pools: [], tenants }, resources: [], written: new Map() };
  };
  const planOf = (before: readonly TenantRecord[], after: readonly TenantRecord[]): Plan =>
    makePlan({
      base: sideOf(before),
      head: sideOf(after, 1000),
      refusals: [hostile],
      policies: { posture: "baseline", fresh: [], standing: [], solved: 0 },
      room: [{ what: hostile, before: 1, after: 2, limit: 2 }],
      files: [{ path: `${hostile}\n::error::`, change: "added" }],
      notes: [hostile],
      live: { engine: "x", ok: true, steps: [], unchanged: 0, messages: [hostile] },
      stack: "dev",
      baseRef: "main",
      baseCommit: "0".repeat(40),
    });

  it("makes nothing of the texts, wherever they stand", () => {
    const plan = planOf([tenant(1), tenant(2)], [tenant(1, { displayName: `${hostile}!` }), tenant(3)]);
    expect(elements(planMarkdown(plan))).toEqual([]);
    expect(planMarkdown(plan)).not.toMatch(/@octocat|\$\{\{|<script|\]\(http|^\s*::/m);
    for (const line of planText(plan).split("\n")) expect(line).not.toMatch(/^\s*::|##\[/);
  });

  it("fits a comment with thousands of tenants, and every count stays", () => {
    const many = Array.from({ length: 4000 }, (_, index) => tenant(index));
    const changed = many.slice(1000).map((one, index) => ({ ...one, displayName: `${hostile}${index}` }));
    const plan = planOf(many, changed);
    const markdown = planMarkdown(plan);
    expect(markdown.length).toBeLessThanOrEqual(commentLimit);
    expect(markdown.length).toBeGreaterThan(commentLimit / 2);
    expect(markdown).toContain("**4000 tenants of 4000**: 1000 removed, 3000 changed");
    expect(markdown).toContain("1001 dangerous changes");
    const told = (pattern: RegExp): number =>
      [...markdown.matchAll(pattern)].reduce((sum, [, number]) => sum + Number(number), 0);
    const rows = markdown.match(/^\| \S+ \S*&nbsp;\S+ \|/gm)?.length ?? 0;
    const listed = markdown.match(/^> - .*removed/gm)?.length ?? 0;
    expect(listed + told(/^> - … and \*\*(\d+) more dangerous change/gm)).toBeGreaterThanOrEqual(1000);
    expect(rows + told(/and \*\*(\d+) more tenants\*\* that this comment/g)).toBe(4000);
    expect(elements(markdown)).toEqual([]);
  });

  it("fits even where one fault or message is as long as a book", () => {
    const fault: Fault = { file: "f", line: 1, column: 1, path: "", message: "m", found: "", allowed: "", fix: "" };
    expect(faultsMarkdown(Array<Fault>(100_000).fill(fault)).length).toBeLessThanOrEqual(commentLimit);
    expect(failureMarkdown(`${"x".repeat(200)}\n`.repeat(5000)).length).toBeLessThanOrEqual(commentLimit);
  });
});
