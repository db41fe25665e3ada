/** Canaries on the real servers: made, found and removed, whatever state a killed run left them in. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { postgresNames, redisNames, storageNames } from "../../components/naming.ts";
import { Canaries } from "../../verify/canary/canaries.ts";
import { makeCanary, removeCanary, removeLeftovers } from "../../verify/canary/guard.ts";
import { expiryOf, hasExpired, isCanaryId, newCanaryId } from "../../verify/canary/id.ts";
import { type Place, readLeases, writeLease } from "../../verify/canary/lease.ts";
import { asAdmin, baseline, dependencies, projectDir, templates } from "../provider/postgres/support.ts";
import { closeAll, connectAdmin } from "../provider/redis/support.ts";
import { services } from "../support/services.ts";

const places: readonly Place[] = [
  { store: "postgres", server: "main" },
  { store: "redis", server: "main" },
  { store: "storage", server: "main" },
  { store: "storage", server: "files" },
];
const { platform } = services();
const canaries = new Canaries({
  platform,
  project: "tenancy",
  stack: "test",
  projectDir,
  templates,
  embedded: new Set(),
  connections: 5,
});
const folder = mkdtempSync(join(tmpdir(), "tenancy-leases-"));
const deps = dependencies();
const faults: string[] = [];
const tell = (fault: string): void => void faults.push(fault);

/** Process id of a process that has ended. */
const deadPid = (): number => spawnSync(process.execPath, ["-e", ""]).pid;
const later = (): string => newCanaryId(Date.now() + 15 * 60_000);
const lost = (): string => newCanaryId(Date.now() - 60 * 60_000);

async function make(id: string): Promise<void> {
  const made = await makeCanary(canaries, folder, id, places, new AbortController().signal, tell);
  expect(faults).toEqual([]);
  expect(made.map(({ place }) => `${place.store}/${place.server}`).sort()).toEqual([
    "postgres/main",
    "redis/main",
    "storage/files",
    "storage/main",
  ]);
}

/** Where a canary is found. */
async function found(id: string): Promise<string[]> {
  const all = await Promise.all(
    places.map(async (place) => ((await canaries.find(place)).has(id) ? [`${place.store}/${place.server}`] : [])),
  );
  return all.flat();
}

function rewriteLease(id: string, changes: Record<string, unknown>): void {
  const path = join(folder, `${id}.json`);
  const lease = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  writeFileSync(path, JSON.stringify({ ...lease, ...changes }));
}

const allPlaces = ["postgres/main", "redis/main", "storage/main", "storage/files"];

beforeAll(() => baseline(deps), 120_000);

afterAll(async () => {
  await canaries.close();
  await deps.pools.close();
  closeAll();
  rmSync(folder, { recursive: true, force: true });
});

describe("a canary's id", () => {
  it("tells when it expires, and is no two times the same", () => {
    const expires = Date.parse("2026-11-22T20:15:30Z");
    const id = newCanaryId(expires);
    expect(isCanaryId(id)).toBe(true);
    expect(new Date(expiryOf(id)).toISOString()).toBe("2026-11-22T20:16:00.000Z");
    expect(newCanaryId(expires)).not.toBe(id);
  });

  it("has expired some minutes after its time: clocks differ", () => {
    const id = newCanaryId(Date.parse("2026-11-22T20:15:00Z"));
    expect(hasExpired(id, Date.parse("2026-11-22T20:19:59Z"))).toBe(false);
    expect(hasExpired(id, Date.parse("2026-11-22T20:20:01Z"))).toBe(true);
  });
});

describe("a lease", () => {
  it("holds process, host, expiry and places, and nothing else", () => {
    const id = later();
    const own = mkdtempSync(join(tmpdir(), "tenancy-lease-"));
    writeLease(own, id, places);
    expect(JSON.parse(readFileSync(join(own, `${id}.json`), "utf8"))).toEqual({
      pid: process.pid,
      hostname: hostname(),
      expires: new Date(expiryOf(id)).toISOString(),
      places,
    });
    expect(readLeases(own)).toEqual([{ id, places, dead: false }]);
    rmSync(own, { recursive: true });
  });

  it("that is damaged, or none, is passed over", () => {
    const own = mkdtempSync(join(tmpdir(), "tenancy-lease-"));
    writeFileSync(join(own, `${later()}.json`), "{");
    writeFileSync(join(own, "notes.txt"), "");
    mkdirSync(join(own, "x.json"));
    expect(readLeases(own)).toEqual([]);
    expect(readLeases(join(own, "none"))).toEqual([]);
    rmSync(own, { recursive: true });
  });
});

