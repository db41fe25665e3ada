/**
 * Holds a file's tree against the schema and tells every fault with its place. Zod's own walk stops at an object's
 * first bad key and leaves out the values behind it, so objects, maps and lists are walked here, values by zod.
 */
import { z } from "zod";
import { type Fault, type FaultText, type Spot, faultAt, listed, nearest, quote, under } from "./faults.ts";
import { metaOf } from "./schema.ts";
import type { Entry, MapNode, Node } from "./yaml.ts";

export interface Context {
  readonly faults: Fault[];
  /** Whether a syntax error may have swallowed keys: then nothing is told as missing. */
  readonly damaged: boolean;
}

/**
 * The part of a value that is right; undefined where nothing of it is. Objects have no prototype, so that a key
 * `constructor` is found only where somebody wrote it.
 *
 * @param at - The key that the value stands behind.
 */
export function validate(schema: z.core.$ZodType, node: Node, at: Spot, path: string, context: Context): unknown {
  if (schema instanceof z.ZodOptional) return validate(schema.unwrap(), node, at, path, context);
  if (node.kind === "broken") return undefined;
  if (schema instanceof z.ZodObject) return validateObject(schema, node, at, path, context);
  if (schema instanceof z.ZodRecord) return validateRecord(schema, node, path, context);
  if (schema instanceof z.ZodArray) return validateList(schema, node, path, context);
  return validateValue(schema, node, path, context);
}

function validateObject(
  schema: z.ZodObject<z.core.$ZodShape>,
  node: Node,
  at: Spot,
  path: string,
  context: Context,
): unknown {
  const shape = new Map(Object.entries(schema.shape));
  if (node.kind !== "map") {
    return wrongType(node, path, context, `a map of ${listed([...shape.keys()])}`, "write its keys below it, indented");
  }
  const values = Object.create(null) as Record<string, unknown>;
  for (const entry of everyEntry(node)) {
    const inside = under(path, entry.key);
    const child = shape.get(entry.key);
    if (child === undefined) {
      tell(context, entry.at, inside, unknownKey(entry.key, [...shape.keys()], node));
      continue;
    }
    const value = validate(child, entry.value, entry.at, inside, context);
    if (value !== undefined) values[entry.key] ??= value;
  }
  for (const [key, child] of context.damaged ? [] : shape) {
    if (!node.entries.has(key) && !(child instanceof z.ZodOptional)) {
      tell(context, at, under(path, key), missingText(key, child));
    }
  }
  return values;
}

function validateRecord(schema: z.ZodRecord, node: Node, path: string, context: Context): unknown {
  if (node.kind !== "map") {
    return wrongType(node, path, context, metaOf(schema).allowed ?? "a map", "write {} if there is none");
  }
  const values = Object.create(null) as Record<string, unknown>;
  for (const entry of everyEntry(node)) {
    const inside = under(path, entry.key);
    const legal = schema.keyType instanceof z.ZodType && schema.keyType.safeParse(entry.key).success;
    if (!legal) tell(context, entry.at, inside, badKey(entry.key, schema.keyType));
    const value = validate(schema.valueType, entry.value, entry.at, inside, context);
    // A record behind a bad key is looked through, too.
    const kept = legal || schema.valueType instanceof z.ZodObject;
    if (kept && value !== undefined) values[entry.key] ??= value;
  }
  return values;
}

function validateList(schema: z.ZodArray, node: Node, path: string, context: Context): unknown {
  const allowed = metaOf(schema).allowed ?? "a list";
  if (node.kind !== "list") {
    const example =
      node.kind === "scalar" && node.value !== null ? `[${node.text}]` : String(metaOf(schema).examples?.[0]);
    return wrongType(node, path, context, allowed, `write a list: ${example}`);
  }
  const before = context.faults.length;
  const first = new Map<unknown, Spot>();
  const values = node.items.map((item, index) => {
    const inside = under(path, index);
    const earlier = item.kind === "scalar" ? first.get(item.value) : undefined;
    if (item.kind === "scalar" && earlier !== undefined) {
      const { line, column } = earlier.source.place(earlier.offset);
      tell(context, item.at, inside, {
        message: "this value stands in the list a second time",
        found: `${quote(item.text)}, also at line ${line}, column ${column}`,
        allowed,
        fix: "remove one of the two",
      });
    } else if (item.kind === "scalar") first.set(item.value, item.at);
    return validate(schema.element, item, item.at, inside, context);
  });
  if (values.length === 0 && !schema.safeParse([]).success) {
    tell(context, node.at, path, {
      message: "the list is empty",
      found: "[]",
      allowed,
      fix: `for example ${String(metaOf(schema).examples?.[0])}`,
    });
  }
  return context.faults.length > before || values.includes(undefined) ? undefined : values;
}

