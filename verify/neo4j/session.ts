/** A tenant's login, or the administrator's, on a Neo4j server: makes attempts and tells what came of them. */
import { setTimeout as sleep } from "node:timers/promises";
import neo4j, { type Session } from "neo4j-driver";
import { messageOf } from "../../provider/message.ts";
import { unfold } from "../../provider/neo4j/errors.ts";
import { type Attempt, type Form, type Outcome, ProbeError, type ProbeSession } from "../attempt.ts";
import type { Neo4jParty, Party } from "../party.ts";
import { type Ask, codes, type Kind, type Names, type Neo4jAttempt, type Scene } from "./attempt.ts";
import { neo4jAttempts } from "./attempts/index.ts";
import type { Lease, Links, Login, SessionOptions } from "./link.ts";
import { greetPlainly } from "./plain.ts";

const byId: ReadonlyMap<string, Neo4jAttempt> = new Map(neo4jAttempts.map((attempt) => [attempt.id, attempt]));

/** A login that others' wrong passwords have locked is let in again after some seconds (auth_lock_time is 5). */
const lockMs = 15_000;

export function neo4jParty({ id, neo4j: party }: Party): Neo4jParty {
  if (party === undefined) throw new ProbeError(`tenant ${id} has no place in Neo4j`);
  return party;
}

export function kindOf({ server }: Neo4jParty): Kind {
  return server.kind;
}

export function namesOf(party: Neo4jParty): Names {
  const { database, role, username } = party.names;
  return { database, role, username, home: party.server.kind === "server" ? database : "neo4j" };
}

export function loginOf(party: Neo4jParty): Login {
  const { uri, username, password, server } = party;
  return { uri, user: username, password, ca: server.ca };
}

/** Whose session it is; the administrator has no place of its own. */
export interface Self {
  readonly login: Login;
  readonly tenant: { readonly id: string; readonly party: Neo4jParty } | undefined;
}

export class Neo4jSession implements ProbeSession {
  readonly #links: Links;
  readonly #self: Self;
  readonly #lease: Lease;

  constructor(links: Links, self: Self) {
    this.#links = links;
    this.#self = self;
    this.#lease = links.lease(self.login);
  }

  /** @throws ProbeError when the server does not let the login in */
  async open(database: string): Promise<void> {
    const { user, uri } = this.#self.login;
    const outcome = await this.#ownRun({ database, text: "RETURN 1 AS found" }, rowsAre, "real");
    if (outcome.kind === "allowed") return;
    const reason = outcome.kind === "denied" ? outcome.code : outcome.reason;
    throw new ProbeError(`Neo4j at ${uri}, login ${user ?? ""}: ${reason}`);
  }

  async attempt(attempt: Attempt, victim: Party, form: Form): Promise<Outcome> {
    const known = byId.get(attempt.id);
    if (known === undefined) return { kind: "failed", reason: `no such attempt: ${attempt.id}` };
    try {
      const { tenant } = this.#self;
      const control = tenant === undefined || tenant.id === victim.id;
      const scene = this.#scene(victim);
      if (control) {
        const judge = (answer: Answer): Outcome => outcomeOf(known, answer, known.proof ?? known.behind);
        return await this.#ownRun((known.prove ?? known.ask)(scene), judge, form);
      }
      const judge = (answer: Answer): Outcome => outcomeOf(known, answer, known.behind);
      if (known.door === "own") return await this.#ownRun(known.ask(scene), judge, form);
      if (known.door === "plain") return await greetPlainly(neo4jParty(victim).uri);
      return await this.#atVictim(known, victim, judge);
    } catch (error) {
      return { kind: "failed", reason: messageOf(error) };
    }
  }

  close(): Promise<void> {
    return this.#lease.release();
  }

  async #ownRun(ask: Ask, judge: (answer: Answer) => Outcome, form: Form): Promise<Outcome> {
    const deadline = Date.now() + lockMs;
    for (;;) {
      const outcome = judge(await run(this.#lease.session(configOf(ask)), ask, form));
      if (outcome.kind !== "denied" || outcome.code !== codes.rateLimit || Date.now() > deadline) return outcome;
      await sleep(1_000);
    }
  }

  async #atVictim({ door, ask }: Neo4jAttempt, victim: Party, judge: (answer: Answer) => Outcome): Promise<Outcome> {
    const { uri, username, server } = neo4jParty(victim);
    const to = { uri, ca: server.ca };
    const login: Login =
      door === "anonymous"
        ? { ...to, password: "" }
        : { ...to, user: username, password: door === "default password" ? "neo4j" : this.#self.login.password };
    const lease = this.#links.lease(login);
    try {
      const asked = ask(this.#scene(victim));
      return judge(await run(lease.session(configOf(asked)), asked, "real"));
    } finally {
      await lease.release();
    }
  }

  #scene(victim: Party): Scene {
    const theirs = namesOf(neo4jParty(victim));
    const { tenant } = this.#self;
    return { own: tenant === undefined ? theirs : namesOf(tenant.party), theirs };
  }
}

type Answer = { readonly rows: number } | { readonly error: unknown };

function configOf({ database, impersonated }: Ask): SessionOptions {
  const config: SessionOptions = { database, defaultAccessMode: neo4j.session.WRITE };
  return impersonated === undefined ? config : { ...config, impersonatedUser: impersonated };
}

/** In its dry form within a transaction that is rolled back whatever the server answers. */
async function run(session: Session, { text, params }: Ask, form: Form): Promise<Answer> {
  try {
    if (form === "real") return { rows: (await session.run(text, params)).records.length };
    const transaction = session.beginTransaction();
    try {
      return { rows: (await transaction.run(text, params)).records.length };
    } finally {
      // Closing rolls back; a transaction that failed is over already.
      await transaction.close().catch(() => undefined);
    }
  } catch (error) {
    return { error };
  } finally {
    await session.close().catch(() => undefined);
  }
}

function rowsAre(answer: Answer): Outcome {
  return "error" in answer ? refusal(answer.error, undefined) : { kind: "allowed", evidence: "let in" };
}

function outcomeOf(attempt: Neo4jAttempt, answer: Answer, behind: RegExp | undefined): Outcome {
  if ("error" in answer) return refusal(answer.error, behind);
  const { rows } = answer;
  if (rows > 0) return { kind: "allowed", evidence: `${rows} ${rows === 1 ? "row" : "rows"}` };
  return attempt.filtered ? { kind: "denied", code: "nothing" } : { kind: "allowed", evidence: "done" };
}

/** The server's words may name data: an outcome has its code alone. */
function refusal(error: unknown, behind: RegExp | undefined): Outcome {
  const { code, text } = unfold(error);
  if (behind?.test(`${code} ${text}`) === true) return { kind: "allowed", evidence: `let through: ${code}` };
  if (code.startsWith("Neo.ClientError.")) return { kind: "denied", code };
  return { kind: "failed", reason: text.split("\n")[0]?.slice(0, 200) ?? code };
}
