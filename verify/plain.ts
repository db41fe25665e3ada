/** A connection without TLS to a server that should take none. */
import { connect } from "node:net";
import type { Outcome } from "./attempt.ts";

const limitMs = 2_000;

/**
 * Denied with `connection closed` unless the server answers in its own protocol.
 *
 * @param greeting - what a client of the protocol says first
 * @param judge - the evidence of an answer in the protocol; undefined while there is none
 */
export function sayPlainly(
  address: { readonly host: string; readonly port: number },
  greeting: string | Buffer,
  judge: (answer: Buffer) => string | undefined,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = connect(address);
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
      const evidence = judge(answer);
      if (evidence !== undefined) end({ kind: "allowed", evidence });
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
