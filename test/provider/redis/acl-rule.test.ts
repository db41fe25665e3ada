import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  closedRule,
  commandRules,
  hashPassword,
  isUsername,
  openRule,
  parseServer,
  type RedisServerInfo,
} from "../../../provider/redis/acl-rule.ts";

const valkey91: RedisServerInfo = {
  product: "valkey",
  version: "9.1.2",
  commands: [7, 2],
  databaseRules: true,
  cluster: false,
};
const redis62: RedisServerInfo = {
  product: "redis",
  version: "6.2.14",
  commands: [6, 2],
  databaseRules: false,
  cluster: false,
};

describe("the ACL rule", () => {
  it("has a hash tag and five commands of the layout in a cluster, and never +cluster as a whole", () => {
    const cluster = { ...valkey91, cluster: true };
    const rule = openRule({ username: "ekn:42", keyPrefix: "ekn:{42}:" }, "correct horse", cluster);
    expect(rule).toContain("~ekn:{42}:*");
    expect(rule).toContain("&ekn:{42}:*");
    expect(commandRules(cluster).filter((word) => !commandRules(valkey91).includes(word))).toEqual([
      "+cluster|slots",
      "+cluster|shards",
      "+cluster|nodes",
      "+readonly",
      "+asking",
    ]);
    expect(rule).not.toContain("+cluster");
    expect(() => openRule({ username: "ekn:42", keyPrefix: "ekn:42:" }, "p", cluster)).toThrow('"ekn:{42}:"');
    expect(() => openRule({ username: "ekn:42", keyPrefix: "ekn:{42}:" }, "p", valkey91)).toThrow('"ekn:42:"');
  });

  it("limits keys, channels and database to the tenant and carries the password as a hash only", () => {
    const rule = openRule({ username: "ekn:42", keyPrefix: "ekn:42:" }, "correct horse", valkey91);
    expect(rule.slice(0, 10)).toEqual([
      "reset",
      "on",
      `#${hashPassword("correct horse")}`,
      "sanitize-payload",
      "resetkeys",
      "~ekn:42:*",
      "resetchannels",
      "&ekn:42:*",
      "resetdbs",
      "db=0",
    ]);
    expect(rule.join(" ")).not.toContain("correct horse");
    expect(rule[10]).toBe("-@all");
  });

  it("never allows a whole category that reaches beyond keys", () => {
    const rules = commandRules(valkey91);
    for (const forbidden of [
      "+@all",
      "+@read",
      "+@write",
      "+@keyspace",
      "+@scripting",
      "+client",
      "+object",
      "+select",
    ]) {
      expect(rules).not.toContain(forbidden);
    }
    expect(rules.slice(-2)).toEqual(["-sort", "-sort_ro"]);
  });

  it("leaves out what an older server does not know, and COPY where databases cannot be limited", () => {
    const rules = commandRules(redis62);
    for (const absent of ["+expiretime", "+spublish", "+client|setinfo", "-sort_ro", "+copy"]) {
      expect(rules).not.toContain(absent);
    }
    expect(rules).toContain("-sort");
    expect(commandRules(valkey91)).toContain("+copy");
  });

  it("gives a closed user neither password nor key nor command", () => {
    expect(closedRule({ username: "ekn:42", keyPrefix: "ekn:42:" }, valkey91)).toEqual([
      "reset",
      "off",
      "resetkeys",
      "resetchannels",
      "resetdbs",
      "-@all",
    ]);
  });

  it("refuses every name that is not exactly a prefix, a colon and an id", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.string({ maxLength: 10_000 })), (text) => {
        fc.pre(!isUsername(text));
        expect(() => openRule({ username: text, keyPrefix: `${text}:` }, "p", valkey91)).toThrow("is not legal");
        expect(() => openRule({ username: "ekn:42", keyPrefix: text }, "p", valkey91)).toThrow("must be the username");
      }),
    );
    for (const hostile of [
      "*",
      "ekn:*",
      "ekn:4?",
      "ekn:[a-z]",
      "ekn:42 +@all",
      "ekn:42\n",
      "ekn:42\0",
      "tenancy:mark",
      "ekn:42:x",
      ":42",
      "ekn:",
      "ekn:-a",
      "EKN:42",
      "ekn:４２",
    ]) {
      expect(isUsername(hostile), hostile).toBe(false);
    }
  });

  it("holds the tenant's own pattern and no other for every legal name", () => {
    const id = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/);
    fc.assert(
      fc.property(id, fc.string(), (tenant, password) => {
        const username = `tenant:${tenant}`;
        const rule = openRule({ username, keyPrefix: `${username}:` }, password, valkey91);
        expect(rule.filter((part) => /^[~&%(]/.test(part))).toEqual([`~${username}:*`, `&${username}:*`]);
        expect(rule.filter((part) => part.startsWith("#"))).toEqual([expect.stringMatching(/^#[0-9a-f]{64}$/)]);
        expect(rule.every((part) => !/\s/.test(part))).toBe(true);
      }),
    );
  });
});

describe("the server's version", () => {
  it("is told apart for Redis and Valkey", () => {
    expect(
      parseServer(
        "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.2\r\nserver_mode:standalone\r\n",
        "a:1",
      ),
    ).toEqual(valkey91);
    expect(parseServer("redis_version:6.2.14\r\nredis_mode:standalone\r\n", "a:1")).toEqual(redis62);
    expect(parseServer("redis_version:8.2.1\r\nredis_mode:cluster\r\n", "a:1")).toMatchObject({
      commands: [8, 2],
      cluster: true,
    });
  });

  it("below 6.2 is refused by name", () => {
    expect(() => parseServer("redis_version:6.0.16\r\n", "a:1")).toThrow("Redis server a:1 is version 6.0.16");
  });
});
