import { spawn } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { assertOk, errorsOf, newStack, stepsOf } from "./stack.ts";
import type { Stack } from "./stack.ts";
import type { Spec, ThingSpec } from "./fixture/program.ts";

const hush = "hush-hush-2718";
const secretive: Spec = {
  things: [
    { name: "a", secretText: hush },
    { name: "b", from: "r" },
  ],
  random: { r: 16 },
};

function resourcesOf(stack: Stack): { urn: string; id?: string; initErrors?: string[] }[] {
  const state = JSON.parse(readFileSync(stack.stateFile, "utf8")) as { deployment: { resources: { urn: string }[] } };
  return state.deployment.resources;
}

describe("secrets", () => {
  test("stand in the state encrypted only, reach the provider in plain, and come out as outputs", async () => {
    const stack = newStack();
    assertOk(await stack.run("up", secretive));
    expect(JSON.parse(readFileSync(stack.objectFile("a"), "utf8"))).toEqual({ text: hush });
    const { secrets } = (await stack.engine(secretive).outputs()) as { secrets: { r: string } };
    expect(secrets.r).toMatch(/^[0-9a-f]{32}$/);
    const text = readFileSync(stack.stateFile, "utf8");
    for (const plain of [hush, "provider's key", secrets.r]) {
      expect(text).not.toContain(plain);
    }
    expect(statSync(stack.stateFile).mode & 0o777).toBe(0o600);
  });

  test("another passphrase is told in one message, and nothing is changed", async () => {
    const stack = newStack();
    assertOk(await stack.run("up", secretive));
    const text = readFileSync(stack.stateFile, "utf8");
    const engine = stack.engine(secretive, { passphrase: "wrong" });
    await expect(engine.run("up")).rejects.toThrow("the passphrase is not the one");
    await expect(engine.outputs()).rejects.toThrow("the passphrase is not the one");
    expect(readFileSync(stack.stateFile, "utf8")).toBe(text);
  });

  test("an exported state can be imported elsewhere, secrets included, and changes nothing there", async () => {
    const [stack, other] = [newStack(), newStack()];
    assertOk(await stack.run("up", secretive));
    const state = await stack.engine(secretive).exportState();
    expect(JSON.stringify(state)).not.toContain(hush);
    await other.engine(secretive).importState(state);
    expect(stepsOf(assertOk(await other.run("up", secretive)))).toEqual([]);
    expect(await other.engine(secretive).outputs()).toEqual(await stack.engine(secretive).outputs());
  });
});

describe("failures", () => {
  test("an error of one resource keeps what is finished, and the next up makes the rest", async () => {
    const stack = newStack();
    const things = (fail: boolean): ThingSpec[] => [
      { name: "a" },
      { name: "b", from: "a", inputs: { fail } },
      { name: "c", from: "b" },
    ];
    const result = await stack.run("up", { things: things(true) });
    expect(result.ok).toBe(false);
    expect(errorsOf(result)).toEqual(["no room for b"]);
    expect(stack.changes()).toEqual(["create a", "create b"]);
    expect(stepsOf(assertOk(await stack.run("up", { things: things(false) })))).toEqual(["create b", "create c"]);
  });

  test("lets running calls finish and saves them", async () => {
    const stack = newStack();
    const things = [
      { name: "slow", inputs: { delay: 1500 } },
      { name: "bad", inputs: { fail: true, delay: 200 } },
    ];
    expect((await stack.run("up", { things })).ok).toBe(false);
    expect(resourcesOf(stack).map(({ urn }) => urn.split("::").at(-1))).toContain("slow");
  });

  test("a half-made object is in the state, and the next up goes on with it", async () => {
    const stack = newStack();
    const result = await stack.run("up", { things: [{ name: "a", inputs: { partial: true } }] });
    expect(errorsOf(result)).toEqual(["half made\nthe second half is missing"]);
    const [left] = resourcesOf(stack).filter(({ urn }) => urn.endsWith("::a"));
    expect(left?.initErrors).toEqual(["the second half is missing"]);
    expect(stack.objects()).toEqual(["a"]);
    expect(stepsOf(assertOk(await stack.run("up", { things: [{ name: "a" }] })))).toEqual(["update a[partial]"]);
    expect(resourcesOf(stack).every(({ initErrors }) => initErrors === undefined)).toBe(true);
  });

  test("a deletion that fails keeps the resource and what it depends on", async () => {
    const stack = newStack();
    assertOk(
      await stack.run("up", { things: [{ name: "a" }, { name: "b", from: "a", inputs: { undeletable: true } }] }),
    );
    const result = await stack.run("up", { things: [] });
    expect(errorsOf(result)).toEqual(["b is stuck"]);
    expect(stack.objects()).toEqual(["a", "b"]);
    expect(
      resourcesOf(stack)
        .map(({ urn }) => urn.split("::").at(-1))
        .sort(),
    ).toEqual(["a", "b", "fixture-dev", "main"]);
  });

  test("a cancelled run finishes what is under way, begins nothing new, and saves", async () => {
    const stack = newStack();
    const abort = new AbortController();
    const spec: Spec = {
      things: [
        { name: "a", inputs: { delay: 1000 } },
        { name: "b", from: "a" },
      ],
    };
    const running = stack.run("up", spec, { signal: abort.signal });
    await until(() => stack.calls().some(({ call }) => call === "create"));
    abort.abort();
    const result = await running;
    expect(result.ok).toBe(false);
    expect(stepsOf(result)).toContain("create a");
    expect(stack.objects()).toEqual(["a"]);
    expect(stepsOf(assertOk(await stack.run("up", spec)))).toEqual(["create b"]);
  });
});

