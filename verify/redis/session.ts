/**
 * A tenant's login on every node of its server. Each go over a connection costs a round trip, so the first attempt that
 * is asked for takes along all others that the same assault may make; what follows finds its outcome ready.
 */
import type { RedisServer } from "../../provider/config.ts";
import type { Command } from "../../provider/redis/client.ts";
import { type Attempt, type Form, type Outcome, ProbeError, type ProbeSession } from "../attempt.ts";
import type { Party, RedisParty } from "../party.ts";
import { type Channel, type Login, namesUnder, type RedisAttempt, type Scene } from "./attempt.ts";
import { redisAttempts } from "./attempts/index.ts";
import { furnishingFor, tidying } from "./fixtures.ts";
import { combine, combineControl, controlOutcomeOf, dryOutcomeOf, type NodeOutcome, outcomeOf } from "./judge.ts";
import { addressOf, type Lease, type Links, type Node } from "./link.ts";
import { pingPlainly } from "./plain.ts";
import { messageOf } from "../../provider/message.ts";

const byId: ReadonlyMap<string, RedisAttempt> = new Map(redisAttempts.map((attempt) => [attempt.id, attempt]));

/** Whose session it is; the administrator has no place of its own. */
export interface Self {
  readonly server: RedisServer;
  readonly login: Login;
  readonly tenant: { readonly id: string; readonly party: RedisParty } | undefined;
}

/** What is sent together: over a kind of connection, as dry forms, or for real although everyone would feel it. */
type Batch = Channel | "dry" | "server";

type Outcomes = Map<string, Outcome>;

export function redisParty({ id, redis }: Party): RedisParty {
  if (redis === undefined) throw new ProbeError(`tenant ${id} has no place in Redis`);
  const { topology = "replicated" } = redis.server;
  if (topology === "replicated") return redis;
  throw new ProbeError(`tenant ${id}: attempts are made on nodes that the platform names, and not on a ${topology}`);
}

export class RedisSession implements ProbeSession {
  readonly #links: Links;
  readonly #self: Self;
  readonly #leases: Lease[] = [];
  /** By victim and batch. */
  readonly #batches = new Map<string, Promise<Outcomes>>();

  constructor(links: Links, self: Self) {
    this.#links = links;
    this.#self = self;
  }

  /** @throws ProbeError when a node does not let the login in */
  async open(): Promise<void> {
    await Promise.all(this.#self.server.nodes.map((node) => this.#lease(node, this.#self.login).link.open()));
  }

  async attempt(attempt: Attempt, victim: Party, form: Form): Promise<Outcome> {
    const known = byId.get(attempt.id);
    if (known === undefined) return { kind: "failed", reason: `no such attempt: ${attempt.id}` };
    try {
      this.#begin(victim);
      if (form === "dry") return await this.#dry(known, victim);
      if (known.harm === "server") await this.#beginForReal(known, victim);
      const batch = known.harm === "server" ? "server" : this.#isControl(victim) ? "own" : known.channel;
      const outcomes = await this.#batches.get(`${batch} ${victim.id}`);
      const outcome = outcomes?.get(known.id);
      // Asked for again, it is made again.
      outcomes?.delete(known.id);
      return outcome ?? (await this.#single(known, victim));
    } catch (error) {
      return { kind: "failed", reason: messageOf(error) };
    }
  }

  close(): Promise<void> {
    for (const lease of this.#leases.splice(0)) lease.release();
    this.#batches.clear();
    return Promise.resolve();
  }

  #isControl(victim: Party): boolean {
    return this.#self.tenant === undefined || this.#self.tenant.id === victim.id;
  }

  /** Sends what an assault on this victim, or its controls, may make. */
  #begin(victim: Party): void {
    if (this.#batches.has(`own ${victim.id}`)) return;
    const control = this.#isControl(victim);
    const role = this.#self.tenant === undefined ? "administrator" : "victim";
    const possible = redisAttempts.filter(
      (one) => (one.harm === "none" || (one.harm === "victim" && victim.canary)) && (!control || one.control === role),
    );
    // A control has one connection: what it says there is what works only there.
    for (const channel of control ? (["own"] as const) : (["own", "anonymous", "plain"] as const)) {
      const together = possible.filter((one) => control || one.channel === channel);
      this.#keep(channel, victim, this.#exchange(channel, together, victim));
    }
    if (victim.canary && (!control || role === "administrator")) this.#keep("dry", victim, this.#askDry(victim));
  }

  /** For real in one go only what was denied in its dry form, one by one. */
  async #beginForReal(attempt: RedisAttempt, victim: Party): Promise<void> {
    const dry = await this.#batches.get(`dry ${victim.id}`);
    if (dry?.get(attempt.id)?.kind !== "denied" || this.#batches.has(`server ${victim.id}`)) return;
    const denied = redisAttempts.filter(({ id }) => dry.get(id)?.kind === "denied");
    this.#keep("server", victim, this.#exchange("own", denied, victim));
  }

  #keep(batch: Batch, victim: Party, outcomes: Promise<Outcomes>): void {
    this.#batches.set(`${batch} ${victim.id}`, outcomes);
    // Told to whoever asks for one of its outcomes.
    outcomes.catch(() => undefined);
  }

  async #dry(attempt: RedisAttempt, victim: Party): Promise<Outcome> {
    const outcomes = await (this.#batches.get(`dry ${victim.id}`) ?? this.#askDry(victim));
    return outcomes.get(attempt.id) ?? { kind: "failed", reason: `${attempt.id} has no dry form` };
  }

  async #single(attempt: RedisAttempt, victim: Party): Promise<Outcome> {
    const outcomes = await this.#exchange(this.#isControl(victim) ? "own" : attempt.channel, [attempt], victim);
    return outcomes.get(attempt.id) ?? { kind: "failed", reason: "the server has no nodes" };
  }

