/**
 * Builds and drops HNSW indexes while tenants read and write. Each statement runs by itself, outside of a transaction:
 * what a crash leaves is an invalid index, which the next run drops and builds anew.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { vectorIndexName } from "../../components/naming.ts";
import { ProviderError } from "../handler.ts";
import { messageOf } from "../message.ts";
import { eventSql } from "./catalogue.ts";
import { codeOf } from "./faults.ts";
import type { PostgresPools, Session } from "./pool.ts";
import { becomeOwner, nextName, readIndexes, type Seen, type SeenIndex, type VectorPlace } from "./vector-look.ts";
import type { VectorAction } from "./vector-plan.ts";
import {
  buildSettingsSql,
  createIndexSql,
  dropIndexSql,
  graphMegabytes,
  operatorClass,
  progressSql,
  renameIndexSql,
  type VectorIndex,
  vectorLock,
} from "./vector-sql.ts";

export interface BuildOptions {
  /**
   * Most memory of one build, in MB; what its graph does not need is not taken.
   * @default 1024
   */
  readonly memoryMb?: number;
  /**
   * Processes beside the session's own.
   * @default 2
   */
  readonly workers?: number;
  /**
   * For how long a lock, or a transaction that was there before the build, is waited for.
   * @default 300000 ms
   */
  readonly lockTimeoutMs?: number;
  /** In ms since 1970: what has not ended by then is cancelled. */
  readonly deadline?: number;
  readonly signal?: AbortSignal;
  /** Takes where the build is, in words. */
  readonly onProgress?: (text: string) => void;
}

/** What is left of a deadline for taking an unfinished index away. */
const cleanupMs = 30_000;
const cleanupLockMs = 2000;
const pollMs = 500;
/** SQLSTATEs. */
const [cancelled, lockNotAvailable] = ["57014", "55P03"];

export class VectorBuilder {
  readonly #pools: PostgresPools;
  readonly #options: BuildOptions;

  constructor(pools: PostgresPools, options: BuildOptions) {
    this.#pools = pools;
    this.#options = options;
  }

  /**
   * Runs `work` while no other run builds on the server: two at once would halve each other's speed and memory. The
   * lock is held by an open transaction without a snapshot, which no build waits for.
   *
   * @param server - name of the platform's server
   * @throws ProviderError when another run holds the lock.
   */
  async alone<T>(server: string, work: () => Promise<T>): Promise<T> {
    const task = { subject: `server ${server}`, doing: "taking the lock of builds" };
    const { provisioner } = this.#pools.server(server);
    const hold = async (session: Session): Promise<{ value: T }> => {
      await session.script("SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '2s'; BEGIN");
      try {
        await session.query(`SELECT ${vectorLock}`);
      } catch (error) {
        if (codeOf(error) !== lockNotAvailable) throw error;
        throw new ProviderError(
          `server ${server}: another run of \`tenancy vectors --build\` works there. Wait for its end; it is the session ` +
            `"idle in transaction" of the user ${provisioner.user} that holds the advisory lock.`,
        );
      }
      // In an object: the connection's faults are no answer of the work.
      return { value: await work() };
    };
    const { value } = await this.#pools.runAs(server, provisioner, task, hold, { retryMilliseconds: 0 });
    return value;
  }

  /** Whether nothing new may begin. */
  get over(): boolean {
    const { deadline, signal } = this.#options;
    return signal?.aborted === true || (deadline !== undefined && Date.now() >= deadline);
  }

