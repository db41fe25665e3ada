import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CopySource, SchemaInputs } from "../../../provider/inputs.ts";
import { originsSql } from "../../../provider/postgres/catalogue.ts";
import { schemaHandler } from "../../../provider/postgres/schema.ts";
import { sha256 } from "../../../templates/load.ts";
import { Fleet, plainUpdate } from "./fleet-support.ts";
import { asAdmin, baseline, connect, context, createTenant, stateOf, tenantId } from "./support.ts";

const fleet = new Fleet();
const { deps } = fleet;
const handler = schemaHandler(deps);
beforeAll(() => baseline(deps), 120_000);
afterAll(() => fleet.end());

const sourceOf = ({ tenant, schema, ownerRole }: SchemaInputs): CopySource => ({ tenant, schema, ownerRole });
const filesOf = ({ schema }: SchemaInputs) =>
  asAdmin("SELECT origin, name FROM platform.applied_files WHERE schema_name = $1 ORDER BY origin, name", [schema]);
const rowsOf = (inputs: SchemaInputs, sql: string) => asAdmin(sql.replaceAll("{s}", inputs.schema));

describe("seeds", () => {
  fleet.write("seeded", {
    "template.yaml": "description: A test's.\nvariables: { word: { type: string, description: A word. } }\n",
    "0001-tables.sql": "CREATE TABLE words (word text PRIMARY KEY, by text DEFAULT current_user);",
    "seed/0001-words.sql": "INSERT INTO words VALUES ('{{word}}');",
  });
  const inputs = { ...fleet.inputs("seeded", tenantId("seed")), variables: { word: "planted" } };

  test("fill a new schema once, as its owner, and a later one never reaches a tenant that is there", async () => {
    expect(await handler.check(context(inputs.tenant), undefined, inputs)).toEqual([]);
    const outputs = await createTenant(deps, inputs);
    const planted = [{ word: "planted", by: inputs.ownerRole }];
    expect(await rowsOf(inputs, "SELECT * FROM {s}.words")).toEqual(planted);
    expect(await filesOf(inputs)).toEqual([
      { origin: "seed", name: "seed/0001-words.sql" },
      { origin: "template", name: "0001-tables.sql" },
    ]);
    const read = await handler.read(context(inputs.tenant), inputs.schema, inputs, outputs);
    expect(read?.inputs.drift).toBeUndefined();
    fleet.write("seeded", {
      "0002-more.sql": "ALTER TABLE words ADD COLUMN more int;",
      "seed/0002-late.sql": "INSERT INTO words VALUES ('late');",
    });
    const news = fleet.forward(inputs);
    await handler.update(plainUpdate(inputs.tenant), inputs.schema, outputs, news);
    await handler.update(
      context(inputs.tenant),
      inputs.schema,
      { ...outputs, ...news },
      { ...news, connectionLimit: 3 },
    );
    expect(await rowsOf(inputs, "SELECT word, by FROM {s}.words")).toEqual(planted);
  });

  test("are planted no second time where a run takes its own schema over", async () => {
    const crashed = { ...fleet.inputs("seeded", tenantId("again")), variables: { word: "planted" } };
    await createTenant(deps, crashed);
    await createTenant(deps, crashed);
    expect(await rowsOf(crashed, "SELECT word FROM {s}.words ORDER BY 1")).toEqual([
      { word: "late" },
      { word: "planted" },
    ]);
  });

  test("are guarded at the preview of the creation and at no later one, and name their file when the server refuses", async () => {
    fleet.write("unsafe", {
      "0001-t.sql": "CREATE TABLE t (id int);",
      "seed/0001-x.sql": "\nGRANT ALL ON t TO PUBLIC;",
    });
    const unsafe = fleet.inputs("unsafe", tenantId("unsafe"));
    expect((await handler.check(context(unsafe.tenant), undefined, unsafe)).map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/unsafe\/seed\/0001-x\.sql, line 2: GRANT or REVOKE is refused/),
    ]);
    expect(await handler.check(context(unsafe.tenant), unsafe, unsafe)).toEqual([]);
    fleet.write("unsafe", { "seed/0001-x.sql": "INSERT INTO nowhere VALUES (1);" });
    await expect(createTenant(deps, unsafe)).rejects.toThrow(/refused the file seed\/0001-x.sql, line 1: .*nowhere/);
  });

  test("a catalogue that was made before them learns their origin, once", async () => {
    const inRollback = async (sql: string) => {
      const client = await connect(
        deps.pools.server("main").provisioner.user,
        deps.pools.server("main").provisioner.password,
      );
      await client.query("BEGIN");
      await client.query(
        `ALTER TABLE platform.applied_files DROP CONSTRAINT applied_files_origin_check,
           ADD CONSTRAINT applied_files_origin_check CHECK (origin IN ('template', 'tenant')) NOT VALID`,
      );
      await client.query(sql);
      const state = await stateOf(client, "INSERT INTO platform.applied_files VALUES ('s', 't', 'seed', 'n', 'd')");
      await client.query("ROLLBACK");
      await client.end();
      return state;
    };
    expect(await inRollback("SELECT")).toBe("23514");
    expect(await inRollback(`${originsSql} ${originsSql}`)).toBe("done");
  });
});

