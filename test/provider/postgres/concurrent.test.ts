import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SchemaInputs } from "../../../provider/inputs.ts";
import { schemaHandler } from "../../../provider/postgres/schema.ts";
import { Fleet, plainUpdate } from "./fleet-support.ts";
import { asAdmin, baseline, connect, context, createTenant, tenantId } from "./support.ts";

const fleet = new Fleet();
const { deps } = fleet;
const handler = schemaHandler(deps);
beforeAll(() => baseline(deps), 120_000);
afterAll(() => fleet.end());

const tables = `CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TABLE docs (id int PRIMARY KEY, title text, mood mood, parent int);
CREATE INDEX docs_old ON docs (parent);
ALTER TABLE docs ADD CONSTRAINT positive CHECK (id > 0) NOT VALID;`;
const index = `-- tenancy: concurrently
CREATE INDEX CONCURRENTLY docs_title ON docs (lower(title)) WHERE parent IS NULL;`;

/** A template of its own for each test, so that its later files are nobody else's. */
function templateOf(files: Readonly<Record<string, string>>): string {
  const name = tenantId("fleet");
  fleet.write(name, { "0001-tables.sql": tables, ...files });
  return name;
}

const indexes = ({ schema }: SchemaInputs) =>
  asAdmin<{ name: string; valid: boolean; oid: number }>(
    `SELECT c.relname AS name, x.indisvalid AS valid, c.oid FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
     WHERE c.relnamespace = $1::regnamespace ORDER BY 1`,
    [schema],
  );
const applied = async ({ schema }: SchemaInputs) =>
  (
    await asAdmin<{ name: string }>(
      "SELECT name FROM platform.applied_files WHERE schema_name = $1 ORDER BY applied_at, name",
      [schema],
    )
  ).map(({ name }) => name);

