import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SchemaInputs, SchemaOutputs } from "../../../provider/inputs.ts";
import { schemaHandler } from "../../../provider/postgres/schema.ts";
import {
  asAdmin,
  baseline,
  connect,
  context,
  createTenant,
  dependencies,
  schemaInputs,
  stateOf,
  tenantId,
  waiver,
} from "./support.ts";

const deps = dependencies();
const handler = schemaHandler(deps);
beforeAll(() => baseline(deps), 120_000);
afterAll(() => deps.pools.close());

async function drift(inputs: SchemaInputs, outputs: SchemaOutputs) {
  const found = await handler.read(context(inputs.tenant), inputs.schema, inputs, outputs);
  return found === undefined ? undefined : (found.inputs.drift ?? []);
}

const leftovers = (inputs: SchemaInputs) =>
  asAdmin<{ name: string }>(
    "SELECT nspname AS name FROM pg_namespace WHERE nspname = $1 UNION ALL SELECT rolname FROM pg_roles WHERE rolname = ANY ($2)",
    [inputs.schema, [inputs.ownerRole, inputs.appRole, inputs.readOnlyRole]],
  );

describe("the life of a tenant", () => {
  test("a created tenant's application writes, its reader reads, and nothing differs", async () => {
    const inputs = schemaInputs(tenantId("life"), { template: "ekn" });
    expect(await handler.check(context(inputs.tenant), undefined, inputs)).toEqual([]);
    const outputs = await createTenant(deps, inputs);
    const app = await connect(inputs.appRole, inputs.password);
    const vector = `[${Array.from({ length: 1536 }, () => 0.5).join(",")}]`;
    await app.query("INSERT INTO embeddings (entity_id, entity_type, embedding) VALUES ('e', 't', $1)", [vector]);
    expect(
      (await app.query("UPDATE embeddings SET content = 'c' RETURNING updated_at > created_at AS later")).rows,
    ).toEqual([{ later: true }]);
    await app.end();
    const reader = await connect(inputs.readOnlyRole, inputs.readOnlyPassword);
    expect((await reader.query("SELECT count(*)::int AS n FROM embeddings")).rows).toEqual([{ n: 1 }]);
    expect(await stateOf(reader, "DELETE FROM embeddings")).toBe("42501");
    await reader.end();
    expect(await drift(inputs, outputs)).toEqual([]);
    expect(await asAdmin("SELECT status, schema_name FROM platform.tenants WHERE id = $1", [inputs.tenant])).toEqual([
      { status: "ready", schema_name: inputs.schema },
    ]);
  });

  test("suspension ends a live session and closes the logins, and resuming opens them with the data kept", async () => {
    const inputs = schemaInputs(tenantId("pause"));
    const outputs = await createTenant(deps, inputs);
    const app = await connect(inputs.appRole, inputs.password);
    await app.query("INSERT INTO graph_entities (id, entity_type) VALUES ('a', 't')");
    const ended = new Promise((resolve) => app.once("end", resolve));
    const suspended: SchemaInputs = { ...inputs, state: "suspended" };
    const paused = await handler.update(context(inputs.tenant), inputs.schema, outputs, suspended);
    await ended;
    await expect(connect(inputs.appRole, inputs.password)).rejects.toMatchObject({ code: "28000" });
    expect(await drift(suspended, paused)).toEqual([]);
    await handler.update(context(inputs.tenant), inputs.schema, paused, inputs);
    const again = await connect(inputs.appRole, inputs.password);
    expect((await again.query("SELECT id FROM graph_entities")).rows).toEqual([{ id: "a" }]);
    await again.end();
  });

  test("a new password replaces the old one in place and is in no log of the events", async () => {
    const inputs = schemaInputs(tenantId("rotate"));
    const outputs = await createTenant(deps, inputs);
    const news = { ...inputs, password: "a new password" };
    await handler.update(context(inputs.tenant), inputs.schema, outputs, news);
    await expect(connect(inputs.appRole, inputs.password)).rejects.toMatchObject({ code: "28P01" });
    await (await connect(inputs.appRole, news.password)).end();
    const events = await asAdmin<{ event: string; detail: object }>(
      "SELECT event, detail FROM platform.events WHERE tenant = $1 ORDER BY id",
      [inputs.tenant],
    );
    expect(events.map(({ event }) => event)).toEqual(["create", "rotate"]);
    expect(JSON.stringify(events)).not.toContain("a new password");
  });

  test("removal leaves no schema and no role, keeps a tombstone with the waiver, and the id is refused for ever", async () => {
    const inputs = schemaInputs(tenantId("leave"));
    const outputs = await createTenant(deps, inputs);
    await expect(handler.delete(context(inputs.tenant), inputs.schema, outputs)).rejects.toThrow(
      /is not deleted: its state is active/,
    );
    const offboarding: SchemaInputs = { ...inputs, state: "offboarding", backupWaiver: waiver };
    const last = await handler.update(context(inputs.tenant), inputs.schema, outputs, offboarding);
    await handler.delete(context(inputs.tenant), inputs.schema, last);
    await handler.delete(context(inputs.tenant), inputs.schema, last);
    expect(await leftovers(inputs)).toEqual([]);
    expect(await drift(offboarding, last)).toBeUndefined();
    expect(await asAdmin("SELECT status, backup_waiver FROM platform.tenants WHERE id = $1", [inputs.tenant])).toEqual([
      { status: "removed", backup_waiver: waiver },
    ]);
    await expect(createTenant(deps, inputs)).rejects.toThrow(/never given again/);
  });

  test("a schema of more tables than one transaction can lock is removed", async () => {
    const inputs = schemaInputs(tenantId("large"));
    const outputs = await createTenant(deps, { ...inputs, state: "active" });
    await asAdmin(`SET ROLE "${inputs.ownerRole}"; DO $$ BEGIN FOR i IN 1..450 LOOP
      EXECUTE format('CREATE TABLE ${inputs.schema}.t%s (id int)', i); END LOOP; END $$`);
    const last: SchemaOutputs = { ...outputs, state: "offboarding", backupWaiver: waiver };
    await handler.delete(context(inputs.tenant), inputs.schema, last);
    expect(await leftovers(inputs)).toEqual([]);
  });
});

