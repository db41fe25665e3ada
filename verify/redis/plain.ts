import type { Outcome } from "../attempt.ts";
import { sayPlainly } from "../plain.ts";
import type { Node } from "./link.ts";

/** PING without TLS. A refusal in Redis' own protocol, too, shows that the node takes passwords in plain text. */
export function pingPlainly({ host, port }: Node): Promise<Outcome> {
  return sayPlainly({ host, port }, "PING\r\n", (answer) => {
    const text = answer.toString("latin1");
    if (!/^[+-]/.test(text)) return undefined;
    return text.startsWith("+") ? "answered" : "answered with an error";
  });
}
