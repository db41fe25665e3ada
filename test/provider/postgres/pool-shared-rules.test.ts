import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { poolHandler } from "../../../provider/postgres/pool-shared.ts";
import type { PoolInputs } from "../../../provider/inputs.ts";
import { loadTemplate } from "../../../templates/load.ts";
import {
  createPool,
  driftOf,
  joinPool,
  poolContext,
  poolInputs,
  type PoolPlaceOfTests,
  poolPlace,
  tables,
} from "./pool-shared-support.ts";
import { stateOf } from "./support.ts";

let place: PoolPlaceOfTests;
beforeAll(async () => {
  place = await poolPlace();
}, 120_000);
afterAll(() => place.close());

const plain = (yaml = "") => `description: For tests.\ntiers: [pool]\n${yaml}`;
const files = (template: string) => loadTemplate(place.deps.templates, template).files;

describe("a template that tenants could not share is refused by name, and nothing of it is kept", () => {
  const good = "CREATE TABLE good (tenant_id uuid NOT NULL, id bigint, PRIMARY KEY (tenant_id, id));";
  const cases: Record<string, readonly [sql: string, message: string, yaml?: string]> = {
    "a table without tenant_id": ["CREATE TABLE bare (id int);", "the table bare has no column tenant_id"],
    "a tenant_id that is no uuid": [
      "CREATE TABLE bare (tenant_id text NOT NULL);",
      "tenant_id of the table bare is text, not uuid NOT NULL",
    ],
    "a tenant_id that may be empty": [
      "CREATE TABLE bare (tenant_id uuid);",
      "tenant_id of the table bare is uuid and may be NULL, not uuid NOT NULL",
    ],
    "a primary key without tenant_id": [
      "CREATE TABLE bare (tenant_id uuid NOT NULL, id int PRIMARY KEY);",
      "the unique key bare_pkey of the table bare does not begin with tenant_id",
    ],
    "a unique key with tenant_id at its end": [
      "CREATE TABLE bare (tenant_id uuid NOT NULL, id int, UNIQUE (id, tenant_id));",
      "the unique key bare_id_tenant_id_key of the table bare does not begin with tenant_id",
    ],
    "a unique index on an expression": [
      "CREATE TABLE bare (tenant_id uuid NOT NULL, name text); CREATE UNIQUE INDEX names ON bare (lower(name));",
      "the unique key names of the table bare does not begin with tenant_id",
    ],
    "a foreign key without tenant_id": [
      "CREATE TABLE bare (tenant_id uuid NOT NULL, id bigint, good uuid, FOREIGN KEY (good, id) REFERENCES good (tenant_id, id));",
      "the foreign key bare_good_id_fkey of the table bare does not pair tenant_id with tenant_id",
    ],
    "a foreign key that would empty tenant_id": [
      "CREATE TABLE bare (tenant_id uuid NOT NULL, id bigint, FOREIGN KEY (tenant_id, id) REFERENCES good (tenant_id, id) ON DELETE SET NULL);",
      "the foreign key bare_tenant_id_id_fkey of the table bare would change tenant_id",
    ],
    "a foreign key to itself that removal stumbles over": [
      "CREATE TABLE bare (tenant_id uuid NOT NULL, id int, up int, PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id, up) REFERENCES bare (tenant_id, id));",
      "the foreign key bare_tenant_id_up_fkey of the table bare is part of a circle",
    ],
    "an index that begins with another column": [
      "CREATE TABLE bare (tenant_id uuid NOT NULL, name text); CREATE INDEX names ON bare (name);",
      "the index names of the table bare does not begin with tenant_id",
    ],
    "a view that reads with its owner's rights": [
      "CREATE VIEW all_of_it AS SELECT * FROM good;",
      "the view all_of_it reads past the policies",
    ],
    "a materialized view": [
      "CREATE MATERIALIZED VIEW all_of_it AS SELECT * FROM good;",
      "the materialized view all_of_it: it would hold rows of all tenants",
    ],
    "a function with its owner's rights": [
      "CREATE FUNCTION all_of_it() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS 'SELECT 1::bigint';",
      "the function all_of_it() is SECURITY DEFINER",
    ],
    "a rule": ["CREATE RULE deaf AS ON INSERT TO good DO INSTEAD NOTHING;", "the rule deaf of good: use a trigger"],
    "a table that inherits": ["CREATE TABLE bare () INHERITS (good);", "the table bare inherits from good"],
    "a manifest that names what is not there": [
      "",
      "appendOnly of template.yaml names the table nowhere, which no file makes\n- notAudited of template.yaml names the column good.nothing, which no file makes",
      "appendOnly: [nowhere]\nnotAudited: [good.nothing]\n",
    ],
  };
  test.each(Object.entries(cases))("%s", async (_name, [sql, message, yaml]) => {
    const inputs = poolInputs(place, "refused", {
      template: place.template({ "0001-tables.sql": `${good}\n${sql}` }, plain(yaml)),
      variables: {},
    });
    const creating = createPool(place, inputs);
    await expect(creating).rejects.toThrow(message);
    const rejected: unknown = await creating.catch((error: unknown) => error);
    expect(String(rejected).split("\n- ").length - 1).toBe(message.split("\n- ").length);
    expect(await place.admin("SELECT FROM pg_roles WHERE rolname LIKE $1", [`${inputs.schema}%`])).toEqual([]);
    expect(await place.admin("SELECT FROM pg_namespace WHERE nspname = $1", [inputs.schema])).toEqual([]);
  });

  test("all faults stand in one message", async () => {
    const template = place.template(
      { "0001-tables.sql": "CREATE TABLE x (id int); CREATE TABLE y (id int);" },
      plain(),
    );
    await expect(createPool(place, poolInputs(place, "refused", { template, variables: {} }))).rejects.toThrow(
      /- the table x has no column.*\n- the table y has no column/,
    );
  });

  test("a file that the server refuses is named with its line", async () => {
    const template = place.template({ "0001-tables.sql": `${good}\nCREATE TABLE x (\n  id nonsense);` }, plain());
    await expect(createPool(place, poolInputs(place, "refused", { template, variables: {} }))).rejects.toThrow(
      /pool refused: PostgreSQL refused the file 0001-tables\.sql, line 3: type "nonsense" does not exist/,
    );
  });
});

