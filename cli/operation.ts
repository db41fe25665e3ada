/** preview, up, refresh and destroy, as a person runs them. */
import { type Engine, isAdoptable, type Operation, type RunOptions, type RunResult } from "./engine.ts";
import { countLine, diagnosticLines, isChange, isLive, planLines, Progress } from "./render.ts";

export interface OperateOptions {
  readonly adopt?: readonly string[];
  readonly replace?: readonly string[];
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
    const shared = { ...options, signal: abort.signal };
    if (operation !== "up") return (await runShown(engine, operation, undefined, shared)).ok;
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
  const planned = operation === "preview" || operation === "refresh" || operation === "destroy";
  if (planned) for (const line of planLines(result.steps, colour)) console.log(line);
  for (const line of diagnosticLines(result.diagnostics, colour)) console.error(line);
  const verdict = result.ok ? "" : operation === "preview" ? "refused, nothing was changed; " : "failed; ";
  console.log(`${operation}: ${verdict}${countLine(operation, result.steps)} (${seconds} s)`);
  return result;
}

/** Types whose handlers adopt after a crash; only then may the state be saved at the end alone. */
function onlyAdoptable(plan: RunResult): boolean {
  return plan.steps.every(({ urn }) => {
    const types = urn.split("::")[2] ?? "";
    return isAdoptable(types.slice(types.lastIndexOf("$") + 1));
  });
}
