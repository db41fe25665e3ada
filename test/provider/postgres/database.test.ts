import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DatabaseInputs, DatabaseOutputs } from "../../../provider/inputs.ts";
import { databaseHandler } from "../../../provider/postgres/database.ts";
import { sha256 } from "../../../templates/load.ts";
import {
  administrator,
  calling,
  CrashingPools,
  createSilo,
  databaseInputs,
  driftOf,
  dropDatabases,
  leftovers,
  siloBaseline,
  unfinished,
  withoutAdmin,
} from "./database-support.ts";
import { asAdmin, connect, dependencies, stateOf, tenantId, waiver } from "./support.ts";

const deps = dependencies();
const handler = databaseHandler(deps);
const admin = administrator();
const folder = mkdtempSync(join(tmpdir(), "tenancy-sql-"));
beforeAll(() => siloBaseline(deps), 120_000);
afterAll(async () => {
  await dropDatabases();
  await deps.pools.close();
  rmSync(folder, { recursive: true });
});

describe("the life of a silo", () => {
  test("its application writes, its reader reads, nothing differs, and the catalogue knows it", async () => {
    const inputs = databaseInputs(tenantId("life"), { template: "ekn", extensions: ["vector"] });
    expect(await handler.check(calling(inputs.tenant), undefined, inputs)).toEqual([]);
    const outputs = await createSilo(deps, inputs);
    const app = await connect(inputs.appRole, inputs.password, inputs.database);
    const vector = `[${Array.from({ length: 1536 }, () => 0.5).join(",")}]`;
    await app.query("INSERT INTO embeddings (entity_id, entity_type, embedding) VALUES ('e', 't', $1)", [vector]);
    await app.end();
    const reader = await connect(inputs.readOnlyRole, inputs.readOnlyPassword, inputs.database);
    expect((await reader.query("SELECT count(*)::int AS n FROM embeddings")).rows).toEqual([{ n: 1 }]);
    expect(await stateOf(reader, "DELETE FROM embeddings")).toBe("42501");
    await reader.end();
    expect(await driftOf(deps, inputs, outputs)).toEqual([]);
    expect(await asAdmin("SELECT status, schema_name FROM platform.tenants WHERE id = $1", [inputs.tenant])).toEqual([
      { status: "ready", schema_name: inputs.schema },
    ]);
  });

  test("suspension ends a live session and lets nobody in, and resuming opens it with the data kept", async () => {
    const inputs = databaseInputs(tenantId("pause"));
    const outputs = await createSilo(deps, inputs);
    const app = await connect(inputs.appRole, inputs.password, inputs.database);
    await app.query("INSERT INTO graph_entities (id, entity_type) VALUES ('a', 't')");
    const ended = new Promise((resolve) => app.once("end", resolve));
    const suspended: DatabaseInputs = { ...inputs, state: "suspended" };
    const paused = await handler.update(calling(inputs.tenant), inputs.database, outputs, suspended);
    await ended;
    await expect(connect(inputs.appRole, inputs.password, inputs.database)).rejects.toMatchObject({ code: "28000" });
    await asAdmin(`ALTER ROLE "${inputs.appRole}" LOGIN`);
    await expect(connect(inputs.appRole, inputs.password, inputs.database)).rejects.toMatchObject({ code: "42501" });
    expect(await driftOf(deps, suspended, paused)).toEqual([`the role ${inputs.appRole} may log in`]);
    await handler.update(calling(inputs.tenant), inputs.database, paused, inputs);
    const again = await connect(inputs.appRole, inputs.password, inputs.database);
    expect((await again.query("SELECT id FROM graph_entities")).rows).toEqual([{ id: "a" }]);
    await again.end();
    const events = await asAdmin("SELECT event FROM platform.events WHERE tenant = $1 ORDER BY id", [inputs.tenant]);
    expect(events).toEqual([{ event: "create" }, { event: "suspend" }, { event: "resume" }]);
  });

  test("a new file, an extension, limits and a password change in place, and a second run changes nothing", async () => {
    const inputs = databaseInputs(tenantId("change"));
    const outputs = await createSilo(deps, inputs);
    const sql = "CREATE TABLE more (id int);";
    writeFileSync(join(folder, "more.sql"), sql);
    const news: DatabaseInputs = {
      ...inputs,
      additionalRoot: folder,
      additionalFiles: [{ name: "more.sql", sha256: sha256(sql) }],
      extensions: ["vector"],
      connectionLimit: 3,
      readOnlyConnectionLimit: 2,
      password: "a new password",
    };
    expect(await handler.check(calling(inputs.tenant), inputs, news)).toEqual([]);
    const changed = await handler.update(calling(inputs.tenant), inputs.database, outputs, news);
    expect(changed.instanceToken).toBe(outputs.instanceToken);
    await expect(connect(inputs.appRole, inputs.password, inputs.database)).rejects.toMatchObject({ code: "28P01" });
    const app = await connect(inputs.appRole, news.password, inputs.database);
    expect((await app.query("SELECT '[1]'::vector::text AS v, count(*)::int AS n FROM more")).rows).toEqual([
      { v: "[1]", n: 0 },
    ]);
    await app.end();
    const limits = () =>
      asAdmin(
        `SELECT datconnlimit AS database, a.rolconnlimit AS app, r.rolconnlimit AS reader FROM pg_database, pg_roles a, pg_roles r
         WHERE datname = $1 AND a.rolname = $2 AND r.rolname = $3`,
        [inputs.database, inputs.appRole, inputs.readOnlyRole],
      );
    expect(await limits()).toEqual([{ database: 10, app: 3, reader: 2 }]);
    await handler.update(calling(inputs.tenant), inputs.database, changed, news);
    expect(await driftOf(deps, news, changed)).toEqual([]);
    expect(await limits()).toEqual([{ database: 10, app: 3, reader: 2 }]);
  });

  test("removal ends every session, leaves no database and no role, and the id is refused for ever", async () => {
    const inputs = databaseInputs(tenantId("leave"));
    const outputs = await createSilo(deps, inputs);
    await expect(handler.delete(calling(inputs.tenant), inputs.database, outputs)).rejects.toThrow(
      /is not deleted: its state is active/,
    );
    const open = [
      await connect(inputs.appRole, inputs.password, inputs.database),
      await connect(admin.user, admin.password, inputs.database),
    ];
    const ended = open.map((client) => new Promise((resolve) => client.once("end", resolve)));
    const last: DatabaseOutputs = { ...outputs, state: "offboarding", backupWaiver: waiver };
    await expect(
      handler.delete(calling(inputs.tenant), inputs.database, { ...last, backupWaiver: undefined }),
    ).rejects.toThrow(/it has no backupWaiver/);
    await handler.delete(calling(inputs.tenant), inputs.database, last);
    await Promise.all(ended);
    await handler.delete(calling(inputs.tenant), inputs.database, last);
    expect(await leftovers(inputs)).toEqual([]);
    expect(await driftOf(deps, inputs, last)).toBeUndefined();
    expect(await asAdmin("SELECT status, backup_waiver FROM platform.tenants WHERE id = $1", [inputs.tenant])).toEqual([
      { status: "removed", backup_waiver: waiver },
    ]);
    await expect(createSilo(deps, inputs)).rejects.toThrow(/never given again/);
    expect(await leftovers(inputs)).toEqual([]);
  });

  test("without an administrator a foreign session in the database is told, and the next run goes on", async () => {
    const inputs = databaseInputs(tenantId("held"));
    const outputs = await createSilo(deps, inputs);
    const last: DatabaseOutputs = { ...outputs, state: "offboarding", backupWaiver: waiver };
    const bare = withoutAdmin();
    const client = await connect(admin.user, admin.password, inputs.database);
    await expect(databaseHandler(bare).delete(calling(inputs.tenant), inputs.database, last)).rejects.toThrow(
      new RegExp(`${admin.user} is connected to it[^]*DROP DATABASE IF EXISTS "${inputs.database}" WITH \\(FORCE\\);`),
    );
    await client.end();
    await databaseHandler(bare).delete(calling(inputs.tenant), inputs.database, last);
    await bare.pools.close();
    expect(await leftovers(inputs)).toEqual([]);
  });

  test("roles that own objects of another database are not dropped with them", async () => {
    const inputs = databaseInputs(tenantId("owns"));
    const outputs = await createSilo(deps, inputs);
    const table = `public."owned_${inputs.schema}"`;
    await asAdmin(`CREATE TABLE ${table} (id int); ALTER TABLE ${table} OWNER TO "${inputs.ownerRole}"`);
    const last: DatabaseOutputs = { ...outputs, state: "offboarding", backupWaiver: waiver };
    await expect(handler.delete(calling(inputs.tenant), inputs.database, last)).rejects.toThrow(
      /owner is not dropped: it owns objects in tenants/,
    );
    expect(await asAdmin(`SELECT count(*)::int AS n FROM ${table}`)).toEqual([{ n: 0 }]);
    await asAdmin(`DROP TABLE ${table}`);
    await handler.delete(calling(inputs.tenant), inputs.database, last);
    expect(await leftovers(inputs)).toEqual([]);
  });
});

