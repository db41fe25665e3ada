/** Canaries of a pool on the real server: made, found and removed, also after a run that was killed. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canaryPrefix, postgresNames } from "../../components/naming.ts";
import { Canaries } from "../../verify/canary/canaries.ts";
import { makeCanary, removeCanary, removeLeftovers } from "../../verify/canary/guard.ts";
import { newCanaryId } from "../../verify/canary/id.ts";
import { type Place, readLeases } from "../../verify/canary/lease.ts";
import { postgresProbe } from "../../verify/postgres/probe.ts";
import {
  makePool,
  poolDependencies,
  server,
  templates,
  type TestPool,
} from "../provider/postgres/pool-tenant-support.ts";
import { asAdmin, projectDir } from "../provider/postgres/support.ts";

const deps = poolDependencies();
const folder = mkdtempSync(join(tmpdir(), "tenancy-leases-"));
const faults: string[] = [];
const tell = (fault: string): void => void faults.push(fault);
let pool: TestPool;
let canaries: Canaries;
let places: Place[];

beforeAll(async () => {
  pool = await makePool(deps);
  const { pool: name, template } = pool.inputs;
  const record = { name, server: "main", template, variables: {}, partitions: 0 };
  canaries = new Canaries({
    platform: { postgres: { main: server() }, redis: {}, storage: {}, neo4j: {} },
    ...{ project: "tenancy", stack: "test", projectDir, templates, pools: [record] },
    ...{ embedded: new Set<string>(), connections: 5 },
  });
  places = [{ store: "postgres", server: "main", pool: name }];
}, 120_000);
afterAll(async () => {
  await canaries.close();
  await deps.pools.close();
  rmSync(folder, { recursive: true, force: true });
});

const make = (id: string) => makeCanary(canaries, folder, id, places, new AbortController().signal, tell);
const ownName = (id: string): string =>
  canaries.nameOf(id, { store: "postgres", server: "main", pool: pool.inputs.pool });

/** All that there could be of a canary, by a superuser. */
async function left(id: string): Promise<unknown[]> {
  const name = ownName(id);
  const { schema: login } = postgresNames(canaryPrefix, name);
  return asAdmin(
    `SELECT rolname::text AS name FROM pg_roles WHERE rolname LIKE '${login}%'
     UNION ALL SELECT tenant FROM "${pool.inputs.schema}".tenancy_members WHERE tenant = '${name}'
     UNION ALL SELECT login FROM "${pool.inputs.schema}".tenancy_logins WHERE login LIKE '${login}%'
     UNION ALL SELECT name FROM "${pool.inputs.schema}".authors WHERE name LIKE 'canary-%'
     UNION ALL SELECT id FROM platform.tenants WHERE id = '${name}'
     UNION ALL SELECT tenant FROM platform.events WHERE tenant = '${name}'`,
  );
}

describe("a canary of a pool", () => {
  it("is a member with rows while the run lasts, under an id of its own, and nothing of it is left after it", async () => {
    const id = newCanaryId(Date.now() + 15 * 60_000);
    const [made] = await make(id);
    expect(faults).toEqual([]);
    expect(made?.party.id).toBe(id);
    expect(made?.party.postgres?.pool?.name).toBe(pool.inputs.pool);
    expect(ownName(id)).not.toBe(id);
    if (made !== undefined) await postgresProbe({ keep: 0 }).furnish(made.party);
    const [place] = places;
    expect([...(await canaries.find(place ?? { store: "postgres", server: "main" })).keys()]).toEqual([ownName(id)]);
    // It has no schema: whoever looks for schemas of canaries must not take it for half of one.
    expect((await canaries.find({ store: "postgres", server: "main" })).has(ownName(id))).toBe(false);
    expect((await left(id)).length).toBeGreaterThanOrEqual(7);

    expect(await removeCanary(canaries, folder, id, places, tell)).toBe(true);
    expect(faults).toEqual([]);
    expect(await left(id)).toEqual([]);
    expect(readLeases(folder)).toEqual([]);
  });

  it("of a run that was killed is removed by the next one, and that of a run that lives is not", async () => {
    const [dead, living] = [newCanaryId(Date.now() + 15 * 60_000), newCanaryId(Date.now() + 15 * 60_000)];
    await make(dead);
    await make(living);
    const path = join(folder, `${dead}.json`);
    const lease = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    writeFileSync(path, JSON.stringify({ ...lease, pid: spawnSync(process.execPath, ["-e", ""]).pid }));
    expect(await removeLeftovers(canaries, folder, places, tell)).toEqual([ownName(dead)]);
    expect(faults).toEqual([]);
    expect(await left(dead)).toEqual([]);
    expect(readLeases(folder).map((one) => one.id)).toEqual([living]);
    expect(await removeCanary(canaries, folder, living, places, tell)).toBe(true);
    expect(await left(living)).toEqual([]);
  });

  it("of a pool that the registry no longer has is left alone", () => {
    expect(canaries.knows({ store: "postgres", server: "main", pool: "another" })).toBe(false);
  });
});
