import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Command } from "../../provider/redis/client.ts";
import { redisProbe } from "../../verify/redis/probe.ts";
import { assaultOn, idsOf, type RedisPartyOf, type RedisWorld, startRedisWorld } from "./redis-support.ts";

let world: RedisWorld;
let acme: RedisPartyOf;
let canary: RedisPartyOf;

beforeAll(async () => {
  world = await startRedisWorld();
  acme = await world.tenant("acme");
  canary = await world.tenant("canary", { canary: true });
});

afterAll(() => world.stop());

const own = (...rule: string[]): Command[] => [["ACL", "SETUSER", "tenant:acme", ...rule]];
const theirs = (...rule: string[]): Command[] => [["ACL", "SETUSER", "tenant:canary", ...rule]];

interface Mutation {
  readonly name: string;
  readonly damage: () => readonly Command[];
  /** All attempts that leak by it, and no other. */
  readonly leaks: string;
  /** What is refused, but otherwise than it should be. */
  readonly differently?: string;
  /** What the tenant then sees of the other by name. */
  readonly visible?: readonly string[];
}

const siblings = "sibling-key sibling-hyphen bare-name";
const scripting =
  "eval evalsha fcall fcall-ro function-list script-exists script-load script-flush script-kill function-load " +
  "function-delete function-flush";
const aclCommands =
  "acl-users acl-getuser acl-log acl-dryrun acl-list acl-log-reset acl-setuser-self acl-setuser-other acl-deluser " +
  "acl-load acl-save";
const configCommands = "config-get config-set config-rewrite config-resetstat";
const clientCommands = "client-list client-unblock client-no-evict client-pause client-kill";

