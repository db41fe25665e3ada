import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PoolTenantInputs } from "../../../provider/inputs.ts";
import { poolTenantHandler } from "../../../provider/postgres/pool-tenant.ts";
import {
  asApp,
  beginTrusted,
  joinPool,
  leftOf,
  makePool,
  poolContext,
  poolDependencies,
  rowsOf,
  seen,
  type TestPool,
  trusted,
} from "./pool-tenant-support.ts";
import { asAdmin, connect, stateOf, waiver } from "./support.ts";

const deps = poolDependencies();
const handler = poolTenantHandler(deps);
let pool: TestPool;
beforeAll(async () => {
  pool = await makePool(deps);
}, 120_000);
afterAll(() => deps.pools.close());

const books = "SELECT title AS value FROM books";

describe("two tenants of one pool", () => {
  test("each login writes and sees its own rows only, whatever app.tenant_id says", async () => {
    const [a, b] = [pool.tenant("a"), pool.tenant("b")];
    await joinPool(deps, a);
    await joinPool(deps, b);
    for (const tenant of [a, b]) {
      await asApp(tenant, (app) =>
        app.query("INSERT INTO books (id, author, title) VALUES (1, 1, $1)", [tenant.tenant]),
      );
    }
    await asApp(a, async (app) => {
      expect(await seen(app, books)).toEqual([a.tenant]);
      await app.query(`SET app.tenant_id = '${b.tenantId}'`);
      expect(await seen(app, books)).toEqual([a.tenant]);
      expect((await app.query("UPDATE books SET title = 'x' WHERE title = $1", [b.tenant])).rowCount).toBe(0);
      expect(
        await stateOf(app, `INSERT INTO books (tenant_id, id, author, title) VALUES ('${b.tenantId}', 2, 1, 'x')`),
      ).toBe("42501");
      expect(await stateOf(app, `SELECT set_tenant_context('${b.tenantId}')`)).toBe("42501");
      for (const role of [a.poolAppRole, a.poolReadOnlyRole, a.ownerRole, b.appRole]) {
        expect([role, await stateOf(app, `SET ROLE "${role}"`)]).toEqual([role, "42501"]);
      }
      expect(await stateOf(app, "SELECT * FROM tenancy_members")).toBe("42501");
      expect(await stateOf(app, "SELECT * FROM tenancy_logins")).toBe("42501");
      expect(await stateOf(app, "TRUNCATE books")).toBe("42501");
    });
    const reader = await connect(a.readOnlyRole, a.readOnlyPassword);
    expect(await seen(reader, books)).toEqual([a.tenant]);
    expect(await stateOf(reader, "DELETE FROM books")).toBe("42501");
    await reader.end();
  });

  test("a new tenant is filled by its seed with its id and name, once and never again", async () => {
    const inputs = pool.tenant("seeded");
    const outputs = await joinPool(deps, inputs);
    const authors = "SELECT name AS value FROM authors";
    expect(await asApp(inputs, (app) => seen(app, authors))).toEqual([`${inputs.displayName} (${inputs.tenant})`]);
    await asApp(inputs, (app) => app.query("DELETE FROM authors"));
    await handler.update(poolContext(inputs), "", outputs, inputs);
    expect(await asApp(inputs, (app) => seen(app, authors))).toEqual([]);
    expect(
      await asAdmin("SELECT origin, name FROM platform.applied_files WHERE schema_name = $1", [
        `${inputs.schema}/${inputs.tenant}`,
      ]),
    ).toEqual([{ origin: "seed", name: "seed/0001-author.sql" }]);
    expect(await asAdmin("SELECT status, schema_name FROM platform.tenants WHERE id = $1", [inputs.tenant])).toEqual([
      { status: "ready", schema_name: inputs.schema },
    ]);
  });

  test("what a tenant's application and its seed did is in the audit, under their logins", async () => {
    const inputs = pool.tenant("audit");
    await joinPool(deps, inputs);
    await asApp(inputs, (app) => app.query("INSERT INTO books (id, author, title) VALUES (1, 1, 'a')"));
    const audit = await asApp(inputs, (app) =>
      app.query("SELECT login, action, table_name FROM audit_log WHERE actor IS NULL ORDER BY id"),
    );
    const { provisioner } = deps.pools.server("main");
    expect(audit.rows).toEqual([
      { login: provisioner.user, action: "INSERT", table_name: "authors" },
      { login: inputs.appRole, action: "INSERT", table_name: "books" },
    ]);
  });
});

