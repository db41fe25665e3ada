import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { baselineHandler } from "../../../provider/postgres/baseline.ts";
import { postgresDependencies } from "../../../provider/postgres/dependencies.ts";
import { identifier, literal } from "../../../provider/postgres/quote.ts";
import { schemaHandler } from "../../../provider/postgres/schema.ts";
import { sha256 } from "../../../templates/load.ts";
import { services } from "../../support/services.ts";
import {
  baselineInputs,
  asAdmin,
  baseline,
  connect,
  context,
  createTenant,
  dependencies,
  projectDir,
  schemaInputs,
  templates,
  tenantId,
} from "./support.ts";

const deps = dependencies();
const handler = schemaHandler(deps);
const folder = mkdtempSync(join(tmpdir(), "tenancy-sql-"));
beforeAll(() => baseline(deps), 120_000);
afterAll(async () => {
  await deps.pools.close();
  rmSync(folder, { recursive: true });
});

function own(name: string, sql: string) {
  writeFileSync(join(folder, name), sql);
  return { additionalRoot: folder, additionalFiles: [{ name, sha256: sha256(sql) }] };
}

describe("connections", () => {
  test("sixty tenants created at once hold at most eight connections, and all are there", async () => {
    const main = services().platform.postgres.main;
    if (main?.admin === undefined) throw new Error("the server has an administrator");
    // In a database of its own, so that other files' connections are not counted.
    const database = tenantId("many").replaceAll("-", "_");
    const platform = { ...services().platform, postgres: { main: { ...main, database } } };
    const many = postgresDependencies({ platform, templates, projectDir });
    await baseline(many);
    const watcher = await connect(main.admin.user, main.admin.password);
    const tenants = Array.from({ length: 60 }, () => schemaInputs(tenantId("many")));
    const created = Promise.all(tenants.map((inputs) => createTenant(many, inputs))).then(() => "created");
    const seen: number[] = [];
    do {
      const { rows } = await watcher.query<{ n: number }>(
        "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'",
        [database],
      );
      seen.push(rows[0]?.n ?? 0);
    } while ((await Promise.race([created, sleep(5)])) !== "created");
    await many.pools.close();
    expect(Math.max(...seen)).toBeGreaterThan(1);
    expect(Math.max(...seen)).toBeLessThanOrEqual(8);
    const client = await connect(main.admin.user, main.admin.password, database);
    const { rows } = await client.query("SELECT FROM pg_namespace WHERE nspname = ANY ($1)", [
      tenants.map(({ schema }) => schema),
    ]);
    expect(rows).toHaveLength(60);
    await client.end();
    await watcher.query(`DROP DATABASE ${database} WITH (FORCE)`);
    await watcher.end();
  });

  test("a backend that is ended in the middle of its transaction leaves nothing, and the work is done again", async () => {
    const inputs = schemaInputs(
      tenantId("killed"),
      own("slow.sql", "INSERT INTO graph_entities SELECT g::text, 't' FROM generate_series(1, 300000) g;"),
    );
    const creating = createTenant(deps, inputs);
    let killed = 0;
    while (killed === 0) {
      const rows = await asAdmin(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND query LIKE $1",
        [`%CREATE ROLE "${inputs.appRole}"%`],
      );
      killed = rows.length;
    }
    const outputs = await creating;
    expect((await handler.read(context(inputs.tenant), inputs.schema, inputs, outputs))?.inputs.drift).toBeUndefined();
    const events = await asAdmin("SELECT event FROM platform.events WHERE tenant = $1", [inputs.tenant]);
    expect(events).toEqual([{ event: "create" }]);
  });

  test("a wrong password and an unknown authority fail at once and name neither password", async () => {
    const main = services().platform.postgres.main;
    if (main === undefined) throw new Error("the services have a PostgreSQL server");
    const make = (over: object) =>
      schemaHandler(
        postgresDependencies({
          platform: { ...services().platform, postgres: { main: { ...main, ...over } } },
          templates,
          projectDir,
        }),
      ).create(context("x"), schemaInputs(tenantId("wrong")));
    const password = "a-wrong-password";
    const wrong = make({ provisioner: { ...main.provisioner, password } });
    await expect(wrong).rejects.toThrow(/refused the login/);
    await expect(wrong).rejects.not.toThrow(password);
    await expect(make({ ca: undefined })).rejects.toThrow(/TLS connection was refused/);
  });
});

