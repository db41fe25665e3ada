import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { unknownValue } from "../../../provider/handler.ts";
import type { PoolTenantInputs } from "../../../provider/inputs.ts";
import { PostgresPools } from "../../../provider/postgres/pool.ts";
import { checkPoolTenant } from "../../../provider/postgres/pool-tenant-check.ts";
import { removalOrder } from "../../../provider/postgres/pool-tenant-rows.ts";
import { poolDependencies } from "./pool-tenant-support.ts";

const folder = mkdtempSync(join(tmpdir(), "tenancy-seeds-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const inputs: PoolTenantInputs = {
  server: "main",
  tenant: "acme",
  state: "active",
  externalId: "e",
  displayName: "Acme",
  pool: "library",
  schema: "pool_library",
  ownerRole: "pool_library_owner",
  poolAppRole: "pool_library_app",
  poolReadOnlyRole: "pool_library_ro",
  tenantId: "2c1d6f0e-0f4b-4b7a-9f0e-1a2b3c4d5e6f",
  appRole: "tenant_acme_app",
  readOnlyRole: "tenant_acme_ro",
  connectionLimit: 10,
  readOnlyConnectionLimit: 5,
  template: "library",
  variables: {},
  password: "p",
  readOnlyPassword: "r",
};

describe("the check of a pool's tenant", () => {
  test("what is right has no fault, and what a preview does not know yet is no fault", async () => {
    expect(await checkPoolTenant(poolDependencies(), inputs)).toEqual([]);
    const unknown = { ...inputs, password: unknownValue, readOnlyPassword: unknownValue, tenantId: unknownValue };
    expect(await checkPoolTenant(poolDependencies(), unknown)).toEqual([]);
  });

  test("all faults come at once, each with its property and without a password", async () => {
    const failures = await checkPoolTenant(poolDependencies(), {
      ...inputs,
      server: "none",
      state: "asleep" as "active",
      schema: "x".repeat(64),
      appRole: "pool_library_app",
      readOnlyRole: "pg_read_all_data",
      tenantId: "2C1D6F0E-0F4B-4B7A-9F0E-1A2B3C4D5E6F",
      connectionLimit: 0,
      password: "gehe\u00efm",
      template: "notes",
      variables: { size: 1 },
    });
    expect(failures.map(({ property }) => property).sort()).toEqual([
      "connectionLimit",
      "password",
      "poolAppRole",
      "readOnlyRole",
      "schema",
      "server",
      "state",
      "template",
      "tenantId",
      "variables.size",
    ]);
    expect(failures.every(({ reason }) => reason.startsWith("tenant acme: "))).toBe(true);
    expect(JSON.stringify(failures)).not.toContain("gehe");
    const reason = (property: string) => failures.find((failure) => failure.property === property)?.reason;
    expect(reason("template")).toMatch(/is not made for a pool; it is for: bridge, silo/);
    expect(reason("tenantId")).toMatch(/no uuid in lower case/);
  });

  test("a seed that the guard of SQL refuses is refused at preview, with its file and line", async () => {
    const template = join(folder, "bad");
    mkdirSync(join(template, "seed"), { recursive: true });
    writeFileSync(join(template, "template.yaml"), "description: A seed that takes a role.\ntiers: [pool]\n");
    writeFileSync(join(template, "0001-tables.sql"), "CREATE TABLE t (tenant_id uuid PRIMARY KEY);\n");
    writeFileSync(join(template, "seed", "0001-bad.sql"), "INSERT INTO t VALUES (DEFAULT);\nRESET ROLE;\n");
    const pools = new PostgresPools({
      postgres: poolDependencies().pools.names().length > 0 ? { main: poolDependencies().pools.server("main") } : {},
    });
    const failures = await checkPoolTenant(
      { pools, templates: folder, projectDir: folder },
      { ...inputs, template: "bad" },
    );
    expect(failures.map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/^tenant acme: bad\/seed\/0001-bad\.sql, line 2: SET is refused.*\[set-role\]$/),
    ]);
  });
});

describe("the order in which rows are removed", () => {
  test("children come before their parents, circles together, and what no key ties comes last", () => {
    const key = (child: string, parent: string, follows = false) => ({ child, parent, follows });
    const order = removalOrder(
      ["a_history", "authors", "books", "pages", "rooms", "wings", "tags"],
      [
        key("books", "authors"),
        key("pages", "books"),
        key("pages", "authors", true),
        key("rooms", "wings"),
        key("wings", "rooms"),
        key("books", "rooms"),
        key("tags", "tags", true),
      ],
    );
    const place = (table: string) => order.findIndex(({ tables }) => tables.includes(table));
    expect(place("pages")).toBeLessThan(place("books"));
    expect(place("books")).toBeLessThan(place("authors"));
    expect(place("books")).toBeLessThan(place("rooms"));
    expect(order.at(-1)).toEqual({ tables: ["a_history"], together: false });
    expect(order[place("rooms")]).toEqual({ tables: ["rooms", "wings"], together: true });
    expect(order[place("tags")]).toEqual({ tables: ["tags"], together: false });
    expect(order.flatMap(({ tables }) => tables)).toHaveLength(7);
  });
});
