/**
 * An Enterprise server as the documentation describes it, for attempts: a Bolt server that knows the statements of the
 * catalogue and refuses a tenant each of them, until a test opens one.
 */
import { neo4jNames } from "../../components/naming.ts";
import type { Neo4jServer } from "../../provider/config.ts";
import { assault, Controls, type Result } from "../../verify/assault.ts";
import type { Ask, Neo4jAttempt, Scene } from "../../verify/neo4j/attempt.ts";
import { neo4jAttempts } from "../../verify/neo4j/attempts/index.ts";
import { neo4jProbe } from "../../verify/neo4j/probe.ts";
import { namesOf } from "../../verify/neo4j/session.ts";
import type { Neo4jParty, Party } from "../../verify/party.ts";
import { certificates } from "../provider/neo4j/support.ts";
import { databaseNotFound, forbidden } from "../provider/neo4j/failures.ts";
import { type Answer, type BoltServer, type Call, startBoltServer, unauthorized } from "../support/bolt-server.ts";

export interface GraphParty extends Party {
  readonly neo4j: Neo4jParty;
}

const admin = { user: "tenancy", password: "planted-admin-password" };
const row: Answer = { rows: [{ found: 1 }] };

export class GraphWorld {
  readonly bolt: BoltServer;
  readonly server: Neo4jServer;
  /** Ids of the attempts that a broken defence lets through. */
  readonly open = new Set<string>();
  /** What a statement answers instead, by a part of its text, for the attacker. */
  readonly instead = new Map<string, Answer>();
  /** Texts that `visible` finds. */
  readonly shows = new Map<string, string>();
  /** Logins that are let in beyond the right ones, as `user:password`. */
  readonly logins = new Set<string>();
  /** Refused for everybody. */
  readonly broken = new Set<string>();
  readonly tenants = new Map<string, GraphParty>();

  constructor(bolt: BoltServer, server: Neo4jServer) {
    this.bolt = bolt;
    this.server = server;
  }

  tenant(id: string, changes: { canary?: boolean; embedded?: boolean } = {}): GraphParty {
    const names = neo4jNames("tenant", id);
    const { username } = names;
    const { embedded = false, canary = false } = changes;
    const place = { name: "main", server: this.server, embedded, names, uri: this.server.uri, username };
    const party = { id, canary, neo4j: { ...place, password: `password-of-${id}-of-length` } };
    this.tenants.set(username, party);
    return party;
  }

  login(user: string, password: string) {
    const right = user === admin.user ? admin.password : this.tenants.get(user)?.neo4j.password;
    return password === right || this.logins.has(`${user}:${password}`) ? undefined : unauthorized;
  }

  answer(call: Call): Answer {
    const { user, database, text } = call;
    if ([...this.broken].some((part) => text.includes(part))) return { failure: forbidden };
    if (user === admin.user) return row;
    const self = this.tenants.get(user);
    const own = self?.neo4j.names.database ?? "";
    const open = this.#opened(call, self);
    if (open) return row;
    const named = text.startsWith("USE ") ? (/^USE `([^`]+)`/.exec(text)?.[1] ?? "") : database;
    if (text.startsWith("SHOW ") || named === "system") return this.#show(call, own);
    for (const [part, answer] of this.instead) if (text.includes(part)) return answer;
    if (call.impersonated !== "" || /^(LOAD|CALL)/.test(text)) {
      return this.shows.has(text) ? { rows: [{ text: this.shows.get(text) ?? "" }] } : { failure: forbidden };
    }
    if (named !== own) {
      const there = [...this.tenants.values()].some(({ neo4j }) => neo4j.names.database === named) || named === "neo4j";
      return { failure: there ? forbidden : databaseNotFound(named) };
    }
    if (text.startsWith("MATCH (n:TenancyVerify {tenant")) return call.params.victim === own ? row : { rows: [] };
    return row;
  }

  #opened(call: Call, self: GraphParty | undefined): boolean {
    if (self === undefined) return false;
    for (const other of this.tenants.values()) {
      if (other.id === self.id) continue;
      const scene: Scene = { own: namesOf(self.neo4j), theirs: namesOf(other.neo4j) };
      for (const id of this.open) if (isSame(attemptOf(id).ask(scene), call)) return true;
    }
    return false;
  }

  /** Of what it may not see, a server tells nothing, or that it is forbidden. */
  #show({ user, text, params }: Call, own: string): Answer {
    const shown = this.shows.get(text);
    if (shown !== undefined) return { rows: [{ text: shown }] };
    if (text.startsWith("SHOW DATABASES YIELD")) return params.victim === own ? row : { rows: [] };
    if (text.startsWith("SHOW TRANSACTIONS")) return params.victim === user ? row : { rows: [] };
    if (text.startsWith("SHOW SETTINGS")) return { rows: [] };
    if (text === "SHOW DATABASES" || text === "SHOW CURRENT USER" || text === "SHOW INDEXES") return { rows: [] };
    return { failure: forbidden };
  }

  close(): Promise<void> {
    return this.bolt.close();
  }
}

export function attemptOf(id: string): Neo4jAttempt {
  const found = neo4jAttempts.find((attempt) => attempt.id === `neo4j/${id}`);
  if (found === undefined) throw new Error(`there is no attempt neo4j/${id}`);
  return found;
}

function isSame({ database, text, params = {}, impersonated = "" }: Ask, call: Call): boolean {
  return (
    call.text === text &&
    call.database === database &&
    call.impersonated === impersonated &&
    JSON.stringify(call.params) === JSON.stringify(params)
  );
}

export async function startGraphWorld(): Promise<GraphWorld> {
  const { certificate, key, ca } = await certificates();
  const bolt = await startBoltServer({
    certificate,
    key,
    login: (user, password) => world.login(user, password),
    answer: (call) => world.answer(call),
  });
  const uri = `bolt+s://127.0.0.1:${bolt.port}`;
  const world = new GraphWorld(bolt, { kind: "server", uri, ...admin, procedures: [], ca });
  return world;
}

export async function assaultOn(attacker: Party, victim: Party): Promise<Result[]> {
  const probe = neo4jProbe();
  if (victim.canary) await probe.furnish(victim);
  const controls = new Controls(probe, victim);
  const results: Result[] = [];
  await assault(probe, attacker, victim, controls, (result) => results.push(result));
  await controls.close();
  return results;
}

/** Ids, without the store, of the results with a verdict. */
export function idsOf(results: readonly Result[], verdict: Result["verdict"]): string[] {
  return results.filter((result) => result.verdict === verdict).map(({ attempt }) => attempt.id.slice("neo4j/".length));
}
