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

const pair: Spec = { things: [{ name: "a" }, { name: "b", from: "a" }] };
const a = (inputs: Readonly<Record<string, unknown>>, options = {}): Spec => ({
  things: [{ name: "a", inputs, options }],
});

describe("up", () => {
  test("makes everything once, and the second run changes nothing and leaves the state file as it is", async () => {
    const stack = newStack();
    const first = assertOk(await stack.run("up", pair));
    expect(stepsOf(first)).toEqual(["create fixture-dev", "create main", "create a", "create b"]);
    expect(stack.changes()).toEqual(["create a", "create b"]);
    const text = readFileSync(stack.stateFile, "utf8");
    expect(stepsOf(assertOk(await stack.run("up", pair)))).toEqual([]);
    expect(stack.changes()).toEqual([]);
    expect(readFileSync(stack.stateFile, "utf8")).toBe(text);
  });

  test("updates in place, tells the changed input, and hands the old inputs to check", async () => {
    const stack = await made(a({ size: 1 }));
    expect(stepsOf(assertOk(await stack.run("up", a({ size: 2 }))))).toEqual(["update a[size]"]);
    const calls = stack.calls();
    expect(calls.find(({ call }) => call === "check")?.olds).toEqual({ size: 1 });
    expect(calls.filter(({ call }) => call === "update")).toHaveLength(1);
    expect(JSON.parse(readFileSync(stack.objectFile("a"), "utf8"))).toEqual({ size: 2 });
  });

  test("replaces by making the new object before it deletes the old one", async () => {
    const stack = await made(a({ fixed: 1 }));
    expect(stepsOf(assertOk(await stack.run("up", a({ fixed: 2 }))))).toEqual(["replace a[fixed]"]);
    expect(stack.changes()).toEqual(["create a", "delete a"]);
    expect(stack.objects()).toEqual(["a"]);
    expect(stepsOf(assertOk(await stack.run("up", a({ fixed: 2 }))))).toEqual([]);
  });

  test.each([
    ["the provider asks for it", { first: "delete" }, {}],
    ["the program asks for it", {}, { deleteBeforeReplace: true }],
  ])("deletes the old object first where %s", async (_, inputs, options) => {
    const stack = await made(a({ fixed: 1, ...inputs }, options));
    assertOk(await stack.run("up", a({ fixed: 2, ...inputs }, options)));
    expect(stack.changes()).toEqual(["delete a", "create a"]);
  });

  test("deletes first what would be replaced with it, and nothing else", async () => {
    const spec = (fixed: number): Spec => ({
      things: [
        { name: "a", inputs: { fixed }, options: { deleteBeforeReplace: true } },
        { name: "b", fixedFrom: "a" },
        { name: "c", from: "a" },
        { name: "d", dependsOn: "a" },
      ],
    });
    const stack = await made(spec(1));
    assertOk(await stack.run("up", spec(2)));
    const changes = stack.changes();
    expect(changes.slice(0, 3)).toEqual(["delete b", "delete a", "create a"]);
    expect(changes.slice(3).sort()).toEqual(["create b", "update c"]);
    expect(stack.objects()).toEqual(["a", "b", "c", "d"]);
    expect(stepsOf(assertOk(await stack.run("up", spec(2))))).toEqual([]);
  });

  test("replaces a resource that is named although nothing differs", async () => {
    const stack = await made(pair);
    const urn = "urn:pulumi:dev::fixture::tenancy:test:Thing::a";
    expect(stepsOf(assertOk(await stack.run("up", pair, { replace: [urn] })))).toEqual([
      "replace a[id]",
      "update b[from]",
    ]);
    expect(stack.changes()).toEqual(["create a", "update b", "delete a"]);
  });

  test("deletes what left the program, last and in reverse order of dependency", async () => {
    const stack = await made({ things: [{ name: "a" }, { name: "b", from: "a" }, { name: "c", dependsOn: "b" }] });
    const result = assertOk(await stack.run("up", { things: [{ name: "d" }] }));
    expect(stepsOf(result)).toEqual(["create d", "delete c", "delete b", "delete a"]);
    expect(stack.changes()).toEqual(["create d", "delete c", "delete b", "delete a"]);
  });

  test("keeps the object of a resource that is retained on deletion", async () => {
    const stack = await made({ things: [{ name: "a", options: { retainOnDelete: true } }] });
    expect(stepsOf(assertOk(await stack.run("up", { things: [] })))).toEqual(["delete a"]);
    expect(stack.changes()).toEqual([]);
    expect(stack.objects()).toEqual(["a"]);
  });

  test("does not look at what the program tells it to ignore", async () => {
    const stack = await made(a({ size: 1, tags: { x: 1 } }));
    const next = a({ size: 2, tags: { x: 2, y: 2 } }, { ignoreChanges: ["size", "tags.x"] });
    expect(stepsOf(assertOk(await stack.run("up", next)))).toEqual(["update a[tags]"]);
    expect(JSON.parse(readFileSync(stack.objectFile("a"), "utf8"))).toEqual({ size: 1, tags: { x: 1, y: 2 } });
  });

  test("stops before the provider when a check fails, and tells property and reason", async () => {
    const stack = await made(a({ size: 1 }));
    const result = await stack.run("up", a({ bad: 1 }));
    expect(result.ok).toBe(false);
    expect(errorsOf(result)).toEqual(["tenancy:test:Thing: bad: must not be there"]);
    expect(stack.changes()).toEqual([]);
  });

  test("deletes nothing when the program fails", async () => {
    const stack = await made(pair);
    const result = await stack.run("up", { things: [], crash: "the registry is broken" });
    expect(result.ok).toBe(false);
    expect(errorsOf(result)[0]).toBe("the registry is broken");
    expect(stack.objects()).toEqual(["a", "b"]);
  });
});

