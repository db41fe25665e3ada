/** Getting out of database 0, where the rule's key pattern is no tenant's border and no erasure looks. */
import { define, page, type RedisAttempt } from "../attempt.ts";

const common = { aim: "escape", control: "administrator" } as const;

export const databaseAttempts: readonly RedisAttempt[] = [
  define({
    ...common,
    id: "select",
    tries: "change to another database",
    send: () => [["SELECT", 1]],
    restore: () => [["SELECT", 0]],
    why: "Rules before Valkey 9.1 hold for all databases alike, and erasure looks into one.",
    source: page("select"),
  }),
  define({
    ...common,
    id: "move",
    tries: "move a key of its own to another database",
    // A key that is not there: nothing moves.
    send: ({ own }) => [["MOVE", own("nothing"), 1]],
    why: "What lies in another database outlives the tenant.",
    source: page("move"),
  }),
  define({
    ...common,
    id: "copy-to-database",
    tries: "copy a key of its own to another database",
    send: ({ own }) => [["COPY", own("nothing"), own("loot"), "DB", 1]],
    why: "What lies in another database outlives the tenant.",
    source: page("copy"),
  }),
];
