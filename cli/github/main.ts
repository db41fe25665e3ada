/**
 * `npm run github`: what the workflows post. It needs Node.js 24 and no package, so that a job with a token that writes
 * installs and runs nothing else.
 */
import { appendFileSync, existsSync, readFileSync, statSync } from "node:fs";
import { parseArgs } from "node:util";
import { commentLimit } from "../plan/comment-form.ts";
import { apiFromEnvironment } from "./api.ts";
import { reportDrift } from "./drift-issue.ts";
import { postPlan } from "./plan-comment.ts";

const usage = `usage: npm run github -- plan-comment --file plan.md [--registry tenants/registry.yaml]
       npm run github -- drift-issue --file drift.txt --stack NAME --verdict 0|1|2`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    file: { type: "string" },
    registry: { type: "string", default: "tenants/registry.yaml" },
    stack: { type: "string" },
    verdict: { type: "string" },
  },
});

/** A file that another job made: no longer than it may be, and text. */
function read(path: string, most: number): string | undefined {
  if (!existsSync(path)) return undefined;
  const { size } = statSync(path);
  return size > most ? "" : new TextDecoder("utf-8", { fatal: false }).decode(readFileSync(path));
}

async function run(): Promise<string> {
  const [command] = positionals;
  const { file, registry, stack, verdict } = values;
  if (command === "plan-comment" && file !== undefined) {
    const eventPath = process.env.GITHUB_EVENT_PATH ?? "";
    const event: unknown = JSON.parse(readFileSync(eventPath, "utf8"));
    return postPlan(apiFromEnvironment(), { event, plan: read(file, commentLimit * 4), registry });
  }
  const code = ({ "0": 0, "1": 1, "2": 2 } as const)[verdict ?? ""];
  if (command === "drift-issue" && file !== undefined && stack !== undefined && code !== undefined) {
    const { GITHUB_SERVER_URL: server = "", GITHUB_REPOSITORY: repository = "", GITHUB_RUN_ID: id = "" } = process.env;
    const link = `${server}/${repository}/actions/runs/${id}`;
    const text = read(file, 10 * 1024 * 1024) ?? "there is no report";
    return reportDrift(apiFromEnvironment(), { stack, verdict: code, text, link });
  }
  throw new Error(usage);
}

try {
  const done = await run();
  console.log(done);
  if (process.env.GITHUB_STEP_SUMMARY !== undefined) appendFileSync(process.env.GITHUB_STEP_SUMMARY, `${done}\n`);
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
