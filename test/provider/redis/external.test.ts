import { afterAll, describe, expect, it } from "vitest";
import { accessString, engineOf } from "../../../components/aws/access-string.ts";
import { aclUserHandler } from "../../../provider/redis/acl-user.ts";
import { answer, closeAll, connect, connectAdmin, newContext, newTenant, redisServer, waiver } from "./support.ts";

const handler = aclUserHandler({
  platform: { postgres: {}, storage: {}, neo4j: {}, redis: { main: { ...redisServer(), users: "external" } } },
});
afterAll(async () => {
  closeAll();
  await handler.close?.();
});

describe("a server whose users another service keeps", () => {
  it("gets the mark and no user, and loses the tenant's keys and no other when it leaves", async () => {
    const inputs = newTenant();
    const { context } = newContext(inputs.tenant);
    const admin = await connectAdmin();
    const { id, outputs } = await handler.create(context, inputs);
    expect(await admin.call("ACL", "GETUSER", inputs.username)).toBeNull();
    expect(await admin.exists(`tenancy:mark:${inputs.username}`)).toBe(1);
    expect(await handler.read(context, id, inputs, outputs)).toEqual({ inputs, outputs });
    const neighbour = `tenant:${inputs.tenant}2:k`;
    await admin.mset(`${inputs.keyPrefix}a`, "1", `${inputs.keyPrefix}b`, "2", neighbour, "theirs");
    await expect(handler.delete(context, id, outputs)).rejects.toThrow("record `state: offboarding`");
    const gone = await handler.update(context, id, outputs, { ...inputs, state: "offboarding", backupWaiver: waiver });
    await handler.delete(context, id, gone);
    expect(await admin.keys(`*${inputs.tenant}*`)).toEqual([neighbour]);
    await admin.del(neighbour);
  });
});

describe("the access string of Amazon's caches", () => {
  it("is taken by a real server, and isolates as the provider's own rule does", async () => {
    const { username, keyPrefix, password, tenant } = newTenant();
    const admin = await connectAdmin();
    const words = (open: boolean) => accessString({ keyPrefix, open, engine: engineOf(false) }).split(" ");
    await admin.call("ACL", "SETUSER", username, `>${password}`, ...words(true));
    const login = await connect(username, password);
    expect(await answer(login, `SET ${keyPrefix}a 1`)).toBe("OK");
    expect(await answer(login, `PUBLISH ${keyPrefix}c x`)).toBe(0);
    for (const line of [
      `GET tenant:${tenant}2:a`,
      `PUBLISH tenant:${tenant}2:c x`,
      "SCAN 0",
      "KEYS *",
      "FLUSHALL",
      "EVAL x 0",
      "CONFIG GET *",
      "CLUSTER NODES",
      `COPY ${keyPrefix}a ${keyPrefix}b DB 1`,
      "SELECT 1",
    ]) {
      expect(String(await answer(login, line)), line).toMatch(/^NOPERM/);
    }
    await admin.call("ACL", "SETUSER", username, ...words(false));
    expect(String(await answer(login, `GET ${keyPrefix}a`))).toMatch(/^NOPERM/);
    await expect(connect(username, password)).rejects.toThrow("WRONGPASS");
    await admin.call("ACL", "DELUSER", username);
    await admin.del(`${keyPrefix}a`);
  });
});
