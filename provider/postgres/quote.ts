/** Builders of SQL text. PostgreSQL has no parameters in DDL, so names and values go through these and nothing else. */

/** NAMEDATALEN - 1: the server cuts longer names with only a NOTICE, so that two roles can become one. */
const maximumBytes = 63;

/**
 * A quoted identifier.
 *
 * @throws RangeError for an empty name, one over 63 bytes, a NUL character or text that is no valid Unicode.
 */
export function identifier(name: string): string {
  if (name === "") throw new RangeError("an empty text is no SQL identifier");
  const bytes = Buffer.byteLength(name, "utf8");
  if (bytes > maximumBytes) {
    throw new RangeError(`an SQL identifier has at most ${maximumBytes} bytes, this one has ${bytes}`);
  }
  refuseBroken(name, "identifier");
  return `"${name.replaceAll('"', '""')}"`;
}

/** Identifiers with commas between them. */
export function identifiers(names: readonly string[]): string {
  return names.map(identifier).join(", ");
}

/**
 * A string literal that means the same whatever standard_conforming_strings says.
 *
 * @throws RangeError for a NUL character or text that is no valid Unicode.
 */
export function literal(value: string): string {
  refuseBroken(value, "literal");
  const quoted = value.replaceAll("'", "''");
  return quoted.includes("\\") ? `E'${quoted.replaceAll("\\", "\\\\")}'` : `'${quoted}'`;
}

/** A JSON value as a literal of the type jsonb. */
export function json(value: unknown): string {
  return `${literal(JSON.stringify(value))}::jsonb`;
}

/** @throws RangeError for a number that is no integer of 32 bits. */
export function integer(value: number): string {
  if (!Number.isInteger(value) || Math.abs(value) > 2147483647) {
    throw new RangeError(`${value} is no integer of 32 bits`);
  }
  return String(value);
}

function refuseBroken(text: string, kind: string): void {
  if (text.includes("\u0000")) throw new RangeError(`an SQL ${kind} cannot hold the NUL character`);
  if (!text.isWellFormed()) throw new RangeError(`an SQL ${kind} has to be valid Unicode`);
}
