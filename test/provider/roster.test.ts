import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rosterHandler } from "../../provider/index/roster.ts";
import type { RosterEntry, RosterInputs } from "../../provider/inputs.ts";
import { postgresDependencies } from "../../provider/postgres/dependencies.ts";
import { services } from "../support/services.ts";
import {
  asAdmin,
  baseline,
  context,
  dependencies,
  projectDir,
  rosterEntry,
  templates,
  tenantId,
  waiver,
} from "./postgres/support.ts";

const deps = dependencies();
const handler = rosterHandler(deps);
beforeAll(() => baseline(deps), 120_000);
afterAll(() => deps.pools.close());

const type = "tenancy:index:Roster";
/** A stack of its own for each test: the catalogue counts live tenants by stack. */
const stackContext = (stack: string) => context("roster", { stack, type });

function roster(tenants: Record<string, RosterEntry>, maxDeletes = 1): RosterInputs {
  return { catalogue: "main", maxDeletes, tenants };
}

async function reasons(stack: string, olds: RosterInputs | undefined, news: RosterInputs): Promise<string> {
  const failures = await handler.check(stackContext(stack), olds, news);
  expect(failures.length).toBeLessThanOrEqual(1);
  return failures[0]?.reason ?? "";
}

describe("check", () => {
  test("a first roster and an unchanged one pass", async () => {
    const id = tenantId("first");
    const news = roster({ [id]: rosterEntry(id) });
    expect(await reasons(id, undefined, news)).toBe("");
    expect(await reasons(id, news, news)).toBe("");
  });

  test("a tenant that leaves without a recorded offboarding, or without a waiver, is refused with what to do", async () => {
    const id = tenantId("leaves");
    expect(await reasons(id, roster({ [id]: rosterEntry(id) }), roster({}))).toMatch(
      new RegExp(`^tenant ${id}: leaves the registry in the state active. Put it back with .state: offboarding.`),
    );
    const unwaived = roster({ [id]: rosterEntry(id, { state: "offboarding" }) });
    expect(await reasons(id, unwaived, roster({}))).toMatch(/without a backupWaiver/);
    const ready = roster({ [id]: rosterEntry(id, { state: "offboarding", backupWaiver: waiver }) });
    expect(await reasons(id, ready, roster({}))).toBe("");
  });

  test("more tenants leaving at once than maxDeletes are refused, and all are named", async () => {
    const [a, b] = [tenantId("a"), tenantId("b")];
    const leaving = { state: "offboarding", backupWaiver: waiver } as const;
    const olds = roster({ [a]: rosterEntry(a, leaving), [b]: rosterEntry(b, leaving) });
    expect(await reasons(a, olds, roster({}))).toContain(`2 tenants leave at once (${a}, ${b}); maxDeletes allows 1`);
    expect(await reasons(a, olds, roster({}, 2))).toBe("");
  });

  test("a changed prefix, region, tier, externalId and placement of a live tenant are told in one failure", async () => {
    const id = tenantId("moved");
    const news = rosterEntry(id, {
      prefix: "ekn",
      region: "us",
      tier: "silo",
      externalId: "new",
      placement: { postgres: "second" },
    });
    const text = await reasons(id, roster({ [id]: rosterEntry(id) }), roster({ [id]: news }));
    for (const name of ["prefix", "region", "tier", "externalId", "placement.postgres"]) {
      expect(text).toContain(`tenant ${id}: ${name} of a live tenant cannot change`);
    }
  });

  test("a server of the tenant's own is not made anew, and its storage does not shrink, but for one that leaves", async () => {
    const id = tenantId("server");
    const own = (engine: string, size: number, more: Partial<RosterEntry> = {}) =>
      roster({
        [id]: rosterEntry(id, { fixed: { "silo.engine": engine }, sizes: { "silo.storageSize": size }, ...more }),
      });
    expect(await reasons(id, own("postgres", 20), own("postgres", 40))).toBe("");
    const text = await reasons(id, own("postgres", 20), own("aurora-postgresql", 10));
    expect(text).toContain(`tenant ${id}: silo.engine cannot change from "postgres" to "aurora-postgresql"`);
    expect(text).toContain(`tenant ${id}: silo.storageSize cannot shrink from 20Gi to 10Gi`);
    expect(await reasons(id, own("postgres", 20, { state: "offboarding" }), own("aurora-postgresql", 10))).toBe("");
  });

  test("a tenant in a pool keeps pool and tenant_id: its rows would stay behind", async () => {
    const id = tenantId("pooled");
    const inPool = (pool: string, tenant: string) =>
      roster({ [id]: rosterEntry(id, { tier: "pool", fixed: { "postgres.pool": pool, tenant_id: tenant } }) });
    expect(await reasons(id, inPool("a", "1"), inPool("a", "1"))).toBe("");
    const text = await reasons(id, inPool("a", "1"), inPool("b", "2"));
    expect(text).toContain(
      `tenant ${id}: postgres.pool cannot change from "a" to "b": its rows would stay where they are`,
    );
    expect(text).toContain(`tenant ${id}: tenant_id cannot change from "1" to "2": its rows would stay where they are`);
    expect(text).not.toContain("server");
  });

  test("with a lost state, live tenants of the stack that are not in the registry are refused", async () => {
    const id = tenantId("lost");
    await handler.create(stackContext(id), roster({ [id]: rosterEntry(id) }));
    expect(await reasons(id, undefined, roster({}))).toMatch(/is live in the catalogue/);
    expect(await reasons(id, undefined, roster({ [id]: rosterEntry(id) }))).toBe("");
    expect(await reasons(id, undefined, roster({ [id]: rosterEntry(id, { prefix: "ekn" }) }))).toMatch(
      /prefix of a live/,
    );
    expect(await reasons(`other-${id}`, undefined, roster({}))).toBe("");
  });

  test("an id or external id of another stack is refused", async () => {
    const id = tenantId("taken");
    await handler.create(stackContext(id), roster({ [id]: rosterEntry(id) }));
    const other = `other-${id}`;
    expect(await reasons(other, undefined, roster({ [id]: rosterEntry(id) }))).toContain(
      `belongs to the stack tenancy/${id}`,
    );
    await expect(handler.create(stackContext(other), roster({ [id]: rosterEntry(id) }))).rejects.toThrow(
      /belongs to the stack/,
    );
    const twin = tenantId("twin");
    const text = await reasons(
      other,
      undefined,
      roster({ [twin]: rosterEntry(twin, { externalId: `external-${id}` }) }),
    );
    expect(text).toContain(`is the tenant ${id}'s in the catalogue`);
  });

  test("a server that cannot be asked fails the preview", async () => {
    const main = services().platform.postgres.main;
    if (main === undefined) throw new Error("the services have a PostgreSQL server");
    const platform = { ...services().platform, postgres: { main: { ...main, port: 1 } } };
    const unreachable = rosterHandler(postgresDependencies({ platform, templates, projectDir }));
    const failures = await unreachable.check(stackContext("x"), undefined, roster({}));
    expect(failures).toHaveLength(1);
    expect(failures[0]?.reason).toMatch(/127\.0\.0\.1:1.*ECONNREFUSED/);
  });

  test("before the database or the provisioner is there no id is taken", async () => {
    const main = services().platform.postgres.main;
    if (main === undefined) throw new Error("the services have a PostgreSQL server");
    const fresh = { ...main, database: "not_there_yet", provisioner: { user: "nobody_yet", password: "x" } };
    const platform = { ...services().platform, postgres: { main: fresh } };
    const handlerOfFresh = rosterHandler(postgresDependencies({ platform, templates, projectDir }));
    expect(await handlerOfFresh.check(stackContext("x"), undefined, roster({}))).toEqual([]);
  });
});

