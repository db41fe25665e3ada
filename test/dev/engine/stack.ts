/** A stack of the fixture program on the local engine, in a folder of its own. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Engine, Operation, RunOptions, RunResult } from "../../../cli/engine.ts";
import { createLocalEngine } from "../../../dev/engine/index.ts";
import { engineOptions } from "./engine-options.ts";
import type { Spec } from "./fixture/program.ts";

export interface Call {
  readonly call: string;
  readonly name: string;
  readonly [key: string]: unknown;
}

export interface Stack {
  readonly stateFile: string;
  readonly folder: string;
  engine(spec: Spec, options?: { passphrase?: string; lockLimit?: number }): Engine;
  run(operation: Operation, spec: Spec, options?: RunOptions): Promise<RunResult>;
  /** What the provider was asked since the last time, as in `create a`; checks and configuration left out. */
  changes(): string[];
  calls(): Call[];
  /** Names of the objects that exist. */
  objects(): string[];
  objectFile(name: string): string;
}

export function newStack(): Stack {
  const folder = mkdtempSync(join(tmpdir(), "tenancy-engine-"));
  const stateFile = join(folder, "state.json");
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const engine: Stack["engine"] = (spec, options = {}) =>
    createLocalEngine({ ...engineOptions(folder, spec), ...options });
  const ids = (): string[] => readdirSync(folder).flatMap((file) => /^(.*)\.object$/.exec(file)?.[1] ?? []);
  const calls = (): Call[] => {
    const path = join(folder, "calls");
    const text = readdirSync(folder).includes("calls") ? readFileSync(path, "utf8") : "";
    writeFileSync(path, "");
    return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Call]));
  };
  return {
    folder,
    stateFile,
    engine,
    calls,
    run: (operation, spec, options) => engine(spec).run(operation, options),
    changes: () =>
      calls().flatMap(({ call, name }) => (["create", "update", "delete"].includes(call) ? [`${call} ${name}`] : [])),
    objects: () =>
      ids()
        .map((id) => id.replace(/-[0-9a-f]{8}$/, ""))
        .sort(),
    objectFile: (name) => join(folder, `${ids().find((id) => id.startsWith(`${name}-`)) ?? ""}.object`),
  };
}

/** As in `update a[size]`, in order; what stays the same is left out. */
export function stepsOf(result: RunResult): string[] {
  return result.steps.flatMap(({ kind, urn, changed }) => {
    const name = urn.split("::").at(-1) ?? "";
    return kind === "same" ? [] : [`${kind} ${name}${changed.length > 0 ? `[${changed.join(",")}]` : ""}`];
  });
}

export function errorsOf(result: RunResult): string[] {
  return result.diagnostics.flatMap(({ severity, message }) => (severity === "error" ? [message] : []));
}

/** @throws with the messages when the run failed. */
export function assertOk(result: RunResult): RunResult {
  if (!result.ok) throw new Error(errorsOf(result).join("\n"));
  return result;
}
