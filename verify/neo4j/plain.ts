/** A connection without TLS to a server that should take none. */
import { connect } from "node:net";
import type { Outcome } from "../attempt.ts";

const limitMs = 2_000;

/** Bolt's first words: https://neo4j.com/docs/bolt/current/bolt/handshake/ */
/** The magic number, then four versions to choose from: 5.8 down to 5.0, 4.4, and none. */
const greeting = Buffer.from("6060b017" + "00080805" + "00000404" + "00000000" + "00000000", "hex");

/** Denied with `connection closed` unless the server agrees on a version of Bolt. */
export function sayPlainly(uri: string): Promise<Outcome> {
  const { hostname, port } = new URL(uri.replace(/^[a-z0-9]+(\+s)?:/, "http:"));
  return new Promise((resolve) => {
    const socket = connect({ host: hostname.replace(/^\[(.*)\]$/, "$1"), port: port === "" ? 7687 : Number(port) });
    let answer = Buffer.alloc(0);
    let connected = false;
    const end = (outcome: Outcome): void => {
      socket.destroy();
      resolve(outcome);
    };
    socket.setTimeout(limitMs);
    socket.on("connect", () => {
      connected = true;
      socket.write(greeting);
    });
    socket.on("data", (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      // A record of TLS begins with 0x15, an alert; a version of Bolt with two zeros.
      if (answer.length >= 4 && answer[0] === 0 && answer[3] !== 0)
        end({ kind: "allowed", evidence: "Bolt was agreed on" });
    });
    socket.on("timeout", () => {
      end({ kind: "failed", reason: `no answer and no end of the connection within ${limitMs / 1_000} s` });
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (connected) end({ kind: "denied", code: "connection closed" });
      else end({ kind: "failed", reason: error.code ?? error.message });
    });
    socket.on("close", () => {
      end({ kind: "denied", code: "connection closed" });
    });
  });
}