  /**
   * @param server - of the platform, whose audit trail notes it
   * @returns size of the index; 0 where it was dropped
   * @throws ProviderError when the server refuses, a lock is not to be had, or the deadline comes.
   */
  async carryOut(server: string, place: VectorPlace, seen: Seen, action: VectorAction): Promise<number> {
    const { table, column, tenant, tenantId } = seen.wanted;
    const name = vectorIndexName(table, column, tenantId);
    const bytes = await this.#session(place, tenant, `${action} of the index ${name}`, async (session) => {
      if (action !== "drop") return this.#build(session, place, seen, name);
      for (const one of [nextName(name), name]) await session.script(dropIndexSql(place.schema, one));
      return 0;
    });
    await this.#note(server, tenant, action, place, name);
    return bytes;
  }

  /** Drops an index that no column of the template asks for any more. */
  async dropOther(server: string, place: VectorPlace, index: SeenIndex): Promise<number> {
    await this.#session(place, `schema ${place.schema}`, `drop of the index ${index.name}`, (session) =>
      session.script(dropIndexSql(place.schema, index.name)),
    );
    await this.#note(server, place.schema, "drop", place, index.name);
    return 0;
  }

  async #note(server: string, tenant: string, action: string, { schema }: VectorPlace, index: string): Promise<void> {
    const task = { subject: `tenant ${tenant}`, doing: "noting the index in the audit trail" };
    await this.#pools.run(server, task, (session) =>
      session.script(eventSql(tenant, `vector index: ${action}`, { store: "postgres", schema, index })),
    );
  }

  /** A connection of its own, as the schema's owner, closed afterwards with all its settings. */
  #session<T>(place: VectorPlace, tenant: string, doing: string, work: (session: Session) => Promise<T>): Promise<T> {
    const subject = tenant.startsWith("schema ") ? tenant : `tenant ${tenant}`;
    const own = this.#pools.within(`${place.database}, for one build`, this.#pools.server(place.database));
    const run = async (session: Session) => {
      if (this.over) throw new ProviderError(`${subject}: ${doing} was not begun: the deadline is there`);
      try {
        await becomeOwner(session, place.ownerRole, false);
        await session.script(buildSettingsSql(this.#settings(this.#options.memoryMb ?? 1024)));
        return await work(session);
      } catch (error) {
        if (codeOf(error) !== cancelled) throw error;
        throw new ProviderError(`${subject}: ${doing} was given up: ${this.#whyCancelled()}. The next run goes on.`);
      }
    };
    return this.#pools.run(own, { subject, doing }, run, this.#options);
  }

  #settings(memoryMb: number, endMs = 0) {
    const { deadline, lockTimeoutMs = 300_000, workers = 2 } = this.#options;
    const left = deadline === undefined ? 0 : Math.max(1, deadline + endMs - Date.now());
    return { lockTimeoutMs, statementTimeoutMs: left, memoryMb, workers };
  }

  /** Looks at what is there first, so that it can begin again at any point. */
  async #build(session: Session, place: VectorPlace, seen: Seen, name: string): Promise<number> {
    const { schema } = place;
    const index = indexOf(place, seen);
    const next = nextName(name);
    const read = async () => {
      const all = await readIndexes(session, schema);
      const find = (wanted: string) => all.find((one) => one.name === wanted);
      return { current: find(name), successor: find(next) };
    };
    const before = await read();
    if (before.successor !== undefined && !fits(before.successor, index)) {
      await session.script(dropIndexSql(schema, next));
    }
    if (before.current?.valid === false) await session.script(dropIndexSql(schema, name));
    const { current, successor } = await read();
    if (current === undefined && successor === undefined) {
      await this.#create(session, place, seen, name, index);
    } else if (current === undefined || !fits(current, index)) {
      if (successor === undefined) await this.#create(session, place, seen, next, index);
      if (current !== undefined) await session.script(dropIndexSql(schema, name));
      await session.script(renameIndexSql(schema, next, name));
    }
    return (await read()).current?.bytes ?? 0;
  }

  async #create(session: Session, place: VectorPlace, seen: Seen, name: string, index: VectorIndex): Promise<void> {
    const needed = graphMegabytes(seen.rows.count, seen.column?.dimensions ?? 0, index.m);
    // The count may be a lower bound, and rows come while it builds.
    const memoryMb = seen.rows.precision === "exact" ? Math.max(64, Math.ceil(needed * 1.5)) : Infinity;
    const settings = this.#settings(Math.min(memoryMb, this.#options.memoryMb ?? 1024));
    await session.script(buildSettingsSql(settings));
    const [self] = await session.query<{ pid: number }>("SELECT pg_catalog.pg_backend_pid() AS pid");
    const watch = new AbortController();
    const watched = this.#watch(place.database, self?.pid ?? 0, watch.signal);
    try {
      await session.script(createIndexSql(name, index));
    } catch (error) {
      throw await this.#cleanedUp(session, place, seen, name, error);
    } finally {
      watch.abort();
      await watched;
    }
  }

  #whyCancelled(): string {
    return this.#options.signal?.aborted === true ? "the run was ended" : "it had not ended by the deadline";
  }

  /** What failed leaves an invalid index, which costs every write and serves nobody. */
  async #cleanedUp(session: Session, place: VectorPlace, seen: Seen, name: string, error: unknown): Promise<unknown> {
    const code = codeOf(error);
    if (code !== cancelled && code !== lockNotAvailable) return error;
    const why =
      code === lockNotAvailable
        ? `a transaction that was open before the build did not end within ${(this.#options.lockTimeoutMs ?? 300_000) / 1000} s`
        : this.#whyCancelled();
    let left = "Its unfinished index was dropped";
    try {
      const settings = this.#settings(64, cleanupMs);
      const lockTimeoutMs = Math.min(settings.lockTimeoutMs, cleanupLockMs);
      await session.script(buildSettingsSql({ ...settings, lockTimeoutMs }));
      await session.script(dropIndexSql(place.schema, name));
    } catch (dropping) {
      left = `Its unfinished index could not be dropped now (${messageOf(dropping)}): the next run does`;
    }
    return new ProviderError(
      `tenant ${seen.wanted.tenant}: the build of the index ${name} was given up: ${why}. ${left}. ` +
        `Run the command again at a quieter time or with more time.`,
    );
  }

  /** Tells how far a build is, and cancels it when the run is to end. */
  async #watch(database: string, pid: number, done: AbortSignal): Promise<void> {
    const { signal, onProgress } = this.#options;
    const task = { subject: database, doing: "asking for the progress of a build" };
    let asked = false;
    for (;;) {
      await sleep(pollMs, undefined, { signal: done }).catch(() => undefined);
      if (done.aborted) return;
      try {
        const cancel: boolean = signal?.aborted === true && !asked;
        const [row] = await this.#pools.run(database, task, async (session): Promise<ProgressRow[]> => {
          if (cancel) await session.query("SELECT pg_catalog.pg_cancel_backend($1)", [pid]);
          return session.query<ProgressRow>(progressSql, [pid]);
        });
        asked ||= cancel;
        if (row !== undefined) onProgress?.(progressText(row));
      } catch {
        // The build itself tells what is wrong with the server.
      }
    }
  }
}