describe("a failing file", () => {
  test("leaves neither role nor schema nor row, and is named with its line", async () => {
    const inputs = schemaInputs(
      tenantId("fails"),
      own("fails.sql", "CREATE TABLE more (id int);\nINSERT INTO more\nVALUES (missing);"),
    );
    await expect(createTenant(deps, inputs)).rejects.toThrow(/fails\.sql, line 3: column "missing" does not exist/);
    expect(await asAdmin("SELECT FROM pg_roles WHERE rolname LIKE $1", [`${inputs.schema}%`])).toEqual([]);
    expect(await asAdmin("SELECT FROM pg_namespace WHERE nspname = $1", [inputs.schema])).toEqual([]);
    expect(await asAdmin("SELECT FROM platform.tenants WHERE id = $1", [inputs.tenant])).toEqual([]);
  });

  test("a deferred trigger of a file runs as the owner, not as the provisioner", async () => {
    const sql = `CREATE TABLE seen (who text); CREATE TABLE source (id int);
      CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen VALUES (current_user); RETURN NULL; END $$;
      CREATE CONSTRAINT TRIGGER later AFTER INSERT ON source DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION look();
      INSERT INTO source VALUES (1);`;
    const inputs = schemaInputs(tenantId("deferred"), own("deferred.sql", sql));
    await createTenant(deps, inputs);
    expect(await asAdmin(`SELECT who FROM "${inputs.schema}".seen`)).toEqual([{ who: inputs.ownerRole }]);
  });
});

describe("files of a tenant that exists", () => {
  test("a new one is applied in place, is recorded, and rows that a file wrote do not hinder adoption", async () => {
    const inputs = schemaInputs(tenantId("files"));
    const outputs = await createTenant(deps, inputs);
    const news = { ...inputs, ...own("more.sql", "CREATE TABLE more (id int); INSERT INTO more VALUES (1)") };
    expect(await handler.check(context(inputs.tenant), inputs, news)).toEqual([]);
    await handler.update(context(inputs.tenant), inputs.schema, outputs, news);
    const applied = await asAdmin("SELECT origin, name FROM platform.applied_files WHERE schema_name = $1 ORDER BY 1", [
      inputs.schema,
    ]);
    expect(applied).toEqual([
      { origin: "template", name: "0001-graph.sql" },
      { origin: "tenant", name: "more.sql" },
    ]);
    await expect(createTenant(deps, news)).resolves.toMatchObject({ tenant: inputs.tenant });
  });

  test("an edited, removed or earlier file, another template and other variables are refused at preview", async () => {
    const id = tenantId("edited");
    const file = own("0002.sql", "CREATE TABLE a (id int);");
    const olds = schemaInputs(id, file);
    const reasons = async (news: typeof olds) =>
      (await handler.check(context(id), olds, news)).map(({ reason }) => reason).join("\n");
    const old = file.additionalFiles[0]?.sha256 ?? "";
    const edited = own("0002.sql", "CREATE TABLE b (id int);");
    const text = await reasons({ ...olds, ...edited });
    expect(text).toContain(old);
    expect(text).toContain(edited.additionalFiles[0]?.sha256 ?? "?");
    expect(await reasons({ ...olds, additionalFiles: [] })).toMatch(/was applied and is gone/);
    const earlier = own("0001.sql", "CREATE TABLE c (id int);");
    expect(await reasons({ ...olds, additionalFiles: [...earlier.additionalFiles, ...olds.additionalFiles] })).toMatch(
      /comes before 0002\.sql/,
    );
    expect(await reasons({ ...schemaInputs(id, { template: "ekn" }) })).toMatch(
      /template of a tenant that exists cannot change/,
    );
    const ekn = schemaInputs(id, { template: "ekn" });
    const failures = await handler.check(context(id), ekn, { ...ekn, variables: { ...ekn.variables, dimensions: 3 } });
    expect(failures.map(({ property }) => property)).toEqual(["variables.dimensions"]);
  });

  test("all faults of new inputs come at once, with file, line and kind of statement", async () => {
    const inputs = schemaInputs(tenantId("faults"), {
      ...own("evil.sql", "\nRESET ROLE;"),
      connectionLimit: 0,
      server: "none",
    });
    const failures = await handler.check(context(inputs.tenant), undefined, {
      ...inputs,
      template: "nope",
      schema: "x".repeat(64),
    });
    expect(failures.map(({ property }) => property).sort()).toEqual([
      "additionalFiles",
      "connectionLimit",
      "schema",
      "server",
      "template",
    ]);
    expect(failures.find(({ property }) => property === "additionalFiles")?.reason).toMatch(
      /evil\.sql, line 2: SET is refused/,
    );
  });
});