describe("names", () => {
  test.each<[string, Spec, Spec]>([
    ["name", { things: [{ name: "a" }] }, { things: [{ name: "z", options: { aliases: [{ name: "a" }] } }] }],
    [
      "type",
      { things: [{ name: "a" }] },
      { things: [{ name: "a", type: "tenancy:test:New", options: { aliases: [{ type: "tenancy:test:Thing" }] } }] },
    ],
    [
      "whole URN",
      { things: [{ name: "a" }] },
      { things: [{ name: "z", options: { aliases: ["urn:pulumi:dev::fixture::tenancy:test:Thing::a"] } }] },
    ],
    [
      "parent's name",
      { components: { g: {} }, things: [{ name: "g-a", parent: "g" }] },
      { components: { h: { aliases: [{ name: "g" }] } }, things: [{ name: "h-a", parent: "h" }] },
    ],
  ])("an alias of the %s keeps the object, and the state knows it by its new name only", async (_, before, after) => {
    const stack = await made({
      ...before,
      things: [...before.things, { name: "user", from: before.things[0]?.name ?? "" }],
    });
    const object = stack.objectFile(before.things[0]?.name ?? "");
    const next = { ...after, things: [...after.things, { name: "user", from: after.things[0]?.name ?? "" }] };
    expect(stepsOf(assertOk(await stack.run("up", next)))).toEqual([]);
    expect(stack.changes()).toEqual([]);
    expect(readFileSync(object, "utf8")).toBe("{}");
    expect(stepsOf(assertOk(await stack.run("up", next)))).toEqual([]);
    const plain = {
      ...next,
      components: next.components && { h: {} },
      things: next.things.map(({ options: _o, ...rest }) => rest),
    };
    expect(stepsOf(assertOk(await stack.run("preview", plain)))).toEqual([]);
  });

  test("a rename without an alias makes a new object and deletes the old one", async () => {
    const stack = await made(a({}));
    expect(stepsOf(assertOk(await stack.run("up", { things: [{ name: "z" }] })))).toEqual(["create z", "delete a"]);
  });

  test("two resources of one name are refused", async () => {
    const result = await newStack().run("up", { things: [{ name: "a" }, { name: "a" }] });
    expect(errorsOf(result)).toEqual([
      "two resources of the program have the URN urn:pulumi:dev::fixture::tenancy:test:Thing::a: give one another name",
    ]);
  });
});

