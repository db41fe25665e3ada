/** Reads parts of JSON that somebody else wrote. */

/** What stands at a path of keys; undefined where a part of the way is missing. */
function at(value: unknown, ...path: readonly string[]): unknown {
  let here = value;
  for (const key of path) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, key)) return undefined;
    here = (here as Record<string, unknown>)[key];
  }
  return here;
}

function text(value: unknown, ...path: readonly string[]): string {
  const found = at(value, ...path);
  if (typeof found === "string") return found;
  throw new Error(`${path.join(".")} is missing`);
}

function number(value: unknown, ...path: readonly string[]): number {
  const found = at(value, ...path);
  if (typeof found === "number" && Number.isSafeInteger(found)) return found;
  throw new Error(`${path.join(".")} is missing`);
}

/** GitHub's own words for an error, on one line. */
function message(body: string): string {
  try {
    return text(JSON.parse(body), "message").slice(0, 200);
  } catch {
    return "no reason";
  }
}

export const shape = { at, text, number, message };