describe("quoting", () => {
  test("any text comes back from the server as it was", async () => {
    const hostile = [
      "'",
      '"',
      "\\",
      "\\'",
      "''; DROP TABLE x; --",
      "$$",
      "é\u{1F600}\u202e",
      "'".repeat(10_000),
      "\n\r\t",
      "{{x}}",
      "E'",
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.constantFrom(...hostile), fc.string({ unit: "grapheme", maxLength: 200 })),
        async (value) => {
          if (value.includes("\u0000")) return;
          const name = Array.from(value).slice(0, 12).join("");
          const sql =
            Buffer.byteLength(name) <= 63 && name !== ""
              ? `SELECT ${literal(value)} AS ${identifier(name)}`
              : `SELECT ${literal(value)} AS "v"`;
          const rows = await deps.pools.run("main", { subject: "test", doing: "quoting" }, (session) =>
            session.query<Record<string, string>>(sql),
          );
          const [column, result] = Object.entries(rows[0] ?? {})[0] ?? [];
          expect(result).toBe(value);
          if (name !== "" && Buffer.byteLength(name) <= 63) expect(column).toBe(name);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("NUL, an empty name, a name that the server would cut and broken Unicode are refused", () => {
    for (const name of ["", "a\u0000b", "x".repeat(64), "é".repeat(32), "\ud800"])
      expect(() => identifier(name)).toThrow(RangeError);
    expect(() => literal("a\u0000b")).toThrow(RangeError);
    expect(identifier("x".repeat(63))).toHaveLength(65);
  });
});

describe("the Baseline", () => {
  test("is complete, and a second run changes nothing", async () => {
    const type = "tenancy:postgres:Baseline";
    const inputs = baselineInputs(["vector"]);
    const made = await baselineHandler(deps).create(context("main", { type }), inputs);
    expect(made.id).toBe("main");
    expect((await baselineHandler(deps).read(context("main", { type }), "main", inputs, made.outputs))?.inputs).toEqual(
      inputs,
    );
  });

  test("without an administrator all that is missing is told with its SQL, in a database that nobody prepared", async () => {
    const main = services().platform.postgres.main;
    if (main === undefined) throw new Error("the services have a PostgreSQL server");
    const database = `bare_${tenantId("x").replaceAll("-", "_")}`;
    await asAdmin(`CREATE DATABASE ${database}`);
    const platform = { ...services().platform, postgres: { main: { ...main, database, admin: undefined } } };
    const bare = postgresDependencies({ platform, templates, projectDir });
    const making = baselineHandler(bare).create(context("main"), baselineInputs(["vector"]));
    await expect(making).rejects.toThrow(
      /PUBLIC has rights on the database[^]*lo_create[^]*REVOKE ALL ON SCHEMA public FROM PUBLIC;[^]*CREATE EXTENSION IF NOT EXISTS "vector" SCHEMA extensions;/,
    );
    await bare.pools.close();
    await asAdmin(`DROP DATABASE ${database} WITH (FORCE)`);
  });

  test("an extension that the server does not offer is named", async () => {
    const making = baselineHandler(deps).create(context("main"), baselineInputs(["no_such_thing"]));
    await expect(making).rejects.toThrow(/does not offer the extension no_such_thing/);
  });
});
