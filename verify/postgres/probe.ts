/** The probe of PostgreSQL: attempts from one tenant's schema in a shared database at another's. */
import type { Attempt, ProbeSession, StoreProbe } from "../attempt.ts";
import { ProbeError } from "../attempt.ts";
import type { Party, PostgresParty } from "../party.ts";
import { recipes } from "./attempts/index.ts";
import { Connections, type Lease } from "./connections.ts";
import { findExtension, findObjects } from "./objects.ts";
import { attemptOf, concernsSchema, type Recipe } from "./recipe.ts";
import { residue } from "./residue.ts";
import type { Side } from "./scene.ts";
import { type Knowledge, PostgresSession } from "./session.ts";
import { canaryWords, seen } from "./visible.ts";
import { messageOf } from "../../provider/message.ts";

/** Into the table of the template `canary`; a canary of another template has what it has. */
const furniture = `INSERT INTO canary_records SELECT WHERE NOT EXISTS (SELECT FROM canary_records)`;

class PostgresProbe implements StoreProbe {
  readonly store = "postgres";
  readonly attempts = recipes.map(attemptOf);
  readonly residue = residue;
  readonly #recipes = new Map<string, Recipe>(recipes.map((recipe) => [attemptOf(recipe).id, recipe]));
  readonly #inSchema = new Set(recipes.filter(concernsSchema).map((recipe) => attemptOf(recipe).id));
  readonly #connections: Connections;
  readonly #sides = new Map<string, Promise<Side>>();
  readonly #extensions = new Map<string, Promise<string>>();

  readonly #knowledge: Knowledge;

  constructor(keep: number) {
    this.#connections = new Connections(keep);
    this.#knowledge = {
      connections: this.#connections,
      recipe: (attempt) => this.#recipe(attempt),
      made: new Map(),
      side: ({ server, names }, lease) =>
        remember(this.#sides, `${server.host}:${server.port}/${server.database}/${names.schema}`, async () => ({
          names,
          objects: await findObjects(lease, names.schema),
        })),
      extension: ({ server }, lease) =>
        remember(this.#extensions, `${server.host}:${server.port}/${server.database}`, () => findExtension(lease)),
    };
  }

  applies(attempt: Attempt, victim: Party, attacker?: Party): boolean {
    const recipe = this.#recipe(attempt);
    if (recipe.canaryOnly === true && !victim.canary) return false;
    if (attacker?.postgres === undefined || victim.postgres === undefined) return true;
    const shared = victim.postgres.server.database === attacker.postgres.server.database;
    if (shared) return recipe.between !== "databases";
    // A tenant of the shared database is in it already.
    if (recipe.id === "silo-connect-shared") return attacker.postgres.sharedDatabase !== undefined;
    return !this.#inSchema.has(attempt.id);
  }

  async furnish(canary: Party): Promise<void> {
    const { server, names, password } = placeOf(canary);
    const lease = await this.#connections.acquire(server, { user: names.appRole, password });
    try {
      const answer = await lease.send(furniture);
      // 42P01: made of another template.
      if (answer.kind === "lost" || (answer.kind === "refused" && answer.code !== "42P01")) {
        const reason = answer.kind === "lost" ? answer.reason : `SQLSTATE ${answer.code}`;
        throw new ProbeError(`tenant ${canary.id}: no row could be made in the canary's table (${reason})`);
      }
    } finally {
      lease.release();
    }
  }

  async open(attacker: Party): Promise<ProbeSession> {
    const { server, names, password, readOnlyPassword } = placeOf(attacker);
    const credentials = { user: names.appRole, password };
    const app = await this.#acquire(attacker, () => this.#connections.acquire(server, credentials));
    try {
      const reader = { user: names.readOnlyRole, password: readOnlyPassword };
      const readOnly = await this.#acquire(attacker, () => this.#connections.acquire(server, reader));
      return new PostgresSession(this.#knowledge, attacker, { app, readOnly }, { app: credentials, readOnly: reader });
    } catch (error) {
      app.release();
      throw error;
    }
  }

  /** A managed service's administrator, who is no superuser and may do half of it, would prove nothing: undefined. */
  async openAdministrator(victim: Party): Promise<ProbeSession | undefined> {
    const { server } = placeOf(victim);
    if (server.admin === undefined) return undefined;
    const app = await this.#connections.acquire(server, server.admin);
    const answer = await app.send("SELECT FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolsuper");
    if (answer.kind === "done" && answer.results[0]?.rows.length === 1) {
      const logins = { app: server.admin, readOnly: server.admin };
      return new PostgresSession(this.#knowledge, undefined, { app, readOnly: app }, logins);
    }
    app.release();
    return undefined;
  }

  async visible(attacker: Party, victim: Party): Promise<readonly string[]> {
    const { server, names, password } = placeOf(attacker);
    const there = placeOf(victim);
    const lease = await this.#connections.acquire(server, { user: names.appRole, password });
    // In its own database the attacker has the names of its own template.
    const words = victim.canary && server.database === there.server.database ? canaryWords : [];
    try {
      return await seen(lease, there.names, words);
    } finally {
      lease.release();
    }
  }

  /** @throws ProbeError with the tenant's id in front. */
  async #acquire(party: Party, acquire: () => Promise<Lease>): Promise<Lease> {
    try {
      return await acquire();
    } catch (error) {
      throw new ProbeError(`tenant ${party.id}: ${messageOf(error)}`);
    }
  }

  #recipe(attempt: Attempt): Recipe {
    const recipe = this.#recipes.get(attempt.id);
    if (recipe === undefined) throw new ProbeError(`the PostgreSQL probe has no attempt ${attempt.id}`);
    return recipe;
  }
}

/** What is found once is true for the run; a failure is not kept. */
function remember<T>(known: Map<string, Promise<T>>, key: string, find: () => Promise<T>): Promise<T> {
  const value = known.get(key) ?? find();
  known.set(key, value);
  value.catch(() => known.delete(key));
  return value;
}

function placeOf(party: Party): PostgresParty {
  if (party.postgres === undefined) throw new ProbeError(`tenant ${party.id}: it has no PostgreSQL schema`);
  return party.postgres;
}

export interface ProbeOptions {
  /**
   * Milliseconds for which a connection is kept after its last session was closed.
   *
   * @default 1000
   */
  readonly keep?: number;
}

/**
 * A probe for one run: it has one connection for each login, kept while sessions use it, and remembers what it has
 * looked up and the outcome of attempts that are the same for every victim.
 */
export function postgresProbe({ keep = 1_000 }: ProbeOptions = {}): StoreProbe {
  return new PostgresProbe(keep);
}