describe("adoption", () => {
  test("a run after a crash takes over its own empty schema with a new token and new passwords", async () => {
    const inputs = schemaInputs(tenantId("adopt"));
    const first = await createTenant(deps, inputs);
    const news = { ...inputs, password: "another" };
    const second = await createTenant(deps, news);
    expect(second.instanceToken).not.toBe(first.instanceToken);
    await (await connect(inputs.appRole, "another")).end();
    const old = context(inputs.tenant);
    await handler.delete(old, inputs.schema, { ...first, state: "offboarding", backupWaiver: waiver });
    expect(old.warnings).toHaveLength(1);
    expect(await leftovers(inputs)).toHaveLength(4);
  });

  test("a schema with rows is taken over only where its tenant is named", async () => {
    const inputs = schemaInputs(tenantId("rows"));
    await createTenant(deps, inputs);
    const app = await connect(inputs.appRole, inputs.password);
    await app.query("INSERT INTO graph_entities (id, entity_type) VALUES ('a', 't')");
    await app.end();
    await expect(createTenant(deps, inputs)).rejects.toThrow(/holds data \(table graph_entities has rows\)/);
    const named = context(inputs.tenant, { adopt: [inputs.tenant] });
    const { outputs } = await handler.create(named, inputs);
    expect(await drift(inputs, outputs)).toEqual([]);
  });

  test("another resource's schema, another stack's id and an unmarked schema are refused", async () => {
    const inputs = schemaInputs(tenantId("foreign"));
    await createTenant(deps, inputs);
    await expect(handler.create(context(`${inputs.tenant}-renamed`), inputs)).rejects.toThrow(/aliases/);
    await expect(handler.create(context(inputs.tenant, { stack: "other" }), inputs)).rejects.toThrow(
      /belongs to the stack tenancy\/test/,
    );
    const unmarked = schemaInputs(tenantId("unmarked"));
    await asAdmin(`CREATE SCHEMA "${unmarked.schema}"`);
    await expect(createTenant(deps, unmarked)).rejects.toThrow(/carries no mark/);
    expect(await leftovers(unmarked)).toEqual([{ name: unmarked.schema }]);
  });

  test("an update moves the mark to a new URN and keeps the token", async () => {
    const inputs = schemaInputs(tenantId("alias"));
    const outputs = await createTenant(deps, inputs);
    const moved = context(`${inputs.tenant}-moved`);
    expect(await handler.update(moved, inputs.schema, outputs, inputs)).toMatchObject({
      markUrn: moved.urn,
      instanceToken: outputs.instanceToken,
    });
    await expect(createTenant(deps, inputs)).rejects.toThrow(/aliases/);
  });
});

