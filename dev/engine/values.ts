/** Property values as the engine protocol writes them, and what the engine does with secrets and unknowns. */
import structs from "google-protobuf/google/protobuf/struct_pb.js";
import type { Struct } from "google-protobuf/google/protobuf/struct_pb.js";
import { isDeepStrictEqual } from "node:util";

export type Value = null | boolean | number | string | Value[] | Properties;
export interface Properties {
  [key: string]: Value;
}

/** A special value is an object with this key; the key's value says which kind. */
const signature = "4dabf18193072939515e22adb298388d";
const secretKind = "1b47061264138c4ac30d75fd1eb44270";
export const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

export function isObject(value: unknown): value is Properties {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSecret(value: Value): value is Properties {
  return isObject(value) && value[signature] === secretKind;
}

export function secret(value: Value): Value {
  return isSecret(value) ? value : { [signature]: secretKind, value };
}

/** A secret as the state file holds it. */
export function encrypted(ciphertext: string): Properties {
  return { [signature]: secretKind, ciphertext };
}

/** A copy in which `map` takes the place of each secret, at any depth. */
export function mapSecrets<T extends Value>(value: T, map: (secret: Properties) => Value): T;
export function mapSecrets(value: Value, map: (secret: Properties) => Value): Value {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => mapSecrets(item, map));
  if (isSecret(value)) return map(value);
  return Object.fromEntries(Object.entries<Value>(value).map(([key, item]) => [key, mapSecrets(item, map)]));
}

/** The same value without marks of secrecy. */
export function plain<T extends Value>(value: T): T {
  return mapSecrets(value, (item) => plain(item.value ?? null));
}

function some(value: Value, test: (value: Value) => boolean): boolean {
  if (test(value)) return true;
  return typeof value === "object" && value !== null && Object.values<Value>(value).some((item) => some(item, test));
}

export function hasUnknowns(value: Value): boolean {
  return some(value, (item) => item === unknown);
}

/** Assets, archives, and references to resources: no resource of this project has them. */
export function hasUnsupported(value: Value): boolean {
  return some(value, (item) => isObject(item) && signature in item && !isSecret(item));
}

/** Marks what shares a name with a secret of `like`: a provider that takes no secrets gives plain values back. */
export function markSecrets(values: Properties, like: Properties): Properties {
  const marked: Properties = { ...values };
  for (const [key, pattern] of Object.entries(like)) {
    const value = marked[key];
    if (value === undefined) continue;
    const within = isObject(value) && isObject(pattern) && !isSecret(value) && !isSecret(pattern);
    if (within) marked[key] = markSecrets(value, pattern);
    else if (some(pattern, isSecret)) marked[key] = secret(value);
  }
  return marked;
}

export function markKeys(values: Properties, keys: readonly string[]): Properties {
  const marked = Object.entries(values).map(([key, value]) => [key, keys.includes(key) ? secret(value) : value]);
  return Object.fromEntries(marked) as Properties;
}

/** Names of the properties that differ; whether a value is marked as secret makes no difference. */
export function changedKeys(olds: Properties, news: Properties): string[] {
  const [before, after] = [plain(olds), plain(news)];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].filter((key) => !isDeepStrictEqual(before[key], after[key])).sort();
}

export function toStruct(values: Properties): Struct {
  return structs.Struct.fromJavaScript(values);
}

export function fromStruct(struct: Struct | undefined): Properties {
  return struct?.toJavaScript() ?? {};
}
