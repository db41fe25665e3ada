/** Readings of PostgreSQL's syntax tree, which the parser hands out as plain objects. */

export type Node = Readonly<Record<string, unknown>>;

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The parser wraps each node in an object with its kind as the only key. */
export function first(value: unknown): readonly [kind: string, node: Node] {
  const [entry] = isNode(value) ? Object.entries(value) : [];
  return entry !== undefined && isNode(entry[1]) ? [entry[0], entry[1]] : ["", {}];
}

/** The nodes of one kind in a list. */
export function nodesOf(value: unknown, kind: string): Node[] {
  return list(value).flatMap((item) => {
    const [found, node] = first(item);
    return found === kind ? [node] : [];
  });
}

/** The words of a list of String nodes, as in `["pg_catalog", "now"]`. */
export function words(value: unknown): string[] {
  return list(value).map((item) => text(first(item)[1].sval) ?? "");
}

/** The words of a List node, as in the name of a dropped table. */
export function itemsOf(value: unknown): unknown[] {
  const [kind, node] = first(value);
  return kind === "List" ? [...list(node.items)] : [];
}

/** Byte of the text that was parsed; the parser leaves a zero out and writes -1 for what it does not know. */
export function placeOf(node: Node): number | undefined {
  return typeof node.location === "number" && node.location >= 0 ? node.location : undefined;
}

/** Every node below, each with the key that it lies under. */
export function* walk(root: unknown): Generator<readonly [key: string, node: Node]> {
  const stack: (readonly [string, unknown])[] = [["", root]];
  for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
    const [key, value] = entry;
    if (Array.isArray(value)) for (const item of value as unknown[]) stack.push([key, item]);
    else if (isNode(value)) {
      yield [key, value];
      for (const [name, child] of Object.entries(value)) stack.push([name, child]);
    }
  }
}

/** The value of a constant that is text, as `'x'` is. */
export function constantText(value: unknown): string | undefined {
  const [kind, node] = first(value);
  if (kind === "TypeCast") return constantText(node.arg);
  return kind === "A_Const" && isNode(node.sval) ? (text(node.sval.sval) ?? "") : undefined;
}

/** The arguments of `WITH (…)`, of a function and the like, by name. */
export function optionsOf(value: unknown): Map<string, unknown[]> {
  const options = new Map<string, unknown[]>();
  for (const option of nodesOf(value, "DefElem")) {
    const name = text(option.defname) ?? "";
    options.set(name, [...(options.get(name) ?? []), option.arg]);
  }
  return options;
}

/** Whether an option without a value, or with one, is switched on: `WITH (security_invoker)`. */
export function isOn(argument: unknown): boolean {
  if (argument === undefined) return true;
  const [, node] = first(argument);
  const number = isNode(node.ival) ? Number(node.ival.ival ?? 0) : Number(node.ival ?? Number.NaN);
  if (node.boolval === true || number === 1) return true;
  return ["true", "on", "yes", "1"].includes((text(node.sval) ?? "").toLowerCase());
}
