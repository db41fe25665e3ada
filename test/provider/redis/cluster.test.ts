import { randomBytes } from "node:crypto";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aclUserHandler } from "../../../provider/redis/acl-user.ts";
import type { Handler } from "../../../provider/handler.ts";
import type { AclUserInputs, AclUserOutputs } from "../../../provider/inputs.ts";
import { slotOf } from "../../../provider/redis/slot.ts";
import { redisNames } from "../../../components/naming.ts";
import { answer, newContext, waiver } from "./support.ts";
import { nth, type SetNode, startCluster } from "./sets.ts";

let cluster: Awaited<ReturnType<typeof startCluster>>;
let handler: Handler<AclUserInputs, AclUserOutputs>;
let admins: Redis[];

beforeAll(async () => {
  cluster = await startCluster();
  const { set, server } = cluster;
  handler = aclUserHandler({
    platform: { postgres: {}, storage: {}, neo4j: {}, redis: { main: server } },
    connect: set.connectAnnounced,
  });
  admins = await Promise.all(set.nodes.map((node) => set.connect(node)));
}, 180_000);

afterAll(async () => {
  await handler.close?.();
  await cluster.set.stop();
});

/** Ids in the slots of one primary. */
function idOn(primary: number): string {
  for (;;) {
    const id = `t${randomBytes(6).toString("hex")}`;
    const slot = slotOf(`{${id}}`);
    if (slot >= nth([0, 5_461, 10_923], primary) && slot < nth([5_461, 10_923, 16_384], primary)) return id;
  }
}

function newTenant(tenant: string, changes: Partial<AclUserInputs> = {}): AclUserInputs {
  const password = randomBytes(18).toString("base64url");
  return {
    server: "main",
    tenant,
    state: "active",
    ...redisNames("tenant", tenant, { cluster: true }),
    password,
    ...changes,
  };
}

const everywhere = (): SetNode[] => [...cluster.primaries, cluster.replica];

describe("the slot of a key", () => {
  it.each([
    ["foo", 12_182],
    ["123456789", 12_739],
    ["{user1000}.following", slotOf("user1000")],
    ["tenant:{acme}:a", slotOf("acme")],
    ["tenant:{acme}:{b}", slotOf("acme")],
  ])("of %s is %d", async (key, slot) => {
    expect(slotOf(key)).toBe(slot);
    expect(await admins[0]?.call("CLUSTER", "KEYSLOT", key)).toBe(slot);
  });

  it("counts an empty tag as none", async () => {
    expect(await admins[0]?.call("CLUSTER", "KEYSLOT", "a{}b")).toBe(slotOf("a{}b"));
    expect(slotOf("a{}b")).not.toBe(slotOf(""));
  });
});