describe("a canary on the servers", () => {
  it("is made on each, found there by its name, and leaves nothing when it is removed", async () => {
    const id = later();
    const { schema, appRole } = postgresNames("canary", id);
    await make(id);
    expect(await found(id)).toEqual(allPlaces);
    expect(readdirSync(folder)).toEqual([`${id}.json`]);
    expect(await asAdmin("SELECT id FROM platform.tenants WHERE id = $1", [id])).toEqual([{ id }]);

    expect(await removeCanary(canaries, folder, id, places, tell)).toBe(true);
    expect(faults).toEqual([]);
    expect(await found(id)).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
    for (const [table, column] of [
      ["tenants", "id"],
      ["events", "tenant"],
      ["applied_files", "tenant"],
    ] as const) {
      expect(await asAdmin(`SELECT 1 FROM platform.${table} WHERE ${column} = $1`, [id])).toEqual([]);
    }
    expect(await asAdmin("SELECT 1 FROM pg_namespace WHERE nspname = $1", [schema])).toEqual([]);
    expect(await asAdmin("SELECT 1 FROM pg_roles WHERE rolname = $1", [appRole])).toEqual([]);
    // Removing what is gone is no fault.
    expect(await removeCanary(canaries, folder, id, places, tell)).toBe(true);
    expect(faults).toEqual([]);
  });

  it("goes with everything that an attack, or a crash, left of it or took away", async () => {
    const id = later();
    await make(id);
    const { schema, ownerRole } = postgresNames("canary", id);
    await asAdmin(`COMMENT ON SCHEMA ${schema} IS NULL; CREATE TABLE ${schema}.left_behind (x int);
      ALTER TABLE ${schema}.left_behind OWNER TO ${ownerRole}`);
    const redis = await connectAdmin();
    const { username, keyPrefix } = redisNames("canary", id);
    await redis.del(`tenancy:mark:${username}`);
    await redis.set(`${keyPrefix}left`, "1");
    const { prefix } = storageNames("canary", id);
    const files = platform.storage.files;
    if (files?.kind !== "filesystem") throw new Error("the tests have a file system");
    rmSync(join(files.root, ".tenancy", `${prefix.replace(/\/$/, "")}.json`));
    writeFileSync(join(files.root, prefix, "uploads", "left"), "x");

    expect(await removeCanary(canaries, folder, id, places, tell)).toBe(true);
    expect(faults).toEqual([]);
    expect(await found(id)).toEqual([]);
    expect(await redis.keys(`*${id}*`)).toEqual([]);
    expect(readdirSync(files.root)).not.toContain("canarys");
  });
});

describe("what killed runs left", () => {
  it("is removed where its process on this machine is dead, and kept where it lives", async () => {
    const dead = later();
    const living = later();
    await make(dead);
    await make(living);
    rewriteLease(dead, { pid: deadPid() });
    // Of another machine: whether it lives cannot be seen from here.
    rewriteLease(living, { pid: deadPid(), hostname: "elsewhere" });

    expect(await removeLeftovers(canaries, folder, places, tell)).toEqual([dead]);
    expect(faults).toEqual([]);
    expect(await found(dead)).toEqual([]);
    expect(await found(living)).toEqual(allPlaces);
    expect(readdirSync(folder)).toEqual([`${living}.json`]);
    await removeCanary(canaries, folder, living, places, tell);
  });

  it("on another machine is found by its name and removed when it has expired", async () => {
    const id = lost();
    await make(id);
    rmSync(join(folder, `${id}.json`));
    expect(await removeLeftovers(canaries, folder, places, tell)).toContain(id);
    expect(await found(id)).toEqual([]);
  });

  it("is removed from the servers of its lease although this run does not touch them", async () => {
    const id = later();
    await make(id);
    rewriteLease(id, { pid: deadPid() });
    expect(await removeLeftovers(canaries, folder, [], tell)).toEqual([id]);
    expect(await found(id)).toEqual([]);
  });

  it("half made is removed: one store made, the others not", async () => {
    const id = later();
    const [first] = places;
    if (first === undefined) throw new Error("there is a place");
    writeLease(folder, id, places);
    await canaries.make(id, first, new AbortController().signal);
    rewriteLease(id, { pid: deadPid() });
    expect(await removeLeftovers(canaries, folder, places, tell)).toEqual([id]);
    expect(await found(id)).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("never takes what has a canary's prefix and no canary's id", async () => {
    await asAdmin("CREATE SCHEMA canary_islands");
    try {
      await removeLeftovers(canaries, folder, places, tell);
      expect(await asAdmin("SELECT nspname FROM pg_namespace WHERE nspname = 'canary_islands'")).toHaveLength(1);
    } finally {
      await asAdmin("DROP SCHEMA canary_islands");
    }
  });

  it("forgets the lease of a server that has left the platform, without a fault", async () => {
    const id = later();
    writeLease(folder, id, [{ store: "redis", server: "gone" }]);
    rewriteLease(id, { pid: deadPid() });
    expect(await removeLeftovers(canaries, folder, [], tell)).toEqual([]);
    expect(faults).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });
});
