import { createServer, type AddressInfo, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aims } from "../../verify/attempt.ts";
import { redisProbe } from "../../verify/redis/probe.ts";
import { assaultOn, idsOf, type RedisPartyOf, type RedisWorld, startRedisWorld } from "./redis-support.ts";

let world: RedisWorld;
let acme: RedisPartyOf;
let canary: RedisPartyOf;

beforeAll(async () => {
  world = await startRedisWorld();
  acme = await world.tenant("acme");
  // The neighbour whose id begins with the attacker's.
  await world.tenant("acme2");
  canary = await world.tenant("canary", { canary: true });
});

afterAll(() => world.stop());

describe("the catalogue of attempts on Redis", () => {
  const { attempts } = redisProbe();

  it("has many attempts, each with an id, a reason and a source of its own", () => {
    expect(attempts.length).toBeGreaterThanOrEqual(160);
    expect(new Set(attempts.map(({ id }) => id)).size).toBe(attempts.length);
    for (const attempt of attempts) {
      expect(attempt.id).toMatch(/^redis\/[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(attempt.store).toBe("redis");
      expect(attempt.source).toMatch(/^https:\/\/(redis\.io|nvd\.nist\.gov)\//);
      expect(attempt.why).toMatch(/\.$/);
      expect(attempt.tries).not.toMatch(/\.$/);
      expect(attempt.how).not.toBe("");
    }
    expect(new Set(attempts.map(({ aim }) => aim))).toEqual(new Set(aims));
  });

  it("shows its commands with the two tenants' names and no password", () => {
    const how = new Map(attempts.map((attempt) => [attempt.id, attempt.how]));
    expect(how.get("redis/mget-mixed")).toBe("MGET attacker:string victim:string");
    expect(how.get("redis/transaction")).toBe("MULTI; GET victim:string; EXEC");
    expect(how.get("redis/sibling-key")).toBe("GET attacker2:tenancy-verify:string");
    expect(how.get("redis/default-without-password")).toBe('AUTH default ""');
    expect(how.get("redis/victim-with-own-password")).toBe('AUTH victim "<password of attacker>"');
  });

  it("holds as felt by everyone what would stop, empty or reconfigure the server", () => {
    const felt = attempts.filter(({ harm }) => harm === "server").map(({ id }) => id.slice("redis/".length));
    for (const id of [
      "flushall",
      "flushdb",
      "swapdb",
      "script-flush",
      "function-flush",
      "replicaof",
      "client-pause",
      "client-kill",
      "debug",
      "shutdown",
      "config-set",
      "acl-setuser-other",
      "acl-deluser",
      "monitor",
      "psync",
      "keys",
    ]) {
      expect(felt).toContain(id);
    }
  });
});

describe("on intact servers", () => {
  it("a tenant is denied every attempt on the canary, for real, and each control works", async () => {
    const before = await world.keys(0, "tenant:acme*");
    const results = await assaultOn(acme, canary);
    const { attempts } = redisProbe();
    expect(results).toHaveLength(attempts.length);
    expect(results.filter(({ verdict }) => verdict !== "denied as expected")).toEqual([]);
    expect(results.filter(({ control }) => control?.kind !== "proven")).toEqual([]);
    expect(new Set(results.map(({ form }) => form))).toEqual(new Set(["real"]));
    expect(await world.keys(0, "tenant:acme*")).toEqual(before);
    const furnished = "bits geo hash hll list set stream string zset".split(" ");
    for (const node of [0, 1]) {
      const left = (await world.keys(node, "tenant:canary:*")).map((key) => key.split(":").at(-1) ?? "");
      expect(left.filter((name) => !furnished.includes(name))).toEqual([]);
    }
  });

  it("what everyone would feel is only asked for on a server that is not an embedded one", async () => {
    const shared = { ...canary, redis: { ...canary.redis, embedded: false } };
    const results = await assaultOn(acme, shared);
    expect(results.filter(({ verdict }) => verdict !== "denied as expected")).toEqual([]);
    for (const { attempt, form } of results) expect(form, attempt.id).toBe(attempt.harm === "server" ? "dry" : "real");
  });

  it("the canary is denied what changes nothing on a tenant, and the rest is not made", async () => {
    const key = `${acme.redis.names.keyPrefix}tenancy-verify:string`;
    await world.damage([["SET", key, "untouched"]]);
    const keys = await world.keys(0);
    const results = await assaultOn(canary, acme);
    for (const { attempt, verdict } of results) {
      expect(verdict, attempt.id).toBe(attempt.harm === "none" ? "denied as expected" : "not made");
    }
    expect(idsOf(results, "denied as expected").length).toBeGreaterThanOrEqual(60);
    // Only the canary itself was written, if anything.
    expect(await world.keys(0)).toEqual(keys);
    expect(await world.nodes[0]?.run("GET", [["GET", key]])).toEqual(["untouched"]);
    await world.damage([["DEL", key]]);
  });

  it("nothing names one tenant to another, beyond what the documents say", async () => {
    const probe = redisProbe();
    expect(await probe.visible(acme, canary)).toEqual([]);
    expect(probe.residue.map(({ place }) => place)).toEqual(["CLIENT ID"]);
  });

  it("the canary gets keys of each type with an expiry, on every node, as often as one likes", async () => {
    const probe = redisProbe();
    await probe.furnish(canary);
    await probe.furnish(canary);
    for (const [index, node] of world.nodes.entries()) {
      const names = "bits geo hash hll list set stream string zset".split(" ");
      const keys = names.map((name) => `tenant:canary:tenancy-verify:${name}`);
      expect(await world.keys(index, "tenant:canary:*")).toEqual(expect.arrayContaining(keys));
      for (const ttl of await node.run(
        "TTL",
        keys.map((key) => ["TTL", key]),
      )) {
        expect(ttl).toBeGreaterThan(3_500);
      }
    }
  });
});

describe("a session", () => {
  it("is refused with the node's address and no password when the login does not get in", async () => {
    const password = "wrong-password-of-length";
    const stranger = { ...acme, redis: { ...acme.redis, password } };
    const opened = redisProbe().open(stranger);
    await expect(opened).rejects.toThrow(/^Redis node 127\.0\.0\.1:\d+, login tenant:acme: WRONGPASS/);
    await expect(opened).rejects.not.toThrow(password);
  });

  it("could not run, and does not hang, when a node has ended", async () => {
    const server = { ...acme.redis.server, nodes: [...acme.redis.server.nodes, { host: "127.0.0.1", port: 1 }] };
    const results = await assaultOn({ ...acme, redis: { ...acme.redis, server } }, canary);
    expect(new Set(results.map(({ verdict }) => verdict))).toEqual(new Set(["could not run"]));
    expect(results[0]?.detail).toContain("Redis node 127.0.0.1:1");
  });

  it("makes an attempt again when it is asked for again, and sees what has changed", async () => {
    const probe = redisProbe();
    const session = await probe.open(acme);
    const get = probe.attempts.find(({ id }) => id === "redis/get");
    if (get === undefined) throw new Error("there is an attempt redis/get");
    expect(await session.attempt(get, canary, "real")).toEqual({ kind: "denied", code: "NOPERM" });
    await world.damage([["ACL", "SETUSER", "tenant:acme", "~*"]]);
    expect(await session.attempt(get, canary, "real")).toMatchObject({ kind: "allowed" });
    await world.repair();
    await session.close();
  });
});

describe("a node that takes connections without TLS", () => {
  const servers: Server[] = [];
  afterAll(() => {
    for (const server of servers) server.close();
  });

  /** The outcome of talking plainly to a server that says this. */
  async function outcomeWith(answer: string | undefined) {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      if (answer === undefined) socket.destroy();
      else socket.write(answer);
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const probe = redisProbe();
    const plain = probe.attempts.find(({ id }) => id === "redis/plain-text");
    if (plain === undefined) throw new Error("there is an attempt redis/plain-text");
    // The login goes to the real node; the node without TLS joins afterwards.
    const nodes = [...acme.redis.server.nodes];
    const session = await probe.open({ ...acme, redis: { ...acme.redis, server: { ...acme.redis.server, nodes } } });
    nodes.push({ host: "127.0.0.1", port });
    const outcome = await session.attempt(plain, canary, "real");
    await session.close();
    return outcome;
  }

  it("leaks when it answers, with a refusal too", async () => {
    expect(await outcomeWith("+PONG\r\n")).toMatchObject({ kind: "allowed" });
    expect(await outcomeWith("-NOAUTH Authentication required.\r\n")).toMatchObject({ kind: "allowed" });
  });

  it("is denied when the connection ends, or answers in TLS only", async () => {
    expect(await outcomeWith(undefined)).toEqual({ kind: "denied", code: "connection closed" });
  });
});