interface ProgressRow {
  readonly phase: string;
  readonly blocksDone: number;
  readonly blocksTotal: number;
  readonly tuplesDone: number;
  readonly lockers: number;
  readonly locker: number | null;
}

/** As in `building index: loading tuples, 45 %, 12000 rows`. */
export function progressText({ phase, blocksDone, blocksTotal, tuplesDone, locker }: ProgressRow): string {
  const waits = phase.startsWith("waiting") && locker !== null && locker > 0;
  const percent = blocksTotal > 0 ? `, ${Math.floor((blocksDone / blocksTotal) * 100)} %` : "";
  const rows = tuplesDone > 0 ? `, ${tuplesDone} rows` : "";
  return waits ? `${phase}: session ${locker}` : `${phase}${percent}${rows}`;
}

function indexOf({ schema }: VectorPlace, { wanted, column, table }: Seen): VectorIndex {
  if (column === undefined) throw new ProviderError(`tenant ${wanted.tenant}: no column ${wanted.column}`);
  const { m, efConstruction, tenantId } = wanted;
  return {
    schema,
    table,
    column: wanted.column,
    extensionSchema: column.typeSchema,
    operatorClass: operatorClass(column.type, wanted.distance),
    m,
    efConstruction,
    ...(tenantId === undefined ? {} : { tenantId }),
  };
}

function fits(index: SeenIndex, wanted: VectorIndex): boolean {
  return (
    index.valid &&
    index.operatorClass === wanted.operatorClass &&
    index.m === wanted.m &&
    index.efConstruction === wanted.efConstruction
  );
}