describe("at preview, without a server", () => {
  const check = async (inputs: PoolInputs, olds?: PoolInputs) =>
    (await poolHandler(place.deps).check(poolContext(inputs.pool), olds, inputs)).map(({ property, reason }) => [
      property,
      reason,
    ]);
  const reasons = async (sql: string, yaml = plain()) => {
    const template = place.template({ "0001-tables.sql": sql }, yaml);
    return (await check(poolInputs(place, "seen", { template, variables: {} }))).map(([, reason]) => reason);
  };

  test("a good template has no fault", async () => {
    expect(await check(poolInputs(place, "seen", { partitions: 4 }))).toEqual([]);
  });

  test("a template for other tiers, an unknown one, and a wrong variable", async () => {
    const bridge = place.template({ "0001-tables.sql": "SELECT 1;" }, "description: x\n");
    expect(await check(poolInputs(place, "seen", { template: bridge, variables: {} }))).toEqual([
      [
        "template",
        expect.stringMatching(/^pool seen: the template "pool\d+" is not for pools: its tiers are bridge, silo/),
      ],
    ]);
    const unknown = { ...poolInputs(place, "seen"), template: "nowhere" };
    expect(await check(unknown)).toEqual([["template", expect.stringMatching(/"nowhere" is unknown/)]]);
    expect(await check({ ...poolInputs(place, "seen"), variables: { length: 900 } })).toEqual([
      ["variables.length", expect.stringMatching(/length is 900; allowed: an integer from 1 to 200/)],
    ]);
  });

  test("what the tool makes itself", async () => {
    const reserved = async (sql: string) => expect(await reasons(`CREATE TABLE t (tenant_id uuid NOT NULL);\n${sql}`));
    (await reserved("CREATE POLICY p ON t USING (true);")).toEqual([
      expect.stringMatching(/line 2: CREATE POLICY .*\[pool-row-security\]/),
    ]);
    (await reserved("ALTER TABLE t DISABLE ROW LEVEL SECURITY;")).toEqual([
      expect.stringMatching(/line 2: ALTER TABLE switches row-level security/),
    ]);
    (await reserved("ALTER TABLE t DISABLE TRIGGER ALL;")).toEqual([
      expect.stringMatching(/line 2: ALTER TABLE switches a trigger/),
    ]);
    (await reserved("DROP TABLE tenancy_members;")).toEqual([expect.stringMatching(/names tenancy_members/)]);
    (await reserved("CREATE TABLE audit_log (tenant_id uuid NOT NULL);")).toEqual([
      expect.stringMatching(/names audit_log/),
    ]);
    (await reserved("DROP TRIGGER tenancy_audit_insert ON t;")).toEqual([
      expect.stringMatching(/names tenancy_audit_insert/),
    ]);
    (await reserved("CREATE FUNCTION current_tenant_id() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid';")).toEqual([
      expect.stringMatching(/CREATE FUNCTION names current_tenant_id/),
    ]);
    (await reserved("INSERT INTO t (tenant_id) SELECT NULL WHERE 'audit_log' = 'tenancy_members';")).toEqual([]);
    (await reserved("GRANT SELECT ON t TO PUBLIC;")).toEqual([expect.stringMatching(/GRANT or REVOKE is refused/)]);
  });

  test("a function of pools in a template that bridge tenants have, too", async () => {
    const sql =
      "CREATE TABLE t (tenant_id uuid NOT NULL);\nCREATE FUNCTION me() RETURNS text LANGUAGE sql AS 'SELECT current_tenant()';";
    expect(await reasons(sql)).toEqual([]);
    expect(await reasons(sql, "description: x\ntiers: [pool, bridge]\n")).toEqual([
      expect.stringMatching(/line 2: CREATE FUNCTION calls current_tenant\(\) .*\[pool-tenant-function\]/),
    ]);
  });

  test("partitions that nothing uses, that are no number of partitions, or that change", async () => {
    const template = place.template({ "0001-t.sql": "CREATE TABLE t (tenant_id uuid NOT NULL);" }, plain());
    expect(await check(poolInputs(place, "seen", { template, variables: {}, partitions: 4 }))).toEqual([
      ["partitions", expect.stringMatching(/partitions no table/)],
    ]);
    const inputs = poolInputs(place, "seen");
    expect(await check({ ...inputs, partitions: 1 })).toEqual([
      ["partitions", expect.stringMatching(/partitions is 1; allowed is 0 for none, or an integer from 2 to 256/)],
    ]);
    expect(await check({ ...inputs, partitions: 4 }, inputs)).toEqual([
      ["partitions", expect.stringMatching(/cannot change once applied \(from 0 to 4\)/)],
    ]);
  });

  test("a changed place, template, variable and an edited file of a pool that exists", async () => {
    const olds = poolInputs(place, "seen");
    const [file] = olds.templateFiles;
    const edited = { ...olds, templateFiles: [{ name: file?.name ?? "", sha256: "0".repeat(64) }] };
    expect(await check({ ...olds, schema: "pool_other" }, olds)).toEqual([
      ["schema", expect.stringMatching(/schema cannot change from "pool_seen_\w+" to "pool_other"/)],
    ]);
    expect(await check({ ...olds, variables: { length: 90 } }, olds)).toEqual([
      ["variables.length", expect.stringMatching(/cannot change once applied \(from 80 to 90\)/)],
    ]);
    expect((await check(olds, edited)).map(([, reason]) => reason)).toEqual([
      expect.stringMatching(/the file 0001-tables\.sql was edited after it had been applied/),
    ]);
    expect(await check({ ...olds, template: poolInputs(place, "x").template }, olds)).toEqual([
      ["template", expect.stringMatching(/the template of a pool that exists cannot change/)],
    ]);
  });
});