describe("one run at a time", () => {
  test("the lock of a dead process is taken over", async () => {
    const stack = newStack();
    const child = spawn(process.execPath, ["-e", ""]);
    await new Promise((resolve) => child.on("exit", resolve));
    const dead = { pid: child.pid, host: hostname(), processStart: "1", since: "2026-01-01T00:00:00.000Z" };
    writeFileSync(`${stack.stateFile}.lock`, JSON.stringify(dead));
    assertOk(await stack.run("up", { things: [] }));
    expect(existsSync(`${stack.stateFile}.lock`)).toBe(false);
  });

  test("a live run makes the other wait, then fail with its name", async () => {
    const stack = newStack();
    const spec: Spec = { things: [{ name: "a", inputs: { delay: 2500 } }] };
    const first = stack.run("up", spec);
    await until(() => existsSync(`${stack.stateFile}.lock`));
    await expect(stack.engine(spec, { lockLimit: 300 }).run("up")).rejects.toThrow(
      `process ${process.pid} on ${hostname()}`,
    );
    const second = stack.engine(spec).run("up");
    assertOk(await first);
    expect(stepsOf(assertOk(await second))).toEqual([]);
    expect(stack.objects()).toEqual(["a"]);
  });

  test("after SIGKILL of the engine the next up completes without a hand", async () => {
    const stack = newStack();
    const things = Array.from({ length: 12 }, (_, index) => ({ name: `t${index}`, inputs: { delay: 300 * index } }));
    const script = join(import.meta.dirname, "crash-run.ts");
    const child = spawn(process.execPath, [script, stack.folder, JSON.stringify({ things })], { stdio: "ignore" });
    const ended = new Promise((resolve) => child.on("exit", resolve));
    await until(() => stack.objects().length >= 4 && existsSync(stack.stateFile));
    child.kill("SIGKILL");
    await ended;
    const saved = resourcesOf(stack).filter(({ id }) => id?.startsWith("t")).length;
    expect(saved).toBeGreaterThan(0);
    expect(saved).toBeLessThan(12);
    const result = assertOk(await stack.run("up", { things }));
    expect(stepsOf(result)).toHaveLength(12 - saved);
    expect(stepsOf(assertOk(await stack.run("up", { things })))).toEqual([]);
  });
});

describe("what it does not do is refused by name", () => {
  test.each<[string, ThingSpec, string]>([
    ["a type of another package", { name: "a", type: "aws:s3:Bucket" }, "does not know the type aws:s3:Bucket"],
    ["import", { name: "a", options: { import: "x" } }, "does not support import"],
    ["customTimeouts", { name: "a", options: { customTimeouts: { create: "5m" } } }, "does not support customTimeouts"],
    ["replaceOnChanges", { name: "a", options: { replaceOnChanges: ["x"] } }, "does not support replaceOnChanges"],
  ])("%s", async (_, thing, message) => {
    const stack = newStack();
    const result = await stack.run("up", { things: [thing] });
    expect(result.ok).toBe(false);
    expect(errorsOf(result).join("\n")).toContain(message);
    expect(stack.objects()).toEqual([]);
  });
});

async function until(done: () => boolean): Promise<void> {
  while (!done()) await sleep(50);
}
