/**
 * `tenancy:index:Ring`: the end of a ring of tenants. It holds nothing and asks no server: a program makes it depend on
 * every tenant of its ring and the tenants of the next one on it, so that the engine waits, and stops where one failed.
 */
import type { CheckFailure, Handler } from "../handler.ts";
import { type RingInputs, rings } from "../inputs.ts";

export function ringHandler(): Handler<RingInputs, RingInputs> {
  return {
    type: "tenancy:index:Ring",
    replaceOn: ["ring"],
    secrets: [],

    check(_context, _olds, { ring }): Promise<readonly CheckFailure[]> {
      if (rings.includes(ring)) return Promise.resolve([]);
      const reason = `ring is ${JSON.stringify(ring)}; allowed is one of ${rings.join(", ")}`;
      return Promise.resolve([{ property: "ring", reason }]);
    },

    create: (_context, inputs) => Promise.resolve({ id: inputs.ring, outputs: { ring: inputs.ring } }),
    read: (_context, _id, inputs, outputs) => Promise.resolve({ inputs, outputs }),
    update: (_context, _id, _outputs, { ring }) => Promise.resolve({ ring }),
    delete: () => Promise.resolve(),
  };
}
