import { setTimeout as sleep } from "node:timers/promises";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SchemaInputs } from "../../../provider/inputs.ts";
import { schemaHandler } from "../../../provider/postgres/schema.ts";
import { sha256 } from "../../../templates/load.ts";
import { Fleet, plainUpdate } from "./fleet-support.ts";
import { asAdmin, baseline, connect, context, createTenant, tenantId } from "./support.ts";

const fleet = new Fleet();
const { deps } = fleet;
const handler = schemaHandler(deps);
const provisioner = deps.pools.server("main").provisioner.user;
beforeAll(() => baseline(deps), 120_000);
afterAll(() => fleet.end());

const tables = "CREATE TABLE docs (id int PRIMARY KEY, title text);";
const small = "-- tenancy: allow index-without-concurrently: its tables are small everywhere\n";
const column = `ALTER TABLE docs ADD COLUMN added text;\n${small}CREATE INDEX docs_added ON docs (added);`;

/** A tenant of a template of its own, and the same asking for one more file. */
async function withNext(next: string, over: Partial<SchemaInputs> = {}) {
  const template = tenantId("fleet");
  fleet.write(template, { "0001-tables.sql": tables });
  const inputs = fleet.inputs(template, tenantId("move"), over);
  const outputs = await createTenant(deps, inputs);
  fleet.write(template, { "0002-next.sql": next });
  return { inputs, outputs, news: fleet.forward(inputs) };
}

const applied = async ({ schema }: SchemaInputs) =>
  (
    await asAdmin<{ name: string }>(
      "SELECT name FROM platform.applied_files WHERE schema_name = $1 ORDER BY applied_at, origin, name",
      [schema],
    )
  ).map(({ name }) => name);
const columns = async ({ schema }: SchemaInputs) =>
  (
    await asAdmin<{ name: string }>(
      "SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum",
      [`${schema}.docs`],
    )
  ).map(({ name }) => name);

describe("an update that only brings new files", () => {
  test("is one transaction that leaves passwords and rights alone, and says in the audit trail what it did", async () => {
    const { inputs, outputs, news } = await withNext(column);
    const secrets = () =>
      asAdmin("SELECT rolpassword FROM pg_authid WHERE rolname = ANY ($1) ORDER BY 1", [
        [inputs.appRole, inputs.readOnlyRole],
      ]);
    const before = await secrets();
    const after = await handler.update(plainUpdate(inputs.tenant), inputs.schema, outputs, news);
    expect(after).toEqual({ ...outputs, templateFiles: news.templateFiles });
    expect(await columns(inputs)).toEqual(["id", "title", "added"]);
    expect(await secrets()).toEqual(before);
    const read = await handler.read(context(inputs.tenant), inputs.schema, news, after);
    expect(read?.inputs.drift).toBeUndefined();
    expect(
      await asAdmin("SELECT event, detail->'files' AS files FROM platform.events WHERE tenant = $1 ORDER BY id", [
        inputs.tenant,
      ]),
    ).toEqual([
      { event: "create", files: ["0001-tables.sql"] },
      { event: "update", files: ["0002-next.sql"] },
    ]);
    // The answer to the COMMIT was lost, and the update is made again.
    await handler.update(plainUpdate(inputs.tenant), inputs.schema, outputs, news);
    expect(await applied(inputs)).toEqual(["0001-tables.sql", "0002-next.sql"]);
  });

  test("looks at everything, and mends it, where a refresh has found a difference or nobody has looked", async () => {
    for (const context_ of [{ drifted: true }, {}, { drifted: false }]) {
      const { inputs, outputs, news } = await withNext(column);
      await asAdmin(`REVOKE INSERT ON ${inputs.schema}.docs FROM ${inputs.appRole}`);
      await handler.update({ ...context(inputs.tenant), ...context_ }, inputs.schema, outputs, news);
      const [right] = await asAdmin("SELECT has_table_privilege($1, $2, 'INSERT') AS may", [
        inputs.appRole,
        `${inputs.schema}.docs`,
      ]);
      expect(right).toEqual({ may: context_.drifted !== false });
      expect(await columns(inputs)).toEqual(["id", "title", "added"]);
    }
  });

  test("gets back the right to work as the owner, and mends a lost mark, by looking at everything", async () => {
    const { inputs, outputs, news } = await withNext(column);
    await asAdmin(
      `REVOKE SET OPTION FOR ${inputs.ownerRole} FROM ${provisioner} GRANTED BY ${provisioner}; COMMENT ON SCHEMA ${inputs.schema} IS NULL`,
    );
    const after = await handler.update(plainUpdate(inputs.tenant), inputs.schema, outputs, news);
    expect(await columns(inputs)).toEqual(["id", "title", "added"]);
    const read = await handler.read(context(inputs.tenant), inputs.schema, news, after);
    expect(read?.inputs.drift).toBeUndefined();
  });

  test("is refused for another instance's schema and for an edited file, with nothing applied", async () => {
    const { inputs, outputs, news } = await withNext(column);
    const stranger = { ...outputs, instanceToken: "another" };
    await expect(handler.update(plainUpdate(inputs.tenant), inputs.schema, stranger, news)).rejects.toThrow(
      /belongs to another instance/,
    );
    await asAdmin("UPDATE platform.applied_files SET sha256 = 'other' WHERE schema_name = $1", [inputs.schema]);
    await expect(handler.update(plainUpdate(inputs.tenant), inputs.schema, outputs, news)).rejects.toThrow(
      `tenant ${inputs.tenant}: the file 0001-tables.sql was edited after it had been applied (applied other, now `,
    );
    expect(await columns(inputs)).toEqual(["id", "title"]);
  });

  test("names file and line of what the server refuses, and leaves the schema as it was", async () => {
    const { inputs, outputs, news } = await withNext(`${column}\nALTER TABLE docs ADD COLUMN more nothing;`);
    await expect(handler.update(plainUpdate(inputs.tenant), inputs.schema, outputs, news)).rejects.toThrow(
      /refused the file 0002-next\.sql, line 4: type "nothing" does not exist\. Its transaction was rolled back/,
    );
    expect(await columns(inputs)).toEqual(["id", "title"]);
    expect(await applied(inputs)).toEqual(["0001-tables.sql"]);
  });

  test("keeps what a tenant's own files made, and applies a further one of them after the template's", async () => {
    const own = (name: string, sql: string) => {
      writeFileSync(join(fleet.templates, name), sql);
      return { name, sha256: sha256(sql) };
    };
    const first = own(
      "first.sql",
      "CREATE TABLE notes (id int REFERENCES docs); CREATE VIEW titles AS SELECT title FROM docs;",
    );
    const over = { additionalRoot: fleet.templates, additionalFiles: [first] };
    const { inputs, outputs, news } = await withNext(column, over);
    await asAdmin(`INSERT INTO ${inputs.schema}.docs VALUES (1, 't'); INSERT INTO ${inputs.schema}.notes VALUES (1)`);
    const second = own("second.sql", `${small}CREATE INDEX mine ON docs (added, title);`);
    const more = { ...news, additionalFiles: [first, second] };
    expect(await handler.check(context(inputs.tenant), inputs, more)).toEqual([]);
    const after = await handler.update(plainUpdate(inputs.tenant), inputs.schema, outputs, more);
    expect(await applied(inputs)).toEqual(["0001-tables.sql", "first.sql", "0002-next.sql", "second.sql"]);
    expect(await asAdmin(`SELECT title, id FROM ${inputs.schema}.titles, ${inputs.schema}.notes`)).toEqual([
      { title: "t", id: 1 },
    ]);
    const read = await handler.read(context(inputs.tenant), inputs.schema, more, after);
    expect(read?.inputs.drift).toBeUndefined();
  });
});

