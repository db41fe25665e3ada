/** Taking away what lies under another tenant's prefix. */
import { define, page, type RedisAttempt } from "../attempt.ts";

const common = {
  aim: "destroy",
  harm: "victim",
  why: "Deleted data of a cache is an outage, and of a queue it is lost work.",
} as const;

export const destroyAttempts: readonly RedisAttempt[] = [
  define({
    ...common,
    id: "del",
    tries: "delete a key of another tenant",
    send: ({ theirs }) => [["DEL", theirs("string")]],
    source: page("del"),
  }),
  define({
    ...common,
    id: "unlink-mixed",
    tries: "delete a key of another tenant beside one of its own",
    send: ({ own, theirs }) => [["UNLINK", own("loot"), theirs("string")]],
    source: page("unlink"),
  }),
  define({
    ...common,
    id: "getdel",
    tries: "read and delete a string of another tenant",
    send: ({ theirs }) => [["GETDEL", theirs("string")]],
    source: page("getdel"),
  }),
  define({
    ...common,
    id: "expire",
    tries: "shorten the life of another tenant's key",
    send: ({ theirs }) => [["PEXPIRE", theirs("string"), 1]],
    source: page("pexpire"),
  }),
  define({
    ...common,
    id: "persist",
    aim: "exhaust",
    tries: "take the expiry from another tenant's key",
    send: ({ theirs }) => [["PERSIST", theirs("string")]],
    why: "What never expires fills the memory that all tenants share.",
    source: page("persist"),
  }),
  define({
    ...common,
    id: "hdel",
    tries: "delete a field of another tenant's hash",
    send: ({ theirs }) => [["HDEL", theirs("hash"), "field"]],
    source: page("hdel"),
  }),
  define({
    ...common,
    id: "lpop",
    tries: "take an element from another tenant's list",
    send: ({ theirs }) => [["LPOP", theirs("list")]],
    source: page("lpop"),
  }),
  define({
    ...common,
    id: "spop",
    tries: "take a member from another tenant's set",
    send: ({ theirs }) => [["SPOP", theirs("set")]],
    source: page("spop"),
  }),
  define({
    ...common,
    id: "zpopmin",
    tries: "take a member from another tenant's sorted set",
    send: ({ theirs }) => [["ZPOPMIN", theirs("zset")]],
    source: page("zpopmin"),
  }),
  define({
    ...common,
    id: "xtrim",
    tries: "empty another tenant's stream",
    send: ({ theirs }) => [["XTRIM", theirs("stream"), "MAXLEN", 0]],
    source: page("xtrim"),
  }),
];
