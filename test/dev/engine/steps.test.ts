import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { assertOk, errorsOf, newStack, stepsOf } from "./stack.ts";
import type { Stack } from "./stack.ts";
import type { Spec } from "./fixture/program.ts";

async function made(spec: Spec): Promise<Stack> {
  const stack = newStack();
  assertOk(await stack.run("up", spec));
  stack.calls();
  return stack;
}

const urnOf = (name: string): string => `urn:pulumi:dev::fixture::tenancy:test:Thing::${name}`;
const pair: Spec = {
  things: [
    { name: "a", inputs: { size: 1 } },
    { name: "b", from: "a" },
  ],
  outputs: { host: "10.0.0.1" },
};

describe("preview and up", () => {
  test("plan, make everything once, and then change nothing and leave the state file as it is", async () => {
    const stack = newStack();
    const steps = ["create fixture-dev", "create main", "create a", "create b"];
    const planned = assertOk(await stack.run("preview", pair));
    expect(stepsOf(planned)).toEqual(steps);
    // What a new resource gives is not known yet; the resource itself is the change.
    expect(planned.outputsChanged).toBe(false);
    const calls = stack.calls().filter(({ call }) => !["check", "configure"].includes(call));
    expect(calls.map(({ call, name, inputs }) => [call, name, inputs])).toEqual([
      ["preview", "a", { size: 1 }],
      ["preview", "b", { from: "04da6b54-80e4-46f7-96ec-b56ff0331ba9" }],
    ]);
    expect(() => readFileSync(stack.stateFile)).toThrow("ENOENT");

    const first = assertOk(await stack.run("up", pair));
    expect(stepsOf(first)).toEqual(steps);
    expect(first.outputsChanged).toBeUndefined();
    expect(stack.changes()).toEqual(["create a", "create b"]);
    const text = readFileSync(stack.stateFile, "utf8");
    expect(stepsOf(assertOk(await stack.run("up", pair)))).toEqual([]);
    expect(stack.changes()).toEqual([]);
    expect(readFileSync(stack.stateFile, "utf8")).toBe(text);

    const [same, other] = [
      await stack.run("preview", pair),
      await stack.run("preview", { ...pair, outputs: { host: "::1" } }),
    ];
    expect([same, other].map((result) => stepsOf(assertOk(result)))).toEqual([[], []]);
    expect([same.outputsChanged, other.outputsChanged]).toEqual([false, true]);

    const crashed = await stack.run("up", { things: [], crash: "the registry is broken" });
    expect(crashed.ok).toBe(false);
    expect(errorsOf(crashed)[0]).toBe("the registry is broken");
    expect(stack.objects()).toEqual(["a", "b"]);
  });

  test("update, replace and delete in the order of dependency, as the preview said", async () => {
    const stack = await made({
      things: [
        { name: "a", inputs: { size: 1 } },
        { name: "r", inputs: { fixed: 1 } },
        { name: "user", from: "r" },
        { name: "d", inputs: { fixed: 1, first: "delete" } },
        { name: "x" },
        { name: "y", from: "x" },
        { name: "z", dependsOn: "y" },
      ],
    });
    const next: Spec = {
      things: [
        { name: "a", inputs: { size: 2 } },
        { name: "r", inputs: { fixed: 2 } },
        { name: "user", from: "r" },
        { name: "d", inputs: { fixed: 2, first: "delete" } },
        { name: "new" },
      ],
    };
    const planned = ["update a[size]", "replace r[fixed]", "replace d[fixed]", "create new", "update user[from]"];
    const left = ["delete z", "delete y", "delete x"];
    const preview = assertOk(await stack.run("preview", next));
    expect(stepsOf(preview).slice(0, 5).sort()).toEqual(planned.toSorted());
    expect(stepsOf(preview).slice(5)).toEqual(left);
    expect(stack.calls().filter(({ call }) => ["create", "update", "delete"].includes(call))).toEqual([]);

    const result = assertOk(await stack.run("up", next));
    expect(stepsOf(result).slice(0, 5).sort()).toEqual(planned.toSorted());
    expect(stepsOf(result).slice(5)).toEqual(left);
    const calls = stack.calls();
    expect(calls.find(({ call, name }) => call === "check" && name === "a")?.olds).toEqual({ size: 1 });
    const changes = calls.map(({ call, name }) => `${call} ${name}`);
    const inOrder = (...wanted: string[]): void => {
      expect(changes.filter((change) => wanted.includes(change))).toEqual(wanted);
    };
    inOrder("create r", "update user", "delete r");
    inOrder("delete d", "create d");
    inOrder("delete z", "delete y", "delete x");
    expect(JSON.parse(readFileSync(stack.objectFile("a"), "utf8"))).toEqual({ size: 2 });
    expect(stack.objects()).toEqual(["a", "d", "new", "r", "user"]);

    const replaced = assertOk(await stack.run("up", next, { replace: [urnOf("r")] }));
    expect(stepsOf(replaced)).toEqual(["replace r[id]", "update user[from]"]);
    expect(stack.changes()).toEqual(["create r", "update user", "delete r"]);
  });

  test("stop before the provider when a check fails, and tell each failure by itself", async () => {
    const stack = newStack();
    const result = await stack.run("up", { things: [{ name: "a", inputs: { bad: 1, worse: 2 } }] });
    expect(result.ok).toBe(false);
    expect(errorsOf(result)).toEqual([
      "tenancy:test:Thing: bad: must not be there",
      "tenancy:test:Thing: worse: must not be there",
    ]);
    expect(stack.changes()).toEqual([]);
  });
});

