import { expect, test } from "vitest";
import { ringHandler } from "../../provider/index/ring.ts";
import type { RingInputs } from "../../provider/inputs.ts";
import { context } from "./postgres/support.ts";

const handler = ringHandler();
const ring = context("canary", { type: "tenancy:index:Ring" });

test("a ring is made, read, changed and deleted without any server, and carries nothing but its name", async () => {
  const inputs: RingInputs = { ring: "canary" };
  expect(await handler.check(ring, undefined, inputs)).toEqual([]);
  const { id, outputs } = await handler.create(ring, inputs);
  expect({ id, outputs }).toEqual({ id: "canary", outputs: { ring: "canary" } });
  expect(await handler.read(ring, id, inputs, outputs)).toEqual({ inputs, outputs });
  expect(await handler.update(ring, id, outputs, inputs)).toEqual({ ring: "canary" });
  await handler.delete(ring, id, outputs);
});

test("a ring of another name is refused with those that there are", async () => {
  expect(await handler.check(ring, undefined, { ring: "late" } as unknown as RingInputs)).toEqual([
    { property: "ring", reason: 'ring is "late"; allowed is one of canary, early, all' },
  ]);
});