describe("protect", () => {
  const guarded: Spec = {
    things: [
      { name: "a", options: { protect: true } },
      { name: "b", options: { protect: true } },
    ],
  };

  test.each(["preview", "up"] as const)(
    "%s refuses that they leave, names all, and deletes none",
    async (operation) => {
      const stack = await made(guarded);
      const result = await stack.run(operation, { things: [] });
      expect(result.ok).toBe(false);
      expect(
        errorsOf(result).map((text) => /Thing::(\w+)" cannot be deleted because it is protected/.exec(text)?.[1]),
      ).toEqual(["a", "b"]);
      expect(stack.objects()).toEqual(["a", "b"]);
    },
  );

  test("destroy refuses, too", async () => {
    const stack = await made(guarded);
    expect((await stack.run("destroy", guarded)).ok).toBe(false);
    expect(stack.objects()).toEqual(["a", "b"]);
  });

  test("a replacement is refused at preview and leaves the object", async () => {
    const stack = await made(a({ fixed: 1 }, { protect: true }));
    const result = await stack.run("preview", a({ fixed: 2 }, { protect: true }));
    expect(errorsOf(result)[0]).toContain("cannot be replaced (fixed) because it is protected");
    expect(stack.objects()).toEqual(["a"]);
  });
});

describe("preview", () => {
  test("touches no object and writes no state, and what is not known yet reaches the provider as unknown", async () => {
    const stack = newStack();
    const result = assertOk(await stack.run("preview", pair));
    expect(stepsOf(result)).toEqual(["create fixture-dev", "create main", "create a", "create b"]);
    const calls = stack.calls();
    expect(calls.filter(({ call }) => call === "preview").map(({ name, inputs }) => [name, inputs])).toEqual([
      ["a", {}],
      ["b", { from: "04da6b54-80e4-46f7-96ec-b56ff0331ba9" }],
    ]);
    expect(calls.filter(({ call }) => call === "create")).toEqual([]);
    expect(() => readFileSync(stack.stateFile)).toThrow("ENOENT");
  });

  test("tells updates, replacements and deletions, and does none of them", async () => {
    const stack = await made({ things: [{ name: "a" }, { name: "b" }, { name: "c" }] });
    const next: Spec = {
      things: [
        { name: "a", inputs: { size: 1 } },
        { name: "b", inputs: { fixed: 1 } },
      ],
    };
    expect(stepsOf(assertOk(await stack.run("preview", next)))).toEqual([
      "update a[size]",
      "replace b[fixed]",
      "delete c",
    ]);
    expect(stack.changes()).toEqual([]);
    expect(stack.objects()).toEqual(["a", "b", "c"]);
  });
});

describe("refresh and destroy", () => {
  test("refresh writes what is there into the state and drops what is gone; the next up mends both", async () => {
    const stack = await made({ things: [{ name: "a", inputs: { size: 1 } }, { name: "b" }, { name: "c", from: "b" }] });
    writeFileSync(stack.objectFile("a"), JSON.stringify({ size: 9 }));
    rmSync(stack.objectFile("b"));
    const result = assertOk(await stack.run("refresh", { things: [] }));
    expect(stepsOf(result).sort()).toEqual(["delete b", "refresh a[size]"]);
    const next: Spec = { things: [{ name: "a", inputs: { size: 1 } }, { name: "b" }, { name: "c", from: "b" }] };
    const mended = assertOk(await stack.run("up", next));
    expect(stepsOf(mended).sort()).toEqual(["create b", "update a[size]", "update c[from]"]);
    expect(JSON.parse(readFileSync(stack.objectFile("a"), "utf8"))).toEqual({ size: 1 });
  });

  test("destroy deletes everything without the program, dependents first, with the provider's recorded settings", async () => {
    const stack = await made({
      components: { g: {} },
      things: [
        { name: "a", parent: "g" },
        { name: "b", from: "a" },
      ],
    });
    const result = assertOk(await stack.run("destroy", { things: [], crash: "is never run" }));
    expect(stepsOf(result)).toHaveLength(5);
    const calls = stack.calls().filter(({ call }) => call !== "check");
    expect(calls.map(({ call, name }) => `${call} ${name}`)).toEqual(["configure main", "delete b", "delete a"]);
    expect(JSON.stringify(calls[0])).toContain("provider's key");
    expect(stack.objects()).toEqual([]);
    const { deployment } = await stack.engine({ things: [] }).exportState();
    expect(deployment.resources).toEqual([]);
  });
});
