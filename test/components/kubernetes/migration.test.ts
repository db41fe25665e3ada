/** The job's script on a real PostgreSQL, as CloudNativePG leaves it: an owner that is no superuser, and two logins. */
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { databaseNames } from "../../../components/kubernetes/cluster.ts";
import { migrationManifests } from "../../../components/kubernetes/migration-job.ts";
import type { MigrationFile } from "../../../components/kubernetes/migration-script.ts";
import { services } from "../../support/services.ts";
import { image, place, platform, silo } from "./fixture.ts";

const names = databaseNames("oikion", `org-${randomBytes(4).toString("hex")}`);
const password = randomBytes(16).toString("hex");
let folder = "";

function server() {
  const { main } = services().platform.postgres;
  if (main?.admin === undefined) throw new Error("the tests' server has an administrator");
  return { ...main, admin: main.admin };
}

async function query(user: string, sql: string, database = names.database): Promise<Record<string, unknown>[]> {
  const { host, port, ca, admin } = server();
  const login = user === "admin" ? admin : { user, password };
  const client = new pg.Client({ host, port, database, ...login, ssl: { ca } });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

function file(name: string, sql: string, origin: MigrationFile["origin"] = "template"): MigrationFile {
  return { origin, name, sql, sha256: createHash("sha256").update(sql).digest("hex") };
}

async function run(files: readonly MigrationFile[], extensions: readonly string[] = []) {
  const { files: map } = migrationManifests(place, silo, platform, { names, image, extensions, files });
  const mounted = await mkdtemp(join(folder, "migration-"));
  for (const [key, text] of Object.entries(map.data)) await writeFile(join(mounted, key), text);
  const { host, port } = server();
  const child = spawn("sh", [join(mounted, "apply.sh")], {
    env: {
      PATH: `${dirname(services().bin.psql)}:${process.env.PATH ?? ""}`,
      MIGRATION_FOLDER: mounted,
      MIGRATION_ATTEMPTS: "1",
      PGHOST: host,
      PGPORT: String(port),
      PGDATABASE: names.database,
      PGUSER: names.ownerRole,
      PGPASSWORD: password,
      PGSSLMODE: "verify-full",
      PGSSLROOTCERT: services().caFile,
    },
  });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const code = await new Promise((resolve) => child.on("close", resolve));
  return { code, text };
}

const applied = () => query("admin", "SELECT origin, name FROM platform.applied_files ORDER BY applied_at, name");
const things = file("0001-things.sql", "CREATE TABLE things (id int PRIMARY KEY, at text DEFAULT current_schema());\n");
const twice = file(
  "sql/0001-own.sql",
  "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1' -- no end",
  "tenant",
);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tenancy-job-"));
  const login = `LOGIN NOINHERIT PASSWORD '${password}'`;
  for (const role of [names.ownerRole, names.appRole, names.readOnlyRole]) {
    await query("admin", `CREATE ROLE ${role} ${login}`, "postgres");
  }
  await query("admin", `CREATE DATABASE ${names.database} OWNER ${names.ownerRole}`, "postgres");
});

afterAll(async () => {
  await query("admin", `DROP DATABASE IF EXISTS ${names.database} WITH (FORCE)`, "postgres");
  for (const role of [names.ownerRole, names.appRole, names.readOnlyRole]) {
    await query("admin", `DROP ROLE IF EXISTS ${role}`, "postgres");
  }
  await rm(folder, { recursive: true, force: true });
});

