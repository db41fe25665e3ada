import type { Outcome } from "../attempt.ts";
import { sayPlainly } from "../plain.ts";

/**
 * The magic number, then four versions to choose from: 5.8 down to 5.0, 4.4, and none.
 * https://neo4j.com/docs/bolt/current/bolt/handshake/
 */
const greeting = Buffer.from("6060b017" + "00080805" + "00000404" + "00000000" + "00000000", "hex");

/** Bolt's handshake without TLS. A record of TLS begins with 0x15, an alert; a version of Bolt with two zeros. */
export function greetPlainly(uri: string): Promise<Outcome> {
  const { hostname, port } = new URL(uri.replace(/^[a-z0-9]+(\+s)?:/, "http:"));
  const address = { host: hostname.replace(/^\[(.*)\]$/, "$1"), port: port === "" ? 7687 : Number(port) };
  return sayPlainly(address, greeting, (answer) =>
    answer.length >= 4 && answer[0] === 0 && answer[3] !== 0 ? "Bolt was agreed on" : undefined,
  );
}
