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
const resourceReferenceKind = "5cf8f73096256a8f31e491e813e4eb8e";
export const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

export function isObject(value: unknown): value is Properties {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isSecret(value: Value | undefined): value is Properties {
  return isObject(value) && value[signature] === secretKind;
}

export function secret(value: Value): Value {
  return isSecret(value) ? value : { [signature]: secretKind, value };
}

/** A secret as the state file holds it. */
export function encrypted(ciphertext: string): Properties {
  return { [signature]: secretKind, ciphertext };
}

/** Names of the special values that the engine does not carry: assets, archives, references to resources. */
export function unsupportedKind(value: Value): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (isObject(value) && signature in value && !isSecret(value)) {
    return value[signature] === resourceReferenceKind
      ? "a reference to a resource"
      : "an asset, archive or output value";
  }
  for (const item of Object.values<Value>(value)) {
    const kind = unsupportedKind(item);
    if (kind !== undefined) return kind;
  }
  return undefined;
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

/** Marks what shares a name with a secret of `like`: a provider that takes no secrets gives plain values back. */
export function markSecrets(values: Properties, like: Properties): Properties {
  const marked: Properties = { ...values };
  for (const [key, pattern] of Object.entries(like)) {
    const value = marked[key];
    if (value === undefined || isSecret(value)) continue;
    if (isObject(value) && isObject(pattern) && !isSecret(pattern)) marked[key] = markSecrets(value, pattern);
    else if (some(pattern, isSecret)) marked[key] = secret(value);
  }
  return marked;
}

export function markKeys(values: Properties, keys: readonly string[]): Properties {
  const marked: Properties = { ...values };
  for (const key of keys) {
    const value = marked[key];
    if (value !== undefined) marked[key] = secret(value);
  }
  return marked;
}

/** Names of the properties that differ; whether a value is marked as secret makes no difference. */
export function changedKeys(olds: Properties, news: Properties): string[] {
  const [before, after] = [plain(olds), plain(news)];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].filter((key) => !isDeepStrictEqual(before[key], after[key])).sort();
}

/** Takes the old value of each path, as in `tags.owner`, so that no difference is seen there. */
export function ignoreChanges(olds: Properties, news: Properties, paths: readonly string[]): Properties {
  let result = news;
  for (const path of paths) result = withOld(olds, result, path.split("."));
  return result;
}

function withOld(olds: Properties, news: Properties, [key = "", ...rest]: readonly string[]): Properties {
  const before = olds[key];
  const after = news[key];
  const copy = { ...news };
  if (rest.length > 0 && isObject(after) && !isSecret(after)) {
    copy[key] = withOld(isObject(before) ? before : {}, after, rest);
  } else if (rest.length === 0 && before === undefined) {
    Reflect.deleteProperty(copy, key);
  } else if (rest.length === 0 && before !== undefined) {
    copy[key] = before;
  }
  return copy;
}

export function toStruct(values: Properties): Struct {
  return structs.Struct.fromJavaScript(values);
}

export function fromStruct(struct: Struct | undefined): Properties {
  return struct?.toJavaScript() ?? {};
}