describe("create and update", () => {
  test("a leaving tenant becomes a tombstone with its waiver, and its id is refused for ever", async () => {
    const [withSchema, without] = [tenantId("schema"), tenantId("plain")];
    const leaving = { state: "offboarding", backupWaiver: waiver } as const;
    const olds = roster({
      [withSchema]: rosterEntry(withSchema, leaving),
      [without]: rosterEntry(without, { ...leaving, placement: { redis: "main" } }),
    });
    const { outputs } = await handler.create(stackContext(withSchema), olds);
    await handler.update(stackContext(withSchema), "roster", outputs, roster({}, 2));
    const rows = await asAdmin(
      "SELECT id, status, backup_waiver, removed_at IS NOT NULL AS gone FROM platform.tenants WHERE id = ANY ($1)",
      [[withSchema, without]],
    );
    expect(rows).toHaveLength(2);
    expect(rows).toContainEqual({ id: withSchema, status: "removing", backup_waiver: waiver, gone: true });
    expect(rows).toContainEqual({ id: without, status: "removed", backup_waiver: waiver, gone: true });
    expect(await reasons(withSchema, roster({}), roster({ [without]: rosterEntry(without) }))).toMatch(
      /never given again/,
    );
    await expect(
      handler.update(
        stackContext(withSchema),
        "roster",
        { ...roster({}), since: {} },
        roster({ [without]: rosterEntry(without) }),
      ),
    ).rejects.toThrow(/never given again/);
  });

  test("since is kept while the state is, and moves with it", async () => {
    const id = tenantId("since");
    const olds = roster({ [id]: rosterEntry(id, { placement: { redis: "main" } }) });
    const { outputs } = await handler.create(stackContext(id), olds);
    const same = await handler.update(stackContext(id), "roster", outputs, olds);
    expect(same.since).toEqual(outputs.since);
    const paused = roster({ [id]: rosterEntry(id, { placement: { redis: "main" }, state: "suspended" }) });
    const changed = await handler.update(stackContext(id), "roster", same, paused);
    expect(changed.since[id]).not.toBe(outputs.since[id]);
    expect(await asAdmin("SELECT status FROM platform.tenants WHERE id = $1", [id])).toEqual([{ status: "suspended" }]);
  });

  test("a thousand tenants are one statement", async () => {
    const stack = tenantId("many");
    const ids = Array.from({ length: 1000 }, (_, index) => `${stack}-${index}`);
    const news = roster(Object.fromEntries(ids.map((id) => [id, rosterEntry(id)])));
    const { outputs } = await handler.create(stackContext(stack), news);
    expect(Object.keys(outputs.since)).toHaveLength(1000);
  });

  test("a destroyed stack leaves a tombstone of a tenant without a schema, too", async () => {
    const id = tenantId("cacheonly");
    const entry = {
      ...rosterEntry(id),
      placement: { redis: "main" },
      state: "offboarding" as const,
      backupWaiver: waiver,
    };
    const stack = tenantId("stack");
    const made = await handler.create(stackContext(stack), roster({ [id]: entry }));
    await handler.delete(stackContext(stack), made.id, made.outputs);
    const again = await handler.check(stackContext(tenantId("stack")), undefined, roster({ [id]: rosterEntry(id) }));
    expect(again.map(({ reason }) => reason).join()).toContain(
      `tenant ${id}: the id belonged to a tenant that was removed`,
    );
  });
});
