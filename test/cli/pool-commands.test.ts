/** `pool-check` and `retention` as a user runs them, on a pool that an update made. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { adminQuery } from "../support/admin.ts";
import { query } from "../support/clients.ts";
import { TestProject } from "../support/project.ts";

const project = new TestProject("local");
const pool = project.prefix;
const ids = ["acme", "beta"] as const;

beforeAll(async () => {
  project.profile = { tier: "pool", stores: ["postgres"], postgres: { pool } };
  project.pools = { [pool]: { server: "main", template: "kato", variables: { search: "exact" } } };
  project.tenants = { acme: {}, beta: {} };
  const up = await project.up();
  expect(up.code, up.text).toBe(0);
}, 240_000);
afterAll(() => {
  project.remove();
});

test("retention deletes each tenant's expired rows with its own login, after a dry run that deletes none", async () => {
  for (const id of ids) {
    await query(
      await project.credentials(id),
      "INSERT INTO sessions (session, scope, created_at, expires_at) SELECT 's' || i, 'user:u', now() - interval '2 days', " +
        `now() - interval '1 hour' FROM generate_series(1, ${id.length + 10 * ids.indexOf(id)}) i`,
    );
  }
  const left = async () =>
    adminQuery(project, `SELECT count(*)::int AS n FROM "pool_${pool}".sessions`).then(([row]) => row?.n);
  const dry = await project.run(["retention", "--dry-run"]);
  expect([dry.code, dry.stdout.trimEnd().split("\n")]).toEqual([
    0,
    [
      "tenant  table     expired",
      "acme    sessions  4",
      "beta    sessions  14",
      "",
      "18 rows of 2 tenants expired, nothing deleted",
    ],
  ]);
  expect(await left()).toBe(18);
  const one = await project.run(["retention", "--tenant", "beta", "--batch", "5", "--json"]);
  expect(one.code, one.text).toBe(0);
  expect(JSON.parse(one.stdout)).toEqual({
    stack: "dev",
    dryRun: false,
    tenants: [{ id: "beta", tables: { sessions: 14, observations: 0, patterns: 0, memory_vectors: 0 }, failed: false }],
  });
  expect(await left()).toBe(4);
  // A login that the server refuses: the other tenant is done all the same.
  await adminQuery(project, `ALTER ROLE "${project.prefix}_beta_app" NOLOGIN`);
  const broken = await project.run(["retention"]);
  expect([broken.code, broken.stdout]).toEqual([1, expect.stringContaining("4 rows of 2 tenants deleted; 1 failed")]);
  expect(await left()).toBe(0);
  await adminQuery(project, `ALTER ROLE "${project.prefix}_beta_app" LOGIN`);
}, 120_000);

test("pool-check passes, fails with what is wrong and what to do, and cannot tell of a pool that is not there", async () => {
  const well = await project.run(["pool-check", pool]);
  expect(well.code, well.text).toBe(0);
  expect(well.stdout).toMatch(new RegExp(`^pool ${pool}\nok +extensions +the template needs none\n`));
  expect(well.stdout).toContain("11 checks, all ok");
  await adminQuery(project, `ALTER TABLE "pool_${pool}".access_log NO FORCE ROW LEVEL SECURITY`);
  const broken = await project.run(["pool-check", "--json"]);
  const { pools } = JSON.parse(broken.stdout) as { pools: { pool: string; checks: { ok: boolean }[] }[] };
  expect([broken.code, pools.map((one) => [one.pool, one.checks.filter(({ ok }) => !ok)])]).toEqual([
    1,
    [
      [
        pool,
        [
          {
            name: "row-level security enabled and forced",
            ok: false,
            seen: ["the table access_log waives row-level security for its owner"],
            fix: "run `npm run -s tenancy -- drift --repair`",
          },
        ],
      ],
    ],
  ]);
  const none = await project.run(["pool-check", "other"]);
  expect([none.code, none.stderr]).toEqual([
    2,
    `error: pool-check: "other" is no pool of the registry; it has: ${pool}.\n`,
  ]);
}, 120_000);