const mutations: readonly Mutation[] = [
  {
    name: "all commands but the dangerous ones (`+@all -@dangerous`)",
    damage: () => own("+@all", "-@dangerous"),
    leaks:
      "client-tracking pubsub-channels pubsub-numsub scan scan-match randomkey dbsize memory-stats wait cluster-info " +
      `cluster-getkeysinslot eval-ro-scan memory-purge ${scripting}`,
    visible: ["SCAN"],
  },
  {
    name: "the dangerous commands (`+@dangerous`)",
    damage: () => own("+@dangerous"),
    leaks:
      `sort-get sort-by sort-ro-get ${clientCommands} ${aclCommands} ${configCommands} info slowlog-get latency-latest ` +
      "module-list role lastsave keys monitor flushdb shutdown debug slowlog-reset module-load replicaof slaveof " +
      "failover psync sync cluster-reset save bgsave bgrewriteaof",
    visible: ["ACL USERS", "CLIENT LIST"],
  },
  {
    name: "a key pattern without the colon",
    damage: () => own("resetkeys", "~tenant:acme*"),
    leaks: siblings,
  },
  {
    name: "a key pattern that forgets the id",
    damage: () => own("resetkeys", "~tenant:acme:*", "~tenant:*:tenancy-verify:hash"),
    leaks: "hgetall hset hdel",
  },
  {
    name: "all keys to read (`%R~*`)",
    damage: () => own("%R~*"),
    leaks:
      "get getrange mget-mixed hgetall lrange smembers sinter-mixed zrange xrange xread-mixed xinfo-stream " +
      "pfcount-mixed bitcount geosearch transaction watch exists-mixed type pttl object-encoding object-idletime " +
      `mark-read copy-out sunionstore bitop-source pfmerge-source zrangestore zunionstore georadius-store geosearchstore ${siblings}`,
  },
  {
    name: "all keys to write (`%W~*`)",
    damage: () => own("%W~*"),
    leaks:
      "set mset-mixed append hset rpush sadd zadd xadd xgroup-create pfadd geoadd rename-in copy-in smove-in " +
      "lmove-in bitop-destination georadius-store-destination mark-write del unlink-mixed expire persist hdel xtrim " +
      "exists-mixed type object-encoding object-idletime watch",
  },
  {
    name: "one command on all keys by a selector",
    damage: () => own("(+get ~*)"),
    leaks: `get transaction mark-read ${siblings}`,
  },
  {
    name: "a channel pattern without the colon",
    damage: () => own("resetchannels", "&tenant:acme*"),
    leaks: "psubscribe-sibling subscribe-sibling",
  },
  {
    name: "all channels (`allchannels`)",
    damage: () => own("allchannels"),
    leaks:
      "publish spublish subscribe ssubscribe psubscribe psubscribe-all psubscribe-sibling subscribe-sibling " +
      "subscribe-keyspace subscribe-invalidations",
  },
  { name: "SCAN", damage: () => own("+scan"), leaks: "scan scan-match", visible: ["SCAN"] },
  { name: "KEYS", damage: () => own("+keys"), leaks: "keys" },
  { name: "SORT", damage: () => own("+sort", "+sort_ro"), leaks: "sort-get sort-by sort-ro-get" },
  { name: "all databases (`alldbs`)", damage: () => own("alldbs"), leaks: "copy-to-database" },
  { name: "SELECT and all databases", damage: () => own("+select", "alldbs"), leaks: "select copy-to-database" },
  { name: "scripts and functions (`+@scripting`)", damage: () => own("+@scripting"), leaks: scripting },
  { name: "EVAL alone", damage: () => own("+eval"), leaks: "eval" },
  { name: "CONFIG", damage: () => own("+config"), leaks: configCommands },
  { name: "ACL", damage: () => own("+acl"), leaks: aclCommands, visible: ["ACL USERS"] },
  {
    name: "CLIENT",
    damage: () => own("+client"),
    leaks: `client-tracking ${clientCommands}`,
    visible: ["CLIENT LIST"],
  },
  { name: "CLUSTER", damage: () => own("+cluster"), leaks: "cluster-info cluster-getkeysinslot cluster-reset" },
  { name: "MONITOR", damage: () => own("+monitor"), leaks: "monitor" },
  { name: "PUBSUB", damage: () => own("+pubsub"), leaks: "pubsub-channels pubsub-numsub" },
  { name: "INFO and SLOWLOG", damage: () => own("+info", "+slowlog"), leaks: "info slowlog-get slowlog-reset" },
  {
    name: "the victim's user without a password (`nopass`)",
    damage: () => theirs("nopass"),
    leaks: "victim-with-own-password victim-by-hello victim-without-password",
  },
  {
    name: "a second password of the victim that the attacker knows",
    damage: () => theirs(`>${acme.redis.password}`),
    leaks: "victim-with-own-password victim-by-hello",
  },
  {
    name: "the user `default` on and without a password",
    damage: () => [["ACL", "SETUSER", "default", "on", "nopass", "+ping"]],
    leaks: "anonymous reset-to-default default-without-password default-with-own-password",
    // It is somebody now, who may not read this key.
    differently: "anonymous-read",
  },
  {
    name: "the user `default` on with the attacker's password",
    damage: () => [["ACL", "SETUSER", "default", "on", `>${acme.redis.password}`]],
    leaks: "default-with-own-password",
  },
  {
    name: "the administrator with the attacker's password",
    damage: () => [["ACL", "SETUSER", world.server.username, `>${acme.redis.password}`]],
    leaks: "administrator-with-own-password",
  },
];

/** While the canary is connected. The log of refusals is left out: whom its last entries name is chance. */
async function visiblePlaces(): Promise<string[]> {
  const probe = redisProbe();
  const connected = await probe.open(canary);
  const places = await probe.visible(acme, canary);
  await connected.close();
  return places.filter((place) => place !== "ACL LOG");
}

