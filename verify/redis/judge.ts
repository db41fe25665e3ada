/** What the answers of a server mean. */
import type { Reply } from "../../provider/redis/client.ts";
import { isTransient } from "../../provider/redis/errors.ts";
import type { Outcome } from "../attempt.ts";
import type { RedisAttempt } from "./attempt.ts";

const refusals: readonly (readonly [RegExp, string])[] = [
  [/^NOPERM/, "NOPERM"],
  [/^NOAUTH/, "NOAUTH"],
  [/^WRONGPASS/, "WRONGPASS"],
  // A command inside a script, which itself was let through.
  [/ACL failure in script/, "NOPERM"],
  [/^ERR DEBUG command not allowed/, "ERR DEBUG command not allowed"],
  [/^ERR MODULE command not allowed/, "ERR MODULE command not allowed"],
  [/^ERR unknown (sub)?command/i, "unknown command"],
];

function refusalOf(error: Error): string | undefined {
  return refusals.find(([pattern]) => pattern.test(error.message))?.[1];
}

/**
 * The outcome of an attempt's commands. A server checks the rule first, so that any error but a refusal, WRONGTYPE or
 * READONLY for example, means that the rule let the command through.
 */
export function outcomeOf(replies: readonly Reply[]): Outcome {
  const errors = replies.flatMap(({ error }) => (error === undefined ? [] : [error]));
  const lost = errors.find(isTransient);
  if (lost !== undefined) return { kind: "failed", reason: lost.message.slice(0, 200) };
  const refusal = errors.map(refusalOf).find((code) => code !== undefined);
  if (refusal !== undefined) return { kind: "denied", code: refusal };
  const [first] = errors;
  if (first !== undefined) {
    return {
      kind: "allowed",
      evidence: `the rule let it through, then ${first.message.split(" ", 1)[0] ?? "an error"}`,
    };
  }
  return { kind: "allowed", evidence: shapeOf(replies.at(-1)) };
}

/** As `outcomeOf`, but stricter: a control has to work, not only to pass the rule. */
export function controlOutcomeOf(attempt: RedisAttempt, replies: readonly Reply[]): Outcome {
  const outcome = outcomeOf(replies);
  if (outcome.kind === "denied" && outcome.code === "unknown command" && attempt.expected.includes(outcome.code)) {
    return { kind: "allowed", evidence: "this server has no such command for anyone" };
  }
  if (outcome.kind !== "allowed") return outcome;
  const fault = replies.find(
    ({ error }) =>
      error !== undefined && !error.message.startsWith("READONLY") && attempt.behind?.test(error.message) !== true,
  );
  return fault?.error === undefined ? outcome : { kind: "failed", reason: fault.error.message.slice(0, 200) };
}

/** The answers to `ACL DRYRUN`: OK, or a text that says what the user may not do. */
export function dryOutcomeOf(replies: readonly Reply[]): Outcome {
  let denied = false;
  for (const reply of replies) {
    if (reply.error === undefined) {
      if (reply.value !== "OK") denied = true;
      continue;
    }
    const { message } = reply.error;
    if (/^ERR Command '.*' not found/.test(message)) return { kind: "denied", code: "unknown command" };
    const reason = /unknown subcommand/i.test(message)
      ? "ACL DRYRUN needs Redis 7.0 or any Valkey"
      : `ACL DRYRUN: ${message.slice(0, 200)}`;
    return { kind: "failed", reason };
  }
  return denied ? { kind: "denied", code: "NOPERM" } : { kind: "allowed", evidence: "ACL DRYRUN: OK" };
}

export interface NodeOutcome {
  /** `host:port`. */
  readonly address: string;
  readonly outcome: Outcome;
}

/** One outcome of all nodes: the worst, with the node that gave it. */
export function combine(outcomes: readonly NodeOutcome[], expected: readonly string[]): Outcome {
  const all = outcomes.length > 1;
  for (const { address, outcome } of outcomes) {
    if (outcome.kind !== "allowed") continue;
    return { kind: "allowed", evidence: all ? `${outcome.evidence} on node ${address}` : outcome.evidence };
  }
  for (const { address, outcome } of outcomes) {
    if (outcome.kind === "failed") return { kind: "failed", reason: `node ${address}: ${outcome.reason}` };
  }
  const codes = outcomes.flatMap(({ outcome }) => (outcome.kind === "denied" ? [outcome.code] : []));
  const code = codes.find((one) => !expected.includes(one)) ?? codes[0];
  return code === undefined ? { kind: "failed", reason: "the server has no nodes" } : { kind: "denied", code };
}

/** One outcome of a control: it has to work on every node, so that a denial on each is one. */
export function combineControl(outcomes: readonly NodeOutcome[]): Outcome {
  for (const { address, outcome } of outcomes) {
    if (outcome.kind === "allowed") continue;
    const reason = outcome.kind === "denied" ? `denied with ${outcome.code}` : outcome.reason;
    return { kind: "failed", reason: `node ${address}: ${reason}` };
  }
  return outcomes[0]?.outcome ?? { kind: "failed", reason: "the server has no nodes" };
}

/** Kind and size of an answer, and nothing of what it says. */
function shapeOf(reply: Reply | undefined): string {
  const value = reply?.error === undefined ? reply?.value : undefined;
  if (value === "OK" || value === "PONG" || value === "QUEUED") return value;
  if (Array.isArray(value)) return value.length === 1 ? "1 element" : `${value.length} elements`;
  if (typeof value === "string") return `${Buffer.byteLength(value)} bytes`;
  return typeof value === "number" ? "a number" : "an empty answer";
}
