/** `refresh --preview-only`: how reality differs from the state, with nothing noted. */
import type { Engine, Step } from "./engine.ts";
import { diagnosticLines, isLive, planLines } from "./render.ts";
import { couldNotTell } from "./verdict.ts";

/** @returns the exit code: 0 nothing differs, 1 something does, 2 nobody can tell */
export async function previewRefresh(engine: Engine): Promise<number> {
  const { ok, steps, diagnostics } = await engine.run("refresh", { previewOnly: true });
  const colour = isLive(process.stdout);
  const differing = steps.filter(({ kind }) => kind !== "same" && kind !== "read");
  // What a refresh would note is shown like what an update would change.
  const shown = differing.map((step): Step => (step.kind === "refresh" ? { ...step, kind: "update" } : step));
  for (const line of planLines(shown, colour)) console.log(line);
  for (const line of diagnosticLines(diagnostics, colour)) console.error(line);
  if (!ok) {
    console.log("refresh: failed; nothing was noted, and nobody can tell what differs");
    return couldNotTell;
  }
  const count = `${differing.length} ${differing.length === 1 ? "resource differs" : "resources differ"}`;
  console.log(`refresh: ${count} from the state, ${steps.length - differing.length} unchanged; nothing was noted`);
  return differing.length === 0 ? 0 : 1;
}