describe("a tenant of a cluster", () => {
  it("has its rule on every primary and replica, and its keys in one slot", async () => {
    const own = newTenant(idOn(1));
    const { context } = newContext(own.tenant);
    const { id, outputs } = await handler.create(context, own);
    expect(own.keyPrefix).toBe(`tenant:{${own.tenant}}:`);
    for (const node of everywhere()) {
      const login = await cluster.set.connect(node, own.username, own.password);
      expect(await answer(login, "PING")).toBe("PONG");
    }
    const login = await cluster.set.connect(nth(cluster.primaries, 1), own.username, own.password);
    expect(await login.mset(`${own.keyPrefix}a`, "1", `${own.keyPrefix}b`, "2")).toBe("OK");
    expect(await answer(login, `RENAME ${own.keyPrefix}a ${own.keyPrefix}c`)).toBe("OK");
    expect(await handler.read(context, id, own, outputs)).toEqual({ inputs: own, outputs });
  });

  it("may ask for the layout that a client needs, and for nothing else of the cluster", async () => {
    const own = newTenant(idOn(0));
    await handler.create(newContext(own.tenant).context, own);
    const login = await cluster.set.connect(nth(cluster.primaries, 0), own.username, own.password);
    for (const allowed of ["CLUSTER SLOTS", "CLUSTER SHARDS", "CLUSTER NODES", "READONLY", "ASKING"]) {
      expect(String(await answer(login, allowed)), allowed).not.toContain("NOPERM");
    }
    const slot = slotOf(own.keyPrefix);
    for (const denied of [
      `CLUSTER GETKEYSINSLOT ${slot} 10`,
      `CLUSTER COUNTKEYSINSLOT ${slot}`,
      `CLUSTER KEYSLOT ${own.keyPrefix}a`,
      "CLUSTER INFO",
      "CLUSTER MYID",
      "CLUSTER RESET",
      "CLUSTER FAILOVER",
      `CLUSTER ADDSLOTS ${slot}`,
      "CLUSTER LINKS",
      "SCAN 0",
      "KEYS *",
      "DBSIZE",
      "SELECT 0",
      "MIGRATE 127.0.0.1 1 a 0 10",
    ]) {
      expect(String(await answer(login, denied)), denied).toMatch(/^NOPERM/);
    }
  });

  it("is refused another tenant's keys and channels, on its own node and on others, and where they share a slot", async () => {
    const own = newTenant(idOn(2));
    const elsewhere = newTenant(idOn(0));
    const sibling = newTenant(`${own.tenant}2`);
    // The profile `ekn` has a tenant of the same id: the same hash tag, so the same slot.
    const inSlot = { ...newTenant(own.tenant), ...redisNames("ekn", own.tenant, { cluster: true }) };
    for (const tenant of [own, elsewhere, sibling, inSlot]) {
      await handler.create(newContext(`${tenant.tenant}-${tenant.username}`).context, tenant);
    }
    expect(slotOf(inSlot.keyPrefix)).toBe(slotOf(own.keyPrefix));
    const logins = await Promise.all(everywhere().map((node) => cluster.set.connect(node, own.username, own.password)));
    for (const { keyPrefix } of [elsewhere, sibling, inSlot]) {
      for (const login of logins) {
        for (const line of [
          `GET ${keyPrefix}k`,
          `SET ${keyPrefix}k 1`,
          `EXISTS ${keyPrefix}k`,
          `MGET ${own.keyPrefix}k ${keyPrefix}k`,
          `RENAME ${own.keyPrefix}k ${keyPrefix}k`,
          `COPY ${keyPrefix}k ${own.keyPrefix}k`,
          `PUBLISH ${keyPrefix}c x`,
          `SPUBLISH ${keyPrefix}c x`,
          // Without the hash tag: nobody's, but not its own either.
          `GET tenant:${own.tenant}:k`,
        ]) {
          expect(String(await answer(login, line)), line).toMatch(/^NOPERM/);
        }
      }
    }
  });

  it("ends with no user on any node, no key and no mark, and leaves the tenant of the same slot", async () => {
    const own = newTenant(idOn(1));
    const neighbour = redisNames("ekn", own.tenant, { cluster: true }).keyPrefix;
    const { context, warnings } = newContext(own.tenant);
    const { id, outputs } = await handler.create(context, own);
    const owner = nth(admins, 1);
    for (let index = 0; index < 50; index++) await owner.set(`${own.keyPrefix}${String(index)}`, "x");
    await owner.set(`${neighbour}k`, "theirs");
    const gone = await handler.update(context, id, outputs, { ...own, state: "offboarding", backupWaiver: waiver });
    await expect(cluster.set.connect(cluster.replica, own.username, own.password)).rejects.toThrow("WRONGPASS");
    await handler.delete(context, id, gone);
    expect(await owner.keys(`*${own.tenant}*`)).toEqual([`${neighbour}k`]);
    for (const admin of admins) {
      expect(await admin.call("ACL", "GETUSER", own.username)).toBeNull();
      expect(await admin.keys(`tenancy:mark:${own.username}`)).toEqual([]);
    }
    expect(warnings).toEqual([]);
    expect(await handler.read(context, id, own, gone)).toBeUndefined();
    await owner.del(`${neighbour}k`);
  });

  it("is not taken over while it has keys that the state does not know, whichever shard they lie on", async () => {
    const { set, server } = cluster;
    for (const primary of [0, 1, 2]) {
      const own = newTenant(idOn(primary));
      // One of its own, because a pass over the keyspace serves for a minute.
      const fresh = aclUserHandler({
        platform: { postgres: {}, storage: {}, neo4j: {}, redis: { main: server } },
        connect: set.connectAnnounced,
      });
      await nth(admins, primary).set(`${own.keyPrefix}k`, "x");
      await expect(fresh.create(newContext(own.tenant).context, own)).rejects.toThrow("carries no mark of this tool");
      await fresh.close?.();
      await nth(admins, primary).del(`${own.keyPrefix}k`);
    }
  });

  it("shows as drift the one node that lacks it, and is mended there", async () => {
    const own = newTenant(idOn(0));
    const { context } = newContext(own.tenant);
    const { id, outputs } = await handler.create(context, own);
    await nth(admins, 3).call("ACL", "DELUSER", own.username);
    const seen = await handler.read(context, id, own, outputs);
    expect(seen?.inputs.drift).toEqual([
      `user ${own.username} is missing on Redis node 127.0.0.1:${cluster.replica.tlsPort}`,
    ]);
    await handler.update(context, id, outputs, own);
    expect((await handler.read(context, id, own, outputs))?.inputs.drift).toBeUndefined();
  });
});

describe("a server whose topology is another than configured", () => {
  it("is refused at preview for a key prefix without a hash tag", async () => {
    const own = newTenant("acme", { keyPrefix: "tenant:acme:" });
    expect(await handler.check(newContext("acme").context, undefined, own)).toEqual([
      {
        property: "keyPrefix",
        reason: 'tenant acme: "tenant:acme:" must be <prefix>:{<id>}:, with the id as hash tag.',
      },
    ]);
  });

  it("is refused for a cluster that is configured as single nodes", async () => {
    const { set, server } = cluster;
    const { topology: _, ...rest } = server;
    const plain = aclUserHandler({
      platform: { postgres: {}, storage: {}, neo4j: {}, redis: { main: rest } },
      connect: set.connectAnnounced,
    });
    const tenant = `t${randomBytes(6).toString("hex")}`;
    const inputs = { ...newTenant(tenant), ...redisNames("tenant", tenant) };
    await expect(plain.create(newContext(tenant).context, inputs)).rejects.toThrow(/MOVED|runs in cluster mode/);
    await plain.close?.();
  });
});