describe("files for CONCURRENTLY", () => {
  test("run inside of the one transaction of a new schema, in their place, and nothing differs afterwards", async () => {
    const template = templateOf({
      "0002-index.sql": index,
      "0003-more.sql": "COMMENT ON INDEX docs_title IS 'there';",
    });
    const inputs = fleet.inputs(template, tenantId("new"));
    expect(await handler.check(context(inputs.tenant), undefined, inputs)).toEqual([]);
    const outputs = await createTenant(deps, inputs);
    expect(await indexes(inputs)).toMatchObject([
      { name: "docs_old", valid: true },
      { name: "docs_pkey", valid: true },
      { name: "docs_title", valid: true },
    ]);
    const [row] = await asAdmin<{ n: number }>(
      "SELECT count(DISTINCT xmin::text)::int AS n FROM platform.applied_files WHERE schema_name = $1",
      [inputs.schema],
    );
    expect(row?.n).toBe(1);
    const read = await handler.read(context(inputs.tenant), inputs.schema, inputs, outputs);
    expect(read?.inputs.drift).toBeUndefined();
  });

  test("bring a schema that is there forward in the order of the files, whichever way the update goes", async () => {
    const template = templateOf({});
    const inputs = [fleet.inputs(template, tenantId("old")), fleet.inputs(template, tenantId("old"))];
    const outputs = await Promise.all(inputs.map((one) => createTenant(deps, one)));
    fleet.write(template, {
      "0002-column.sql": "ALTER TABLE docs ADD COLUMN extra text;",
      "0003-index.sql": `${index} CREATE INDEX CONCURRENTLY docs_extra ON docs (extra);`,
      "0004-last.sql": "COMMENT ON INDEX docs_extra IS 'last';",
    });
    for (const [at, found] of outputs.entries()) {
      const news = fleet.forward(inputs[at] ?? found);
      // The first asks for the files alone, the second is mended as a whole.
      const changed = at === 0 ? news : { ...news, connectionLimit: 7 };
      await handler.update(plainUpdate(news.tenant), news.schema, found, changed);
      expect(await applied(news)).toEqual(["0001-tables.sql", "0002-column.sql", "0003-index.sql", "0004-last.sql"]);
      expect((await indexes(news)).filter(({ valid }) => valid).map(({ name }) => name)).toEqual([
        "docs_extra",
        "docs_old",
        "docs_pkey",
        "docs_title",
      ]);
      const read = await handler.read(context(news.tenant), news.schema, changed, { ...found, ...changed });
      expect(read?.inputs.drift).toBeUndefined();
    }
  });

  test("an index whose build is interrupted is invalid, and the same update drops it and builds it again", async () => {
    const template = templateOf({});
    const inputs = fleet.inputs(template, tenantId("broken"));
    const outputs = await createTenant(deps, inputs);
    fleet.write(template, { "0002-index.sql": index });
    const news = fleet.forward(inputs);
    const app = await connect(inputs.appRole, inputs.password);
    await app.query("BEGIN; INSERT INTO docs VALUES (1, 'held', 'sad')");
    const updating = handler.update(plainUpdate(inputs.tenant), inputs.schema, outputs, news);
    const broken = async () => (await indexes(inputs)).find(({ valid }) => !valid);
    let before = await broken();
    while (before === undefined) {
      await sleep(20);
      before = await broken();
    }
    const ended = await asAdmin(
      "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query LIKE '%docs_title%' AND query LIKE '%CONCURRENTLY%' AND usename = $1",
      [deps.pools.server("main").provisioner.user],
    );
    expect(ended).toHaveLength(1);
    expect((await broken())?.oid).toBe(before.oid);
    await app.query("COMMIT");
    await updating;
    const after = (await indexes(inputs)).filter(({ name }) => name.startsWith("docs_title"));
    expect(after).toEqual([{ name: "docs_title", valid: true, oid: expect.any(Number) as number }]);
    expect(after[0]?.oid).not.toBe(before.oid);
    expect(await applied(inputs)).toEqual(["0001-tables.sql", "0002-index.sql"]);
    await app.end();
  }, 60_000);

  test("an index that is whole and equal is kept, and one of another definition is refused by its name", async () => {
    const template = templateOf({});
    const equal = fleet.inputs(template, tenantId("equal"));
    const other = fleet.inputs(template, tenantId("other"));
    const [one, two] = await Promise.all([createTenant(deps, equal), createTenant(deps, other)]);
    fleet.write(template, { "0002-index.sql": index });
    await asAdmin(`CREATE INDEX docs_title ON ${equal.schema}.docs (lower(title)) WHERE parent IS NULL`);
    await asAdmin(`CREATE INDEX docs_title ON ${other.schema}.docs (lower(title)) WHERE parent IS NOT NULL`);
    const [before, wrong] = await Promise.all([indexes(equal), indexes(other)]);
    await handler.update(plainUpdate(equal.tenant), equal.schema, one, fleet.forward(equal));
    expect(await indexes(equal)).toEqual(before);
    expect(await applied(equal)).toEqual(["0001-tables.sql", "0002-index.sql"]);
    await expect(handler.update(plainUpdate(other.tenant), other.schema, two, fleet.forward(other))).rejects.toThrow(
      `tenant ${other.tenant}: the file 0002-index.sql, line 2 (create index) failed: the index "docs_title" is there ` +
        `already, on the table docs and with another definition than the file's`,
    );
    expect(await indexes(other)).toEqual(wrong);
    expect(await applied(other)).toEqual(["0001-tables.sql"]);
  });

  test("a unique index that the rows refuse leaves no index behind, and the next update goes on from there", async () => {
    const template = templateOf({});
    const inputs = fleet.inputs(template, tenantId("twice"));
    const outputs = await createTenant(deps, inputs);
    await asAdmin(`INSERT INTO ${inputs.schema}.docs VALUES (1, 'secret'), (2, 'secret')`);
    fleet.write(template, {
      "0002-index.sql":
        "-- tenancy: concurrently\nALTER TYPE mood ADD VALUE 'calm';\nCREATE UNIQUE INDEX CONCURRENTLY docs_once ON docs (title);",
    });
    const news = fleet.forward(inputs);
    const failing = handler.update(plainUpdate(inputs.tenant), inputs.schema, outputs, news);
    await expect(failing).rejects.toThrow(/0002-index.sql, line 3 \(create index\) failed: .*SQLSTATE 23505/);
    await expect(failing).rejects.not.toThrow(/secret/);
    expect((await indexes(inputs)).map(({ name }) => name)).toEqual(["docs_old", "docs_pkey"]);
    await asAdmin(`DELETE FROM ${inputs.schema}.docs WHERE id = 2`);
    await handler.update(plainUpdate(inputs.tenant), inputs.schema, outputs, news);
    expect((await indexes(inputs)).map(({ name }) => name)).toEqual(["docs_old", "docs_once", "docs_pkey"]);
  });

  test("values, validations, dropped and rebuilt indexes are done once, and a half rebuilt one is cleared away", async () => {
    const template = templateOf({});
    const inputs = fleet.inputs(template, tenantId("kinds"));
    const outputs = await createTenant(deps, inputs);
    // As an interrupted REINDEX leaves it.
    await asAdmin(`CREATE INDEX docs_pkey_ccnew ON ${inputs.schema}.docs (id)`);
    await asAdmin("UPDATE pg_index SET indisvalid = false WHERE indexrelid = $1::regclass", [
      `${inputs.schema}.docs_pkey_ccnew`,
    ]);
    fleet.write(template, {
      "0002-kinds.sql": `-- tenancy: concurrently
        ALTER TYPE mood ADD VALUE 'calm' BEFORE 'glad';
        ALTER TABLE docs VALIDATE CONSTRAINT positive;
        DROP INDEX CONCURRENTLY docs_old;
        REINDEX INDEX CONCURRENTLY docs_pkey;`,
    });
    const news = fleet.forward(inputs);
    expect(await handler.check(context(inputs.tenant), inputs, news)).toEqual([]);
    const [before] = await indexes(inputs).then((all) => all.filter(({ name }) => name === "docs_pkey"));
    await handler.update(plainUpdate(inputs.tenant), inputs.schema, outputs, news);
    const after = await indexes(inputs);
    expect(after.map(({ name, valid }) => ({ name, valid }))).toEqual([{ name: "docs_pkey", valid: true }]);
    expect(after[0]?.oid).not.toBe(before?.oid);
    // The record was lost: everything is looked at again, and only the rebuilding is repeated.
    await asAdmin("DELETE FROM platform.applied_files WHERE schema_name = $1 AND name = '0002-kinds.sql'", [
      inputs.schema,
    ]);
    await handler.update(plainUpdate(inputs.tenant), inputs.schema, outputs, news);
    expect(
      await asAdmin(
        `SELECT enum_range(NULL::${inputs.schema}.mood)::text AS moods, convalidated FROM pg_constraint
         WHERE conname = 'positive' AND connamespace = $1::regnamespace`,
        [inputs.schema],
      ),
    ).toEqual([{ moods: "{sad,calm,glad}", convalidated: true }]);
  });
});
