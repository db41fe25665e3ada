import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lookAt, type Place } from "../../cli/commands/migrations.ts";
import { migrationsText, type Standing, standingOf } from "../../cli/migrations.ts";
import { Fleet } from "../provider/postgres/fleet-support.ts";
import { asAdmin, baseline, createTenant, tenantId } from "../provider/postgres/support.ts";

const file = (name: string, sha256 = "one") => ({ name, sha256, origin: "template" as const });
const wanted = { id: "acme", template: "ekn", ring: "all" as const, schema: "s", files: [file("0001"), file("0002")] };
const row = (name: string, sha256 = "one", origin = "template") => ({ schema: "s", origin, name, sha256 });

describe("where a tenant is", () => {
  test.each([
    ["up to date", [row("0001"), row("0002")], [], []],
    ["behind", [row("0001")], ["0002"], []],
    ["edited", [row("0001", "other")], ["0002"], ["0001"]],
    ["new", [], [], []],
    ["new", [{ ...row("0001"), schema: "another" }], [], []],
    ["behind", [row("0001"), row("0002", "one", "tenant")], ["0002"], []],
  ] as const)("is %s", (is, applied, lacks, edited) => {
    const { id, template, ring } = wanted;
    expect(standingOf(wanted, [...applied])).toEqual({ id, template, ring, is, lacks, edited });
  });

  test("is not known where nobody was asked, with the reason", () => {
    expect(standingOf(wanted, "no answer")).toMatchObject({
      is: "unknown",
      reason: "no answer",
      lacks: [],
      edited: [],
    });
  });
});

describe("the text", () => {
  test("counts by template and ring in the order of the rings, and names who lacks and who has edited what", () => {
    const one = (id: string, ring: Standing["ring"], is: Standing["is"], over: Partial<Standing> = {}): Standing => ({
      ...{ id, template: "ekn", ring, is, lacks: [], edited: [] },
      ...over,
    });
    const lacks = ["0002-more.sql"];
    const text = migrationsText([
      one("pool words", "pool", "up to date", { template: "words" }),
      ...Array.from({ length: 11 }, (_, index) => one(`t${index}`, "all", "behind", { lacks })),
      one("first", "canary", "up to date"),
      one("late", "early", "edited", { edited: ["0001-tables.sql"], lacks }),
      one("fresh", "early", "new"),
      one("far", "all", "unknown", { reason: "no login" }),
    ]);
    expect(text).toBe(
      [
        "template  ring    up to date  behind  edited  not made  not asked",
        "ekn       canary  1 of 1      -       -       -         -",
        "          early   0 of 2      -       1       1         -",
        "          all     0 of 12     11      -       -         1",
        "words     pool    1 of 1      -       -       -         -",
        "",
        "Files that are not applied yet:",
        "  ekn/0002-more.sql  early  late",
        "  ekn/0002-more.sql  all    11: t0, t1, t2, t3, t4, t5, t6, t7 and 3 more",
        "",
        "Files that were edited after they had been applied, which the next update refuses:",
        "  ekn/0001-tables.sql  early  late",
        "",
        "Not asked:",
        "  far: no login",
      ].join("\n"),
    );
  });
});

describe("on the server", () => {
  const fleet = new Fleet();
  beforeAll(() => baseline(fleet.deps), 120_000);
  afterAll(() => fleet.end());

  test("who lacks a file, who has an edited one and who is not made yet is read from the catalogue", async () => {
    fleet.write("moved", { "0001-t.sql": "CREATE TABLE t (id int);", "seed/0001-s.sql": "INSERT INTO t VALUES (1);" });
    const tenants = [fleet.inputs("moved", tenantId("a")), fleet.inputs("moved", tenantId("b"))];
    await Promise.all(tenants.map((inputs) => createTenant(fleet.deps, inputs)));
    await asAdmin("UPDATE platform.applied_files SET sha256 = 'other' WHERE schema_name = $1", [tenants[1]?.schema]);
    fleet.write("moved", { "0002-u.sql": "CREATE TABLE u (id int);" });
    const place = (id: string, schema: string, over: Partial<Place> = {}): Place => ({
      ...{ id, template: "moved", ring: "all", schema, server: "main" },
      files: fleet
        .forward(tenants[0] ?? fleet.inputs("moved", "x"))
        .templateFiles.map((one) => ({ ...one, origin: "template" })),
      ...over,
    });
    const standings = await lookAt(fleet.deps.pools, [
      ...tenants.map(({ tenant, schema }) => place(tenant, schema)),
      place("fresh", "tenant_fresh"),
      place("silo", "tenant_silo", { database: "no_such_database" }),
      place("cloud", "tenant_cloud", { server: "rds" }),
    ]);
    expect(standings.map(({ is, lacks, edited }) => [is, lacks, edited])).toEqual([
      ["behind", ["0002-u.sql"], []],
      ["edited", ["0002-u.sql"], ["0001-t.sql"]],
      ["new", [], []],
      ["new", [], []],
      ["unknown", [], []],
    ]);
    expect(standings[4]?.reason).toContain(`made by a cloud's provider`);
  });
});