  async #exchange(channel: Channel, attempts: readonly RedisAttempt[], victim: Party): Promise<Outcomes> {
    const scene = this.#scene(victim);
    const control = this.#isControl(victim);
    const { keyPrefix } = redisParty(victim).names;
    const commands: Command[] = [];
    const spans = attempts.map((attempt) => {
      const sent = control ? (attempt.prove ?? attempt.send)(scene) : attempt.send(scene);
      // Only a canary's keys are ever written, by its controls too.
      if (control && victim.canary) commands.push(...furnishingFor(keyPrefix, sent));
      const begin = commands.length;
      commands.push(...sent);
      const end = commands.length;
      commands.push(...(attempt.restore?.(scene) ?? []));
      return { attempt, begin, end };
    });
    // Where an attempt succeeds, too, a canary's keys are to be gone with the canary.
    if (victim.canary) commands.push(...tidying(keyPrefix, commands));
    const login = channel === "own" ? this.#self.login : undefined;
    const nodes = await this.#onNodes(async (node) => {
      // One PING stands for whatever is sent without TLS.
      const plain = channel === "plain" ? await pingPlainly(node) : undefined;
      const replies = plain === undefined ? await this.#lease(node, login).link.send(commands) : [];
      return ({ attempt, begin, end }: (typeof spans)[number]): Outcome => {
        const own = replies.slice(begin, end);
        return plain ?? (control ? controlOutcomeOf(attempt, own) : outcomeOf(own));
      };
    });
    return this.#combined(victim, spans, nodes);
  }

  /** Asked with the platform's own login: no tenant may ask what it may. */
  async #askDry(victim: Party): Promise<Outcomes> {
    const scene = this.#scene(victim);
    const { login, server } = this.#self;
    const commands: Command[] = [];
    const spans = redisAttempts
      .filter(({ harm }) => harm === "server")
      .map((attempt) => {
        const begin = commands.length;
        commands.push(...attempt.send(scene).map((command): Command => ["ACL", "DRYRUN", login.username, ...command]));
        return { attempt, begin, end: commands.length };
      });
    const nodes = await this.#onNodes(async (node) => {
      const replies = await this.#lease(node, server).link.send(commands);
      return ({ begin, end }: (typeof spans)[number]): Outcome => dryOutcomeOf(replies.slice(begin, end));
    });
    return this.#combined(victim, spans, nodes);
  }

  #combined<Span extends { readonly attempt: RedisAttempt }>(
    victim: Party,
    spans: readonly Span[],
    nodes: readonly { readonly address: string; readonly answer: (span: Span) => Outcome }[],
  ): Outcomes {
    const control = this.#isControl(victim);
    return new Map(
      spans.map((span) => {
        const outcomes = nodes.map(({ address, answer }): NodeOutcome => ({ address, outcome: answer(span) }));
        return [span.attempt.id, control ? combineControl(outcomes) : combine(outcomes, span.attempt.expected)];
      }),
    );
  }

  #onNodes<T>(step: (node: Node) => Promise<T>): Promise<{ readonly address: string; readonly answer: T }[]> {
    return Promise.all(
      this.#self.server.nodes.map(async (node) => ({ address: addressOf(node), answer: await step(node) })),
    );
  }

  #lease(node: Node, login: Login | undefined): Lease {
    const lease = this.#links.lease(this.#self.server, node, login);
    this.#leases.push(lease);
    return lease;
  }

  #scene(victim: Party): Scene {
    const theirs = redisParty(victim).names;
    const own = this.#self.tenant?.party.names ?? theirs;
    return {
      own: namesUnder(own.keyPrefix),
      theirs: namesUnder(theirs.keyPrefix),
      attacker: own.username,
      victim: theirs.username,
      sibling: `${own.username}2`,
      login: this.#self.login,
      administrator: this.#self.server.username,
    };
  }
}