describe("the migration job", () => {
  it("waits for what the operator makes, and says what is missing when it gives up", async () => {
    const { code, text } = await run([things]);
    expect(code).toBe(1);
    expect(text).toContain("the schema of the extensions is missing");
    await query("admin", `CREATE SCHEMA extensions AUTHORIZATION ${names.ownerRole}`);
    const second = await run([things], ["no_such_extension"]);
    expect(second.code).toBe(1);
    expect(second.text).toContain("extensions are missing");
  });

  it("applies each file once, in the tenant's schema, and a later file in place", async () => {
    const first = await run([things]);
    expect(first.text).toBe("1 files are applied\n");
    expect(first.code).toBe(0);
    const again = await run([things]);
    expect(again).toEqual(first);
    await query(names.appRole, "INSERT INTO things (id) VALUES (1)");
    const grown = await run([things, twice]);
    expect(grown).toEqual({ code: 0, text: "2 files are applied\n" });
    expect(await applied()).toEqual([
      { origin: "template", name: "0001-things.sql" },
      { origin: "tenant", name: "sql/0001-own.sql" },
    ]);
    expect(await query(names.appRole, "SELECT id, at, one() FROM things")).toEqual([
      { id: 1, at: names.database, one: 1 },
    ]);
  });

  it("gives the two logins their rights on it, and none on the list of applied files", async () => {
    expect(await query(names.readOnlyRole, "SELECT id FROM things")).toEqual([{ id: 1 }]);
    await expect(query(names.readOnlyRole, "DELETE FROM things")).rejects.toThrow("permission denied for table things");
    await expect(query(names.appRole, "CREATE TABLE more (id int)")).rejects.toThrow("permission denied for schema");
    await expect(query(names.appRole, "CREATE TABLE public.more (id int)")).rejects.toThrow("permission denied");
    await expect(query(names.appRole, "CREATE TEMP TABLE more (id int)")).rejects.toThrow("permission denied");
    for (const sql of [
      "SELECT * FROM platform.applied_files",
      "INSERT INTO platform.applied_files VALUES ('template', 'x', 'x')",
      "DELETE FROM platform.applied_files",
    ]) {
      await expect(query(names.appRole, sql)).rejects.toThrow("permission denied for schema platform");
    }
  });

  it("refuses a file that was edited after it had been applied, with both digests", async () => {
    const edited = { ...file("0001-things.sql", "CREATE TABLE others (id int);") };
    const { code, text } = await run([edited]);
    expect(code).not.toBe(0);
    expect(text).toContain(
      `the file 0001-things.sql was edited after it had been applied (applied ${things.sha256}, now ${edited.sha256})`,
    );
    expect(await query("admin", "SELECT to_regclass('others') AS found")).toEqual([{ found: null }]);
  });

  it("leaves nothing of a file that fails, and what came before it stays", async () => {
    const before = await applied();
    const good = file("0002-good.sql", "CREATE TABLE good (id int);");
    const bad = file("0003-bad.sql", "CREATE TABLE half (id int); SELECT 1 / 0;");
    const { code, text } = await run([things, good, bad]);
    expect(code).not.toBe(0);
    expect(text).toContain("division by zero");
    const schema = `${names.database}.`;
    expect(
      await query("admin", `SELECT to_regclass('${schema}half') AS half, to_regclass('${schema}good')::text AS good`),
    ).toEqual([{ half: null, good: expect.stringContaining("good") as string }]);
    expect(await applied()).toEqual([...before, { origin: "template", name: "0002-good.sql" }]);
  });

  it("runs no transaction control and no command of psql that a file holds", async () => {
    const marker = join(folder, "marker");
    const ends = await run([file("0004-ends.sql", "CREATE TABLE kept (id int); COMMIT; SELECT 1;")]);
    expect(ends.code).not.toBe(0);
    expect(await query("admin", `SELECT to_regclass('${names.database}.kept') AS kept`)).toEqual([{ kept: null }]);
    const shells = await run([file("0005-shell.sql", `\\! touch ${marker}\nSELECT '\`touch ${marker}\`' AS :x;`)]);
    expect(shells.code).not.toBe(0);
    expect(existsSync(marker)).toBe(false);
  });

  it("takes a name with a quote, a dollar and a space as it is", async () => {
    const odd = file("sql/it's $(touch x) `odd`.sql", "CREATE TABLE odd (id int);", "tenant");
    const { code, text } = await run([odd]);
    expect({ code, text }).toEqual({ code: 0, text: "1 files are applied\n" });
    expect((await applied()).at(-1)).toEqual({ origin: "tenant", name: odd.name });
  });
});
