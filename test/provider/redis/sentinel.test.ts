import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { redisNames } from "../../../components/naming.ts";
import type { Handler } from "../../../provider/handler.ts";
import type { AclUserInputs, AclUserOutputs } from "../../../provider/inputs.ts";
import { aclUserHandler } from "../../../provider/redis/acl-user.ts";
import { answer, newContext, waiver } from "./support.ts";
import { nth, startSentinelSet } from "./sets.ts";

let sentinels: Awaited<ReturnType<typeof startSentinelSet>>;
let handler: Handler<AclUserInputs, AclUserOutputs>;

beforeAll(async () => {
  sentinels = await startSentinelSet();
  const { set, server } = sentinels;
  handler = aclUserHandler({
    platform: { postgres: {}, storage: {}, neo4j: {}, redis: { main: server } },
    connect: set.connectAnnounced,
  });
}, 180_000);

afterAll(async () => {
  await handler.close?.();
  await sentinels.set.stop();
});

function newTenant(): AclUserInputs {
  const tenant = `t${randomBytes(6).toString("hex")}`;
  const password = randomBytes(18).toString("base64url");
  return { server: "main", tenant, state: "active", ...redisNames("tenant", tenant), password };
}

async function primaryPort(): Promise<number> {
  const watching = await sentinels.set.connect(sentinels.sentinel);
  const [, port] = (await watching.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main")) as [string, string];
  return Number(port);
}

describe("a tenant of nodes under sentinels", () => {
  it(
    "has its rule on primary and replica, through a failover and after it, and leaves nothing on either",
    { timeout: 180_000 },
    async () => {
      const { set, data } = sentinels;
      const own = newTenant();
      const { context, warnings } = newContext(own.tenant);
      const { id, outputs } = await handler.create(context, own);
      // Made anew each time: a failover closes connections.
      const admin = (index: number) => set.connect(nth(data, index));
      for (const node of data) {
        expect(await answer(await set.connect(node, own.username, own.password), "PING")).toBe("PONG");
      }
      const before = await primaryPort();
      const first = data.findIndex(({ port }) => port === before);
      await (await admin(first)).set(`${own.keyPrefix}k`, "x");
      await vi.waitFor(async () => {
        expect(await (await admin(1 - first)).exists(`${own.keyPrefix}k`)).toBe(1);
      }, 30_000);

      const watching = await set.connect(sentinels.sentinel);
      await watching.call("SENTINEL", "FAILOVER", "main");
      await vi.waitFor(async () => {
        expect(await primaryPort()).not.toBe(before);
        expect(String(await (await admin(first)).call("INFO", "replication"))).toContain("master_link_status:up");
      }, 60_000);
      expect(await handler.read(context, id, own, outputs)).toEqual({ inputs: own, outputs });

      await (await admin(first)).call("ACL", "DELUSER", own.username);
      expect((await handler.read(context, id, own, outputs))?.inputs.drift).toEqual([
        `user ${own.username} is missing on Redis node 127.0.0.1:${data[first]?.tlsPort}`,
      ]);
      await handler.update(context, id, outputs, own);
      expect(await answer(await set.connect(nth(data, first), own.username, own.password), "PING")).toBe("PONG");

      const gone = await handler.update(context, id, outputs, { ...own, state: "offboarding", backupWaiver: waiver });
      await handler.delete(context, id, gone);
      for (const index of [0, 1]) {
        const node = await admin(index);
        await vi.waitFor(async () => {
          expect(await node.keys(`*${own.tenant}*`)).toEqual([]);
        }, 30_000);
        expect(await node.call("ACL", "GETUSER", own.username)).toBeNull();
      }
      expect(warnings).toEqual([]);
    },
  );
});

describe("the settings of a server under sentinels", () => {
  it("are refused at preview without the primary's name", async () => {
    const { server } = sentinels;
    const { sentinel: _, ...rest } = server;
    const plain = aclUserHandler({ platform: { postgres: {}, storage: {}, neo4j: {}, redis: { main: rest } } });
    const own = newTenant();
    expect(await plain.check(newContext(own.tenant).context, undefined, own)).toEqual([
      {
        property: "server",
        reason: `tenant ${own.tenant}: Redis server main has \`topology: sentinel\` and no \`sentinel\`: set the name of the primary there, as the sentinels know it.`,
      },
    ]);
  });

  it("lead to an error that names the sentinel when none knows the primary", async () => {
    const { server, set, sentinel } = sentinels;
    const other = { ...server, sentinel: { name: "other" } };
    const wrong = aclUserHandler({
      platform: { postgres: {}, storage: {}, neo4j: {}, redis: { main: other } },
      connect: set.connectAnnounced,
    });
    const own = newTenant();
    await expect(wrong.create(newContext(own.tenant).context, own)).rejects.toThrow(
      new RegExp(
        `^tenant ${own.tenant}: Redis server "main": Redis node 127\\.0\\.0\\.1:${sentinel.tlsPort}: SENTINEL MASTER failed.*No such master`,
      ),
    );
    await wrong.close?.();
  });
});
