/** The two engines against each other: the same program gives the same resources, in the same order by dependency. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { query } from "../support/clients.ts";
import { availableEngines, TestProject } from "../support/project.ts";

const resourcesSchema = z.array(
  z.object({
    urn: z.string(),
    parent: z.string().default(""),
    dependencies: z.array(z.string()).default([]),
    protect: z.boolean().default(false),
  }),
);
const stateSchema = z.union([
  z.object({ deployment: z.object({ resources: resourcesSchema }) }),
  z.object({ checkpoint: z.object({ latest: z.object({ resources: resourcesSchema }) }) }),
]);
type Resource = z.infer<typeof resourcesSchema>[number];

function resourcesOf(project: TestProject): Resource[] {
  const state = stateSchema.parse(JSON.parse(readFileSync(project.stateFile, "utf8")));
  const resources = "deployment" in state ? state.deployment.resources : state.checkpoint.latest.resources;
  // The default provider of @pulumi/random is a matter of the engine.
  return resources.filter(({ urn }) => !urn.includes("pulumi:providers:random"));
}

/** What must not depend on the engine: identity, parent, dependencies, protection. */
function comparable(resources: readonly Resource[]): object[] {
  return resources
    .map(({ urn, parent, dependencies, protect }) => ({ urn, parent, protect, dependencies: [...dependencies].sort() }))
    .sort((a, b) => (a.urn < b.urn ? -1 : 1));
}

const engines = await availableEngines();

describe.skipIf(engines.length < 2)("the local engine and the Pulumi CLI", () => {
  const local = new TestProject("local");
  const pulumi = new TestProject("pulumi");
  afterAll(() => {
    local.remove();
    pulumi.remove();
  });

  it("register the same resources, with the same parents, dependencies and protection", async () => {
    for (const project of [local, pulumi]) {
      project.tenants = { acme: {}, beta: { state: "suspended" }, gamma: { stores: ["redis"] } };
      const up = await project.up();
      expect(up.code, up.text).toBe(0);
    }
    expect(comparable(resourcesOf(local))).toEqual(comparable(resourcesOf(pulumi)));
  });

  it("plan the same change the same way", async () => {
    const plans = [];
    for (const project of [local, pulumi]) {
      project.tenants = {
        acme: { postgres: { connectionLimit: 4 } },
        beta: {},
        gamma: { stores: ["redis"] },
        delta: {},
      };
      const preview = await project.run(["preview"]);
      expect(preview.code, preview.text).toBe(0);
      plans.push(preview.stdout.split("\n").filter((line) => /^\s+[+~±-] /.test(line)));
    }
    expect(plans[0]?.length).toBeGreaterThan(8);
    expect(plans[0]).toEqual(plans[1]);
  });

  it("keep every resource behind what it depends on in their state", async () => {
    for (const project of [local, pulumi]) {
      const up = await project.up();
      expect(up.code, up.text).toBe(0);
      const seen = new Set<string>();
      for (const { urn, parent, dependencies } of resourcesOf(project)) {
        for (const needed of [parent, ...dependencies].filter((name) => name !== "")) {
          expect(seen.has(needed), `${urn} stands before ${needed} in the state of ${project.engine}`).toBe(true);
        }
        seen.add(urn);
      }
    }
  });

  it("hand a stack over to each other, secrets included, and then find nothing to change", async () => {
    const before = await local.credentials("acme");
    for (const target of ["pulumi", "local"] as const) {
      const move = await local.run(["engine", "move", target]);
      expect(move.code, move.text).toBe(0);
      const preview = await local.start(["preview", "--engine", target]).done;
      expect(preview.code, preview.text).toBe(0);
      expect(preview.stdout).not.toMatch(/to (create|update|replace|delete)/);
      const after = await local.credentials("acme");
      expect(after.postgres.password).toBe(before.postgres.password);
      expect(await query(after, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    }
    expect(readFileSync(join(local.dir, ".dev", "engines", "dev"), "utf8")).toBe("local\n");
  });
});