describe("a copy of another tenant", () => {
  const tables = `CREATE TYPE mood AS ENUM ('sad', 'glad');
    CREATE DOMAIN short AS text CHECK (length(VALUE) < 9);
    CREATE TABLE zebra (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name short NOT NULL, moods mood[] NOT NULL,
      size int, double int GENERATED ALWAYS AS (size * 2) STORED, changed int DEFAULT 0);
    CREATE TABLE apple (id serial PRIMARY KEY, zebra bigint NOT NULL REFERENCES zebra, parent int REFERENCES apple,
      "Odd ""name" text);
    CREATE FUNCTION count_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.changed := NEW.changed + 1; RETURN NEW; END $$;
    CREATE TRIGGER counted BEFORE INSERT ON zebra FOR EACH ROW EXECUTE FUNCTION count_change();
    CREATE SEQUENCE tickets START 40;
    CREATE TABLE lonely ();`;
  const rows = `INSERT INTO {s}.zebra (name, moods, size) VALUES ('one', '{sad}', 1), ('two', '{glad,sad}', 2), ('gone', '{}', 3);
    DELETE FROM {s}.zebra WHERE name = 'gone';
    INSERT INTO {s}.apple (zebra, parent, "Odd ""name") VALUES (1, NULL, 'a'), (2, 1, NULL);
    INSERT INTO {s}.lonely DEFAULT VALUES;
    SELECT nextval('{s}.tickets')`;
  const content = `SELECT (SELECT json_agg(z ORDER BY id) FROM {s}.zebra z) AS zebras, (SELECT json_agg(a ORDER BY id) FROM {s}.apple a) AS apples,
    (SELECT count(*)::int FROM {s}.lonely) AS lonely, nextval('{s}.tickets')::int AS ticket, nextval('{s}.apple_id_seq')::int AS apple,
    nextval(pg_get_serial_sequence('{s}.zebra', 'id'))::int AS zebra`;
  const rights = (inputs: SchemaInputs) =>
    asAdmin(
      `SELECT nspname AS name, nspacl::text AS acl FROM pg_namespace WHERE nspname = $1
       UNION ALL SELECT relname, relacl::text FROM pg_class WHERE relnamespace = $1::regnamespace ORDER BY 1`,
      [inputs.schema],
    );

  async function source(template: string, over: Partial<SchemaInputs> = {}) {
    const inputs = fleet.inputs(template, tenantId("source"), over);
    const outputs = await createTenant(deps, inputs);
    return { inputs, outputs };
  }

  test("has all of its rows and sequences, none of its rights, mark and records, and leaves it as it was", async () => {
    fleet.write("farm", {
      "0001-tables.sql": tables,
      "seed/0001-seed.sql": "INSERT INTO zebra (name, moods) VALUES ('seed', '{}');",
    });
    const { inputs: from, outputs } = await source("farm");
    await asAdmin(`TRUNCATE ${from.schema}.zebra RESTART IDENTITY CASCADE; ${rows.replaceAll("{s}", from.schema)}`);
    const before = await rights(from);
    const events = () => asAdmin("SELECT event FROM platform.events WHERE tenant = $1", [from.tenant]);
    const eventsBefore = await events();
    const inputs = fleet.inputs("farm", tenantId("copy"), { copyOf: sourceOf(from) });
    expect(await handler.check(context(inputs.tenant), undefined, inputs)).toEqual([]);
    const made = await createTenant(deps, inputs);
    const copied = await rowsOf(inputs, content);
    expect(copied).toEqual(await rowsOf(from, content));
    expect(copied).toMatchObject([
      {
        zebras: [
          { id: 1, name: "one", moods: ["sad"], size: 1, double: 2, changed: 1 },
          { id: 2, name: "two", moods: ["glad", "sad"], size: 2, double: 4, changed: 1 },
        ],
        apples: [{ parent: null, 'Odd "name': "a" }, { parent: 1 }],
        lonely: 1,
        ticket: 41,
        zebra: 4,
      },
    ]);
    expect(await rights(from)).toEqual(before);
    expect(await events()).toEqual(eventsBefore);
    for (const [id, inputsOf, outputsOf] of [
      [from.tenant, from, outputs],
      [inputs.tenant, inputs, made],
    ] as const) {
      const read = await handler.read(context(id), inputsOf.schema, inputsOf, outputsOf);
      expect(read?.inputs.drift).toBeUndefined();
    }
    expect(await filesOf(inputs)).toEqual([{ origin: "template", name: "0001-tables.sql" }]);
    const app = await connect(inputs.appRole, inputs.password);
    expect(await stateOf(app, `SELECT FROM ${from.schema}.zebra`)).toBe("42501");
    await app.query("INSERT INTO zebra (name, moods) VALUES ('new', '{}')");
    expect((await app.query("SELECT changed FROM zebra WHERE name = 'new'")).rows).toEqual([{ changed: 1 }]);
    await app.end();
    expect(
      await asAdmin("SELECT FROM pg_auth_members WHERE roleid = $1::regrole AND member = $2::regrole", [
        from.ownerRole,
        inputs.ownerRole,
      ]),
    ).toEqual([]);
  });

  test("is refused as a whole, with every table and column that does not fit and every circle, and nothing is made", async () => {
    fleet.write("narrow", {
      "0001-tables.sql": `CREATE TABLE one (id int PRIMARY KEY, two int); CREATE TABLE two (id int PRIMARY KEY, one int REFERENCES one);
        ALTER TABLE one ADD FOREIGN KEY (two) REFERENCES two;`,
    });
    writeFileSync(
      join(fleet.templates, "own.sql"),
      "CREATE TABLE extra (id serial); ALTER TABLE one ADD COLUMN more text, ALTER COLUMN two TYPE bigint;",
    );
    const own = {
      additionalRoot: fleet.templates,
      additionalFiles: [
        {
          name: "own.sql",
          sha256: sha256(
            "CREATE TABLE extra (id serial); ALTER TABLE one ADD COLUMN more text, ALTER COLUMN two TYPE bigint;",
          ),
        },
      ],
    };
    const { inputs: from } = await source("narrow", own);
    const inputs = fleet.inputs("narrow", tenantId("copy"), { copyOf: sourceOf(from) });
    await expect(createTenant(deps, inputs)).rejects.toThrow(
      [
        "nothing was made:",
        "- the source has the table extra, which the new schema has not",
        "- the column two of the table one is bigint in the source and integer in the new schema",
        "- the column more of the table one is text in the source and not there in the new schema",
        "- the source has the sequence extra_id_seq, which the new schema has not",
        "- foreign keys make a circle of the tables one, two: one of them has to be DEFERRABLE",
      ].join("\n"),
    );
    expect(await asAdmin("SELECT FROM pg_roles WHERE rolname = $1", [inputs.ownerRole])).toEqual([]);
  });

  test("goes through a circle of foreign keys where one of them is deferrable", async () => {
    fleet.write("circle", {
      "0001-tables.sql": `CREATE TABLE one (id int PRIMARY KEY, two int); CREATE TABLE two (id int PRIMARY KEY, one int REFERENCES one);
        ALTER TABLE one ADD FOREIGN KEY (two) REFERENCES two DEFERRABLE;
        CREATE FUNCTION same() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
        CREATE TRIGGER same BEFORE INSERT ON one FOR EACH ROW EXECUTE FUNCTION same();`,
    });
    const { inputs: from } = await source("circle");
    await asAdmin(
      `BEGIN; SET CONSTRAINTS ALL DEFERRED; INSERT INTO ${from.schema}.one VALUES (1, 1); INSERT INTO ${from.schema}.two VALUES (1, 1); COMMIT`,
    );
    const inputs = fleet.inputs("circle", tenantId("copy"), { copyOf: sourceOf(from) });
    await createTenant(deps, inputs);
    expect(await rowsOf(inputs, "SELECT one.two, two.one FROM {s}.one, {s}.two")).toEqual([{ two: 1, one: 1 }]);
  });

  test("of a tenant of another stack, of one that leaves, or under another's name is refused", async () => {
    const { inputs: from, outputs } = await source("circle");
    const inputs = fleet.inputs("circle", tenantId("copy"), { copyOf: sourceOf(from) });
    await expect(handler.create(context(inputs.tenant, { stack: "other" }), inputs)).rejects.toThrow(
      /belongs to the stack tenancy\/test/,
    );
    const other = fleet.inputs("circle", tenantId("other"));
    await createTenant(deps, other);
    const wrong = { ...inputs, copyOf: { ...sourceOf(from), schema: other.schema } };
    await expect(createTenant(deps, wrong)).rejects.toThrow(/the schema .* is not that tenant's/);
    await handler.update(context(from.tenant), from.schema, outputs, { ...from, state: "suspended" });
    await createTenant(deps, inputs);
    await handler.update(
      context(from.tenant),
      from.schema,
      { ...outputs, state: "suspended" },
      { ...from, state: "offboarding" },
    );
    const late = fleet.inputs("circle", tenantId("late"), { copyOf: sourceOf(from) });
    await expect(createTenant(deps, late)).rejects.toThrow(
      /its status is "offboarding"; allowed is ready or suspended/,
    );
    const self = { ...late, copyOf: sourceOf(late) };
    expect((await handler.check(context(late.tenant), undefined, self)).map(({ property }) => property)).toEqual([
      "copyOf",
    ]);
  });
});
