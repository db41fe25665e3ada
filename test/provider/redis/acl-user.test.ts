import { createServer, connect as connectSocket, type AddressInfo, type Socket } from "node:net";
import { afterAll, describe, expect, it } from "vitest";
import { aclUserHandler } from "../../../provider/redis/acl-user.ts";
import { connectNode } from "../../../provider/redis/client.ts";
import { unknownValue, ProviderError } from "../../../provider/handler.ts";
import type { RedisServer } from "../../../provider/config.ts";
import {
  answer,
  closeAll,
  connect,
  connectAdmin,
  newContext,
  newHandler,
  newTenant,
  nodeAt,
  platform,
  redisServer,
  waiver,
} from "./support.ts";

const handler = newHandler();
afterAll(async () => {
  closeAll();
  await handler.close?.();
});

async function created() {
  const inputs = newTenant();
  const { context, warnings } = newContext(inputs.tenant);
  const { id, outputs } = await handler.create(context, inputs);
  return { inputs, context, warnings, id, outputs };
}

describe("the life of a tenant's user", () => {
  it("begins on every node and in the saved file, with no drift", async () => {
    const { inputs, context, id, outputs } = await created();
    expect(id).toBe(`main/${inputs.username}`);
    expect(outputs).toEqual({
      ...inputs,
      markUrn: context.urn,
      instanceToken: outputs.instanceToken,
    });
    expect(outputs.instanceToken).toMatch(/^[0-9a-f]{32}$/);
    for (const node of [0, 1])
      expect(await answer(await connect(inputs.username, inputs.password, node), "PING")).toBe("PONG");
    expect(await handler.read(context, id, inputs, outputs)).toEqual({ inputs, outputs });
  });

  it("suspends with live connections ended and keys kept, and resumes", async () => {
    const { inputs, context, id, outputs } = await created();
    const live = await connect(inputs.username, inputs.password);
    await live.set(`${inputs.keyPrefix}k`, "kept");
    const ended = new Promise((resolve) => live.once("close", resolve));
    const suspended = await handler.update(context, id, outputs, { ...inputs, state: "suspended" });
    await ended;
    for (const node of [0, 1])
      await expect(connect(inputs.username, inputs.password, node)).rejects.toThrow("WRONGPASS");
    expect(await handler.read(context, id, { ...inputs, state: "suspended" }, suspended)).toEqual({
      inputs: { ...inputs, state: "suspended" },
      outputs: suspended,
    });
    await handler.update(context, id, suspended, inputs);
    expect(await answer(await connect(inputs.username, inputs.password), `GET ${inputs.keyPrefix}k`)).toBe("kept");
  });

  it("takes a new password and refuses the old one", async () => {
    const { inputs, context, id, outputs } = await created();
    const news = { ...inputs, password: "another-password-of-length" };
    await handler.update(context, id, outputs, news);
    await expect(connect(inputs.username, inputs.password)).rejects.toThrow("WRONGPASS");
    expect(await answer(await connect(inputs.username, news.password), "PING")).toBe("PONG");
  });

  it("ends with no user, no session, no key and no mark on any node, and ends so again", async () => {
    const { inputs, context, warnings, id, outputs } = await created();
    const neighbour = newTenant({ tenant: `${inputs.tenant}2` });
    const admin = await connectAdmin();
    await admin.set(`${neighbour.keyPrefix}k`, "theirs");
    const pipeline = admin.pipeline();
    for (let index = 0; index < 2_500; index++) pipeline.set(`${inputs.keyPrefix}${String(index)}`, "x");
    await pipeline.exec();
    const gone = await handler.update(context, id, outputs, { ...inputs, state: "offboarding", backupWaiver: waiver });
    await handler.delete(context, id, gone);
    await handler.delete(context, id, gone);
    expect(await admin.keys(`*${inputs.tenant}:*`)).toEqual([]);
    expect(await admin.exists(`tenancy:mark:${inputs.username}`)).toBe(0);
    expect(await admin.get(`${neighbour.keyPrefix}k`)).toBe("theirs");
    for (const node of [0, 1]) {
      expect(await (await connectAdmin(node)).call("ACL", "GETUSER", inputs.username)).toBeNull();
    }
    expect(warnings).toEqual([]);
    expect(await handler.read(context, id, inputs, gone)).toBeUndefined();
    await admin.unlink(`${neighbour.keyPrefix}k`);
  });

  it("is not deleted without offboarding and waiver", async () => {
    const { inputs, context, id, outputs } = await created();
    await expect(handler.delete(context, id, outputs)).rejects.toThrow(/^tenant .*record `state: offboarding`/);
    const half = await handler.update(context, id, outputs, { ...inputs, state: "offboarding" });
    await expect(handler.delete(context, id, half)).rejects.toThrow("backupWaiver");
    expect(await (await connectAdmin()).call("ACL", "GETUSER", inputs.username)).not.toBeNull();
  });

  it("is left alone with a warning by a state of another instance", async () => {
    const { inputs, context, warnings, id, outputs } = await created();
    await handler.delete(context, id, {
      ...outputs,
      instanceToken: "0".repeat(32),
      state: "offboarding",
      backupWaiver: waiver,
    });
    expect(warnings).toEqual([expect.stringContaining("is left alone")]);
    expect(await answer(await connect(inputs.username, inputs.password), "PING")).toBe("PONG");
  });
});

