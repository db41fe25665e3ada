import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type pg from "pg";
import { poolHandler } from "../../../provider/postgres/pool-shared.ts";
import type { PoolInputs, PoolOutputs } from "../../../provider/inputs.ts";
import {
  createPool,
  driftOf,
  joinPool,
  type MemberOfTests,
  poolInputs,
  type PoolPlaceOfTests,
  poolPlace,
} from "./pool-shared-support.ts";
import { stateOf } from "./support.ts";

let place: PoolPlaceOfTests;
let inputs: PoolInputs;
let outputs: PoolOutputs;
let a: MemberOfTests;
let b: MemberOfTests;
let asA: pg.Client;
let asB: pg.Client;
/** The trusted login, with the pool's role and path. */
let trusted: pg.Client;
const opened: pg.Client[] = [];

beforeAll(async () => {
  place = await poolPlace();
  inputs = poolInputs(place, "notes", { partitions: 4 });
  outputs = await createPool(place, inputs);
  a = await joinPool(place, inputs, "a");
  b = await joinPool(place, inputs, "b");
  asA = await place.connectAs(a.login, a.password);
  asB = await place.connectAs(b.login, b.password);
  trusted = await place.connectAs(place.application.user, place.application.password);
  opened.push(asA, asB, trusted);
  await trusted.query(`SET search_path = ${inputs.schema}; SET ROLE ${inputs.appRole}`);
  for (const client of [asA, asB]) {
    await client.query("INSERT INTO folders (name) VALUES ('first')");
    await client.query("INSERT INTO notes (folder, title, secret) SELECT id, 'note', 'hidden' FROM folders");
  }
}, 120_000);
afterAll(async () => {
  await Promise.all(opened.map((client) => client.end()));
  await place.close();
});

