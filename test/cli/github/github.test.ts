import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { createApi } from "../../../cli/github/api.ts";
import { issueBody, reportDrift } from "../../../cli/github/drift-issue.ts";
import { postPlan } from "../../../cli/github/plan-comment.ts";
import { commentLimit, marker } from "../../../cli/plan/comment-form.ts";
import { FakeGitHub } from "./fake-github.ts";

const token = "token-of-the-test";
const sha = "a".repeat(40);
const registry = "tenants/registry.yaml";
const plan = `${marker}\n\n## ✅ Nothing dangerous\n`;
const bot = { login: "github-actions[bot]" };

function event(fork = false): object {
  const head = fork ? "mallory/tenancy" : "octo/tenancy";
  return {
    repository: { full_name: "octo/tenancy" },
    workflow_run: {
      event: "pull_request",
      head_sha: sha,
      head_branch: "a b&c",
      head_repository: { full_name: head, owner: { login: head.split("/")[0] } },
      html_url: "https://github.com/octo/tenancy/actions/runs/7",
    },
  };
}

let github: FakeGitHub;
afterEach(() => github.stop());

async function post(
  answers: Record<string, unknown>,
  options: { fork?: boolean; plan?: string } = {},
): Promise<string> {
  const pulls = [
    { number: 4, head: { sha: "b".repeat(40) } },
    { number: 5, head: { sha } },
  ];
  github = await new FakeGitHub({
    "GET /pulls": pulls,
    "GET /pulls/5/files": [{ filename: "tenants/registry.yaml" }, { filename: "tenants/registry.d/a.yaml" }],
    "GET /issues/5/comments": [],
    "POST /issues/5/comments": { id: 9 },
    "PATCH /issues/comments/8": { id: 8 },
    ...answers,
  }).start();
  const api = createApi({ url: github.url, repository: "octo/tenancy", token });
  return postPlan(api, { event: event(options.fork), plan: "plan" in options ? options.plan : plan, registry });
}

const bodyOf = (): string => (github.written[0]?.body as { body: string }).body;

describe("postPlan", () => {
  it("makes one comment at the pull request that has the run's commit", async () => {
    expect(await post({})).toBe("pull request 5: comment made");
    expect(github.written.map(({ method, path }) => `${method} ${path}`)).toEqual(["POST /issues/5/comments"]);
    expect(bodyOf()).toBe(
      `${marker}\n\n<sub>Plan of <code>aaaaaaaaaaaa</code> · <a href="https://github.com/octo/tenancy/actions/runs/7">run</a></sub>\n\n## ✅ Nothing dangerous\n`,
    );
    expect(github.calls[0]?.path).toBe("/pulls?state=open&head=octo%3Aa%20b%26c&per_page=100&page=1");
    expect(github.calls.every(({ authorization }) => authorization === `Bearer ${token}`)).toBe(true);
  });

  it("updates its own comment in place, on whichever page it is, and no other's", async () => {
    const others = Array.from({ length: 150 }, (_, id) => ({ id: 1000 + id, body: "hello", user: { login: "jo" } }));
    const copied = { id: 7, body: `${marker} copied`, user: { login: "mallory" } };
    const comments = [copied, ...others, { id: 8, body: `${marker}\nold`, user: bot }];
    expect(await post({ "GET /issues/5/comments": comments })).toBe("pull request 5: comment updated");
    expect(github.written.map(({ method, path }) => `${method} ${path}`)).toEqual(["PATCH /issues/comments/8"]);
  });

  it("writes nothing where the pull request has moved on, and for runs of other events", async () => {
    expect(await post({ "GET /pulls": [] })).toContain("no open pull request has the commit");
    expect(github.written).toEqual([]);
    const api = createApi({ url: github.url, repository: "octo/tenancy", token });
    const push = { workflow_run: { event: "push" } };
    expect(await postPlan(api, { event: push, plan, registry })).toBe("not a run of a pull request: nothing to do");
  });

  const outside = [
    { filename: "tenants/registry.yaml" },
    { filename: "policies/catalogue.ts" },
    { filename: "tenants/sql/x.sql", previous_filename: "cli/plan/plan.ts" },
  ];

  it("says in front of the plan which other files change, those that moved included: they made the plan", async () => {
    await post({ "GET /pulls/5/files": outside });
    expect(bodyOf()).toContain("> [!WARNING]\n> **2 files outside of the tenants' data change here.**");
    expect(bodyOf()).toContain("<code>policies/catalogue.ts</code>, <code>cli/plan/plan.ts</code>");
    expect(bodyOf().indexOf("WARNING")).toBeLessThan(bodyOf().indexOf("Nothing dangerous"));
  });

  it("shows no text that a fork's own program made", async () => {
    await post(
      { "GET /pulls/5/files": outside },
      { fork: true, plan: `${marker}\n\n## ✅ Nothing dangerous @everybody\n` },
    );
    expect(bodyOf()).not.toContain("Nothing dangerous");
    expect(bodyOf()).toContain("comes from a fork that changes more than tenants");
  });

  it("shows the plan of a fork that changes tenants only: the base's program made it", async () => {
    await post({}, { fork: true });
    expect(bodyOf()).toContain("## ✅ Nothing dangerous");
    expect(bodyOf()).not.toContain("WARNING");
  });

  it("counts a list of files that GitHub cuts as changes outside", async () => {
    const files = Array.from({ length: 3000 }, (_, index) => ({ filename: `tenants/registry.d/t${index}.yaml` }));
    await post({ "GET /pulls/5/files": files });
    expect(bodyOf()).toContain("> **more than 0 files outside of the tenants' data change here.**");
  });

  it.each([
    ["no plan", undefined, "## ⛔ No plan was made"],
    ["something else", "hello", "## ⛔ The plan cannot be shown"],
    ["more than a comment holds", `${marker}${"x".repeat(commentLimit)}`, "## ⛔ The plan cannot be shown"],
  ])("says so where the run left %s", async (_what, left, told) => {
    await post({}, { plan: left });
    expect(bodyOf()).toContain(told);
    expect(bodyOf().length).toBeLessThan(1000);
  });

  it("tells GitHub's own words of a failure, and never the token", async () => {
    const failed = post({ "GET /issues/5/comments": undefined });
    await expect(failed).rejects.toThrow("GitHub answered 404 to GET /issues/5/comments: Not Found");
    await expect(failed).rejects.not.toThrow(token);
  });
});

