import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Engine, Operation, RunOptions, RunResult } from "../../cli/engine.ts";
import { operate } from "../../cli/operation.ts";
import { orphanText } from "../../provider/mark.ts";

const schema = "urn:pulumi:dev::tenancy::tenancy:index:TenantSchema$tenancy:postgres:Schema::acme-schema";
const bucket = "urn:pulumi:dev::tenancy::aws:s3/bucket:Bucket::logs";
const done: RunResult = { ok: true, steps: [{ kind: "create", urn: schema, changed: [] }], diagnostics: [] };

interface Ran {
  readonly operation: Operation;
  readonly skipCheckpoints: boolean | undefined;
}

/** An engine that notes what it is asked to run and answers with these results in turn. */
function engineWith(types: readonly string[], results: readonly RunResult[]): { engine: Engine; ran: Ran[] } {
  const ran: Ran[] = [];
  const engine: Engine = {
    name: "local",
    title: "an engine of the test",
    run(operation: Operation, options: RunOptions = {}) {
      const result = results[ran.length];
      if (result === undefined) throw new Error(`no result for a run number ${ran.length + 1}`);
      ran.push({ operation, skipCheckpoints: options.skipCheckpoints });
      return Promise.resolve(result);
    },
    outputs: () => Promise.resolve({}),
    config: () => Promise.resolve({}),
    exportState: () =>
      Promise.resolve({ version: 3, deployment: { resources: types.map((type) => ({ type, urn: type })) } }),
    importState: () => Promise.resolve(),
  };
  return { engine, ran };
}

beforeEach(() => {
  vi.spyOn(console, "log").mockImplementation(() => undefined);
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});

describe("up", () => {
  it("runs once where the state is empty at a stack's first run, and prints what it made", async () => {
    const { engine, ran } = engineWith(["pulumi:pulumi:Stack"], [done]);
    expect(await operate(engine, "up", { first: true })).toBe(true);
    expect(ran).toEqual([{ operation: "up", skipCheckpoints: true }]);
    expect(vi.mocked(console.log).mock.calls.flat()).toEqual([
      "    + tenancy:postgres:Schema acme-schema",
      expect.stringMatching(/^up: 1 created/),
    ]);
  });

  it("looks first where the state holds something, as another machine's does", async () => {
    const { engine, ran } = engineWith(["tenancy:postgres:Schema"], [done, done]);
    expect(await operate(engine, "up", { first: true })).toBe(true);
    expect(ran.map(({ operation }) => operation)).toEqual(["preview", "up"]);
  });

  it("looks first at every later run, also when a crash left the state empty", async () => {
    const { engine, ran } = engineWith([], [done, done]);
    expect(await operate(engine, "up")).toBe(true);
    expect(ran.map(({ operation }) => operation)).toEqual(["preview", "up"]);
  });

  it("saves at each step after the program refused a resource that a crash would orphan", async () => {
    const refused: RunResult = {
      ok: false,
      steps: [],
      diagnostics: [{ severity: "error", message: `aws:s3/bucket:Bucket logs ${orphanText}. Unset it.` }],
    };
    const both: RunResult = { ...done, steps: [...done.steps, { kind: "create", urn: bucket, changed: [] }] };
    const { engine, ran } = engineWith([], [refused, both, both]);
    expect(await operate(engine, "up", { first: true })).toBe(true);
    expect(ran).toEqual([
      { operation: "up", skipCheckpoints: true },
      { operation: "preview", skipCheckpoints: undefined },
      { operation: "up", skipCheckpoints: false },
    ]);
  });

  it("ends with the first run's failure, whatever else it is", async () => {
    const failed: RunResult = { ok: false, steps: [], diagnostics: [{ severity: "error", message: "no server" }] };
    const { engine, ran } = engineWith([], [failed]);
    expect(await operate(engine, "up", { first: true })).toBe(false);
    expect(ran).toHaveLength(1);
  });

  it("changes nothing where the look finds nothing", async () => {
    const same: RunResult = { ok: true, steps: [{ kind: "same", urn: schema, changed: [] }], diagnostics: [] };
    const { engine, ran } = engineWith(["tenancy:postgres:Schema"], [same]);
    expect(await operate(engine, "up")).toBe(true);
    expect(ran.map(({ operation }) => operation)).toEqual(["preview"]);
  });
});
