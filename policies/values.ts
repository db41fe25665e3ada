/**
 * Property values as rules read them: plain data in which whatever a preview cannot know yet is `unknown`, and what is
 * secret is plain, so that a rule may look at it and must not repeat it.
 */

/** The class of `unknown`. */
export class Unknown {
  readonly #text = "(not known yet)";

  /** For messages: what is known around it can be shown. */
  toJSON(): string {
    return this.#text;
  }
}

/** In place of a value that only the update will know. */
export const unknown = new Unknown();

export type Value = null | boolean | number | string | Unknown | readonly Value[] | Properties;
export interface Properties {
  readonly [key: string]: Value | undefined;
}

/** A special value of the engine's protocol is an object with this key; its value says which kind. */
const signature = "4dabf18193072939515e22adb298388d";
const secretKind = "1b47061264138c4ac30d75fd1eb44270";

/** Stand for unknown values of each kind: pulumi/pulumi, sdk/go/common/resource/plugin/rpc.go. */
const sentinels = new Set([
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

/**
 * Copies what a policy or an engine's message holds. Also takes the proxies of @pulumi/policy, which throw at the
 * first look at an unknown value: that would end a rule although the rest of the resource decides it.
 */
export function plainProperties(properties: object): Properties {
  return plain(properties) as Properties;
}

function plain(value: unknown): Value {
  if (typeof value === "string") return sentinels.has(value) ? unknown : value;
  if (value === null || typeof value === "boolean" || typeof value === "number") return value;
  if (Array.isArray(value)) return Array.from({ length: value.length }, (_, index) => readPlain(value, index));
  if (typeof value !== "object") return null;
  if (readPlain(value, signature) === secretKind) return readPlain(value, "value");
  return Object.fromEntries(Object.keys(value).map((key) => [key, readPlain(value, key)]));
}

function readPlain(container: object, key: string | number): Value {
  let value: unknown;
  try {
    value = (container as Record<string | number, unknown>)[key];
  } catch (error) {
    // The class is not exported by its package's types, and each instance is of the pack's own copy.
    if (error instanceof Error && error.constructor.name === "UnknownValueError") return unknown;
    throw error;
  }
  return plain(value);
}

export function isProperties(value: Value | undefined): value is Properties {
  return typeof value === "object" && value !== null && !Array.isArray(value) && value !== unknown;
}

export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

/** What stands at a path; `unknown` as soon as a part of the path is. */
export function at(value: Value | undefined, ...path: readonly (string | number)[]): Value | undefined {
  let here = value;
  for (const key of path) {
    if (here === unknown || here === undefined || here === null) return here ?? undefined;
    if (isList(here)) here = here[Number(key)];
    else if (isProperties(here)) here = Object.hasOwn(here, key) ? here[key] : undefined;
    else return undefined;
  }
  return here ?? undefined;
}

/** The value where it is text; undefined for anything else, unknown values too. */
export function text(value: Value | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** The elements of a list; none where there is no list. */
export function list(value: Value | undefined): readonly Value[] {
  return isList(value) ? value : [];
}

/** Whether any part of a value is unknown. */
export function holdsUnknown(value: Value | undefined): boolean {
  if (value === unknown) return true;
  if (isList(value)) return value.some(holdsUnknown);
  return isProperties(value) && Object.values(value).some(holdsUnknown);
}