describe("what is there already", () => {
  it("is taken over by the same resource with a new token and password while it holds no keys", async () => {
    const { inputs, context, outputs } = await created();
    const second = await handler.create(context, { ...inputs, password: "second-password-of-length" });
    expect(second.outputs.instanceToken).not.toBe(outputs.instanceToken);
    await expect(connect(inputs.username, inputs.password)).rejects.toThrow("WRONGPASS");
  });

  it("is refused with keys inside, unless the run names the tenant", async () => {
    const { inputs, context } = await created();
    const admin = await connectAdmin();
    await admin.set(`${inputs.keyPrefix}k`, "1");
    await expect(handler.create(context, inputs)).rejects.toThrow("holds data");
    await handler.create({ ...context, adopt: new Set([inputs.tenant]) }, inputs);
    expect(await admin.get(`${inputs.keyPrefix}k`)).toBe("1");
  });

  it("is refused when another resource's mark is on it, even if named", async () => {
    const { inputs } = await created();
    const { context } = newContext(inputs.tenant, { urn: "urn:other", adopt: new Set([inputs.tenant]) });
    await expect(handler.create(context, inputs)).rejects.toThrow("aliases");
  });

  it("is refused when a user or leftover keys carry no mark", async () => {
    const admin = await connectAdmin();
    const user = newTenant();
    await admin.call("ACL", "SETUSER", user.username, "on", ">pw");
    await expect(handler.create(newContext(user.tenant).context, user)).rejects.toThrow("carries no mark");
    const keys = newTenant();
    await admin.set(`${keys.keyPrefix}left`, "theirs");
    const fresh = newHandler();
    await expect(fresh.create(newContext(keys.tenant).context, keys)).rejects.toThrow(`tenancy adopt ${keys.tenant}`);
    expect(await admin.call("ACL", "GETUSER", keys.username)).toBeNull();
    await fresh.close?.();
    await admin.call("ACL", "DELUSER", user.username);
  });
});

