/**
 * YAML 1.2 as a tree whose every key and value knows its place. Keys are the text that stands in the file, so that
 * `0123` and `1e3` are ids like any other. Tags, merge keys and further documents are refused; aliases are followed
 * up to a limit.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, parseAllDocuments } from "yaml";
import {
  type Fault,
  type FaultText,
  type Source,
  type Spot,
  count,
  faultAt,
  escapeText,
  quote,
  under,
} from "./faults.ts";
import type { TextSource } from "./files.ts";
import { syntaxText } from "./syntax.ts";

export interface MapNode {
  readonly kind: "map";
  readonly at: Spot;
  readonly size: number;
  readonly entries: ReadonlyMap<string, Entry>;
  /** Entries whose key stands in `entries` already: told as faults, and looked through for further ones. */
  readonly repeated: readonly Entry[];
}
export interface ListNode {
  readonly kind: "list";
  readonly at: Spot;
  readonly size: number;
  readonly items: readonly Node[];
}
export interface ScalarNode {
  readonly kind: "scalar";
  readonly at: Spot;
  readonly size: number;
  readonly value: string | number | boolean | null;
  /** As written, without quotes. */
  readonly text: string;
}
/** Stands where a fault was told already. */
export interface BrokenNode {
  readonly kind: "broken";
  readonly at: Spot;
  readonly size: number;
}
export type Node = MapNode | ListNode | ScalarNode | BrokenNode;

export interface Entry {
  readonly key: string;
  readonly at: Spot;
  readonly value: Node;
}

export interface Parsed {
  /** Undefined where the file holds nothing. */
  readonly root?: Node;
  readonly faults: readonly Fault[];
  /** Whether a syntax error may have swallowed or moved keys: then nothing is told as missing. */
  readonly damaged: boolean;
}

/** Values that all aliases of a file may stand for together. */
export const maxAliased = 100_000;
const maxDepth = 100;
const maxSyntaxFaults = 20;

/**
 * @param path - Path of the root in faults, as in `tenants.acme` for a file of one tenant.
 */
export function parseYaml(source: TextSource, path: string): Parsed {
  const documents: Document.Parsed[] = [
    ...parseAllDocuments(source.text, {
      lineCounter: source.lines,
      prettyErrors: false,
      resolveKnownTags: false,
      stringKeys: true,
      // Compared here instead: the library's own way takes quadratic time.
      uniqueKeys: false,
      logLevel: "silent",
    }),
  ];
  const faults: Fault[] = [];
  const tell = (offset: number, text: FaultText) => faults.push(faultAt({ source, offset }, "", text));
  const [first, second] = documents;
  if (second !== undefined) {
    tell(second.contents?.range[0] ?? second.range[0], {
      message: "the file holds several YAML documents",
      found: count(documents.length, "document"),
      allowed: "one document",
      fix: "remove the lines `---` between them, or make files of them",
    });
  }
  if (first?.directives.yaml.explicit === true && first.directives.yaml.version !== "1.2") {
    tell(0, {
      message: "the file asks for another version of YAML",
      found: `%YAML ${first.directives.yaml.version}`,
      allowed: "YAML 1.2",
      fix: "remove the line that begins with %YAML",
    });
  }
  const errors = (first?.errors ?? []).filter(({ code }) => code !== "NON_STRING_KEY");
  const tooDeep = errors.find(({ code }) => code === "RESOURCE_EXHAUSTION");
  for (const error of tooDeep === undefined ? errors.slice(0, maxSyntaxFaults) : [tooDeep]) {
    tell(error.pos[0], syntaxText(error.code, error.message, lineAt(source, error.pos[0])));
  }
  const damaged = errors.length > 0;
  const contents = first?.contents ?? null;
  if (tooDeep !== undefined || contents === null || (isScalar(contents) && contents.value === null && !damaged)) {
    return { faults, damaged };
  }
  return { root: new Converter(source, faults).convert(contents, path, 0), faults, damaged };
}

function lineAt(source: Source, offset: number): string {
  const start = source.text.lastIndexOf("\n", Math.max(offset - 1, 0)) + 1;
  const end = source.text.indexOf("\n", Math.max(offset, start));
  return escapeText(source.text.slice(start, end === -1 ? undefined : end).trim());
}

class Converter {
  readonly #source: Source;
  readonly #faults: Fault[];
  /** Undefined while the anchor's own value is under way. */
  readonly #anchors = new Map<string, Node | undefined>();
  #aliased = 0;

  constructor(source: Source, faults: Fault[]) {
    this.#source = source;
    this.#faults = faults;
  }

