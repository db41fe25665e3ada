/** A connection without TLS to a node that should have none of it. */
import { connect } from "node:net";
import type { Outcome } from "../attempt.ts";
import type { Node } from "./link.ts";

const limitMs = 2_000;

/** Denied with `connection closed` unless the node answers in Redis' own protocol. */
export function sayPlainly({ host, port }: Node): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let answer = "";
    let connected = false;
    const end = (outcome: Outcome): void => {
      socket.destroy();
      resolve(outcome);
    };
    socket.setTimeout(limitMs);
    socket.on("connect", () => {
      connected = true;
      socket.write("PING\r\n");
    });
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
      // A refusal, too, shows that the node takes passwords in plain text.
      if (/^[+-]/.test(answer)) {
        end({ kind: "allowed", evidence: answer.startsWith("+") ? "answered" : "answered with an error" });
      }
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
