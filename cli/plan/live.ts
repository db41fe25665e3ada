/** The engine's own preview, for `--live`: what the state and the servers say to the branch. */
import type { Engine, Step } from "../engine.ts";
import { isChange } from "../render.ts";

export interface LivePreview {
  /** As in `Pulumi CLI 3.260.0`. */
  readonly engine: string;
  readonly ok: boolean;
  /** Steps that change something. */
  readonly steps: readonly Step[];
  readonly unchanged: number;
  /** Errors and warnings, each once. */
  readonly messages: readonly string[];
}

export async function livePreview(engine: Engine): Promise<LivePreview> {
  const { ok, steps, diagnostics } = await engine.run("preview");
  const messages = diagnostics.filter(({ severity }) => severity !== "info").map(({ message }) => message);
  return {
    engine: engine.title,
    ok,
    steps: steps.filter(isChange),
    unchanged: steps.filter(({ kind }) => kind === "same").length,
    messages: [...new Set(messages)],
  };
}