describe("names", () => {
  test("an alias of name, type, URN or parent keeps the object, and the state knows it by its new name only", async () => {
    const before: Spec = {
      components: { g: {} },
      things: [
        { name: "a" },
        { name: "t" },
        { name: "u" },
        { name: "p" },
        { name: "g-a", parent: "g" },
        { name: "user", from: "g-a" },
      ],
    };
    const after = (fail: object, aliased = true): Spec => {
      const options = (aliases: unknown[]): object => (aliased ? { options: { aliases } } : {});
      return {
        components: { h: aliased ? { aliases: [{ name: "g" }] } : {} },
        things: [
          { name: "z", ...options([{ name: "a" }]) },
          { name: "t", type: "tenancy:test:New", ...options([{ type: "tenancy:test:Thing" }]) },
          { name: "v", ...options([urnOf("u")]) },
          {
            name: "p",
            parent: "h",
            ...options([{ parent: "urn:pulumi:dev::fixture::pulumi:pulumi:Stack::fixture-dev" }]),
          },
          { name: "h-a", parent: "h", inputs: { ...fail } },
          { name: "user", from: "h-a" },
        ],
      };
    };
    const stack = await made(before);
    const object = stack.objectFile("g-a");
    // The parent gets its new name in a run that fails: the child must still be found by the old one.
    expect(errorsOf(await stack.run("up", after({ fail: true })))).toEqual(["no room for h-a"]);
    expect(stepsOf(assertOk(await stack.run("up", after({}))))).toEqual([]);
    expect(stack.changes()).toEqual(["update h-a"]);
    expect(readFileSync(object, "utf8")).toBe("{}");
    expect(stepsOf(assertOk(await stack.run("preview", after({}, false))))).toEqual([]);
  });

  test("two resources of one name are refused, and so is an alias of what is in the program, too", async () => {
    const stack = newStack();
    expect(errorsOf(await stack.run("preview", { things: [{ name: "a" }, { name: "a" }] }))).toEqual([
      `two resources of the program have the URN ${urnOf("a")}: give one another name`,
    ]);
    assertOk(await stack.run("up", { things: [{ name: "a" }] }));
    const both = [{ name: "a" }, { name: "z", dependsOn: "a", options: { aliases: [{ name: "a" }] } }];
    expect(errorsOf(await stack.run("preview", { things: both }))).toEqual([
      `${urnOf("a")} is claimed by ${urnOf("a")} and ${urnOf("z")}: mend their aliases`,
    ]);
  });
});

test("what is protected is neither deleted, destroyed nor replaced, and all of it is named", async () => {
  const guarded = (fixedA: number, fixedD: number): Spec => ({
    things: [
      { name: "a", inputs: { fixed: fixedA }, options: { protect: true } },
      { name: "b", options: { protect: true } },
      { name: "d", inputs: { fixed: fixedD, first: "delete" } },
      { name: "user", from: "d" },
    ],
  });
  const stack = await made(guarded(1, 1));
  for (const operation of ["preview", "up", "destroy"] as const) {
    const result = await stack.run(operation, { things: [] });
    expect(result.ok).toBe(false);
    const names = errorsOf(result).map((text) => /Thing::(\w+)" cannot be deleted because it is protected/.exec(text));
    expect(names.map((match) => match?.[1]).sort()).toEqual(["a", "b"]);
  }
  const [message] = errorsOf(await stack.run("preview", guarded(2, 1)));
  expect(message).toContain("cannot be replaced (fixed) because it is protected");
  // Its dependent would have to be replaced with it, which the engine does not do.
  const [refusal] = errorsOf(await stack.run("preview", guarded(1, 2)));
  expect(refusal).toContain(`"${urnOf("d")}" has to be deleted before its replacement is made`);
  expect(refusal).toContain(`("${urnOf("user")}")`);
  expect(stack.changes()).toEqual([]);
  expect(stack.objects()).toEqual(["a", "b", "d", "user"]);
});

test("refresh takes over what is there and drops what is gone, up mends both, destroy deletes all without the program", async () => {
  const spec: Spec = {
    components: { g: {} },
    things: [{ name: "a", parent: "g", inputs: { size: 1 } }, { name: "b" }, { name: "c", from: "b" }],
  };
  const stack = await made(spec);
  writeFileSync(stack.objectFile("a"), JSON.stringify({ size: 9 }));
  rmSync(stack.objectFile("b"));
  const looked = assertOk(await stack.run("refresh", { things: [] }, { previewOnly: true }));
  expect(stepsOf(looked).sort()).toEqual(["delete b", "refresh a[size]"]);
  // Nothing was noted: the next look sees the same.
  const refreshed = assertOk(await stack.run("refresh", { things: [] }));
  expect(stepsOf(refreshed).sort()).toEqual(["delete b", "refresh a[size]"]);
  const mended = assertOk(await stack.run("up", spec));
  expect(stepsOf(mended).sort()).toEqual(["create b", "update a[size]", "update c[from]"]);
  expect(JSON.parse(readFileSync(stack.objectFile("a"), "utf8"))).toEqual({ size: 1 });
  stack.calls();

  const destroyed = assertOk(await stack.run("destroy", { things: [], crash: "is never run" }));
  expect(stepsOf(destroyed)).toHaveLength(6);
  const calls = stack.calls();
  const deleted = calls.map(({ call, name }) => `${call} ${name}`);
  expect(deleted.toSorted()).toEqual(["configure main", "delete a", "delete b", "delete c"]);
  expect(deleted.indexOf("delete c")).toBeLessThan(deleted.indexOf("delete b"));
  expect(JSON.stringify(calls[0])).toContain("provider's key");
  expect(stack.objects()).toEqual([]);
  const { deployment } = await stack.engine({ things: [] }).exportState();
  expect(deployment.resources).toEqual([]);
});
