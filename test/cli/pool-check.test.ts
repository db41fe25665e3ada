import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectationOf, poolsOf, poolText } from "../../cli/commands/pool-check.ts";
import type { PoolExpectation } from "../../cli/pool-checks.ts";
import { checkPool } from "../../cli/pool-look.ts";
import type { PoolTenantInputs } from "../../provider/inputs.ts";
import { templates } from "../provider/postgres/support.ts";
import { testPool, type TestPool } from "../templates/pool-support.ts";

let pool: TestPool;
let tenant: PoolTenantInputs;
let expected: PoolExpectation;
beforeAll(async () => {
  pool = await testPool("glyph-foundry", {}, 2);
  tenant = await pool.join("a");
  const { inputs, server } = pool;
  const { pool: name, template, variables, partitions } = inputs;
  const record = { name, server: "main", template, variables, partitions };
  expected = expectationOf(record, { postgres: { main: server } }, templates);
}, 120_000);
afterAll(() => pool.close());

const look = () => checkPool(pool.deps.pools, expected);
/** What fails, by check. */
const failures = async () => new Map((await look()).filter(({ ok }) => !ok).map(({ name, seen }) => [name, seen]));

describe("tenancy pool-check", () => {
  test("a pool as its handler makes it passes every check, and each tells what it looked at", async () => {
    const { inputs, server } = pool;
    expect(expected.inputs).toEqual(inputs);
    expect(expected.server).toBe(server);
    expect((await look()).map(({ name, ok, seen, fix }) => [ok, name, seen, fix])).toEqual([
      [true, "extensions", ["vector"], ""],
      // 4 plain tables, 7 partitioned ones with 2 partitions each, and the audit's.
      [true, "row-level security enabled and forced", ["26 tables and partitions with tenant_id"], ""],
      [true, "policy tenant_isolation, and no other", ["one on each of 26 tables and partitions with tenant_id"], ""],
      [true, "no row without tenant_id", ["uuid NOT NULL in 26 tables and partitions with tenant_id"], ""],
      [true, "audit on every change", ["INSERT, UPDATE and DELETE of 11 tables"], ""],
      [true, "other triggers active", [expect.stringMatching(/^\d+ triggers$/)], ""],
      [true, "views read with the caller's rights", ["no view"], ""],
      [true, "keys and indexes begin with tenant_id", [expect.stringMatching(/^\d+ indexes, \d+ foreign keys$/)], ""],
      [true, "no role passes by the policies", ["owner, groups and 4 logins"], ""],
      [true, "grants and logins", ["as the template and the platform say"], ""],
      [true, "search width", ["hnsw.ef_search is known"], ""],
    ]);
  });

  const table = (name: string) => `"${pool.inputs.schema}"."${name}"`;
  const cases: readonly (readonly [
    string,
    {
      readonly check: string;
      readonly seen: (p: TestPool) => string;
      readonly damage: () => string;
      readonly undo: () => string;
    },
  ])[] = [
    [
      "row-level security of a table that is not called %_v2 is off",
      {
        check: "row-level security enabled and forced",
        damage: () => `ALTER TABLE ${table("users")} DISABLE ROW LEVEL SECURITY`,
        seen: () => "the table users has row-level security disabled",
        undo: () => `ALTER TABLE ${table("users")} ENABLE ROW LEVEL SECURITY`,
      },
    ],
    [
      "row-level security of one partition is not forced",
      {
        check: "row-level security enabled and forced",
        damage: () => `ALTER TABLE ${table("glyphs_4d_p1")} NO FORCE ROW LEVEL SECURITY`,
        seen: () => "the table glyphs_4d_p1 waives row-level security for its owner",
        undo: () => `ALTER TABLE ${table("glyphs_4d_p1")} FORCE ROW LEVEL SECURITY`,
      },
    ],
    [
      "a second policy shows everything",
      {
        check: "policy tenant_isolation, and no other",
        damage: () => `CREATE POLICY everything ON ${table("api_keys")} USING (true)`,
        seen: () => "the policy everything of the table api_keys is none of the pool's",
        undo: () => `DROP POLICY everything ON ${table("api_keys")}`,
      },
    ],
    [
      "tenant_id may be NULL",
      {
        check: "no row without tenant_id",
        damage: () => `CREATE TABLE ${table("loose")} (tenant_id uuid)`,
        seen: () => "tenant_id of the table loose may be NULL",
        undo: () => `DROP TABLE ${table("loose")}`,
      },
    ],
    [
      "a table has no tenant_id",
      {
        check: "no row without tenant_id",
        damage: () => `CREATE TABLE ${table("loose")} (id int)`,
        seen: () => "the table loose has no column tenant_id",
        undo: () => `DROP TABLE ${table("loose")}`,
      },
    ],
    [
      "an audit trigger is disabled",
      {
        check: "audit on every change",
        damage: () => `ALTER TABLE ${table("users")} DISABLE TRIGGER tenancy_audit_delete`,
        seen: () => "the trigger tenancy_audit_delete of the table users is disabled",
        undo: () => `ALTER TABLE ${table("users")} ENABLE TRIGGER tenancy_audit_delete`,
      },
    ],
    [
      "a trigger of the template is disabled",
      {
        check: "other triggers active",
        damage: () => `ALTER TABLE ${table("tags_v2")} DISABLE TRIGGER tags_v2_place`,
        seen: () => "the trigger tags_v2_place of the table tags_v2 is disabled",
        undo: () => `ALTER TABLE ${table("tags_v2")} ENABLE TRIGGER tags_v2_place`,
      },
    ],
    [
      "a view reads with its owner's rights",
      {
        check: "views read with the caller's rights",
        damage: () => `CREATE VIEW ${table("mails")} AS SELECT email FROM ${table("users")}`,
        seen: () => "the view mails reads with its owner's rights (security_invoker is off)",
        undo: () => `DROP VIEW ${table("mails")}`,
      },
    ],
    [
      "a unique key goes over all tenants",
      {
        check: "keys and indexes begin with tenant_id",
        damage: () => `CREATE UNIQUE INDEX all_mails ON ${table("users")} (email)`,
        seen: () =>
          "the unique key all_mails of the table users does not begin with tenant_id: " +
          "its error would tell whether another tenant has a value",
        undo: () => `DROP INDEX ${table("all_mails")}`,
      },
    ],
    [
      "a tenant's login has BYPASSRLS",
      {
        check: "no role passes by the policies",
        damage: () => `ALTER ROLE "${tenant.appRole}" BYPASSRLS`,
        seen: () => `the role ${tenant.appRole} is BYPASSRLS`,
        undo: () => `ALTER ROLE "${tenant.appRole}" NOBYPASSRLS`,
      },
    ],
    [
      "the group may change the history",
      {
        check: "grants and logins",
        damage: () => `GRANT DELETE ON ${table("nodes_v2_history")} TO "${pool.inputs.appRole}"`,
        seen: () => `the table nodes_v2_history has other rights than a tenant's for ${pool.inputs.appRole}`,
        undo: () => `REVOKE DELETE ON ${table("nodes_v2_history")} FROM "${pool.inputs.appRole}"`,
      },
    ],
    [
      "the search width is set under the name that does nothing",
      {
        check: "search width",
        damage: () => `ALTER ROLE "${tenant.appRole}" SET "vector.hnsw.ef_search" = 64`,
        seen: () => `vector.hnsw.ef_search of ${tenant.appRole} is set and does nothing`,
        undo: () => `ALTER ROLE "${tenant.appRole}" RESET "vector.hnsw.ef_search"`,
      },
    ],
  ];

  test.each(cases)("%s: the check fails and names it", async (_what, { check, damage, seen, undo }) => {
    const { admin } = pool;
    await admin(damage());
    try {
      expect((await failures()).get(check)).toContain(seen(pool));
    } finally {
      await admin(undo());
    }
    expect(await failures()).toEqual(new Map());
  });

  test("an extension that the template needs is missing", async () => {
    const checks = await checkPool(pool.deps.pools, { ...expected, extensions: ["vector", "postgis"] });
    const failed = checks.filter(({ ok }) => !ok);
    expect(failed).toEqual([
      {
        name: "extensions",
        ok: false,
        seen: ["postgis is missing"],
        fix: "run `npm run up`: the Baseline makes them, where the server offers them",
      },
    ]);
    const text = poolText({ pool: "glyphs", checks });
    expect(text).toContain("FAIL  extensions                             postgis is missing\n");
    expect(text).toContain("→ run `npm run up`");
    expect(text.split("\n").at(-1)).toBe("1 of 11 checks failed");
  });

  test("a pool that is not made yet, or not in the registry, says what to do", async () => {
    const { inputs } = expected;
    await expect(
      checkPool(pool.deps.pools, { ...expected, inputs: { ...inputs, schema: "pool_none" } }),
    ).rejects.toThrow(`pool ${inputs.pool}: the server "main" has no schema pool_none. Run \`npm run up\` first.`);
    const record = { name: "a", server: "other", template: "glyph-foundry", variables: {}, partitions: 0 };
    expect(poolsOf([record], undefined)).toEqual([record]);
    expect(() => poolsOf([record], "b")).toThrow('pool-check: "b" is no pool of the registry; it has: a.');
    expect(() => poolsOf([], undefined)).toThrow("pool-check: the registry has no pools.");
    expect(() => expectationOf(record, { postgres: {} }, templates)).toThrow('no PostgreSQL server "other"');
  });
});