function validateValue(schema: z.core.$ZodType, node: Node, path: string, context: Context): unknown {
  const { allowed = "", examples = [] } = metaOf(schema);
  const example = examples[0] === undefined ? "write an allowed value" : `write, for example, ${String(examples[0])}`;
  if (node.kind !== "scalar") return wrongType(node, path, context, allowed, example);
  const result = z.safeParse(schema, node.value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const name = lastKey(path);
  const found = describe(node);
  if (node.value === null) {
    tell(context, node.at, path, {
      message: "there is no value",
      found,
      allowed,
      fix: `${example}, or remove the key`,
    });
  } else if (issue?.code === "invalid_type" && issue.expected === "string") {
    tell(context, node.at, path, {
      message: `${name} must be a text`,
      found,
      allowed,
      fix: `put it in quotes: ${quote(node.text)}`,
    });
  } else if (issue?.code === "invalid_type" && issue.expected === "boolean") {
    tell(context, node.at, path, { message: `${name} must be true or false`, found, allowed, fix: example });
  } else if (issue?.code === "invalid_type") {
    const fix =
      typeof node.value === "string" && /^-?\d+$/.test(node.value) ? `write it without quotes: ${node.value}` : example;
    tell(context, node.at, path, { message: `${name} must be a whole number`, found, allowed, fix });
  } else {
    const near = typeof node.value === "string" ? nearest(node.value, examples.map(String)) : undefined;
    const fix = issue?.code === "invalid_value" && near !== undefined ? `did you mean ${quote(near)}?` : example;
    tell(context, node.at, path, { message: `this value of ${name} is not allowed`, found, allowed, fix });
  }
  return undefined;
}

function wrongType(node: Node, path: string, context: Context, allowed: string, fix: string): unknown {
  const name = lastKey(path);
  const nothing = node.kind === "scalar" && node.value === null;
  const message = nothing ? "there is no value" : `${name} is of the wrong kind`;
  tell(context, node.at, path, {
    message,
    found: describe(node),
    allowed,
    fix: nothing ? `${fix}, or remove the key` : fix,
  });
  return undefined;
}

function unknownKey(key: string, known: readonly string[], node: MapNode): FaultText {
  const near = nearest(key, known);
  const free = near !== undefined && !node.entries.has(near);
  return {
    message: `unknown key ${quote(key)}`,
    found: quote(key),
    allowed: listed(known),
    fix:
      near === undefined
        ? "remove it, or move it where it belongs"
        : `did you mean ${quote(near)}?${free ? "" : " That key is there already: remove this one"}`,
  };
}

function badKey(key: string, schema: z.core.$ZodType): FaultText {
  const slug = key
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  const better = slug !== key && schema instanceof z.ZodType && schema.safeParse(slug).success;
  return {
    message: `${quote(key)} is not allowed as a key here`,
    found: quote(key),
    allowed: metaOf(schema).allowed ?? "",
    fix: better ? `write ${quote(slug)}` : "give it another name",
  };
}

function missingText(key: string, schema: z.core.$ZodType): FaultText {
  const { allowed = "", description = "", examples } = metaOf(schema);
  const example = examples?.[0] === undefined ? "" : `, for example \`${key}: ${String(examples[0])}\``;
  return {
    message: `the key "${key}" is missing`,
    found: "no such key",
    allowed: allowed === "" ? description : allowed,
    fix: `add it${example}`,
  };
}

/** What stands at a place, in words; a plain value as it is written. */
export function describe(node: Node): string {
  if (node.kind === "map") return "a map";
  if (node.kind === "list") return "a list";
  if (node.kind === "broken" || node.value === null) return "nothing";
  return quote(node.text).slice(...(typeof node.value === "string" ? [0] : [1, -1]));
}

function everyEntry(node: MapNode): Entry[] {
  return [...node.entries.values(), ...node.repeated];
}

function tell(context: Context, at: Spot, path: string, text: FaultText): void {
  context.faults.push(faultAt(at, path, text));
}

/** The key at the end of a path, without an index: `"stores"` of `defaults.stores[1]`. */
function lastKey(path: string): string {
  const keys = path.replace(/(?:\[\d+\]|"\])+$/, "");
  return path === "" ? "the registry" : quote(keys.slice(Math.max(keys.lastIndexOf("."), keys.lastIndexOf('"')) + 1));
}