describe("drift", () => {
  it.each([
    ["+flushall", "commands"],
    ["~other:*", "keys"],
    ["&other:*", "channels"],
    ["(+get ~other:*)", "selectors"],
    ["nopass", "flags"],
    [">another", "passwords"],
    ["resetpass", "passwords"],
    ["off", "flags"],
    ["alldbs", "databases"],
  ])("of %s on one node is seen and mended", async (rule, field) => {
    const { inputs, context, id, outputs } = await created();
    const admin = await connectAdmin(1);
    await admin.call("ACL", "SETUSER", inputs.username, rule);
    const { host, port } = nodeAt(1);
    const live = await handler.read(context, id, inputs, outputs);
    expect(live?.inputs.drift).toContain(
      `user ${inputs.username} has other ${field} than its rule gives on Redis node ${host}:${String(port)}`,
    );
    await handler.update(context, id, outputs, inputs);
    expect((await handler.read(context, id, inputs, outputs))?.inputs).toEqual(inputs);
  });

  it("of a user missing on one node and of a missing mark is seen and mended", async () => {
    const { inputs, context, id, outputs } = await created();
    await (await connectAdmin(1)).call("ACL", "DELUSER", inputs.username);
    await (await connectAdmin()).del(`tenancy:mark:${inputs.username}`);
    expect((await handler.read(context, id, inputs, outputs))?.inputs.drift).toEqual([
      `the mark tenancy:mark:${inputs.username} is missing`,
      expect.stringContaining(`user ${inputs.username} is missing on Redis node`),
    ]);
    await handler.update(context, id, outputs, inputs);
    expect((await handler.read(context, id, inputs, outputs))?.inputs).toEqual(inputs);
  });

  it("of nothing is seen after a server has read its saved users again", async () => {
    const { inputs, context, id, outputs } = await created();
    await (await connectAdmin()).call("ACL", "LOAD");
    expect((await handler.read(context, id, inputs, outputs))?.inputs).toEqual(inputs);
  });

  it("that leaves keys alone is no missing tenant", async () => {
    const { inputs, context, id, outputs } = await created();
    const admin = await connectAdmin();
    await admin.set(`${inputs.keyPrefix}k`, "1");
    await admin.del(`tenancy:mark:${inputs.username}`);
    for (const node of [0, 1]) await (await connectAdmin(node)).call("ACL", "DELUSER", inputs.username);
    expect((await handler.read(context, id, inputs, outputs))?.inputs.drift).toContain(
      `keys under ${inputs.keyPrefix} are there, and neither user nor mark`,
    );
  });
});

describe("many at once", () => {
  it("share few saves, and each is in the saved file when it is done", async () => {
    const [before, tenants] = [await saves(), Array.from({ length: 100 }, () => newTenant())];
    await Promise.all(tenants.map((inputs) => handler.create(newContext(inputs.tenant).context, inputs)));
    const after = await saves();
    expect(after - before).toBeLessThanOrEqual(5);
    const admin = await connectAdmin();
    await admin.call("ACL", "LOAD");
    const users = new Set((await admin.call("ACL", "USERS")) as string[]);
    expect(tenants.filter(({ username }) => !users.has(username))).toEqual([]);
  });
});

async function saves(): Promise<number> {
  const stats = await (await connectAdmin()).info("commandstats");
  return Number(/cmdstat_acl\|save:calls=(\d+)/.exec(stats)?.[1] ?? "0");
}

describe("a crash", () => {
  it.each(["SET of the mark", "ACL SETUSER", "ACL SAVE"])("after %s is made good by the next create", async (step) => {
    const inputs = newTenant();
    const { context } = newContext(inputs.tenant);
    const crashing = aclUserHandler({ platform, connect: crashAfter(step) });
    await expect(crashing.create(context, inputs)).rejects.toThrow("crash");
    await crashing.close?.();
    const { outputs, id } = await handler.create(context, inputs);
    expect((await handler.read(context, id, inputs, outputs))?.inputs).toEqual(inputs);
  });

  it.each(["ACL DELUSER", "UNLINK", "ACL SAVE", "DEL of the mark"])(
    "after %s is made good by the next delete",
    async (step) => {
      const { inputs, context, warnings, id, outputs } = await created();
      const admin = await connectAdmin();
      await admin.set(`${inputs.keyPrefix}k`, "1");
      const gone = await handler.update(context, id, outputs, {
        ...inputs,
        state: "offboarding",
        backupWaiver: waiver,
      });
      const crashing = aclUserHandler({ platform, connect: crashAfter(step) });
      await expect(crashing.delete(context, id, gone)).rejects.toThrow("crash");
      await crashing.close?.();
      await handler.delete(context, id, gone);
      expect(warnings).toEqual([]);
      expect(await handler.read(context, id, inputs, gone)).toBeUndefined();
    },
  );
});

