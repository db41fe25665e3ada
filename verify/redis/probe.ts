/** Attempts on Redis and Valkey: as a tenant's own ACL user, on every node, because ACLs are not replicated. */
import type { Command } from "../../provider/redis/client.ts";
import { ProbeError, type Residue, type StoreProbe } from "../attempt.ts";
import { redisAttempts } from "./attempts/index.ts";
import { furnishing } from "./fixtures.ts";
import { Links } from "./link.ts";
import { redisParty, RedisSession } from "./session.ts";

const residue: readonly Residue[] = [
  {
    place: "CLIENT ID",
    what: "how many connections all tenants together have opened on the node since its start",
    document: "docs/redis.md#what-stays-visible-by-design",
  },
];

/** Everything that could name another user, and does so for whoever may ask. */
const places: readonly { readonly place: string; readonly command: Command }[] = (
  [
    ["ACL", "USERS"],
    ["ACL", "WHOAMI"],
    ["ACL", "LOG", 16],
    ["CLIENT", "LIST"],
    ["CLIENT", "INFO"],
    ["CLIENT", "ID"],
    ["CLIENT", "GETNAME"],
    ["PUBSUB", "CHANNELS"],
    ["SCAN", 0, "COUNT", 1_000],
    ["SLOWLOG", "GET", 16],
    ["INFO"],
    ["HELLO", 2],
    ["CONFIG", "GET", "*"],
    ["ROLE"],
  ] satisfies Command[]
).map((command): { place: string; command: Command } => ({
  place: command.filter((part) => /^[A-Z]+$/.test(String(part)) && part !== "COUNT").join(" "),
  command,
}));

export function redisProbe(): StoreProbe {
  const links = new Links();
  return {
    store: "redis",
    attempts: redisAttempts,
    residue,
    applies: (attempt, victim) => attempt.store === "redis" && victim.redis !== undefined,

    async furnish(canary) {
      const { server, names, password } = redisParty(canary);
      const commands = furnishing(names.keyPrefix);
      await Promise.all(
        server.nodes.map(async (node) => {
          const { link, release } = links.lease(server, node, { username: names.username, password });
          try {
            const replies = await link.send(commands);
            // A replica takes no writes: it gets the keys from its primary.
            const fault = replies.find(({ error }) => error !== undefined && !error.message.startsWith("READONLY"));
            if (fault?.error !== undefined) {
              throw new ProbeError(`tenant ${canary.id}: Redis node ${link.address}: ${fault.error.message}`);
            }
          } finally {
            release();
          }
        }),
      );
    },

    async open(attacker) {
      const party = redisParty(attacker);
      const login = { username: party.names.username, password: party.password };
      const session = new RedisSession(links, { server: party.server, login, tenant: { id: attacker.id, party } });
      return opened(session);
    },

    async openAdministrator(victim) {
      const { server } = redisParty(victim);
      const login = { username: server.username, password: server.password };
      return opened(new RedisSession(links, { server, login, tenant: undefined }));
    },

    async visible(attacker, victim) {
      const { server, names, password } = redisParty(attacker);
      // A whole name: `tenant:acme2` does not name `tenant:acme`.
      const sought = new RegExp(`(?<![a-z0-9_])${redisParty(victim).names.username}(?![a-z0-9-])`);
      const found = await Promise.all(
        server.nodes.map(async (node) => {
          const { link, release } = links.lease(server, node, { username: names.username, password });
          try {
            const replies = await link.send(places.map(({ command }) => command));
            return places.flatMap(({ place }, index) => {
              const reply = replies[index];
              const text = reply?.error === undefined ? JSON.stringify(reply?.value) : reply.error.message;
              return sought.test(text) ? [place] : [];
            });
          } finally {
            release();
          }
        }),
      );
      return [...new Set(found.flat())].toSorted();
    },
  };
}

async function opened(session: RedisSession): Promise<RedisSession> {
  try {
    await session.open();
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}
