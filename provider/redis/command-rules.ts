/** The commands that a tenant may use: plain data, for rules that the provider sets and for those that a cloud takes. */

export interface RedisCommands {
  /** Version of Redis whose commands it has, as [major, minor]. */
  readonly commands: readonly [number, number];
  /** Whether rules can limit databases (Valkey 9.1 and later). */
  readonly databaseRules: boolean;
  readonly cluster: boolean;
}

export function atLeast(version: readonly [number, number], major: number, minor: number): boolean {
  return version[0] > major || (version[0] === major && version[1] >= minor);
}

/**
 * The commands a tenant may use. Data types by category, not `@read` and `@write`: since Redis 8 those two include
 * search and JSON commands over all keys. Commands that a server does not know would refuse the whole rule.
 */
export function redisCommandRules(server: RedisCommands): readonly string[] {
  const redis7 = atLeast(server.commands, 7, 0);
  const commands =
    "del unlink exists type ttl pttl expire pexpire expireat pexpireat persist rename renamenx touch " +
    "object|encoding object|freq object|idletime publish subscribe psubscribe unsubscribe punsubscribe " +
    "auth hello ping echo quit reset client|setname client|getname client|id client|reply";
  return [
    "-@all",
    ..."string hash list set sortedset stream bitmap hyperloglog geo".split(" ").map((category) => `+@${category}`),
    ...commands.split(" ").map((command) => `+${command}`),
    ...(redis7 ? ["+expiretime", "+pexpiretime", "+spublish", "+ssubscribe", "+sunsubscribe"] : []),
    // COPY takes a database: without database rules a tenant could put keys where no erasure looks for them.
    ...(server.databaseRules ? ["+copy"] : []),
    "+@transaction",
    ...(atLeast(server.commands, 7, 2) ? ["+client|setinfo"] : []),
    // Never `+cluster`: its GETKEYSINSLOT gives the names of other tenants' keys.
    ...(server.cluster ? ["+cluster|slots", "+cluster|shards", "+cluster|nodes", "+readonly", "+asking"] : []),
    "-sort",
    ...(redis7 ? ["-sort_ro"] : []),
  ];
}