describe("a later file", () => {
  test("gives a new table everything, with a backfill of all tenants' rows, and is recorded", async () => {
    const inputs = poolInputs(place, "later");
    const outputs = await createPool(place, inputs);
    const members = [await joinPool(place, inputs, "c"), await joinPool(place, inputs, "d")];
    const clients = await Promise.all(members.map(({ login, password }) => place.connectAs(login, password)));
    for (const client of clients) await client.query("INSERT INTO folders (name) VALUES ('first')");
    place.addFile(
      inputs.template,
      "0002-more.sql",
      `ALTER TABLE folders ADD COLUMN size int; UPDATE folders SET size = 1;
       CREATE TABLE more (tenant_id uuid NOT NULL, id int, PRIMARY KEY (tenant_id, id)) {{partition_by_tenant}};`,
    );
    const news = { ...inputs, templateFiles: files(inputs.template) };
    const told = poolContext("later");
    const after = await poolHandler(place.deps).update(told, inputs.schema, outputs, news);
    expect(told.warnings).toEqual([]);
    expect(await driftOf(place, news, after)).toEqual([]);
    for (const [index, client] of clients.entries()) {
      expect((await client.query("SELECT size FROM folders")).rows).toEqual([{ size: 1 }]);
      expect(await stateOf(client, "INSERT INTO more (id) VALUES (1)")).toBe("done");
      expect((await client.query("SELECT tenant_id FROM more")).rows).toEqual([
        { tenant_id: members[index]?.tenantId },
      ]);
      const { rows } = await client.query(
        "SELECT action, table_name, login = session_user AS own FROM audit_log ORDER BY id",
      );
      expect(rows).toEqual([
        { action: "INSERT", table_name: "folders", own: true },
        { action: "UPDATE", table_name: "folders", own: false },
        { action: "INSERT", table_name: "more", own: true },
      ]);
      await client.end();
    }
    expect(
      await place.admin(
        "SELECT tenant, origin, name FROM platform.applied_files WHERE schema_name = $1 ORDER BY name",
        [inputs.schema],
      ),
    ).toEqual([
      { tenant: "pool later", origin: "template", name: "0001-tables.sql" },
      { tenant: "pool later", origin: "template", name: "0002-more.sql" },
    ]);
    expect(await place.admin("SELECT event FROM platform.events WHERE tenant = 'pool later' ORDER BY id")).toEqual([
      { event: "create" },
      { event: "update" },
    ]);
  });

  test("that breaks a rule is refused as a whole, and its tables stay forced", async () => {
    const inputs = poolInputs(place, "broken");
    const outputs = await createPool(place, inputs);
    place.addFile(inputs.template, "0002-more.sql", "UPDATE folders SET name = ''; CREATE TABLE bare (id int);");
    const news = { ...inputs, templateFiles: files(inputs.template) };
    const updating = poolHandler(place.deps).update(poolContext("broken"), inputs.schema, outputs, news);
    await expect(updating).rejects.toThrow(
      /not safe to share \(after 0002-more\.sql\).*\n- the table bare has no column/,
    );
    expect(await driftOf(place, inputs, outputs)).toEqual([]);
  });

  test("waits for a reader's lock no longer than its lock_timeout, and is tried again", async () => {
    const inputs = poolInputs(place, "locked");
    const outputs = await createPool(place, inputs);
    const reader = await place.connectAs(place.server.admin?.user ?? "", place.server.admin?.password ?? "");
    await reader.query(`BEGIN; SELECT FROM ${inputs.schema}.folders`);
    place.addFile(inputs.template, "0002-more.sql", "ALTER TABLE folders ADD COLUMN size int;");
    const news = { ...inputs, templateFiles: files(inputs.template) };
    const updating = poolHandler(place.deps).update(poolContext("locked"), inputs.schema, outputs, news);
    const waits = async () =>
      (
        await place.admin<{ n: number }>(
          "SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
        )
      )[0]?.n ?? 0;
    const seen: number[] = [];
    // It waits, gives up, and waits again.
    while (!seen.join("").includes("101")) {
      const now = Math.min(1, await waits());
      if (seen.at(-1) !== now) seen.push(now);
    }
    await reader.query("COMMIT");
    await reader.end();
    expect(await driftOf(place, news, await updating)).toEqual([]);
  });
});

