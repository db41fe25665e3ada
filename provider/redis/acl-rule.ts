/**
 * ACL rules as lists of arguments of `ACL SETUSER`. Nothing but validated names goes in: a key pattern is a glob, so
 * a tenant called `*` would own every key.
 */
import { createHash } from "node:crypto";
import { ProviderError } from "../handler.ts";
import { atLeast, type RedisCommands, redisCommandRules } from "./command-rules.ts";

/** What the rule has to know of a server; see {@link parseServer}. */
export interface RedisServerInfo extends RedisCommands {
  readonly product: "redis" | "valkey";
  /** As in `9.1.2`: for messages. */
  readonly version: string;
}

const usernamePattern = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*:[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/;

export function isUsername(username: string): boolean {
  return username.length <= 57 && usernamePattern.test(username) && !/^tenancy[_:]/.test(username);
}

export function hashPassword(password: string): string {
  return createHash("sha256").update(password, "utf8").digest("hex");
}

/**
 * Reads the answer to `INFO server`.
 *
 * @throws ProviderError for servers older than Redis 6.2, whose ACLs know no channels.
 */
export function parseServer(info: string, address: string): RedisServerInfo {
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1];
  const numbers = (text: string | undefined): readonly [number, number] => {
    const [major = 0, minor = 0] = (text ?? "").split(".").map((part) => Number.parseInt(part, 10));
    return [major, minor];
  };
  const commands = numbers(field("redis_version"));
  const valkey = field("valkey_version");
  const version = valkey ?? field("redis_version") ?? "unknown";
  if (!atLeast(commands, 6, 2)) {
    throw new ProviderError(
      `Redis server ${address} is version ${version}; ACL rules for channels need Redis 6.2 or any Valkey. Upgrade it.`,
    );
  }
  return {
    product: valkey === undefined ? "redis" : "valkey",
    version,
    commands,
    databaseRules: valkey !== undefined && atLeast(numbers(valkey), 9, 1),
    cluster: (field("redis_mode") ?? field("server_mode")) === "cluster",
  };
}

export const commandRules: (server: RedisServerInfo) => readonly string[] = redisCommandRules;

export interface AclUser {
  readonly username: string;
  /** Begin of every key and channel; see {@link keyPrefixOf}. */
  readonly keyPrefix: string;
}

/** Rule of a user that works: all that `ACL SETUSER` needs after the username. */
export function openRule(user: AclUser, password: string, server: RedisServerInfo): readonly string[] {
  assertNames(user, server.cluster);
  return [
    "reset",
    "on",
    `#${hashPassword(password)}`,
    "sanitize-payload",
    "resetkeys",
    `~${user.keyPrefix}*`,
    "resetchannels",
    `&${user.keyPrefix}*`,
    ...(server.databaseRules ? ["resetdbs", "db=0"] : []),
    ...commandRules(server),
  ];
}

/** Rule of a suspended user: it exists, so that its name stays taken, and can do nothing. */
export function closedRule(user: AclUser, server: RedisServerInfo): readonly string[] {
  assertNames(user, server.cluster);
  return ["reset", "off", "resetkeys", "resetchannels", ...(server.databaseRules ? ["resetdbs"] : []), "-@all"];
}

/**
 * `tenant:acme:`, and in a cluster `tenant:{acme}:`: the hash tag puts all keys of a tenant into one slot, so that its
 * commands with several keys work.
 */
export function keyPrefixOf(username: string, cluster: boolean): string {
  return cluster ? `${username.replace(":", ":{")}}:` : `${username}:`;
}

/** @throws ProviderError unless the username is legal and the key prefix is the one that belongs to it. */
export function assertNames({ username, keyPrefix }: AclUser, cluster: boolean): void {
  if (!isUsername(username)) {
    throw new ProviderError(
      `username ${JSON.stringify(username.slice(0, 80))} is not legal in an ACL rule: <prefix>:<id> of lower-case letters, ` +
        `digits, "_" in the prefix and "-" in the id is allowed.`,
    );
  }
  if (keyPrefix !== keyPrefixOf(username, cluster)) {
    throw new ProviderError(
      `key prefix ${JSON.stringify(keyPrefix.slice(0, 80))} must be the username and a colon${cluster ? ", with the id as hash tag" : ""}, ` +
        `${JSON.stringify(keyPrefixOf(username, cluster))}.`,
    );
  }
}
