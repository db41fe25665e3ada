import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Redis } from "ioredis";
import { answer, closeAll, connect, connectAdmin, newContext, newHandler, newTenant } from "./support.ts";

const handler = newHandler();
const own = newTenant();
const sibling = newTenant({ tenant: `${own.tenant}2` });
const o = own.keyPrefix;
const s = sibling.keyPrefix;
let redis: Redis;
let admin: Redis;

beforeAll(async () => {
  await handler.create(newContext(own.tenant).context, own);
  await handler.create(newContext(sibling.tenant).context, sibling);
  redis = await connect(own.username, own.password);
  admin = await connectAdmin();
  await admin.set(`${s}secret`, "theirs");
  await admin.lpush(`${s}list`, "theirs");
  await redis.set(`${o}a`, "mine");
  await redis.lpush(`${o}list`, "mine");
});

afterAll(async () => {
  await admin.unlink(`${s}secret`, `${s}list`);
  closeAll();
  await handler.close?.();
});

describe("a tenant's login", () => {
  it.each([
    [`SET ${o}b 1`, "OK"],
    [`GET ${o}a`, "mine"],
    [`COPY ${o}a ${o}c`, 1],
    [`RENAME ${o}c ${o}d`, "OK"],
    [`EXPIRE ${o}d 60`, 1],
    [`XADD ${o}x 1-1 f v`, "1-1"],
    [`PFADD ${o}pf a`, 1],
    [`GEOADD ${o}geo 1 1 a`, 1],
    [`PUBLISH ${o}news hi`, 0],
    [`OBJECT ENCODING ${o}list`, "listpack"],
    [`CLIENT SETNAME app`, "OK"],
    [`DEL ${o}b`, 1],
  ])("may use its own namespace: %s", async (line, expected) => {
    expect(await answer(redis, line)).toBe(expected);
  });

  it("may run a transaction on its own keys", async () => {
    expect(await redis.multi().set(`${o}m`, "1").get(`${o}m`).exec()).toEqual([
      [null, "OK"],
      [null, "1"],
    ]);
  });

  it.each([
    `GET ${s}secret`,
    `MGET ${o}a ${s}secret`,
    `EXISTS ${s}secret`,
    `WATCH ${s}secret`,
    `DUMP ${s}secret`,
    `RESTORE ${s}new 0 x`,
    `MIGRATE 127.0.0.1 1 ${s}secret 0 10`,
    `RENAME ${s}secret ${o}stolen`,
    `RENAME ${o}a ${s}planted`,
    `COPY ${s}secret ${o}stolen`,
    `COPY ${o}a ${s}planted`,
    `COPY ${o}a ${o}hidden DB 1`,
    `LMOVE ${s}list ${o}list LEFT LEFT`,
    `SMOVE ${s}set ${o}set a`,
    `SUNIONSTORE ${o}u ${s}set`,
    `BITOP AND ${o}bits ${s}secret`,
    `PFMERGE ${o}pf ${s}pf`,
    `ZRANGESTORE ${o}z ${s}z 0 1`,
    `GEORADIUS ${o}geo 1 1 1 km STORE ${s}geo`,
    `XREAD STREAMS ${s}x 0`,
    `OBJECT ENCODING ${s}secret`,
    `SORT ${o}list BY nosort GET ${s}*`,
    `SORT_RO ${o}list`,
    `EVAL return(redis.call('GET','${s}secret')) 0`,
    `EVAL_RO return(redis.call('SCAN','0')) 0`,
    `FCALL f 0`,
    `SCRIPT FLUSH`,
    `FUNCTION FLUSH`,
    `KEYS *`,
    `SCAN 0`,
    `RANDOMKEY`,
    `DBSIZE`,
    `FLUSHALL`,
    `FLUSHDB`,
    `SWAPDB 0 1`,
    `SELECT 1`,
    `MOVE ${o}a 1`,
    `CONFIG GET *`,
    `CLIENT LIST`,
    `CLIENT KILL TYPE normal`,
    `CLIENT PAUSE 1`,
    `CLIENT TRACKING ON BCAST PREFIX ${s}`,
    `ACL SETUSER ${own.username} +@all`,
    `ACL GETUSER ${sibling.username}`,
    `ACL LIST`,
    `MONITOR`,
    `INFO`,
    `SLOWLOG GET`,
    `MEMORY STATS`,
    `DEBUG SLEEP 0`,
    `REPLICAOF NO ONE`,
    `PSYNC ? -1`,
    `CLUSTER INFO`,
    `PUBLISH ${s}news hi`,
    `SUBSCRIBE ${s}news`,
    `PSUBSCRIBE *`,
    `PUBSUB CHANNELS`,
    `GET tenancy:mark:${own.username}`,
  ])("is refused: %s", async (line) => {
    // A server may refuse DEBUG to everyone before it looks at the rule.
    expect(await answer(redis, line)).toMatch(
      line.startsWith("DEBUG") ? /^NOPERM|^ERR DEBUG command not allowed/ : /^NOPERM/,
    );
  });
});