describe("what is in the way of a migration", () => {
  test("a lock that an application holds and releases is waited for", async () => {
    const { inputs, outputs, news } = await withNext(column);
    const app = await connect(inputs.appRole, inputs.password);
    await app.query("BEGIN; SELECT * FROM docs");
    const updating = handler.update(plainUpdate(inputs.tenant), inputs.schema, outputs, news);
    // Longer than one attempt waits.
    await sleep(2_500);
    expect(await columns(inputs)).toEqual(["id", "title"]);
    await app.query("COMMIT");
    await updating;
    expect(await columns(inputs)).toEqual(["id", "title", "added"]);
    await app.end();
  });

  test("when it gives up it says by role and application who held the lock, and nothing is half done", async () => {
    const { inputs, outputs, news } = await withNext(column);
    const app = await connect(inputs.appRole, inputs.password);
    await app.query("SET application_name = 'billing'; BEGIN; SELECT * FROM docs");
    const ending = new AbortController();
    const update = { ...plainUpdate(inputs.tenant), signal: ending.signal };
    const updating = handler.update(update, inputs.schema, outputs, news);
    const refused = expect(updating).rejects.toThrow(
      new RegExp(`lock timeout.*held by "billing" \\(role ${inputs.appRole}, process \\d+\\): end that transaction`),
    );
    await sleep(300);
    ending.abort();
    await refused;
    await app.end();
    expect(await columns(inputs)).toEqual(["id", "title"]);
    await expect(handler.update(update, inputs.schema, outputs, news)).rejects.toThrow(
      /was cancelled before its next file/,
    );
    await handler.update(plainUpdate(inputs.tenant), inputs.schema, outputs, news);
    expect(await columns(inputs)).toEqual(["id", "title", "added"]);
  });

  test("forty schemas at once, with backends ended in the middle, each get the file once and are the same", async () => {
    const template = tenantId("forty");
    fleet.write(template, { "0001-tables.sql": tables });
    const fleetOf = Array.from({ length: 40 }, () => fleet.inputs(template, tenantId("forty")));
    const outputs = await Promise.all(fleetOf.map((inputs) => createTenant(deps, inputs)));
    fleet.write(template, {
      "0002-next.sql": `${column} INSERT INTO docs SELECT g, 'x' FROM generate_series(1, 20000) g;`,
    });
    const updates = Promise.all(
      outputs.map((out, index) => {
        const news = fleet.forward(fleetOf[index] ?? out);
        return handler.update(plainUpdate(news.tenant), news.schema, out, news);
      }),
    ).then(() => "done");
    let ended = 0;
    while ((await Promise.race([updates, sleep(30)])) !== "done") {
      if (ended >= 6) continue;
      const rows = await asAdmin(
        `SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity
         WHERE usename = $1 AND query LIKE '%generate_series(1, 20000)%' AND state = 'active' LIMIT 2`,
        [provisioner],
      );
      ended += rows.length;
    }
    expect(ended).toBeGreaterThan(0);
    const seen = await Promise.all(
      fleetOf.map(async (inputs) => {
        const [count] = await asAdmin<{ n: number }>(`SELECT count(*)::int AS n FROM ${inputs.schema}.docs`);
        return JSON.stringify([await columns(inputs), await applied(inputs), count?.n]);
      }),
    );
    const expected = JSON.stringify([["id", "title", "added"], ["0001-tables.sql", "0002-next.sql"], 20_000]);
    expect(seen.filter((one) => one === expected)).toHaveLength(40);
  }, 60_000);
});
