/** A canary's own keys, one of each data type: what attempts are made on. */
import type { Command } from "../../provider/redis/client.ts";

/** How long the keys live, should nothing take them away before. */
export const fixtureSeconds = 3_600;

export function fixtureKey(keyPrefix: string, name: string): string {
  return `${keyPrefix}tenancy-verify:${name}`;
}

type Make = (key: string) => readonly Command[];

/** Commands that make a key whatever was there before; names are the last part of the key. */
const makers: Readonly<Record<string, Make>> = {
  string: (key) => [["SET", key, "canary"]],
  list: (key) => [["RPUSH", key, "canary", "canary"]],
  hash: (key) => [["HSET", key, "field", "canary"]],
  set: (key) => [["SADD", key, "canary"]],
  zset: (key) => [["ZADD", key, 1, "canary"]],
  stream: (key) => [["XADD", key, "1-1", "field", "canary"]],
  hll: (key) => [["PFADD", key, "canary"]],
  geo: (key) => [["GEOADD", key, 1, 1, "canary"]],
  bits: (key) => [["SETBIT", key, 7, 1]],
};

export const fixtureNames: readonly string[] = Object.keys(makers);

/** Makes the keys anew. */
export function furnishing(keyPrefix: string, names: readonly string[] = fixtureNames): readonly Command[] {
  return names.flatMap((name): Command[] => {
    const key = fixtureKey(keyPrefix, name);
    return [["UNLINK", key], ...(makers[name]?.(key) ?? []), ["EXPIRE", key, fixtureSeconds]];
  });
}

/** Makes anew the keys that some commands name, so that what an attempt before them did makes no difference. */
export function furnishingFor(keyPrefix: string, commands: readonly Command[]): readonly Command[] {
  const named = new Set(commands.flat());
  return furnishing(
    keyPrefix,
    fixtureNames.filter((name) => named.has(fixtureKey(keyPrefix, name))),
  );
}

/** Takes away what commands have written under the prefix beside the keys that are made here. */
export function tidying(keyPrefix: string, commands: readonly Command[]): readonly Command[] {
  const begin = fixtureKey(keyPrefix, "");
  const written = [...new Set(commands.flat())].filter(
    (part): part is string => typeof part === "string" && part.startsWith(begin) && !part.endsWith("*"),
  );
  const beside = written.filter((key) => !fixtureNames.includes(key.slice(begin.length)));
  return beside.length === 0 ? [] : [["UNLINK", ...beside]];
}