const count = async (client: pg.Client, table: string) =>
  (await client.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`)).rows[0]?.n;

describe("a login that is bound to its tenant", () => {
  test("sees its own rows alone, in tables, views and partitions", async () => {
    for (const client of [asA, asB]) {
      expect(await count(client, "notes")).toBe(1);
      expect(await count(client, "titles")).toBe(1);
      expect(await stateOf(client, "SELECT FROM notes_p0")).toBe("42501");
    }
    const { rows } = await asA.query("SELECT DISTINCT tenant_id FROM notes");
    expect(rows).toEqual([{ tenant_id: a.tenantId }]);
  });

  test("stays its tenant's whatever app.tenant_id says, and may not set a context", async () => {
    await asA.query("BEGIN");
    await asA.query("SELECT set_config('app.tenant_id', $1, true)", [b.tenantId]);
    expect((await asA.query("SELECT current_tenant_id() AS id, current_tenant() AS tenant")).rows).toEqual([
      { id: a.tenantId, tenant: "a" },
    ]);
    expect(await count(asA, "notes")).toBe(1);
    await asA.query("ROLLBACK");
    expect(await stateOf(asA, `SELECT set_tenant_context('${b.tenantId}')`)).toBe("42501");
    expect(await stateOf(asA, `SELECT set_tenant_context('${a.tenantId}')`)).toBe("42501");
    expect(await stateOf(asA, `SET ROLE ${inputs.appRole}`)).toBe("42501");
  });

  test("cannot write a row for another, move one there, or point to one", async () => {
    expect(await stateOf(asA, `INSERT INTO folders (tenant_id, name) VALUES ('${b.tenantId}', 'x')`)).toBe("42501");
    expect(await stateOf(asA, `UPDATE folders SET tenant_id = '${b.tenantId}'`)).toBe("42501");
    expect(await stateOf(asB, "INSERT INTO folders (name) VALUES ('second')")).toBe("done");
    const { rows } = await asB.query<{ id: string }>("SELECT id FROM folders WHERE name = 'second'");
    const insert = `INSERT INTO notes (folder, title) VALUES (${rows[0]?.id ?? ""}, 'x')`;
    expect(await stateOf(asA, insert)).toBe("23503");
  });

  test("learns nothing from a unique key of another's value", async () => {
    expect(await stateOf(asB, "INSERT INTO folders (name) VALUES ('only b')")).toBe("done");
    expect(await stateOf(asA, "INSERT INTO folders (name) VALUES ('only b')")).toBe("done");
    expect(await stateOf(asA, "INSERT INTO folders (name) VALUES ('only b')")).toBe("23505");
  });

  test("may not truncate, reference, add a trigger, switch a policy, or read who is a member", async () => {
    const statements = [
      "TRUNCATE notes",
      "CREATE TRIGGER x BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION touch()",
      "ALTER TABLE notes DISABLE ROW LEVEL SECURITY",
      "SET row_security = off; SELECT FROM notes",
      "SELECT FROM tenancy_members",
      "SELECT FROM tenancy_logins",
      "SELECT setval('notes_id_seq', 1)",
      "SELECT last_value FROM visits_id_seq",
      "CREATE TABLE mine (id int)",
    ];
    for (const statement of statements)
      expect([statement, await stateOf(asA, statement)]).toEqual([statement, "42501"]);
    await asA.query("RESET row_security");
  });

  test("only adds to a table that is append-only", async () => {
    expect(await stateOf(asA, "INSERT INTO visits (page) VALUES ('/')")).toBe("done");
    expect(await stateOf(asA, "UPDATE visits SET page = ''")).toBe("42501");
    expect(await stateOf(asA, "DELETE FROM visits")).toBe("42501");
  });

  test("sees nothing and writes nothing when its tenant is no active member", async () => {
    const close = (active: boolean) =>
      place.admin(`UPDATE ${inputs.schema}.tenancy_members SET active = ${String(active)} WHERE tenant = 'b'`);
    await close(false);
    expect(await count(asB, "notes")).toBe(0);
    expect(await stateOf(asB, "INSERT INTO folders (name) VALUES ('closed')")).toBe("42501");
    expect(await stateOf(trusted, `SELECT set_tenant_context('${b.tenantId}')`)).toBe("42501");
    await close(true);
    expect(await count(asB, "notes")).toBe(1);
  });
});

describe("the trusted login", () => {
  const inTransaction = async (tenant: string, work: () => Promise<void>) => {
    await trusted.query("BEGIN");
    await trusted.query("SELECT set_tenant_context($1, 'someone')", [tenant]);
    await work();
    await trusted.query("COMMIT");
  };

  test("without a context sees no row and writes none, also after a transaction with one", async () => {
    await inTransaction(a.tenantId, async () => {
      expect(await count(trusted, "notes")).toBe(1);
    });
    for (const table of ["folders", "notes", "titles", "visits", "audit_log"]) {
      expect([table, await count(trusted, table)]).toEqual([table, 0]);
    }
    expect(await stateOf(trusted, "INSERT INTO folders (name) VALUES ('x')")).toBe("42501");
    expect(await stateOf(trusted, `INSERT INTO folders (tenant_id, name) VALUES ('${a.tenantId}', 'x')`)).toBe("42501");
    expect((await trusted.query("UPDATE folders SET name = 'x'")).rowCount).toBe(0);
    expect((await trusted.query("DELETE FROM notes")).rowCount).toBe(0);
  });

  test("takes a text that is no uuid, and an unknown tenant, for none", async () => {
    for (const text of ["", "x", "00000000-0000-0000-0000-000000000000"]) {
      await trusted.query("BEGIN");
      await trusted.query("SELECT set_config('app.tenant_id', $1, true)", [text]);
      expect(await count(trusted, "notes")).toBe(0);
      await trusted.query("ROLLBACK");
    }
    expect(await stateOf(trusted, "SELECT set_tenant_context(gen_random_uuid())")).toBe("42501");
    expect(await stateOf(trusted, "SELECT set_tenant_context(NULL)")).toBe("42501");
  });

  test("has no right before it takes the pool's role", async () => {
    const plain = await place.connectAs(place.application.user, place.application.password);
    expect(await stateOf(plain, `SELECT FROM ${inputs.schema}.notes`)).toBe("42501");
    expect(await stateOf(plain, `SET ROLE ${inputs.ownerRole}`)).toBe("42501");
    await plain.end();
  });

  test("sees the same rows when workers of a parallel query read them", async () => {
    await inTransaction(a.tenantId, async () => {
      await trusted.query("SET LOCAL debug_parallel_query = on");
      expect(await count(trusted, "notes")).toBe(1);
      expect((await trusted.query("SELECT current_tenant_id() AS id")).rows).toEqual([{ id: a.tenantId }]);
    });
  });
});

describe("the audit", () => {
  test("holds old and new of each statement, who and for whom, without the columns that it leaves out", async () => {
    await trusted.query("BEGIN");
    await trusted.query("SELECT set_tenant_context($1, 'ada')", [a.tenantId]);
    await trusted.query("INSERT INTO folders (name) VALUES ('one'), ('two')");
    await trusted.query("UPDATE folders SET name = upper(name) WHERE name IN ('one', 'two')");
    await trusted.query("DELETE FROM folders WHERE name IN ('ONE', 'TWO')");
    await trusted.query("COMMIT");
    const { rows } = await asA.query<{ action: string; before: string | null; after: string | null; login: string }>(
      `SELECT action, old_row->>'name' AS before, new_row->>'name' AS after, login FROM audit_log
       WHERE actor = 'ada' ORDER BY id`,
    );
    const login = place.application.user;
    expect(rows).toEqual([
      { action: "INSERT", before: null, after: "one", login },
      { action: "INSERT", before: null, after: "two", login },
      { action: "UPDATE", before: "one", after: "ONE", login },
      { action: "UPDATE", before: "two", after: "TWO", login },
      { action: "DELETE", before: "ONE", after: null, login },
      { action: "DELETE", before: "TWO", after: null, login },
    ]);
    const notes = await asA.query<{ hidden: boolean; title: string; login: string }>(
      "SELECT new_row ? 'secret' AS hidden, new_row->>'title' AS title, login FROM audit_log WHERE table_name = 'notes'",
    );
    expect(notes.rows).toEqual([{ hidden: false, title: "note", login: a.login }]);
  });

  test("is the tenant's own, and nobody of the pool changes it", async () => {
    const { rows } = await asB.query("SELECT DISTINCT tenant_id FROM audit_log");
    expect(rows).toEqual([{ tenant_id: b.tenantId }]);
    for (const statement of [
      "UPDATE audit_log SET actor = 'x'",
      "DELETE FROM audit_log",
      "INSERT INTO audit_log (tenant_id, login, action, table_name) VALUES (current_tenant_id(), 'x', 'x', 'x')",
      "TRUNCATE audit_log",
    ]) {
      expect([statement, await stateOf(asA, statement)]).toEqual([statement, "42501"]);
    }
  });

  test("goes on where a member claims that it erases", async () => {
    const before = await count(asA, "audit_log");
    await asA.query("BEGIN; SET LOCAL tenancy.erasing = 'on'; INSERT INTO folders (name) VALUES ('erasing'); COMMIT");
    expect(await count(asA, "audit_log")).toBe((before ?? 0) + 1);
  });
});

test("a pool that was just made shows no drift, also with members", async () => {
  expect(await driftOf(place, inputs, outputs)).toEqual([]);
});

test("a pool is not deleted while a tenant is a member or a row is left", async () => {
  const remove = () =>
    poolHandler(place.deps).delete(
      {
        urn: outputs.markUrn,
        adopt: new Set(),
        warn: () => undefined,
        status: () => undefined,
        signal: new AbortController().signal,
      },
      inputs.schema,
      outputs,
    );
  await expect(remove()).rejects.toThrow(/is not deleted: 2 tenants are members \(a, b\)/);
  const { schema } = inputs;
  await place.admin(
    `CREATE TABLE kept_members AS SELECT * FROM ${schema}.tenancy_members; CREATE TABLE kept_logins AS SELECT * FROM ${schema}.tenancy_logins;
     DELETE FROM ${schema}.tenancy_logins WHERE kind = 'tenant'; DELETE FROM ${schema}.tenancy_members`,
  );
  await expect(remove()).rejects.toThrow(/its table audit_log has rows of/);
  await place.admin(
    `INSERT INTO ${schema}.tenancy_members SELECT * FROM kept_members; DROP TABLE kept_members;
     INSERT INTO ${schema}.tenancy_logins SELECT * FROM kept_logins WHERE kind = 'tenant'; DROP TABLE kept_logins`,
  );
  expect(await count(asA, "notes")).toBe(1);
});