test("the small template of these tests partitions its notes and nothing else", async () => {
  const inputs = poolInputs(place, "parts", { partitions: 3 });
  await createPool(place, inputs);
  expect(
    await place.admin(
      `SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound, c.relrowsecurity AND c.relforcerowsecurity AS forced,
         (SELECT count(*)::int FROM pg_policy p WHERE p.polrelid = c.oid) AS policies, coalesce(c.relacl::text LIKE '%pool_parts%_app%', false) AS granted
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relispartition AND c.relkind = 'r' ORDER BY 1`,
      [inputs.schema],
    ),
  ).toEqual(
    [0, 1, 2].map((number) => ({
      name: `notes_p${number}`,
      bound: `FOR VALUES WITH (modulus 3, remainder ${number})`,
      forced: true,
      policies: 1,
      granted: false,
    })),
  );
  expect(tables).toContain("{{partition_by_tenant}}");
});

describe("a file that runs outside of a transaction", () => {
  const index = (columns: string) =>
    `-- tenancy: concurrently\nCREATE INDEX CONCURRENTLY folders_size ON folders (${columns});\n`;

  test("runs in its place between others, and in a new pool within its transaction", async () => {
    const inputs = poolInputs(place, "alone");
    const outputs = await createPool(place, inputs);
    place.addFile(inputs.template, "0002-size.sql", "ALTER TABLE folders ADD COLUMN size int;");
    place.addFile(inputs.template, "0003-index.sql", index("tenant_id, size"));
    place.addFile(inputs.template, "0004-more.sql", "CREATE TABLE more (tenant_id uuid NOT NULL);");
    const news = { ...inputs, templateFiles: files(inputs.template) };
    const after = await poolHandler(place.deps).update(poolContext("alone"), inputs.schema, outputs, news);
    expect(await driftOf(place, news, after)).toEqual([]);
    expect(
      await place.admin("SELECT detail->'files' AS files FROM platform.events WHERE tenant = 'pool alone' ORDER BY id"),
    ).toEqual([
      { files: ["0001-tables.sql"] },
      { files: ["0002-size.sql"] },
      { files: ["0003-index.sql"] },
      { files: ["0004-more.sql"] },
    ]);
    const anew = poolInputs(place, "anew", { template: inputs.template });
    expect(await driftOf(place, anew, await createPool(place, anew))).toEqual([]);
  });

  test("that breaks a rule is refused before it runs", async () => {
    const inputs = poolInputs(place, "unsafe");
    const outputs = await createPool(place, inputs);
    place.addFile(inputs.template, "0002-index.sql", index("name").replace("CREATE INDEX", "CREATE UNIQUE INDEX"));
    const news = { ...inputs, templateFiles: files(inputs.template) };
    const updating = poolHandler(place.deps).update(poolContext("unsafe"), inputs.schema, outputs, news);
    await expect(updating).rejects.toThrow(
      /the unique key folders_size of the table folders does not begin with tenant_id/,
    );
    expect(await driftOf(place, inputs, outputs)).toEqual([]);
  });
});