describe("reportDrift", () => {
  const link = "https://github.com/octo/tenancy/actions/runs/7";
  const issue = (body: string, more: object = {}) => ({ number: 3, body, user: bot, ...more });
  const report = async (verdict: 0 | 1 | 2, issues: readonly object[]): Promise<string> => {
    github = await new FakeGitHub({
      "GET /issues": issues,
      "POST /issues": { number: 6 },
      "PATCH /issues/3": { number: 3 },
      "POST /issues/3/comments": { id: 1 },
    }).start();
    const api = createApi({ url: github.url, repository: "octo/tenancy", token });
    return reportDrift(api, { stack: "prod", verdict, text: "  ~ tenancy:postgres:Schema acme-schema  [drift]", link });
  };
  const ours = "<!-- tenancy-drift prod -->\n\nold";

  it("opens one issue, and updates it the next night", async () => {
    expect(await report(1, [])).toBe("issue 6 opened");
    expect(github.written).toEqual([
      {
        method: "POST",
        path: "/issues",
        body: {
          title: "Drift: stack prod differs from what its last update made",
          body: expect.stringContaining(
            "<pre><code>  &#126; tenancy&#58;postgres&#58;Schema acme-schema  &#91;drift&#93;</code></pre>",
          ) as unknown,
          labels: ["drift"],
        },
      },
    ]);
    await github.stop();
    expect(await report(1, [issue("by a person", { number: 1, user: { login: "jo" } }), issue(ours)])).toBe(
      "issue 3 updated",
    );
    expect(github.written.map(({ method, path }) => `${method} ${path}`)).toEqual(["PATCH /issues/3"]);
  });

  it("closes it when nothing differs, opens none then, and never says so when nobody can tell", async () => {
    expect(await report(0, [])).toBe("no drift, and no open issue");
    expect(github.written).toEqual([]);
    await github.stop();
    expect(await report(0, [issue(ours)])).toBe("issue 3 closed");
    expect(github.written.map(({ body }) => (body as { state?: string }).state)).toEqual([undefined, "closed"]);
    await github.stop();
    expect(await report(2, [issue(ours)])).toBe("issue 3 updated");
    expect(github.written[0]?.body).toMatchObject({ title: "Drift: nobody can tell whether stack prod differs" });
  });

  it("keeps another stack's issue apart", async () => {
    expect(await report(1, [issue("<!-- tenancy-drift production -->\n\nold")])).toBe("issue 6 opened");
  });

  it("makes nothing of what servers say, and fits", () => {
    const hostile = "</code></pre>\n\n# x @octocat <img src=x> ```\n".repeat(10_000);
    const body = issueBody({ stack: "prod", verdict: 1, text: hostile, link: "javascript:alert(1)" });
    expect(body.length).toBeLessThan(commentLimit);
    expect(body.match(/<\/pre>/g)).toHaveLength(1);
    expect(body).not.toMatch(/@octocat|<img|javascript/);
    expect(body).toMatch(/… and \d+ more lines in the run/);
  });
});

describe("npm run github", () => {
  it("runs without a single package", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tenancy-github-"));
    onTestFinished(() => {
      rmSync(folder, { recursive: true });
    });
    github = await new FakeGitHub({}).start();
    const root = join(import.meta.dirname, "../../..");
    mkdirSync(join(folder, "cli"));
    for (const part of ["package.json", "cli/github", "cli/plan"])
      cpSync(join(root, part), join(folder, part), { recursive: true });
    writeFileSync(join(folder, "event.json"), JSON.stringify({ workflow_run: { event: "push" } }));
    const env = {
      PATH: process.env.PATH,
      GITHUB_API_URL: github.url,
      GITHUB_REPOSITORY: "octo/tenancy",
      GITHUB_TOKEN: token,
      GITHUB_EVENT_PATH: join(folder, "event.json"),
    };
    const args = ["--disable-warning=ExperimentalWarning", "cli/github/main.ts", "plan-comment", "--file", "plan.md"];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: folder, env });
    expect(stdout).toBe("not a run of a pull request: nothing to do\n");
    expect(stderr).toBe("");
  });
});
