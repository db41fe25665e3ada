/** Carrying another tenant's data into keys of one's own. */
import type { Command } from "../../../provider/redis/client.ts";
import { define, page, type RedisAttempt, type Scene } from "../attempt.ts";

/** Where the loot would lie; taken away in the same go. */
const loot = "loot";
const restore = ({ own }: Scene): readonly Command[] => [["UNLINK", own(loot)]];
const why = "The result lies under the attacker's own prefix, where reading is allowed.";

/** They write, so that only a canary is their victim. */
const common = { aim: "read", harm: "victim", restore, why } as const;

export const copyAttempts: readonly RedisAttempt[] = [
  define({
    ...common,
    id: "copy-out",
    tries: "copy a key of another tenant to one of its own",
    send: ({ own, theirs }) => [["COPY", theirs("string"), own(loot)]],
    source: page("copy"),
    // Without database rules no tenant has COPY.
    control: "administrator",
  }),
  define({
    ...common,
    id: "rename-out",
    tries: "rename a key of another tenant into its own prefix",
    send: ({ own, theirs }) => [["RENAME", theirs("string"), own(loot)]],
    source: page("rename"),
  }),
  define({
    ...common,
    id: "sunionstore",
    tries: "store the members of another tenant's set",
    send: ({ own, theirs }) => [["SUNIONSTORE", own(loot), theirs("set")]],
    source: page("sunionstore"),
  }),
  define({
    ...common,
    id: "smove-out",
    tries: "move a member of another tenant's set to its own",
    send: ({ own, theirs }) => [["SMOVE", theirs("set"), own(loot), "canary"]],
    source: page("smove"),
  }),
  define({
    ...common,
    id: "lmove-out",
    tries: "move an element of another tenant's list to its own",
    send: ({ own, theirs }) => [["LMOVE", theirs("list"), own(loot), "LEFT", "LEFT"]],
    source: page("lmove"),
  }),
  define({
    ...common,
    id: "bitop-source",
    tries: "store a bit operation on another tenant's string",
    send: ({ own, theirs }) => [["BITOP", "OR", own(loot), theirs("bits")]],
    source: page("bitop"),
  }),
  define({
    ...common,
    id: "pfmerge-source",
    tries: "merge another tenant's HyperLogLog into its own",
    send: ({ own, theirs }) => [["PFMERGE", own(loot), theirs("hll")]],
    source: page("pfmerge"),
  }),
  define({
    ...common,
    id: "zrangestore",
    tries: "store a range of another tenant's sorted set",
    send: ({ own, theirs }) => [["ZRANGESTORE", own(loot), theirs("zset"), 0, -1]],
    source: page("zrangestore"),
  }),
  define({
    ...common,
    id: "zunionstore",
    tries: "store the union of another tenant's sorted set",
    send: ({ own, theirs }) => [["ZUNIONSTORE", own(loot), 1, theirs("zset")]],
    source: page("zunionstore"),
  }),
  define({
    ...common,
    id: "georadius-store",
    tries: "store places of another tenant by GEORADIUS … STORE",
    send: ({ own, theirs }) => [["GEORADIUS", theirs("geo"), 1, 1, 1, "km", "STORE", own(loot)]],
    why: "Its source and its destination stand far apart among the arguments; both must be checked.",
    source: page("georadius"),
  }),
  define({
    ...common,
    id: "geosearchstore",
    tries: "store places of another tenant",
    send: ({ own, theirs }) => [["GEOSEARCHSTORE", own(loot), theirs("geo"), "FROMLONLAT", 1, 1, "BYRADIUS", 1, "km"]],
    source: page("geosearchstore"),
  }),
];