describe("the states of a tenant", () => {
  test("suspension ends a live session, closes the logins and hides the rows from the trusted login until it resumes", async () => {
    const inputs = pool.tenant("pause");
    const outputs = await joinPool(deps, inputs);
    const application = await connect(trusted.user, trusted.password);
    expect(await beginTrusted(application, inputs)).toBe("done");
    expect(await seen(application, "SELECT id AS value FROM authors")).toEqual([1]);
    await application.query("COMMIT");
    const live = await connect(inputs.appRole, inputs.password);
    const ended = new Promise((resolve) => live.once("end", resolve));
    const suspended: PoolTenantInputs = { ...inputs, state: "suspended" };
    const paused = await handler.update(poolContext(inputs), "", outputs, suspended);
    await ended;
    await expect(connect(inputs.appRole, inputs.password)).rejects.toMatchObject({ code: "28000" });
    await expect(connect(inputs.readOnlyRole, inputs.readOnlyPassword)).rejects.toMatchObject({ code: "28000" });
    expect(await beginTrusted(application, inputs)).toBe("42501");
    await application.query("ROLLBACK");
    await application.query(
      `BEGIN; SET LOCAL ROLE "${inputs.poolAppRole}"; SET LOCAL search_path = "${inputs.schema}"`,
    );
    await application.query(`SET LOCAL app.tenant_id = '${inputs.tenantId}'`);
    expect(await seen(application, "SELECT id AS value FROM authors")).toEqual([]);
    await application.query("ROLLBACK");
    expect((await handler.read(poolContext(inputs), "", suspended, paused))?.inputs.drift).toBeUndefined();
    await handler.update(poolContext(inputs), "", paused, inputs);
    expect(await beginTrusted(application, inputs)).toBe("done");
    expect(await seen(application, "SELECT id AS value FROM authors")).toEqual([1]);
    await application.end();
    expect(await asApp(inputs, (app) => seen(app, "SELECT id AS value FROM authors"))).toEqual([1]);
  });

  test("a new password and another limit replace the old ones in place, and no password is in the events", async () => {
    const inputs = pool.tenant("rotate");
    const outputs = await joinPool(deps, inputs);
    const news = { ...inputs, password: "another password", connectionLimit: 3 };
    await handler.update(poolContext(inputs), "", outputs, news);
    await expect(connect(inputs.appRole, inputs.password)).rejects.toMatchObject({ code: "28P01" });
    expect(await asApp(news, (app) => seen(app, "SELECT id AS value FROM authors"))).toEqual([1]);
    expect(await asAdmin("SELECT rolconnlimit AS n FROM pg_roles WHERE rolname = $1", [inputs.appRole])).toEqual([
      { n: 3 },
    ]);
    const events = await asAdmin<{ event: string }>(
      "SELECT event, detail FROM platform.events WHERE tenant = $1 ORDER BY id",
      [inputs.tenant],
    );
    expect(events.map(({ event }) => event)).toEqual(["create", "rotate"]);
    expect(JSON.stringify(events)).not.toContain("another password");
  });

  test("a tenant that is not offboarding or has no waiver is not deleted", async () => {
    const inputs = pool.tenant("kept");
    const outputs = await joinPool(deps, inputs);
    await expect(handler.delete(poolContext(inputs), "", outputs)).rejects.toThrow(/not deleted: its state is active/);
    await expect(handler.delete(poolContext(inputs), "", { ...outputs, state: "offboarding" })).rejects.toThrow(
      /it has no backupWaiver/,
    );
    expect(await asApp(inputs, (app) => seen(app, "SELECT id AS value FROM authors"))).toEqual([1]);
  });
});

