/** Makes attempts on the kept connections of one tenant, or of the administrator, and reads the answers. */
import type { Attempt, Form, Outcome, ProbeSession } from "../attempt.ts";
import { ProbeError } from "../attempt.ts";
import type { Party, PostgresParty } from "../party.ts";
import { type Answer, type Connections, type Credentials, type Lease, tryDatabase, tryOptions } from "./connections.ts";
import { concernsVictim, type Login, type Recipe } from "./recipe.ts";
import { missingName, noObjects, type Scene, type Side } from "./scene.ts";
import { messageOf } from "../../provider/message.ts";

/** The trusted login is there for tenants in a pool, where the platform has one. */
export type Leases = Readonly<Record<"app" | "readOnly", Lease>> & { readonly application?: Lease };

/** What sessions of one probe know together. */
export interface Knowledge {
  readonly connections: Connections;
  recipe(attempt: Attempt): Recipe;
  /** Names and objects of a tenant, looked up once. */
  side(party: Party, lease: Lease): Promise<Side>;
  /** Outcomes of attempts that are the same whoever the victim is, by who made them. */
  readonly made: Map<string, Outcome>;
  /** An extension to try, looked up once for each server. */
  extension(party: PostgresParty, lease: Lease): Promise<string>;
}

/** Errors that tell that an object is not there, after the right to look for it was. */
const absent = new Set(["42P01", "42883", "42704", "0A000", "58P01"]);

/** Another's transaction was in the way: lock_not_available, deadlock, serialization, "tuple concurrently updated". */
const inTheWay = new Set(["55P03", "40P01", "40001", "XX000", "57014"]);
const tries = 3;

export class PostgresSession implements ProbeSession {
  readonly #knowledge: Knowledge;
  readonly #self: Party | undefined;
  readonly #leases: Leases;
  readonly #credentials: Readonly<Record<"app" | "readOnly", Credentials>>;

  /** @param self - undefined for the administrator */
  constructor(
    knowledge: Knowledge,
    self: Party | undefined,
    leases: Leases,
    credentials: Readonly<Record<"app" | "readOnly", Credentials>>,
  ) {
    this.#knowledge = knowledge;
    this.#self = self;
    this.#leases = leases;
    this.#credentials = credentials;
  }

  async attempt(attempt: Attempt, victim: Party, form: Form): Promise<Outcome> {
    try {
      const recipe = this.#knowledge.recipe(attempt);
      if (concernsVictim(recipe)) return await this.#stubbornly(recipe, victim, form);
      const key = JSON.stringify([
        recipe.id,
        form,
        this.#credentials.app.user,
        this.#isControl(victim),
        addressOf(placeOf(victim)),
      ]);
      const known = this.#knowledge.made.get(key);
      if (known !== undefined) return known;
      const outcome = await this.#stubbornly(recipe, victim, form);
      if (outcome.kind !== "failed") this.#knowledge.made.set(key, outcome);
      return outcome;
    } catch (error) {
      return { kind: "failed", reason: messageOf(error) };
    }
  }

  close(): Promise<void> {
    this.#leases.app.release();
    this.#leases.readOnly.release();
    this.#leases.application?.release();
    return Promise.resolve();
  }