describe("drift", () => {
  test("everything that was changed from outside is told by read and mended by update", async () => {
    const inputs = schemaInputs(tenantId("drift"));
    const other = schemaInputs(tenantId("neighbour"));
    const outputs = await createTenant(deps, inputs);
    await createTenant(deps, other);
    await asAdmin(`GRANT USAGE ON SCHEMA "${inputs.schema}" TO PUBLIC`);
    await asAdmin(`GRANT SELECT ON "${inputs.schema}".graph_entities TO "${other.appRole}"`);
    await asAdmin(`GRANT SELECT (id) ON "${inputs.schema}".graph_relations TO "${other.appRole}"`);
    await asAdmin(`REVOKE INSERT ON "${inputs.schema}".graph_entities FROM "${inputs.appRole}"`);
    await asAdmin(`GRANT "${inputs.ownerRole}" TO "${other.appRole}"`);
    await asAdmin(`ALTER ROLE "${inputs.appRole}" BYPASSRLS CONNECTION LIMIT 99 PASSWORD 'changed'`);
    await asAdmin(`ALTER ROLE "${inputs.readOnlyRole}" IN DATABASE tenants RESET search_path`);
    await asAdmin(`GRANT TEMP ON DATABASE tenants TO "${inputs.appRole}"`);
    await asAdmin(
      `ALTER DEFAULT PRIVILEGES FOR ROLE "${inputs.ownerRole}" IN SCHEMA "${inputs.schema}" GRANT ALL ON TABLES TO PUBLIC`,
    );
    const told = (await drift(inputs, outputs)) ?? [];
    for (const part of [
      /schema .* PUBLIC/,
      /graph_entities has other rights .*neighbour/,
      /graph_relations has rights on single columns/,
      /is a member of/,
      /has BYPASSRLS/,
      /connection limit of 99, not 10/,
      /settings of the role .*_ro /,
      /TEMPORARY/,
      /default privileges/,
      /password of the role .*_app /,
    ]) {
      expect(told.join("\n")).toMatch(part);
    }
    const mended = await handler.update(context(inputs.tenant), inputs.schema, outputs, inputs);
    expect(await drift(inputs, mended)).toEqual([]);
    const neighbour = await connect(other.appRole, other.password);
    expect(await stateOf(neighbour, `SELECT id FROM "${inputs.schema}".graph_relations`)).toBe("42501");
    expect(await stateOf(neighbour, `SET ROLE "${inputs.ownerRole}"`)).toBe("42501");
    await neighbour.end();
  });
});

describe("isolation", () => {
  test("a tenant's application reaches nothing of another tenant and makes nothing of its own", async () => {
    const [a, b] = [schemaInputs(tenantId("a")), schemaInputs(tenantId("b"))];
    await createTenant(deps, a);
    await createTenant(deps, b);
    const app = await connect(a.appRole, a.password);
    const denied = [
      `SELECT * FROM "${b.schema}".graph_entities`,
      `INSERT INTO "${b.schema}".graph_entities (id, entity_type) VALUES ('x', 'y')`,
      `SELECT '"${b.schema}".graph_entities'::regclass`,
      `SELECT "${b.schema}".touch_updated_at()`,
      `CREATE TABLE "${b.schema}".t (id int)`,
      `CREATE TABLE "${a.schema}".t (id int)`,
      "CREATE TABLE public.t (id int)",
      "CREATE TABLE extensions.t (id int)",
      "CREATE SCHEMA mine",
      "CREATE TEMP TABLE t (id int)",
      `SET ROLE "${b.ownerRole}"`,
      `SET ROLE "${a.ownerRole}"`,
      `GRANT "${b.ownerRole}" TO "${a.appRole}"`,
      `ALTER ROLE "${b.appRole}" PASSWORD 'x'`,
      `ALTER ROLE "${a.appRole}" BYPASSRLS`,
      `ALTER ROLE "${a.appRole}" CONNECTION LIMIT -1`,
      `TRUNCATE "${a.schema}".graph_entities`,
      "SELECT * FROM platform.tenants",
      "DELETE FROM platform.applied_files",
      "SELECT * FROM pg_authid",
      "SELECT pg_read_file('/etc/hostname')",
      "COPY (SELECT 1) TO PROGRAM 'true'",
      "SELECT lo_create(0)",
      "SELECT pg_advisory_lock(1)",
      "SELECT pg_notify('c', 'p')",
      `SELECT query_to_xml('SELECT * FROM "${b.schema}".graph_entities', true, false, '')`,
      `DROP SCHEMA "${b.schema}" CASCADE`,
    ];
    for (const sql of denied) expect([sql, await stateOf(app, sql)]).toEqual([sql, "42501"]);
    await app.query(`SET search_path = "${b.schema}"`);
    expect(await stateOf(app, "SELECT * FROM graph_entities")).toBe("42P01");
    await app.end();
    await expect(connect(a.appRole, a.password, "postgres")).rejects.toMatchObject({ code: "42501" });
  });
});