describe("what is there already", () => {
  test("a run after a crash takes over its own tenant with a new token and new passwords, and fills nothing twice", async () => {
    const inputs = pool.tenant("adopt");
    const first = await joinPool(deps, inputs);
    const news = { ...inputs, password: "another" };
    const second = await joinPool(deps, news);
    expect(second.instanceToken).not.toBe(first.instanceToken);
    expect(await asApp(news, (app) => seen(app, "SELECT id AS value FROM authors"))).toEqual([1]);
    const old = poolContext(inputs);
    await handler.delete(old, "", { ...first, state: "offboarding", backupWaiver: waiver });
    expect(old.warnings).toEqual([expect.stringMatching(/is left alone: it is not the one of this state/)]);
    expect(await leftOf(inputs)).toHaveLength(6);
  });

  test("a tenant with rows beyond its seeds is taken over only where it is named", async () => {
    const inputs = pool.tenant("rows");
    await joinPool(deps, inputs);
    await asApp(inputs, (app) => app.query("INSERT INTO books (id, author, title) VALUES (1, 1, 'a')"));
    await expect(joinPool(deps, inputs)).rejects.toThrow(/holds data \(table (books|audit_log) has rows\)/);
    const { outputs } = await handler.create(poolContext(inputs, { adopt: [inputs.tenant] }), inputs);
    expect((await handler.read(poolContext(inputs), "", inputs, outputs))?.inputs.drift).toBeUndefined();
    expect(await asApp(inputs, (app) => seen(app, books))).toEqual(["a"]);
  });

  test("rows without a member are not given to a new tenant unless it is named, and nothing is left of the attempt", async () => {
    const inputs = pool.tenant("ghost");
    await asAdmin(`SET session_replication_role = replica;
      INSERT INTO "${inputs.schema}".authors VALUES ('${inputs.tenantId}', 7, 'left over')`);
    await expect(joinPool(deps, inputs)).rejects.toThrow(/holds data \(table authors has rows\)/);
    expect(await leftOf(inputs)).toEqual([]);
    await handler.create(poolContext(inputs, { adopt: [inputs.tenant] }), inputs);
    expect(await asApp(inputs, (app) => seen(app, "SELECT name AS value FROM authors"))).toEqual(["left over"]);
  });

  test("another resource's tenant, another stack's id, a login of nobody's and another tenant's tenant_id are refused", async () => {
    const inputs = pool.tenant("mine");
    await joinPool(deps, inputs);
    const renamed = poolContext({ tenant: `${inputs.tenant}-renamed` });
    await expect(handler.create(renamed, inputs)).rejects.toThrow(/aliases/);
    await expect(handler.create(poolContext(inputs, { stack: "other" }), inputs)).rejects.toThrow(
      /belongs to the stack tenancy\/test/,
    );
    const unmarked = pool.tenant("unmarked");
    await asAdmin(`CREATE ROLE "${unmarked.appRole}"`);
    await expect(joinPool(deps, unmarked)).rejects.toThrow(/role "tenant_unmarked.*_app" exists and carries no mark/);
    expect(await leftOf(unmarked)).toEqual([unmarked.appRole]);
    const twin = pool.tenant("twin", { tenantId: inputs.tenantId });
    await expect(handler.create(poolContext(twin, { adopt: [twin.tenant] }), twin)).rejects.toThrow(
      new RegExp(`has the member ${inputs.tenant} with the tenant_id ${inputs.tenantId}`),
    );
    await expect(
      handler.delete(poolContext(twin), "", {
        ...twin,
        state: "offboarding",
        backupWaiver: waiver,
        markUrn: "urn",
        instanceToken: "token",
      }),
    ).rejects.toThrow(/it is not removed/);
    expect(await rowsOf(pool.inputs, inputs.tenantId)).toEqual({ authors: 1, audit_log: 1 });
  });

  test("an update moves the mark to a new URN and keeps the token", async () => {
    const inputs = pool.tenant("alias");
    const outputs = await joinPool(deps, inputs);
    const moved = poolContext({ tenant: `${inputs.tenant}-moved` });
    expect(await handler.update(moved, "", outputs, inputs)).toMatchObject({
      markUrn: moved.urn,
      instanceToken: outputs.instanceToken,
    });
    await expect(joinPool(deps, inputs)).rejects.toThrow(/aliases/);
  });

  test("a pool that was not made is named", async () => {
    const inputs = pool.tenant("early", { pool: "none", schema: "pool_none" });
    await expect(joinPool(deps, inputs)).rejects.toThrow(/the pool "none" is not there/);
    expect(await asAdmin("SELECT FROM pg_roles WHERE rolname = $1", [inputs.appRole])).toEqual([]);
  });
});
