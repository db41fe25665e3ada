/** preview, up, refresh and destroy, as a person runs them. */
import { isAdoptable, orphanText } from "../provider/mark.ts";
import type { Engine, Operation, RunOptions, RunResult } from "./engine.ts";
import { countLine, diagnosticLines, isChange, isLive, planLines, Progress } from "./render.ts";

export interface OperateOptions {
  readonly adopt?: readonly string[];
  readonly replace?: readonly string[];
  /** The stack's first run on this machine: an `up` of an empty state needs no look at what it would change. */
  readonly first?: boolean;
}

/**
 * Runs one operation and prints what it does. `up` looks first and changes nothing when nothing is to change.
 *
 * @returns whether it went well
 */
export async function operate(engine: Engine, operation: Operation, options: OperateOptions = {}): Promise<boolean> {
  const abort = new AbortController();
  const onInterrupt = (): void => {
    process.stderr.write(
      "\nstopping: what is under way is finished first; Ctrl-C again would leave it to the next run\n",
    );
    abort.abort();
    process.removeListener("SIGINT", onInterrupt);
  };
  process.on("SIGINT", onInterrupt);
  try {
    const { first = false, ...given } = options;
    const shared = { ...given, signal: abort.signal };
    if (operation !== "up") return (await runShown(engine, operation, undefined, shared)).ok;
    if (first && (await isEmpty(engine))) {
      const run = await runShown(engine, "up", undefined, { ...shared, skipCheckpoints: true }, true);
      const orphans = run.diagnostics.some(({ message }) => message.includes(orphanText));
      if (run.ok || !orphans) return run.ok;
      console.log("the stack has resources of other providers: the state is saved at each step");
    }
    const plan = await runShown(engine, "preview", undefined, shared);
    if (!plan.ok) return false;
    const outputsOnly = plan.outputsChanged === true && !plan.steps.some(isChange);
    if (!plan.steps.some(isChange) && !outputsOnly) {
      console.log("nothing to change: every store matches the registry");
      return true;
    }
    const run = await runShown(engine, "up", plan.steps.length, { ...shared, skipCheckpoints: onlyAdoptable(plan) });
    return run.ok;
  } finally {
    process.removeListener("SIGINT", onInterrupt);
  }
}

async function runShown(
  engine: Engine,
  operation: Operation,
  total: number | undefined,
  options: RunOptions,
  planned = operation !== "up",
): Promise<RunResult> {
  const colour = isLive(process.stdout);
  const progress = new Progress(operation, total);
  const started = Date.now();
  const result = await engine.run(operation, {
    ...options,
    onStep: () => {
      progress.step();
    },
    onStatus: (_urn, message) => {
      progress.status(message);
    },
  });
  progress.end();
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  if (planned) for (const line of planLines(result.steps, colour)) console.log(line);
  for (const line of diagnosticLines(result.diagnostics, colour)) console.error(line);
  const verdict = result.ok ? "" : operation === "preview" ? "refused, nothing was changed; " : "failed; ";
  console.log(`${operation}: ${verdict}${countLine(operation, result.steps)} (${seconds} s)`);
  return result;
}

/** Whether the state holds no resource but the stack itself. */
async function isEmpty(engine: Engine): Promise<boolean> {
  const { deployment } = await engine.exportState();
  const resources = (deployment.resources ?? []) as { type: string }[];
  return resources.every(({ type }) => type === "pulumi:pulumi:Stack");
}

/** Types whose handlers adopt after a crash; only then may the state be saved at the end alone. */
function onlyAdoptable(plan: RunResult): boolean {
  return plan.steps.every(({ urn }) => {
    const types = urn.split("::")[2] ?? "";
    return isAdoptable(types.slice(types.lastIndexOf("$") + 1));
  });
}
