/** Tenants ring by ring on each engine: what fails in one keeps the next as they are. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { EngineName } from "../../../cli/engines.ts";
import { adminQuery } from "../../support/admin.ts";
import { query } from "../../support/clients.ts";
import { TestProject } from "../../support/project.ts";

const migration = "0002-one-of-a-type.sql";
const adds =
  "-- tenancy: allow index-without-concurrently: a unique index that one tenant's rows break\n" +
  "CREATE UNIQUE INDEX graph_entities_one_of_a_type ON graph_entities (entity_type);\n";

export function rings(engine: EngineName): void {
  describe(`rings with the engine ${engine}`, () => {
    const project = new TestProject(engine);
    const file = join(project.dir, "templates", "knowledge-graph", migration);
    afterAll(() => {
      project.remove();
    });

    /** Tenants whose schema has the index of the migration, in the order of their names. */
    async function migrated(): Promise<string[]> {
      const sql = "SELECT schemaname FROM pg_indexes WHERE indexname = 'graph_entities_one_of_a_type' ORDER BY 1";
      const rows = await adminQuery(project, sql);
      return rows.map(({ schemaname }) => String(schemaname).replace(`${project.prefix}_`, ""));
    }

    it("makes two barriers for three rings, each after every resource of its ring", async () => {
      const stores = { stores: ["postgres"] };
      project.tenants = {
        first: { ...stores, ring: "canary" },
        second: { ...stores, ring: "canary" },
        third: { ...stores, ring: "early" },
        fourth: stores,
      };
      const up = await project.up();
      expect(up.code, up.text).toBe(0);
      const waits = dependencies(project);
      expect(waits["Ring canary"]).toEqual(["Schema first-schema", "Schema second-schema"]);
      expect(waits["Ring early"]).toEqual(["Schema third-schema"]);
      expect(waits["Ring all"]).toBeUndefined();
      const all = ["RandomPassword passwords", "Roster tenants"];
      expect(waits["Schema first-schema"]).toEqual(all);
      expect(waits["Schema third-schema"]).toEqual([...all, "Ring canary"].sort());
      expect(waits["Schema fourth-schema"]).toEqual([...all, "Ring early"].sort());
    });

    it("leaves the next rings as they are while a tenant of the first fails, and brings the others of it forward", async () => {
      const first = await project.credentials("first");
      await query(first, "INSERT INTO graph_entities (id, entity_type) VALUES ('1', 'same'), ('2', 'same')");
      writeFileSync(file, adds);
      const up = await project.up();
      expect(up.code).toBe(1);
      expect(up.text).toContain("tenant first");
      expect(await migrated()).toEqual(["second"]);
    });

    it("goes on with all rings after the tenant is mended", async () => {
      await query(await project.credentials("first"), "DELETE FROM graph_entities WHERE id = '2'");
      const up = await project.up();
      expect(up.code, up.text).toBe(0);
      expect(await migrated()).toEqual(["first", "fourth", "second", "third"]);
      expect((await project.up()).stdout).toContain("nothing to change");
    });

    it("makes a clone after its source, with the source's structure and rows, and logins of its own", async () => {
      await query(
        await project.credentials("first"),
        "INSERT INTO graph_entities (id, entity_type) VALUES ('3', 'other')",
      );
      project.tenants.apart = { stores: ["postgres"], ring: "canary", clone: { of: "first", data: true } };
      const up = await project.up();
      expect(up.code, up.text).toBe(0);
      const apart = await project.credentials("apart");
      expect(await query(apart, "SELECT id FROM graph_entities ORDER BY id")).toEqual([{ id: "1" }, { id: "3" }]);
      await query(apart, "DELETE FROM graph_entities");
      const rows = await query(await project.credentials("first"), "SELECT count(*)::int AS rows FROM graph_entities");
      expect(rows).toEqual([{ rows: 2 }]);
      expect(await migrated()).toEqual(["apart", "first", "fourth", "second", "third"]);
    });

    it("drops the barrier of a ring that nobody is in any more", async () => {
      for (const tenant of Object.values(project.tenants)) delete tenant.ring;
      const up = await project.up();
      expect(up.code, up.text).toBe(0);
      expect(await query(await project.credentials("apart"), "SELECT id FROM graph_entities")).toEqual([]);
      expect(Object.keys(dependencies(project)).filter((name) => name.startsWith("Ring"))).toEqual([]);
    });
  });
}

/** What each resource of the state names as a dependency, as in `Schema acme-schema`, sorted; the provider left out. */
function dependencies(project: TestProject): Record<string, string[]> {
  const state = JSON.parse(readFileSync(project.stateFile, "utf8")) as
    State | { checkpoint: { latest: State["deployment"] } };
  const { resources } = "checkpoint" in state ? state.checkpoint.latest : state.deployment;
  const nameOf = (urn: string): string => {
    const [, , types = "", name = ""] = urn.split("::");
    return `${types.split(":").at(-1) ?? ""} ${name}`;
  };
  return Object.fromEntries(
    resources.map(({ urn, dependencies: urns = [] }) => [nameOf(urn), urns.map(nameOf).sort()]),
  );
}

interface State {
  readonly deployment: { readonly resources: readonly { readonly urn: string; readonly dependencies?: string[] }[] };
}
