/**
 * Redis' orphans: ACL users of any node, and keys and marks of the primary, that belong to no known tenant. Keys are
 * counted by their prefix and never read; only their prefixes are named.
 */
import { canaryPrefix } from "../../components/naming.ts";
import type { RedisServer } from "../../provider/config.ts";
import { ProviderError } from "../../provider/handler.ts";
import { type Mark, parseMark } from "../../provider/mark.ts";
import { type Command, connectNode, type RedisNode } from "../../provider/redis/client.ts";
import { usernameIn } from "../../provider/redis/keys.ts";
import { RedisTopology } from "../../provider/redis/topology.ts";
import { counted, describeMark, isOthers, type MarkedSearch } from "./marks.ts";
import { defaultLimit, inOrder, knownNames, type Orphan, type OrphanList } from "./orphan.ts";

export type RedisOrphanSearch = MarkedSearch<RedisServer>;

const markBegin = "tenancy:mark:";
/** Keys asked for at once: a page takes the server less than a millisecond. */
const page = 1_000;
const maxGroups = 1_000;
const usersAtOnce = 20;

/** What was found in the keyspace of the primary. */
interface Keyspace {
  /** Usernames that have a mark. */
  readonly marked: ReadonlySet<string>;
  /** How many keys there are under each pattern that is no known tenant's. */
  readonly groups: ReadonlyMap<string, number>;
  readonly incomplete: readonly string[];
}

/** @throws ProviderError when a node cannot be asked */
export async function redisOrphans(search: RedisOrphanSearch): Promise<OrphanList> {
  const topology = new RedisTopology(search.name, search.server, connectNode, { retryForMs: 5_000 });
  try {
    const { nodes, primaries } = await topology.layout(false, search.signal);
    const known = new Set(knownNames(search.tenants).redis.map(({ username }) => username));
    const usersOf = await Promise.all(nodes.map((node) => users(node, search.signal)));
    const keyspace = await scanAll(primaries, search, known);
    const unknown = [...new Set([...usersOf.flatMap((names) => [...names]), ...keyspace.marked])].filter(
      (username) => !known.has(username),
    );
    const marks = await readMarks(primaries, unknown, search.signal);
    const others = new Set(unknown.filter((username) => isOthers(marks.get(username), search.origin)));

    const orphans: Orphan[] = [];
    const add = (kind: Orphan["kind"], name: string, detail: string): void => {
      orphans.push({ store: "redis", server: search.name, kind, name, detail });
    };
    const isMarked = (username: string): boolean => marks.has(username) || keyspace.marked.has(username);
    const candidates = unknown.filter(
      (username) => !others.has(username) && (isMarked(username) || looksLikeTenants(username, search)),
    );
    const flagsOf = await Promise.all(
      nodes.map((node, index) => {
        const there = candidates.filter((username) => usersOf[index]?.has(username) === true);
        return readFlags(node, there, search.signal);
      }),
    );
    for (const username of candidates) {
      const mark = describeMark(marks.get(username));
      const on = nodes.filter((_, index) => flagsOf[index]?.has(username) === true);
      if (on.length > 0) {
        const may = describeFlags(flagsOf.flatMap((flags) => [flags.get(username) ?? []]));
        const places =
          on.length === nodes.length ? "on every node" : `on node ${on.map(({ address }) => address).join(", ")}`;
        add("ACL user", username, `${may}, ${places}; ${mark}`);
      } else if (isMarked(username)) {
        add("mark", `${markBegin}${username}`, `${mark}; there is no such user`);
      }
    }
    for (const [pattern, count] of keyspace.groups) {
      if (!others.has(pattern.replace(/:\*$/, ""))) add("keys", pattern, counted(count, "key"));
    }
    for (const primary of primaries) {
      for (const { database, keys } of await databases(primary, search.signal)) {
        add("keys", `database ${database}`, `${counted(keys, "key")}; tenants have keys in database 0 only`);
      }
    }
    return { orphans: inOrder(orphans), incomplete: keyspace.incomplete };
  } finally {
    topology.close();
  }
}

/** `tenancy:` is this tool's own begin: `tenancy:scratch` is the user that drift is found by. */
function looksLikeTenants(username: string, { prefixes }: RedisOrphanSearch): boolean {
  return [...prefixes, canaryPrefix, "tenancy"].some((prefix) => username.startsWith(`${prefix}:`));
}

async function users(node: RedisNode, signal?: AbortSignal): Promise<ReadonlySet<string>> {
  const [reply] = await node.run("ACL USERS", [["ACL", "USERS"]], signal);
  return new Set(Array.isArray(reply) ? reply.map(String) : []);
}

/** Flags by username, but of users that were removed since they were listed. */
async function readFlags(
  node: RedisNode,
  usernames: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const flags = new Map<string, readonly string[]>();
  // A description takes the server up to 2 ms, and others are served between two goes only.
  for (let begin = 0; begin < usernames.length; begin += usersAtOnce) {
    const some = usernames.slice(begin, begin + usersAtOnce);
    const replies = await node.run(
      "ACL GETUSER",
      some.map((username): Command => ["ACL", "GETUSER", username]),
      signal,
    );
    for (const [index, username] of some.entries()) {
      const fields: readonly unknown[] | undefined = asList(replies[index]);
      if (fields !== undefined) flags.set(username, asList(fields[fields.indexOf("flags") + 1])?.map(String) ?? []);
    }
  }
  return flags;
}

