import messages from "@pulumi/pulumi/proto/resource_pb.js";
import { spawn } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { UserError } from "../../../cli/user-error.ts";
import { readRegistration } from "../../../dev/engine/registration.ts";
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
const nothing: Spec = { things: [] };

function resourcesOf(stack: Stack): { urn: string; id?: string }[] {
  const state = JSON.parse(readFileSync(stack.stateFile, "utf8")) as { deployment: { resources: { urn: string }[] } };
  return state.deployment.resources;
}

function namesOf(stack: Stack): string[] {
  return resourcesOf(stack).flatMap(({ urn }) => urn.split("::").at(-1) ?? []);
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

test("secrets stand in the state encrypted only, reach the provider in plain, and go with an export", async () => {
  const [stack, other] = [newStack(), newStack()];
  assertOk(await stack.run("up", secretive));
  expect(JSON.parse(readFileSync(stack.objectFile("a"), "utf8"))).toEqual({ text: hush });
  const { secrets } = (await stack.engine(secretive).outputs()) as { secrets: { r: string } };
  expect(secrets.r).toMatch(/^[0-9a-f]{32}$/);
  const text = readFileSync(stack.stateFile, "utf8");
  for (const plain of [hush, "provider's key", secrets.r]) {
    expect(text).not.toContain(plain);
  }
  expect(statSync(stack.stateFile).mode & 0o777).toBe(0o600);

  const stranger = stack.engine(secretive, { passphrase: "wrong" });
  for (const work of [() => stranger.run("up"), () => stranger.outputs(), () => stranger.exportState()]) {
    const error = await rejection(work());
    expect(error).toBeInstanceOf(UserError);
    expect(String(error)).toMatch(/^UserError: the passphrase is not the one [^\n]*$/);
  }
  expect(readFileSync(stack.stateFile, "utf8")).toBe(text);

  const state = await stack.engine(secretive).exportState();
  expect(JSON.stringify(state)).not.toContain(hush);
  await other.engine(secretive).importState(state);
  expect(stepsOf(assertOk(await other.run("up", secretive)))).toEqual([]);
  expect(await other.engine(secretive).outputs()).toEqual(await stack.engine(secretive).outputs());
});

describe("failures", () => {
  test("one error stops new work, lets running calls finish, keeps what is finished; the next up makes the rest", async () => {
    const stack = newStack();
    const things = (fail: boolean): ThingSpec[] => [
      { name: "slow", inputs: { delay: 800 } },
      { name: "a" },
      { name: "b", from: "a", inputs: { fail, undeletable: true } },
      { name: "c", from: "b" },
    ];
    const result = await stack.run("up", { things: things(true) });
    expect(result.ok).toBe(false);
    expect(errorsOf(result)).toEqual(["no room for b"]);
    expect(stack.changes().sort()).toEqual(["create a", "create b", "create slow"]);
    expect(namesOf(stack).sort()).toEqual(["a", "fixture-dev", "main", "slow"]);
    expect(stepsOf(assertOk(await stack.run("up", { things: things(false) })))).toEqual(["create b", "create c"]);

    // A deletion that fails keeps the resource and what it depends on.
    const failed = await stack.run("up", nothing);
    expect(errorsOf(failed)).toEqual(["b is stuck"]);
    expect(stack.objects()).toContain("a");
    expect(namesOf(stack)).toEqual(expect.arrayContaining(["a", "b", "fixture-dev", "main"]));
    expect(namesOf(stack)).not.toContain("c");
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
  test("takes over the lock of a dead process, and waits for a live one or fails with its name", async () => {
    const stack = newStack();
    const spec: Spec = { things: [{ name: "a", inputs: { delay: 1500 } }] };
    const lock = `${stack.stateFile}.lock`;
    const child = spawn(process.execPath, ["-e", ""]);
    await new Promise((resolve) => child.on("exit", resolve));
    const dead = { pid: child.pid, host: hostname(), processStart: "1", since: "2026-01-01T00:00:00.000Z" };
    writeFileSync(lock, JSON.stringify(dead));
    const first = stack.run("up", spec);
    await until(() => !readFileSync(lock, "utf8").includes(`"pid":${child.pid},`));
    const error = await rejection(stack.engine(spec, { lockLimit: 300 }).run("up"));
    expect(error).toBeInstanceOf(UserError);
    expect(String(error)).toMatch(/^UserError: another run holds the stack's state [^\n]*$/);
    expect(String(error)).toContain(`process ${process.pid} on ${hostname()}`);
    const second = stack.engine(spec).run("up");
    assertOk(await first);
    expect(stepsOf(assertOk(await second))).toEqual([]);
    expect(stack.objects()).toEqual(["a"]);
    expect(existsSync(lock)).toBe(false);
  });

  test("after SIGKILL of the engine the next up completes without a hand", async () => {
    const stack = newStack();
    const things = Array.from({ length: 12 }, (_, index) => ({ name: `t${index}`, inputs: { delay: 300 * index } }));
    const script = join(import.meta.dirname, "crash-run.ts");
    const child = spawn(process.execPath, [script, stack.folder, JSON.stringify({ things })], { stdio: "ignore" });
    const ended = new Promise((resolve) => child.on("exit", resolve));
    const savedThings = (): number => resourcesOf(stack).filter(({ id }) => id?.startsWith("t")).length;
    await until(() => existsSync(stack.stateFile) && savedThings() > 0);
    child.kill("SIGKILL");
    await ended;
    const saved = savedThings();
    expect(saved).toBeLessThan(12);
    const result = assertOk(await stack.run("up", { things }));
    expect(stepsOf(result)).toHaveLength(12 - saved);
    expect(stepsOf(assertOk(await stack.run("up", { things })))).toEqual([]);
  });
});

describe("what it does not do is refused by name", () => {
  test.each<[string, ThingSpec, string]>([
    ["a type of another package", { name: "a", type: "aws:s3:Bucket" }, "does not know the type aws:s3:Bucket"],
    [
      "options of a resource",
      { name: "a", options: { ignoreChanges: ["x"], retainOnDelete: true } },
      "does not support ignoreChanges, retainOnDelete; use the Pulumi CLI",
    ],
  ])("%s", async (_, thing, message) => {
    const stack = newStack();
    const result = await stack.run("up", { things: [thing] });
    expect(result.ok).toBe(false);
    expect(errorsOf(result).join("\n")).toContain(message);
    expect(stack.objects()).toEqual([]);
  });

  type Request = InstanceType<typeof messages.RegisterResourceRequest>;
  const request = (): Request =>
    new messages.RegisterResourceRequest().setCustom(true).setName("a").setType("tenancy:test:Thing").setProvider("p");

  test.each<[string, (request: Request) => unknown]>([
    ["import", (r) => r.setImportid("x")],
    ["ignoreChanges", (r) => r.setIgnorechangesList(["x"])],
    ["retainOnDelete", (r) => r.setRetainondelete(true)],
    ["deletedWith", (r) => r.setDeletedwith("urn")],
    ["deleteBeforeReplace", (r) => r.setDeletebeforereplacedefined(true)],
    ["replaceOnChanges", (r) => r.setReplaceonchangesList(["x"])],
    [
      "customTimeouts",
      (r) => r.setCustomtimeouts(new messages.RegisterResourceRequest.CustomTimeouts().setCreate("5m")),
    ],
    ["a default provider for tenancy (give the option `provider`)", (r) => r.setProvider("")],
    ["a provider of its own for random", (r) => r.setType("random:index/randomBytes:RandomBytes")],
    ["a remote component", (r) => r.setRemote(true)],
    ["a parameterized package", (r) => r.setPackageref("x")],
    ["pluginDownloadURL", (r) => r.setPlugindownloadurl("x")],
  ])("the option %s", (what, set) => {
    const asked = request();
    set(asked);
    expect(() => readRegistration(asked)).toThrow(`the local engine does not support ${what}; use the Pulumi CLI`);
    expect(() => readRegistration(request())).not.toThrow();
  });

  test.each<[string, object, object]>([
    ["taint", { taint: true }, {}],
    ["external", { external: true }, {}],
    ["initErrors", { initErrors: ["half made"] }, {}],
    ["ignoreChanges", { ignoreChanges: ["x"] }, {}],
    ["retainOnDelete", { retainOnDelete: true }, {}],
    ["pendingReplacement", { pendingReplacement: true }, {}],
    ["somethingNew", { somethingNew: "x" }, {}],
    ["pending_operations", {}, { pending_operations: [{ type: "creating" }] }],
  ])("%s in an imported state", async (field, resource, deployment) => {
    const stack = newStack();
    const urn = "urn:pulumi:dev::fixture::pulumi:pulumi:Stack::fixture-dev";
    const own = {
      urn,
      custom: false,
      type: "pulumi:pulumi:Stack",
      customTimeouts: {},
      created: "2026-01-01T00:00:00Z",
    };
    const state = { version: 3, deployment: { resources: [{ ...own, ...resource }], ...deployment } };
    const error = await rejection(stack.engine(nothing).importState(state));
    expect(error).toBeInstanceOf(UserError);
    expect(String(error)).toContain(`the local engine does not support ${field} in a state`);
    expect(existsSync(stack.stateFile)).toBe(false);
  });
});

async function until(done: () => boolean): Promise<void> {
  while (!done()) await sleep(50);
}
