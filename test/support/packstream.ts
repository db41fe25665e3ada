/** PackStream 1, as far as statements of the tests need it: https://neo4j.com/docs/bolt/current/packstream/ */

export type Value = null | boolean | number | string | readonly Value[] | { readonly [key: string]: Value };

/** A message of Bolt, or any other structure. */
export interface Structure {
  readonly tag: number;
  readonly fields: readonly Value[];
}

export function encode(value: Value): Buffer {
  if (value === null) return Buffer.from([0xc0]);
  if (typeof value === "boolean") return Buffer.from([value ? 0xc3 : 0xc2]);
  if (typeof value === "number") return encodeNumber(value);
  if (typeof value === "string") {
    const bytes = Buffer.from(value, "utf8");
    return Buffer.concat([head(bytes.length, 0x80, 0xd0), bytes]);
  }
  if (isList(value)) return Buffer.concat([head(value.length, 0x90, 0xd4), ...value.map(encode)]);
  const entries = Object.entries(value);
  return Buffer.concat([
    head(entries.length, 0xa0, 0xd8),
    ...entries.flatMap(([key, item]) => [encode(key), encode(item)]),
  ]);
}

export function encodeStructure({ tag, fields }: Structure): Buffer {
  return Buffer.concat([Buffer.from([0xb0 + fields.length, tag]), ...fields.map(encode)]);
}

function isList(value: readonly Value[] | Readonly<Record<string, Value>>): value is readonly Value[] {
  return Array.isArray(value);
}

function encodeNumber(value: number): Buffer {
  if (Number.isInteger(value) && value >= -16 && value <= 127) return Buffer.from([value & 0xff]);
  const bytes = Buffer.alloc(9);
  if (Number.isSafeInteger(value)) {
    bytes[0] = 0xcb;
    bytes.writeBigInt64BE(BigInt(value), 1);
  } else {
    bytes[0] = 0xc1;
    bytes.writeDoubleBE(value, 1);
  }
  return bytes;
}

/** Length of a text, list or map: in the marker itself up to 15, else in 1, 2 or 4 bytes after it. */
function head(length: number, tiny: number, marker: number): Buffer {
  if (length < 16) return Buffer.from([tiny + length]);
  if (length < 0x100) return Buffer.from([marker, length]);
  const bytes = Buffer.alloc(length < 0x10000 ? 3 : 5);
  bytes[0] = length < 0x10000 ? marker + 1 : marker + 2;
  if (length < 0x10000) bytes.writeUInt16BE(length, 1);
  else bytes.writeUInt32BE(length, 1);
  return bytes;
}

export function decodeStructure(bytes: Buffer): Structure {
  const marker = bytes[0] ?? 0;
  if (marker >> 4 !== 0xb) throw new Error(`no structure: 0x${marker.toString(16)}`);
  const reader = new Reader(bytes, 2);
  return { tag: bytes[1] ?? 0, fields: Array.from({ length: marker & 0xf }, () => reader.value()) };
}

class Reader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  value(): Value {
    const marker = this.#take(1)[0] ?? 0;
    if (marker <= 0x7f) return marker;
    if (marker >= 0xf0) return marker - 0x100;
    const size = marker & 0xf;
    if (marker >> 4 === 0x8) return this.#text(size);
    if (marker >> 4 === 0x9) return this.#list(size);
    if (marker >> 4 === 0xa) return this.#map(size);
    switch (marker) {
      case 0xc0:
        return null;
      case 0xc1:
        return this.#take(8).readDoubleBE();
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc8:
        return this.#take(1).readInt8();
      case 0xc9:
        return this.#take(2).readInt16BE();
      case 0xca:
        return this.#take(4).readInt32BE();
      case 0xcb:
        return Number(this.#take(8).readBigInt64BE());
      case 0xd0:
      case 0xd1:
      case 0xd2:
        return this.#text(this.#size(marker - 0xd0));
      case 0xd4:
      case 0xd5:
      case 0xd6:
        return this.#list(this.#size(marker - 0xd4));
      case 0xd8:
      case 0xd9:
      case 0xda:
        return this.#map(this.#size(marker - 0xd8));
      default:
        throw new Error(`marker 0x${marker.toString(16)} is none that the tests use`);
    }
  }

  #take(count: number): Buffer {
    const taken = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    return taken;
  }

  #size(power: number): number {
    return this.#take(2 ** power).readUIntBE(0, 2 ** power);
  }

  #text(size: number): string {
    return this.#take(size).toString("utf8");
  }

  #list(size: number): Value[] {
    return Array.from({ length: size }, () => this.value());
  }

  #map(size: number): Record<string, Value> {
    return Object.fromEntries(Array.from({ length: size }, () => [this.#key(), this.value()]));
  }

  #key(): string {
    const key = this.value();
    if (typeof key !== "string") throw new Error("a map's key is no text");
    return key;
  }
}