function asList(value: unknown): readonly unknown[] | undefined {
  return Array.isArray(value) ? value : undefined;
}

function describeFlags(flags: readonly (readonly string[])[]): string {
  if (flags.some((words) => words.includes("on") && words.includes("nopass"))) return "lets everyone in";
  return flags.some((words) => words.includes("on")) ? "may log in" : "may not log in";
}

async function readMarks(
  primaries: readonly RedisNode[],
  usernames: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, Mark>> {
  const marks = new Map<string, Mark>();
  // In a cluster each answers for its own slots, and MOVED for the others.
  for (const primary of primaries) {
    const replies = await primary.tryRun(
      "GET of the marks",
      usernames.map((username): Command => ["GET", `${markBegin}${username}`]),
      signal,
    );
    for (const [index, username] of usernames.entries()) {
      const reply = replies[index];
      const mark = parseMark(reply?.error === undefined && typeof reply?.value === "string" ? reply.value : undefined);
      if (mark !== undefined) marks.set(username, mark);
    }
  }
  return marks;
}

async function scanAll(
  primaries: readonly RedisNode[],
  search: RedisOrphanSearch,
  known: ReadonlySet<string>,
): Promise<Keyspace> {
  const spaces: Keyspace[] = [];
  for (const primary of primaries) spaces.push(await scan(primary, search, known));
  const groups = new Map<string, number>();
  for (const space of spaces) {
    for (const [pattern, count] of space.groups) groups.set(pattern, (groups.get(pattern) ?? 0) + count);
  }
  return {
    marked: new Set(spaces.flatMap(({ marked }) => [...marked])),
    groups,
    incomplete: spaces.flatMap(({ incomplete }) => incomplete),
  };
}

async function scan(primary: RedisNode, search: RedisOrphanSearch, known: ReadonlySet<string>): Promise<Keyspace> {
  const { limit = defaultLimit, signal, prefixes } = search;
  const marked = new Set<string>();
  const groups = new Map<string, number>();
  const incomplete: string[] = [];
  let seen = 0;
  let unnamed = 0;
  let cursor = "0";
  do {
    const [reply] = await primary.run("SCAN", [["SCAN", cursor, "COUNT", Math.min(page, limit)]], signal);
    if (!Array.isArray(reply)) throw new ProviderError(`Redis node ${primary.address}: SCAN gave no list of keys.`);
    const [next, keys] = reply as [unknown, unknown[]];
    cursor = String(next);
    seen += keys.length;
    for (const key of keys.map(String)) {
      if (key.startsWith(markBegin)) marked.add(key.slice(markBegin.length));
      else if (!isKnown(key, known)) {
        const pattern = patternOf(key, prefixes);
        if (groups.has(pattern) || groups.size < maxGroups) groups.set(pattern, (groups.get(pattern) ?? 0) + 1);
        else unnamed += 1;
      }
    }
    if (signal?.aborted === true) throw new ProviderError(`Redis node ${primary.address}: SCAN was cancelled.`);
  } while (cursor !== "0" && seen < limit);
  if (cursor !== "0") {
    const [size] = await primary.run("DBSIZE", [["DBSIZE"]], signal);
    incomplete.push(`${seen} of ${String(size)} keys were looked at: counts and marks are of these alone`);
  }
  if (unnamed > 0) incomplete.push(`${counted(unnamed, "key")} beyond the first ${maxGroups} prefixes were not listed`);
  return { marked, groups, incomplete };
}

/** Whether a key begins with a known username and a colon: neither part of a username has a colon. */
function isKnown(key: string, known: ReadonlySet<string>): boolean {
  const username = usernameIn(key);
  return username !== undefined && known.has(username);
}

/**
 * `tenant:acme:*` for what looks like a tenant's, `cache:*` for other keys, and no name at all where a key's begin is
 * none: it may be data.
 */
function patternOf(key: string, prefixes: readonly string[]): string {
  const [first = "", tagged, ...rest] = key.split(":");
  const second = tagged?.replace(/^\{(.*)\}$/, "$1");
  if (second === undefined || !/^[\w.-]{1,40}$/.test(first)) return "keys without a prefix";
  const isTenants = [...prefixes, canaryPrefix].includes(first) && rest.length > 0 && /^[a-z0-9-]{1,40}$/.test(second);
  return isTenants ? `${first}:${second}:*` : `${first}:*`;
}

async function databases(primary: RedisNode, signal?: AbortSignal) {
  const [text] = await primary.run("INFO keyspace", [["INFO", "keyspace"]], signal);
  return [...String(text).matchAll(/^db(\d+):keys=(\d+)/gm)]
    .map(([, database, keys]) => ({ database: Number(database), keys: Number(keys) }))
    .filter(({ database }) => database > 0);
}
