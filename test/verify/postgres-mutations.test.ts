import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Controls } from "../../verify/assault.ts";
import { recipes } from "../../verify/postgres/attempts/index.ts";
import { postgresProbe } from "../../verify/postgres/probe.ts";
import { mutations } from "./postgres-mutations.ts";
import { attack, type Ground, idsOf, startGround, type Tenant } from "./postgres-support.ts";

let ground: Ground;
let attacker: Tenant;
let canary: Tenant;
let controls: Controls;
const found = new Set<string>();

beforeAll(async () => {
  ground = await startGround();
  attacker = await ground.provision("acme", "knowledge-graph");
  canary = await ground.provision(`abcde-${randomBytes(4).toString("hex")}`, "canary");
  const probe = postgresProbe();
  await probe.furnish(canary);
  controls = new Controls(probe, canary);
});
afterAll(async () => {
  await controls.close();
  await ground.end();
});

/** With new connections, which settings of a role need to take effect. */
const attackCanary = () => attack(postgresProbe({ keep: 0 }), attacker, canary, controls);

describe("what breaks isolation is found by the attempts that are about it, and by no others", () => {
  test("there are more than 60 ways to break it, each with a name of its own", () => {
    expect(mutations.length).toBeGreaterThan(60);
    expect(new Set(mutations.map(({ name }) => name)).size).toBe(mutations.length);
  });

  test.each(mutations)("$name", async (mutation) => {
    const [a, v] = [attacker.postgres.names, canary.postgres.names];
    await ground.admin(mutation.damage(a, v));
    try {
      const results = await attackCanary();
      const leaks = idsOf(results, "LEAK");
      for (const id of leaks) found.add(id);
      expect(leaks.sort()).toEqual([...mutation.found].sort());
      expect(idsOf(results, "could not run")).toEqual([]);
      // In a schema that is open, a table that is closed is refused as such instead of as unknown.
      const isOpen = leaks.includes("regclass") && !leaks.includes("select");
      expect(idsOf(results, "denied differently")).toEqual(isOpen ? ["search-path"] : []);
    } finally {
      await ground.admin(mutation.repair(a, v));
    }
  });

  test("after all repairs every attempt is denied as expected", async () => {
    const results = await attackCanary();
    expect(results.filter(({ verdict }) => verdict !== "denied as expected")).toEqual([]);
  });

  test("every attempt of the catalogue has found something", () => {
    // Those between databases, and those about pools, have their own test.
    const here = recipes.filter(({ between }) => between === undefined || between === "schemas");
    expect(here.map(({ id }) => id).filter((id) => !found.has(id))).toEqual([]);
  });
});
