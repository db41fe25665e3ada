/** Where a tenant's settings come from: its record, then its profile, then the defaults. */
import type { PoolFile } from "./pool-settings.ts";
import type { ProfileRecord, Settings, TenantFile } from "./schema.ts";
import type { Spot } from "./faults.ts";
import type { Node } from "./yaml.ts";

/** What is right of a value that may hold faults. A list is right or left out as a whole. */
export type Draft<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]?: Draft<T[K]> }
    : T;

/** Something that is written in a file. */
export interface Written {
  /** As in `profiles.ekn`. */
  readonly path: string;
  readonly at: Spot;
  readonly node: Node;
}

/** One place that settings are written at. */
export interface Layer<T> extends Written {
  readonly values: Draft<T>;
}
export type SettingsLayer = Layer<Settings>;
export type ProfileLayer = Layer<ProfileRecord>;
export interface TenantLayer extends Layer<TenantFile> {
  readonly id: string;
}

export interface PoolLayer extends Layer<PoolFile> {
  readonly name: string;
}

/** `unclear`: it is written, but wrong, which was told; or it may be in a part that could not be read. */
export type Picked<T> =
  | { readonly kind: "value"; readonly value: T; readonly layer: SettingsLayer }
  | { readonly kind: "missing" }
  | { readonly kind: "unclear" };

export class Layers {
  readonly #layers: readonly SettingsLayer[];
  readonly #complete: boolean;

  /**
   * @param layers - The first wins.
   * @param complete - Whether these are all; else what they do not hold is unclear.
   */
  constructor(layers: readonly SettingsLayer[], complete: boolean) {
    this.#layers = layers;
    this.#complete = complete;
  }

  pick<T>(keys: readonly string[], read: (values: Draft<Settings>) => T | undefined): Picked<T> {
    for (const layer of this.#layers) {
      const value = read(layer.values);
      if (value !== undefined) return { kind: "value", value, layer };
      if (isWritten(layer.node, keys)) return { kind: "unclear" };
    }
    return { kind: this.#complete ? "missing" : "unclear" };
  }

  /** The layers that win over one, and that one: what is written there stands beside what it says, or above. */
  upTo(layer: SettingsLayer): readonly SettingsLayer[] {
    return this.#layers.slice(0, this.#layers.indexOf(layer) + 1);
  }

  /** For settings that have a built-in default. */
  first<T>(read: (values: Draft<Settings>) => T | undefined): T | undefined {
    return this.#layers.map(({ values }) => read(values)).find((value) => value !== undefined);
  }

  /** All keys of a map, each from the first layer that has it. */
  merge<T>(read: (values: Draft<Settings>) => Readonly<Record<string, T | undefined>> | undefined): {
    values: Record<string, T>;
    from: ReadonlyMap<string, SettingsLayer>;
  } {
    const values = Object.create(null) as Record<string, T>;
    const from = new Map<string, SettingsLayer>();
    for (const layer of this.#layers) {
      for (const [key, value] of Object.entries(read(layer.values) ?? {})) {
        if (value === undefined || from.has(key)) continue;
        values[key] = value;
        from.set(key, layer);
      }
    }
    return { values, from };
  }

  /** Whether each layer holds all of a map that is written in it. */
  isClear(keys: readonly string[], read: (values: Draft<Settings>) => object | undefined): boolean {
    return (
      this.#complete &&
      this.#layers.every(({ node, values }) => {
        const written = nodeAt(node, keys);
        if (written === undefined) return true;
        return written.kind === "map" && written.entries.size === Object.keys(read(values) ?? {}).length;
      })
    );
  }
}

/** The value behind the keys; undefined where one of them is not written. */
export function nodeAt(node: Node, keys: readonly string[]): Node | undefined {
  let current: Node | undefined = node;
  for (const key of keys) current = current?.kind === "map" ? current.entries.get(key)?.value : undefined;
  return current;
}

/** Also true where a part of the way is written and could not be read. */
function isWritten(node: Node, keys: readonly string[]): boolean {
  let current: Node | undefined = node;
  for (const key of keys) {
    if (current.kind !== "map") return true;
    current = current.entries.get(key)?.value;
    if (current === undefined) return false;
  }
  return true;
}

/** The place of a value that is written, or of what holds it. */
export function spotOf(layer: { readonly at: Spot; readonly node: Node }, keys: readonly (string | number)[]): Spot {
  let spot = layer.at;
  let node: Node | undefined = layer.node;
  for (const key of keys) {
    if (node.kind === "map" && typeof key === "string") {
      const entry = node.entries.get(key);
      if (entry === undefined) return spot;
      spot = entry.value.kind === "scalar" && entry.value.value !== null ? entry.value.at : entry.at;
      node = entry.value;
    } else if (node.kind === "list" && typeof key === "number") {
      node = node.items[key];
      if (node === undefined) return spot;
      spot = node.at;
    } else return spot;
  }
  return spot;
}
