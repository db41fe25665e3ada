/**
 * Posts a plan as the one comment of its pull request. It runs with a token that writes, so it runs nothing of the pull
 * request and believes nothing of it: which pull request it is, and which files it changes, it asks GitHub.
 */
import { commentLimit, isTenantData, marker } from "../plan/comment-form.ts";
import { code } from "../plan/escape.ts";
import type { Api } from "./api.ts";
import { shape } from "./shape.ts";

export interface PlanComment {
  /** The event `workflow_run`. */
  readonly event: unknown;
  /** What the pull request's own run made; undefined where it made nothing. */
  readonly plan: string | undefined;
  /** Path of the registry in the repository. */
  readonly registry: string;
}

/** GitHub lists no more files of a pull request. */
const mostFiles = 3_000;
const shownFiles = 20;

/** @returns what was done, for the log */
export async function postPlan(api: Api, { event, plan, registry }: PlanComment): Promise<string> {
  const run = shape.at(event, "workflow_run");
  if (shape.text(run, "event") !== "pull_request") return "not a run of a pull request: nothing to do";
  const sha = shape.text(run, "head_sha");
  const number = await pullRequestOf(api, run, sha);
  if (number === undefined) return `no open pull request has the commit ${sha}: it has moved on or was closed`;
  const changed = await outsideFiles(api, number, registry);
  const isFork = shape.at(run, "head_repository", "full_name") !== shape.at(event, "repository", "full_name");
  const link = shape.text(run, "html_url");
  const body = compose({ plan, sha, link, changed, isFork });
  const known = await ownComment(api, number);
  if (known === undefined) {
    await api.send("POST", `/issues/${number}/comments`, { body });
    return `pull request ${number}: comment made`;
  }
  await api.send("PATCH", `/issues/comments/${known}`, { body });
  return `pull request ${number}: comment updated`;
}

/** The event names pull requests of branches of this repository only; of forks it is found by branch and commit. */
async function pullRequestOf(api: Api, run: unknown, sha: string): Promise<number | undefined> {
  const owner = shape.text(run, "head_repository", "owner", "login");
  const branch = shape.text(run, "head_branch");
  const head = encodeURIComponent(`${owner}:${branch}`);
  const open = await api.list(`/pulls?state=open&head=${head}`, 100);
  const found = open.find((pull) => shape.at(pull, "head", "sha") === sha);
  return found === undefined ? undefined : shape.number(found, "number");
}

interface Outside {
  readonly files: readonly string[];
  /** There are more than GitHub tells. */
  readonly incomplete: boolean;
}

async function outsideFiles(api: Api, number: number, registry: string): Promise<Outside> {
  const files = await api.list(`/pulls/${number}/files`, mostFiles);
  const folder = registry.includes("/") ? registry.slice(0, registry.lastIndexOf("/")) : ".";
  const names = files.flatMap((file) => {
    const previous = shape.at(file, "previous_filename");
    return [shape.text(file, "filename"), ...(typeof previous === "string" ? [previous] : [])];
  });
  const outside = [...new Set(names)].filter((name) => !isTenantData(name, { registry, folder }));
  return { files: outside, incomplete: files.length >= mostFiles };
}

/** Only a bot's own comment: anybody may write one that begins like it. */
async function ownComment(api: Api, number: number): Promise<number | undefined> {
  const comments = await api.list(`/issues/${number}/comments`, 5_000);
  const found = comments.find((comment) => {
    const body = shape.at(comment, "body");
    const login = shape.at(comment, "user", "login");
    return typeof body === "string" && body.startsWith(marker) && login === "github-actions[bot]";
  });
  return found === undefined ? undefined : shape.number(found, "id");
}

interface Parts {
  readonly plan: string | undefined;
  readonly sha: string;
  readonly link: string;
  readonly changed: Outside;
  readonly isFork: boolean;
}

export function compose({ plan, sha, link, changed, isFork }: Parts): string {
  const origin = `<sub>Plan of ${code(sha.slice(0, 12))} · <a href="${attribute(link)}">run</a></sub>`;
  const count = `${changed.incomplete ? "more than " : ""}${changed.files.length}`;
  const more = changed.files.length > shownFiles ? ` and ${changed.files.length - shownFiles} more` : "";
  const list = `${changed.files
    .slice(0, shownFiles)
    .map((file) => code(file))
    .join(", ")}${more}`;
  const isOutside = changed.files.length > 0 || changed.incomplete;
  const warning = [
    "> [!WARNING]",
    `> **${count} files outside of the tenants' data change here.** The plan was made by this pull request's own ` +
      `program: it shows what that program says, and no more. Read these files first: ${list}`,
  ].join("\n");
  const head = [marker, origin, ...(isOutside ? [warning] : [])].join("\n\n");
  if (plan === undefined) return `${head}\n\n## ⛔ No plan was made\n\nThe run says why.\n`;
  if (isOutside && isFork) {
    return `${head}\n\nIts text is not shown here, since it comes from a fork that changes more than tenants: it is in the run.\n`;
  }
  const text = plan.startsWith(marker) ? plan.slice(marker.length).trimStart() : undefined;
  const whole = text === undefined ? undefined : `${head}\n\n${text}`;
  if (whole === undefined || whole.length > commentLimit) {
    return `${head}\n\n## ⛔ The plan cannot be shown\n\nWhat the run made is no plan, or is longer than a comment may be.\n`;
  }
  return whole;
}

function attribute(url: string): string {
  return url.startsWith("https://") ? url.replaceAll(/[^\w:/.?=&%-]/g, "") : "";
}