  convert(node: unknown, path: string, depth: number): Node {
    const at = this.#spot(node);
    if (isAlias(node)) return this.#follow(node.source, at, path);
    if (depth > maxDepth) {
      return this.#broken(at, path, {
        message: "the value is nested too deeply",
        found: `more than ${maxDepth} levels`,
        allowed: `at most ${maxDepth} levels`,
        fix: "look for a bracket too many",
      });
    }
    if (!isScalar(node) && !isMap(node) && !isSeq(node)) return { kind: "broken", at, size: 1 };
    if (node.tag !== undefined) {
      this.#tell(at, path, {
        message: "the value carries a YAML tag",
        found: quote(node.tag.replace(/^tag:yaml\.org,2002:/, "!!")),
        allowed: "values without a tag",
        fix: "remove the tag; put a value in quotes to make it text",
      });
    }
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, undefined);
    let converted: Node;
    if (isMap(node)) converted = this.#map(node.items, at, path, depth);
    else if (isSeq(node)) converted = this.#list(node.items, at, path, depth);
    else converted = scalar(node.value, node.source ?? "", at);
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, converted);
    return converted;
  }

  #map(items: readonly { key: unknown; value: unknown }[], at: Spot, path: string, depth: number): MapNode {
    const entries = new Map<string, Entry>();
    const repeated: Entry[] = [];
    let size = 1;
    for (const item of items) {
      const keyAt = this.#spot(item.key, at);
      const key = this.#key(item.key, keyAt, path);
      const inside = under(path, key ?? "?");
      const value: Node = item.value === null ? scalar(null, "", keyAt) : this.convert(item.value, inside, depth + 1);
      size += value.size;
      if (key === undefined) continue;
      const entry = { key, at: keyAt, value };
      const earlier = entries.get(key);
      if (earlier === undefined) {
        entries.set(key, entry);
        continue;
      }
      repeated.push(entry);
      const { line, column } = earlier.at.source.place(earlier.at.offset);
      this.#tell(keyAt, inside, {
        message: `the key ${quote(key)} stands here a second time`,
        found: `line ${this.#spotLine(keyAt)}, and first at line ${line}, column ${column}`,
        allowed: "each key once",
        fix: "remove one of the two, or give it another name",
      });
    }
    return { kind: "map", at, size, entries, repeated };
  }

  #list(items: readonly unknown[], at: Spot, path: string, depth: number): ListNode {
    const nodes = items.map((item, index) => this.convert(item, under(path, index), depth + 1));
    return { kind: "list", at, size: nodes.reduce((sum, node) => sum + node.size, 1), items: nodes };
  }

  #key(node: unknown, at: Spot, path: string): string | undefined {
    if (!isScalar(node) || typeof node.value !== "string" || node.tag !== undefined || node.value === "") {
      this.#tell(at, path, {
        message: "a key is no plain text",
        found: isScalar(node) && node.value === "" ? "an empty key" : "a list, map, alias or tag as key",
        allowed: "text as key",
        fix: "write the key as text; put a text that begins with * & ! or ? in quotes",
      });
      return undefined;
    }
    if (node.value === "<<") {
      this.#tell(at, path, {
        message: "merge keys are not supported",
        found: '"<<"',
        allowed: "the keys of the record itself",
        fix: "put what tenants share in a profile or in defaults",
      });
      return undefined;
    }
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, scalar(node.value, node.value, at));
    return node.value;
  }

  #follow(name: string, at: Spot, path: string): Node {
    const target = this.#anchors.get(name);
    const found = `*${escapeText(name)}`;
    if (target === undefined) {
      const inside = this.#anchors.has(name);
      return this.#broken(at, path, {
        message: inside
          ? "this is an alias of a value that it is itself a part of"
          : "this is an alias of an anchor that does not exist",
        found,
        allowed: "an alias of an anchor (`&name`) further up in the same file",
        fix: "put it in quotes if it is text, or write the value out",
      });
    }
    if (this.#aliased > maxAliased) return { kind: "broken", at, size: 1 };
    this.#aliased += target.size;
    if (this.#aliased > maxAliased) {
      return this.#broken(at, path, {
        message: "the file's aliases stand for too many values",
        found: `${found}, with which they stand for ${this.#aliased} values`,
        allowed: `at most ${maxAliased} values behind aliases in one file`,
        fix: "put what tenants share in a profile or in defaults",
      });
    }
    // A scalar's fault is where it is used; a collection's where it is written.
    return target.kind === "scalar" ? { ...target, at } : target;
  }

  #spot(node: unknown, otherwise?: Spot): Spot {
    const known = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range?.[0] : undefined;
    return { source: this.#source, offset: known ?? otherwise?.offset ?? 0 };
  }

  #spotLine({ source, offset }: Spot): string {
    const { line, column } = source.place(offset);
    return `${line}, column ${column}`;
  }

  #tell(at: Spot, path: string, text: FaultText): void {
    this.#faults.push(faultAt(at, path, text));
  }

  #broken(at: Spot, path: string, text: FaultText): BrokenNode {
    this.#tell(at, path, text);
    return { kind: "broken", at, size: 1 };
  }
}

function scalar(value: unknown, text: string, at: Spot): ScalarNode {
  const plain = typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
  return { kind: "scalar", at, size: 1, value: plain, text: text === "" ? String(plain ?? "") : text };
}
