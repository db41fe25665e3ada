/** The probe of PostgreSQL: attempts from one tenant's schema in a shared database at another's. */
import type { Attempt, ProbeSession, StoreProbe } from "../attempt.ts";
import { ProbeError } from "../attempt.ts";
import type { Party, PostgresParty } from "../party.ts";
import { recipes } from "./attempts/index.ts";
import { Connections, type Credentials, type Lease } from "./connections.ts";
import { findExtension, findObjects } from "./objects.ts";
import { furnishPool } from "./pool-furnish.ts";
import { findPoolSide } from "./pool-side.ts";
import { attemptOf, concernsPool, concernsSchema, type Recipe } from "./recipe.ts";
import { residue } from "./residue.ts";
import { missingName, type Side } from "./scene.ts";
import { type Knowledge, PostgresSession } from "./session.ts";
import { canaryWords, seen, type Traces } from "./visible.ts";
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
      side: (party, lease) => {
        const { server, names, pool } = placeOf(party);
        const key = `${server.host}:${server.port}/${server.database}/${pool === undefined ? names.schema : names.appRole}`;
        return remember(this.#sides, key, async () => {
          if (pool !== undefined) return this.#poolSide(party);
          return { names, objects: await findObjects(lease, names.schema) };
        });
      },
      extension: ({ server }, lease) =>
        remember(this.#extensions, `${server.host}:${server.port}/${server.database}`, () => findExtension(lease)),
    };
  }

  applies(attempt: Attempt, victim: Party, attacker?: Party): boolean {
    const recipe = this.#recipe(attempt);
    if (recipe.canaryOnly === true && !victim.canary) return false;
    if (attacker?.postgres === undefined || victim.postgres === undefined) return true;
    if (recipe.login === "application" && attacker.postgres.server.application === undefined) return false;
    const shared = victim.postgres.server.database === attacker.postgres.server.database;
    if (shared) return appliesInDatabase(recipe, attacker.postgres, victim.postgres);
    // A tenant of the shared database is in it already.
    if (recipe.id === "silo-connect-shared") return attacker.postgres.sharedDatabase !== undefined;
    return !this.#inSchema.has(attempt.id);
  }

  async furnish(canary: Party): Promise<void> {
    const { server, names, password, pool } = placeOf(canary);
    const lease = await this.#connections.acquire(server, { user: names.appRole, password });
    try {
      if (pool !== undefined) {
        await furnishPool(lease, names.schema, pool.tenantId);
        return;
      }
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
    const { server, names, password, readOnlyPassword, pool } = placeOf(attacker);
    const credentials = { user: names.appRole, password };
    const reader = { user: names.readOnlyRole, password: readOnlyPassword };
    const taken: Lease[] = [];
    const take = async (login: Credentials): Promise<Lease> => {
      const lease = await this.#acquire(attacker, () => this.#connections.acquire(server, login));
      taken.push(lease);
      return lease;
    };
    try {
      const leases = { app: await take(credentials), readOnly: await take(reader) };
      const application =
        pool === undefined || server.application === undefined ? undefined : await take(server.application);
      const all = { ...leases, ...(application === undefined ? {} : { application }) };
      return new PostgresSession(this.#knowledge, attacker, all, { app: credentials, readOnly: reader });
    } catch (error) {
      for (const lease of taken) lease.release();
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
      return new PostgresSession(this.#knowledge, undefined, { app, readOnly: app, application: app }, logins);
    }
    app.release();
    return undefined;
  }

  async visible(attacker: Party, victim: Party): Promise<readonly string[]> {
    const { server, names, password } = placeOf(attacker);
    const lease = await this.#connections.acquire(server, { user: names.appRole, password });
    try {
      return await seen(lease, tracesOf(placeOf(attacker), placeOf(victim), victim.canary));
    } finally {
      lease.release();
    }
  }

  /** With the tenant's own login: nobody else sees its rows. */
  async #poolSide(party: Party): Promise<Side> {
    const place = placeOf(party);
    const { server, names, password } = place;
    const lease = await this.#acquire(party, () =>
      this.#connections.acquire(server, { user: names.appRole, password }),
    );
    try {
      const pool = await findPoolSide(lease, place, party.canary);
      const objects = await findObjects(lease, names.schema);
      return {
        names,
        objects: { ...objects, table: pool.table, column: pool.keys[0] ?? missingName, sequence: missingName },
        pool,
      };
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

function tracesOf(attacker: PostgresParty, victim: PostgresParty, isCanary: boolean): Traces {
  const { names, pool, server } = victim;
  if (pool !== undefined) {
    const words = [names.appRole, names.readOnlyRole, pool.tenantId];
    return attacker.names.schema === names.schema ? { words } : { schema: names.schema, words };
  }
  // In its own database the attacker has the names of its own template.
  const words = isCanary && server.database === attacker.server.database ? canaryWords : [];
  return { schema: names.schema, words };
}

/** Of two tenants in one database. */
function appliesInDatabase(recipe: Recipe, attacker: PostgresParty, victim: PostgresParty): boolean {
  if (recipe.between === "databases") return false;
  if (victim.pool === undefined) return !concernsPool(recipe);
  if (attacker.names.schema === victim.names.schema) {
    if (concernsPool(recipe)) return recipe.between === "pool";
    // What a member may do with the tables of its own pool, the attempts between members tell.
    if (concernsSchema(recipe)) return false;
  } else if (concernsPool(recipe)) return recipe.between === "outside";
  // A pool's objects get their rights by name, whenever files ran: its owner has no default privileges.
  if (recipe.id === "default-privileges") return false;
  // The pool is everybody's: nothing that would change it is tried on it, by a control neither.
  return recipe.harm === undefined || recipe.harm === "none" || recipe.harm === "server" || onLogins.has(recipe.id);
}

/** They would change the victim's own logins or sessions, and nothing of its pool. */
const onLogins = new Set(["rename-role", "cancel", "terminate"]);

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