  /** What says neither yes nor no is tried again: a connection that was lost, another's transaction in the way. */
  async #stubbornly(recipe: Recipe, victim: Party, form: Form): Promise<Outcome> {
    let outcome: Outcome = { kind: "failed", reason: "not tried" };
    for (let count = 0; count < tries; count += 1) {
      outcome = await this.#once(recipe, victim, form);
      if (outcome.kind === "allowed") break;
      // A session that is gone when the signal comes gives a false instead of a refusal.
      const gone = recipe.target === true && outcome.kind === "denied" && outcome.code === "nothing";
      if (outcome.kind === "denied" && !gone && !inTheWay.has(outcome.code)) break;
      if (outcome.kind === "denied") outcome = { kind: "failed", reason: `no clear answer (${outcome.code})` };
    }
    return outcome;
  }

  async #once(recipe: Recipe, victim: Party, form: Form): Promise<Outcome> {
    const there = placeOf(victim);
    const isControl = this.#isControl(victim);
    const login = isControl ? (recipe.controlLogin ?? recipe.login ?? "app") : (recipe.login ?? "app");
    const lease = this.#leases[login];
    if (lease === undefined) throw new ProbeError("the platform names no trusted login of this server");
    if (recipe.connectTo !== undefined) {
      const database = databaseOf(recipe.connectTo, there);
      const answer = await tryDatabase(there.server, this.#credentialsOf(login), database);
      return this.#read(answer, recipe, { asks: false, isControl, isMissing: false });
    }
    const target = recipe.target === true ? await this.#target(there) : undefined;
    try {
      const scene = await this.#scene(victim, lease, target);
      const dry = form === "dry" ? recipe.dry : undefined;
      const asks = dry !== undefined || recipe.asks === true;
      const real = this.#self === undefined ? (recipe.controlSql ?? recipe.sql) : recipe.sql;
      const sql = (dry ?? real)(scene);
      const prelude = this.#self === undefined && dry === undefined ? recipe.prelude?.(scene) : undefined;
      const isMissing = recipe.needs !== undefined && isMadeUp(scene, recipe.needs);
      const message = oneMessage(sql, prelude, recipe.alone === true && dry === undefined);
      const options = recipe.options?.(scene);
      const answer =
        options === undefined
          ? await lease.send(message)
          : await tryOptions(there.server, this.#credentialsOf(login), options, message);
      return this.#read(answer, recipe, { asks, isControl, isMissing });
    } finally {
      target?.release();
    }
  }

  #credentialsOf(login: Login): Credentials {
    return this.#credentials[login === "readOnly" ? "readOnly" : "app"];
  }

  #isControl(victim: Party): boolean {
    return this.#self === undefined || this.#self.id === victim.id;
  }

  #read(
    answer: Answer,
    recipe: Recipe,
    { asks, isControl, isMissing }: { asks: boolean; isControl: boolean; isMissing: boolean },
  ): Outcome {
    if (answer.kind === "lost") return { kind: "failed", reason: answer.reason };
    if (answer.kind === "refused") {
      if (recipe.leakCode !== undefined && answer.code.startsWith(recipe.leakCode))
        return { kind: "allowed", evidence: `SQLSTATE ${answer.code}` };
      if (isControl && isMissing && absent.has(answer.code)) {
        return { kind: "allowed", evidence: "may look, and there is none" };
      }
      return { kind: "denied", code: answer.code };
    }
    const [warning] = answer.warnings;
    if (recipe.warns === true && warning !== undefined) return { kind: "denied", code: warning };
    // The last one is the ROLLBACK; of an attempt alone there is only one.
    const result = answer.results.at(answer.results.length > 1 ? -2 : 0);
    if (!asks) return { kind: "allowed", evidence: result?.command ?? "logged in" };
    const value = result?.rows[0]?.[0];
    if (value === null && isControl) return { kind: "allowed", evidence: "there is none" };
    const found = value === true ? 1 : Number(value ?? 0);
    return found > 0 ? { kind: "allowed", evidence: `${found} found` } : { kind: "denied", code: "nothing" };
  }

  async #scene(of: Party, lease: Lease, target: Lease | undefined): Promise<Scene> {
    const victim = placeOf(of);
    const { server } = victim;
    const self = this.#self?.postgres;
    if (self !== undefined && hostOf(self) !== hostOf(victim)) {
      throw new ProbeError(`the two tenants do not share a server (${hostOf(self)}, ${hostOf(victim)})`);
    }
    // From another database there are only names to go by.
    const apart = self !== undefined && addressOf(self) !== addressOf(victim);
    const there = apart ? { names: victim.names, objects: noObjects } : await this.#knowledge.side(of, lease);
    return {
      attacker: this.#self === undefined ? there : await this.#knowledge.side(this.#self, lease),
      victim: there,
      database: server.database,
      provisioner: server.provisioner.user,
      extension: await this.#knowledge.extension(self ?? victim, lease),
      pid: (await target?.pid()) ?? 0,
    };
  }

  /** A session of the victim's that serves no other end: one that is ended is no loss. */
  #target({ server, names, password }: PostgresParty): Promise<Lease> {
    return this.#knowledge.connections.acquire(server, { user: names.appRole, password }, "target");
  }
}

/**
 * The statements are one transaction without BEGIN, undone as a whole by the ROLLBACK or by the error: so that there is
 * one message and one answer, and no failed transaction that another message would have to end.
 */
function oneMessage(sql: string, prelude: string | undefined, alone: boolean): string {
  if (alone) return sql;
  return `${prelude === undefined ? "" : `${prelude}; `}${sql}; ROLLBACK`;
}

function isMadeUp(scene: Scene, kind: NonNullable<Recipe["needs"]>): boolean {
  if (kind === "child") return scene.victim.pool?.child === undefined;
  if (kind === "partition") return scene.victim.pool?.partition === missingName;
  return (kind === "extension" ? scene.extension : scene.victim.objects[kind]) === missingName;
}

function placeOf(party: Party): PostgresParty {
  if (party.postgres === undefined) throw new ProbeError(`tenant ${party.id}: it has no PostgreSQL schema`);
  return party.postgres;
}

function addressOf(party: PostgresParty): string {
  return `${hostOf(party)}/${party.server.database}`;
}

function hostOf({ server }: PostgresParty): string {
  return `${server.host}:${server.port}`;
}

function databaseOf(connectTo: NonNullable<Recipe["connectTo"]>, { server, sharedDatabase }: PostgresParty): string {
  const shared = sharedDatabase ?? server.database;
  if (typeof connectTo !== "string") return connectTo({ victim: server.database, shared });
  // Any server has both, and the shared database may be one of them.
  return shared === connectTo ? "template1" : connectTo;
}
