/** Makes every attempt of one store, of one attacker against one victim, and judges the answers. */
import type { Attempt, Form, Outcome, ProbeSession, StoreProbe } from "./attempt.ts";
import type { Party } from "./party.ts";
import { messageOf } from "../provider/message.ts";

export const verdicts = ["denied as expected", "LEAK", "denied differently", "could not run", "not made"] as const;
export type Verdict = (typeof verdicts)[number];

/** What the same attempt gave where it has to work. */
export type Control =
  | { readonly kind: "proven"; readonly by: string }
  | { readonly kind: "failed"; readonly reason: string }
  /** The platform's configuration names no administrator who may do it. */
  | { readonly kind: "impossible"; readonly reason: string };

export interface Result {
  readonly attempt: Attempt;
  readonly attacker: string;
  readonly victim: string;
  readonly form: Form;
  readonly verdict: Verdict;
  /** Code of the refusal, evidence of a leak, or the reason why there is neither. */
  readonly detail: string;
  readonly control: Control | undefined;
}

/** Controls of one victim in one store: each is run once, however many attackers there are. */
export class Controls {
  readonly #probe: StoreProbe;
  readonly #victim: Party;
  readonly #known = new Map<string, Promise<Control>>();
  #own: Promise<ProbeSession> | undefined;
  #administrator: Promise<ProbeSession | undefined> | undefined;

  constructor(probe: StoreProbe, victim: Party) {
    this.#probe = probe;
    this.#victim = victim;
  }

  run(attempt: Attempt): Promise<Control> {
    const known = this.#known.get(attempt.id) ?? this.#try(attempt);
    this.#known.set(attempt.id, known);
    return known;
  }

  async close(): Promise<void> {
    for (const session of [this.#own, this.#administrator]) {
      // A session that could not be opened has nothing to close.
      await session?.then((open) => open?.close()).catch(() => undefined);
    }
  }

  async #try(attempt: Attempt): Promise<Control> {
    try {
      const session = await this.#session(attempt);
      if (session === undefined) {
        return { kind: "impossible", reason: "the platform names no administrator of this server who may do it" };
      }
      // What everyone would feel is not done by those who may: whether they may is asked.
      const form = attempt.harm === "server" ? "dry" : "real";
      const outcome = await session.attempt(attempt, this.#victim, form);
      if (outcome.kind === "allowed") return { kind: "proven", by: attempt.control };
      return { kind: "failed", reason: outcome.kind === "denied" ? `denied: ${outcome.code}` : outcome.reason };
    } catch (error) {
      return { kind: "failed", reason: messageOf(error) };
    }
  }

  #session(attempt: Attempt): Promise<ProbeSession | undefined> {
    if (attempt.control === "victim") return (this.#own ??= this.#probe.open(this.#victim));
    return (this.#administrator ??= this.#probe.openAdministrator(this.#victim));
  }
}

/**
 * One attacker against one victim in one store.
 *
 * @param onResult - told of each attempt as it ends
 */
export async function assault(
  probe: StoreProbe,
  attacker: Party,
  victim: Party,
  controls: Controls,
  onResult: (result: Result) => void,
  signal?: AbortSignal,
): Promise<void> {
  const embedded = victim[probe.store]?.embedded === true;
  const tell = (attempt: Attempt, form: Form, verdict: Verdict, detail: string, control?: Control) => {
    onResult({ attempt, attacker: attacker.id, victim: victim.id, form, verdict, detail, control });
  };
  const applicable = probe.attempts.filter((attempt) => probe.applies(attempt, victim, attacker));
  const possible = applicable.filter(({ harm }) => victim.canary || harm === "none");
  for (const attempt of applicable.filter((one) => !possible.includes(one))) {
    tell(attempt, "real", "not made", "only a canary may be the victim");
  }
  let session: ProbeSession;
  try {
    session = await probe.open(attacker);
  } catch (error) {
    for (const attempt of possible) tell(attempt, "real", "could not run", messageOf(error));
    return;
  }
  try {
    for (const attempt of possible) {
      if (signal?.aborted === true) {
        tell(attempt, "real", "could not run", "stopped");
        continue;
      }
      const { outcome, form } = await tryIt(session, attempt, victim, embedded);
      const control = await controls.run(attempt);
      const { verdict, detail } = judge(attempt, outcome, control, form);
      tell(attempt, form, verdict, detail, control);
    }
  } finally {
    await session.close();
  }
}

/** On an embedded server, too, an attempt that everyone would feel is made only after its dry form was denied. */
async function tryIt(
  session: ProbeSession,
  attempt: Attempt,
  victim: Party,
  embedded: boolean,
): Promise<{ outcome: Outcome; form: Form }> {
  if (attempt.harm === "server") {
    const dry = await session.attempt(attempt, victim, "dry");
    if (!embedded || dry.kind !== "denied") return { outcome: dry, form: "dry" };
  }
  return { outcome: await session.attempt(attempt, victim, "real"), form: "real" };
}

export function judge(
  attempt: Pick<Attempt, "expected">,
  outcome: Outcome,
  control: Control,
  form: Form,
): { readonly verdict: Verdict; readonly detail: string } {
  if (outcome.kind === "allowed") return { verdict: "LEAK", detail: outcome.evidence };
  if (outcome.kind === "failed") return { verdict: "could not run", detail: outcome.reason };
  if (control.kind === "failed") {
    return { verdict: "could not run", detail: `denied, but its control does not work either (${control.reason})` };
  }
  // A server that is only asked says no without the code of a refusal.
  const expected = attempt.expected.includes(outcome.code) || (form === "dry" && outcome.code === "nothing");
  return { verdict: expected ? "denied as expected" : "denied differently", detail: outcome.code };
}