describe("adoption", () => {
  test("a run that was killed after any step is taken up by the next one, and nothing unfinished is left", async () => {
    const count = new CrashingPools(Infinity);
    await createSilo({ ...deps, pools: count }, databaseInputs(tenantId("whole")));
    await count.close();
    // CREATE DATABASE, its name and mark, hardening twice, platform, schema, catalogue.
    expect(count.changes).toBe(7);
    for (let until = 1; until <= count.changes; until += 1) {
      const inputs = databaseInputs(tenantId("crash"));
      const pools = new CrashingPools(until);
      await expect(createSilo({ ...deps, pools }, inputs)).rejects.toThrow("the process was killed");
      await pools.close();
      const news = { ...inputs, password: "another" };
      const outputs = await createSilo(deps, news);
      expect([until, await driftOf(deps, news, outputs)]).toEqual([until, []]);
      await (await connect(inputs.appRole, "another", inputs.database)).end();
    }
    expect(await unfinished()).toEqual([]);
  }, 120_000);

  test("a removal that was killed after any step is taken up by the next one", async () => {
    const removal = async (until: number): Promise<[DatabaseInputs, number]> => {
      const inputs = databaseInputs(tenantId("cut"));
      const outputs = await createSilo(deps, inputs);
      const last: DatabaseOutputs = { ...outputs, state: "offboarding", backupWaiver: waiver };
      const pools = new CrashingPools(until);
      const cut = databaseHandler({ ...deps, pools }).delete(calling(inputs.tenant), inputs.database, last);
      if (until === Infinity) await cut;
      else await expect(cut).rejects.toThrow("the process was killed");
      await pools.close();
      await handler.delete(calling(inputs.tenant), inputs.database, last);
      expect([until, await leftovers(inputs)]).toEqual([until, []]);
      return [inputs, pools.changes];
    };
    const [, steps] = await removal(Infinity);
    // Logins closed, connections refused, dropped, roles dropped, catalogue.
    expect(steps).toBe(5);
    for (let until = 1; until <= steps; until += 1) {
      const [{ tenant }] = await removal(until);
      expect(await asAdmin("SELECT status FROM platform.tenants WHERE id = $1", [tenant])).toEqual([
        { status: "removed" },
      ]);
    }
  }, 120_000);

  test("a database that is taken over has a new token, and a removal by the old one leaves it alone", async () => {
    const inputs = databaseInputs(tenantId("adopt"));
    const first = await createSilo(deps, inputs);
    const second = await createSilo(deps, inputs);
    expect(second.instanceToken).not.toBe(first.instanceToken);
    const old = calling(inputs.tenant);
    await handler.delete(old, inputs.database, { ...first, state: "offboarding", backupWaiver: waiver });
    expect(old.warnings).toEqual([expect.stringMatching(/is left alone/)]);
    expect(await leftovers(inputs)).toHaveLength(4);
    await (await connect(inputs.appRole, inputs.password, inputs.database)).end();
    await expect(handler.update(calling(inputs.tenant), inputs.database, first, inputs)).rejects.toThrow(
      /belongs to another instance/,
    );
  });

  test("data inside is taken over only where its tenant is named: rows, a schema, a table in public", async () => {
    const data = {
      "table graph_entities has rows": (schema: string) =>
        `INSERT INTO "${schema}".graph_entities (id, entity_type) VALUES ('a', 't')`,
      "schema reports is none": () => "CREATE SCHEMA reports",
      "table public.notes is none": () => "CREATE TABLE public.notes (id int)",
      "large object \\d+ is none": () => "SELECT lo_create(0)",
    };
    for (const [what, sql] of Object.entries(data)) {
      const inputs = databaseInputs(tenantId("data"));
      const outputs = await createSilo(deps, inputs);
      await asAdmin(sql(inputs.schema), [], inputs.database);
      await expect(createSilo(deps, inputs)).rejects.toThrow(new RegExp(`holds data \\(${what}`));
      expect(await driftOf(deps, inputs, outputs)).toEqual([]);
      const named = calling(inputs.tenant, { adopt: [inputs.tenant] });
      const taken = await handler.create(named, inputs);
      expect(await driftOf(deps, inputs, taken.outputs)).toEqual([]);
    }
  });

  test("another resource's database, another stack's id and a database without a mark are refused", async () => {
    const inputs = databaseInputs(tenantId("foreign"));
    await createSilo(deps, inputs);
    await expect(handler.create(calling(`${inputs.tenant}-renamed`), inputs)).rejects.toThrow(/aliases/);
    await expect(handler.create(calling(inputs.tenant, { stack: "other" }), inputs)).rejects.toThrow(
      /belongs to the stack tenancy\/test/,
    );
    const unmarked = databaseInputs(tenantId("unmarked"));
    await asAdmin(`CREATE DATABASE "${unmarked.database}"`);
    await expect(createSilo(deps, unmarked)).rejects.toThrow(/carries no mark/);
    expect(await leftovers(unmarked)).toEqual([unmarked.database]);
    await asAdmin(`DROP DATABASE "${unmarked.database}"`);
    const moved = calling(`${inputs.tenant}-moved`);
    const outputs = await createSilo(deps, inputs);
    expect(await handler.update(moved, inputs.database, outputs, inputs)).toMatchObject({
      markUrn: moved.urn,
      instanceToken: outputs.instanceToken,
    });
    await expect(createSilo(deps, inputs)).rejects.toThrow(/aliases/);
  });
});