function crashAfter(step: string): typeof connectNode {
  return (server, address, options) => {
    const node = connectNode(server, address, options);
    return {
      ...node,
      async run(what, commands, signal) {
        const replies = await node.run(what, commands, signal);
        if (what === step) throw new Error("crash");
        return replies;
      },
    };
  };
}

describe("a fault", () => {
  const connection = { retryForMs: 300 };
  const withServer = (changes: Partial<RedisServer>) =>
    aclUserHandler({ platform: { ...platform, redis: { main: { ...redisServer(), ...changes } } }, connection });

  async function faultOf(changes: Partial<RedisServer>): Promise<Error> {
    const broken = withServer(changes);
    const inputs = newTenant();
    const error: unknown = await broken
      .create(newContext(inputs.tenant).context, inputs)
      .catch((thrown: unknown) => thrown);
    await broken.close?.();
    if (!(error instanceof ProviderError)) throw new Error(`no ProviderError: ${String(error)}`);
    expect(error.message).toContain(`tenant ${inputs.tenant}: Redis server "main": Redis node 127.0.0.1:`);
    expect(error.message).not.toContain(inputs.password);
    return error;
  }

  it("of a node that is down names the node", async () => {
    const listener = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => listener.once("listening", resolve));
    const { port } = listener.address() as AddressInfo;
    await new Promise((resolve) => listener.close(resolve));
    const error = await faultOf({ nodes: [nodeAt(0), { host: "127.0.0.1", port }] });
    expect(error.message).toContain(`Redis node 127.0.0.1:${String(port)}: ACL GETUSER failed: ECONNREFUSED`);
    expect(error.message).not.toContain(String(nodeAt(0).port));
  });

  it("of the password is told without it", async () => {
    const error = await faultOf({ password: "wrong-secret" });
    expect(error.message).toContain("refused the configured login");
    expect(error.message).not.toContain("wrong-secret");
  });

  it("of an unknown authority names `ca`", async () => {
    expect((await faultOf({ ca: undefined })).message).toContain("Set `ca` of this Redis server");
  });
});

describe("a lost connection", () => {
  it("is made anew, and the call that lost it is finished", async () => {
    const sockets: Socket[] = [];
    let cut = false;
    const proxy = createServer((socket) => {
      const upstream = connectSocket(nodeAt(0).port, nodeAt(0).host);
      sockets.push(socket);
      for (const [one, other] of [
        [socket, upstream],
        [upstream, socket],
      ] as const) {
        one.on("error", () => other.destroy());
        one.on("close", () => other.destroy());
      }
      upstream.pipe(socket);
      socket.on("data", (data) => {
        if (cut) {
          cut = false;
          socket.destroy();
        } else upstream.write(data);
      });
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => proxy.once("listening", resolve));
    const { port } = proxy.address() as AddressInfo;
    const server = { ...redisServer(), nodes: [{ host: "127.0.0.1", port }, nodeAt(1)] };
    const lossy = aclUserHandler({ platform: { ...platform, redis: { main: server } } });
    const inputs = newTenant();
    const { context } = newContext(inputs.tenant);
    const { id, outputs } = await lossy.create(context, inputs);
    cut = true;
    expect((await lossy.read(context, id, inputs, outputs))?.inputs).toEqual(inputs);
    expect(sockets).toHaveLength(2);
    await lossy.close?.();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => proxy.close(resolve));
  });
});

describe("check", () => {
  it("tells every fault at once and never the password", async () => {
    const news = newTenant({ server: "nowhere", username: "*", keyPrefix: "*", password: "short" });
    const failures = await handler.check(newContext(news.tenant).context, undefined, news);
    expect(failures.map(({ property }) => property)).toEqual(["server", "username", "keyPrefix", "password"]);
    expect(JSON.stringify(failures)).not.toContain("short");
  });

  it("lets unknowns of a preview pass", async () => {
    const news = newTenant({ password: unknownValue });
    expect(await handler.check(newContext(news.tenant).context, undefined, news)).toEqual([]);
  });
});