describe("a damaged defence is found:", () => {
  it("by more than two dozen different damages", () => {
    expect(mutations.length).toBeGreaterThanOrEqual(25);
  });

  it.each(mutations)("$name", async ({ damage, leaks, differently, visible }) => {
    try {
      await world.damage(damage());
      const results = await assaultOn(acme, canary);
      expect(idsOf(results, "LEAK").toSorted()).toEqual(words(leaks));
      expect(idsOf(results, "denied differently")).toEqual(words(differently ?? ""));
      expect(await visiblePlaces()).toEqual(visible ?? []);
    } finally {
      await world.repair();
    }
    const after = await assaultOn(acme, canary);
    expect(after.filter(({ verdict }) => verdict !== "denied as expected")).toEqual([]);
  });

  it("a rule that allows everything, by every attempt but those that ask for another login", async () => {
    const prefix = "tenant:acme:";
    try {
      await world.damage(own("+@all", "~*", "&*", "alldbs"));
      const results = await assaultOn(acme, canary);
      const leaked = new Set(idsOf(results, "LEAK"));
      expect(results.map(({ attempt }) => attempt.id.slice("redis/".length)).filter((id) => !leaked.has(id))).toEqual([
        "anonymous",
        "anonymous-read",
        "reset-to-default",
        "default-without-password",
        "default-with-own-password",
        "victim-with-own-password",
        "victim-by-hello",
        "victim-without-password",
        "administrator-with-own-password",
        "plain-text",
      ]);
      // What everyone would feel was only asked for, although the server is an embedded one.
      for (const { attempt, form } of results) {
        expect(form, attempt.id).toBe(attempt.harm === "server" ? "dry" : "real");
      }
      // No evidence shows data, and nothing of what was taken stays.
      expect(results.filter(({ detail }) => detail.includes("canary"))).toEqual([]);
      expect(await world.keys(0, `${prefix}*`)).toEqual([]);
      expect((await world.keys(1, "tenant:canary:*")).filter((key) => key.includes("planted"))).toEqual([]);
    } finally {
      await world.repair();
    }
    expect(idsOf(await assaultOn(acme, canary), "denied as expected")).toHaveLength(redisProbe().attempts.length);
  });

  it("one node with another rule, by an evidence that names it", async () => {
    const node = world.nodes[1]?.address ?? "";
    try {
      await world.damage(own("+flushall", "~*", "alldbs"), 1);
      const results = await assaultOn(acme, canary);
      expect(idsOf(results, "LEAK")).toEqual(expect.arrayContaining(["get", "set", "del", "flushall", "sibling-key"]));
      for (const { verdict, detail } of results) {
        if (verdict === "LEAK") expect(detail).toMatch(new RegExp(` on node ${node}$`));
      }
    } finally {
      await world.repair();
    }
  });

  it("a tenant whose user lets everyone in, when the canary attacks it", async () => {
    try {
      await world.damage(own("nopass"));
      const results = await assaultOn(canary, acme);
      expect(idsOf(results, "LEAK")).toEqual([
        "victim-with-own-password",
        "victim-by-hello",
        "victim-without-password",
      ]);
    } finally {
      await world.repair();
    }
  });

  it("a canary that may nothing itself: nothing counts as denied then", async () => {
    try {
      await world.damage(theirs("-@all", "+ping", "+auth"));
      const probe = redisProbe();
      await expect(probe.furnish(canary)).rejects.toThrow(/^tenant canary: Redis node .*NOPERM/);
      const session = await probe.open(canary);
      for (const attempt of probe.attempts.filter(({ control }) => control === "victim")) {
        const outcome = await session.attempt(attempt, canary, "real");
        if (outcome.kind === "allowed") expect(attempt.how).toMatch(/^(AUTH|HELLO)/);
        else expect(outcome.kind, attempt.id).toBe("failed");
      }
      await session.close();
    } finally {
      await world.repair();
    }
  });
});

function words(text: string): string[] {
  return text
    .split(" ")
    .filter((word) => word !== "")
    .toSorted();
}
