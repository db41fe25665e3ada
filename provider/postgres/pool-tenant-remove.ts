/**
 * The end of a tenant in a pool: logins closed, its rows deleted in batches, each a transaction of its own, then the
 * proof that no table holds its id. Every step looks at what is there first, so that a run after a crash goes on.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type CallContext, ProviderError } from "../handler.ts";
import type { BackupWaiver, PoolTenantOutputs } from "../inputs.ts";
import { isInstance, parseMark } from "../mark.ts";
import { changeLock } from "./catalogue.ts";
import type { Task } from "./faults.ts";
import { auditTable } from "./pool-sql.ts";
import { strangersText } from "./pool-tenant-drift.ts";
import { type LivePoolTenant, memberOf, readPoolTenant } from "./pool-tenant-live.ts";
import { deleteBatch, deleteTogether, dropVectorIndexes, openTransactions } from "./pool-tenant-erase.ts";
import { asOwnerOf, countRows, foreignKeysOf, removalOrder, tablesOf, tableWithRows } from "./pool-tenant-rows.ts";
import { closePoolTenantScript, leaveScript } from "./pool-tenant-script.ts";
import { lockTimeout } from "./script.ts";
import type { PostgresPools, Session } from "./pool.ts";
import { endSessions } from "./sessions.ts";

/** A trigger of the template may write rows of its own while others are deleted, as those of a history table. */
const mostPasses = 5;
/** How often, and how long apart, transactions that began before are asked for. */
const looks = 300;
const lookMilliseconds = 100;

export async function removePoolTenant(
  pools: PostgresPools,
  context: CallContext,
  outputs: PoolTenantOutputs,
): Promise<void> {
  const { backupWaiver } = outputs;
  const what = `its place in the pool "${outputs.pool}"`;
  if (outputs.state !== "offboarding" || backupWaiver === undefined) {
    const lacks = outputs.state !== "offboarding" ? `its state is ${outputs.state}` : "it has no backupWaiver";
    throw new ProviderError(
      `tenant ${outputs.tenant}: ${what} is not deleted: ${lacks}. Put the tenant back into the registry with ` +
        `state: offboarding and a backupWaiver (reason and name), run an update, then remove it.`,
    );
  }
  const removal = new Removal(pools, context, outputs);
  if (!(await removal.close())) {
    context.warn(
      `tenant ${outputs.tenant}: ${what} is left alone: it is not the one of this state (another run made or ` +
        `adopted it since).`,
    );
    return;
  }
  await removal.waitForWriters();
  await removal.erase();
  await removal.finish(backupWaiver);
}

class Removal {
  readonly #pools: PostgresPools;
  readonly #context: CallContext;
  readonly #outputs: PoolTenantOutputs;
  /** Whether the pool is there: without it there are no rows. */
  #pool = false;

  constructor(pools: PostgresPools, context: CallContext, outputs: PoolTenantOutputs) {
    this.#pools = pools;
    this.#context = context;
    this.#outputs = outputs;
  }

  /** @returns false where the tenant is another instance's */
  close(): Promise<boolean> {
    const outputs = this.#outputs;
    const work = async (session: Session) => {
      const live = await readPoolTenant(session, outputs);
      this.#refuseStrangers(live);
      const member = memberOf(live, outputs);
      const mark = parseMark(member?.mark);
      if (member !== undefined && !isInstance(mark, outputs)) return false;
      const own = mark ?? { urn: outputs.markUrn, tenant: outputs.tenant, token: outputs.instanceToken };
      await session.script(closePoolTenantScript(outputs, live, this.#pools.server(outputs.server), own));
      await endSessions(session, outputs);
      this.#pool = live.pool;
      return true;
    };
    return this.#run("closing its logins", work, true);
  }

  /**
   * A transaction that began before the tenant was closed may see it as open until it ends, and write one more row. Such
   * ones are waited for; nothing is locked meanwhile.
   */
  async waitForWriters(): Promise<void> {
    if (!this.#pool) return;
    const outputs = this.#outputs;
    const look = (only?: readonly string[]) =>
      this.#run("looking for open transactions", (session) => openTransactions(session, outputs, only));
    let open = await look();
    for (let count = 1; open.length > 0 && count <= looks; count += 1) {
      this.#context.status(`waiting for ${open.length} transactions that began before`);
      await this.#pause();
      open = await look(open.map(({ id }) => id));
    }
    if (open.length === 0) return;
    const sessions = open.map(({ user, pid }) => `${user} (process ${pid})`).join(", ");
    throw new ProviderError(
      `tenant ${outputs.tenant}: transactions that began before the tenant was closed are still open: ${sessions}. ` +
        `They could still write rows of it. End them, and run the same command again: it continues where it ended.`,
    );
  }

  /** Rows in batches, children before their parents; then the audit, and the indexes that were built for the tenant. */
  async erase(): Promise<void> {
    if (!this.#pool) return;
    const outputs = this.#outputs;
    const { tables, keys } = await this.#run("looking for its rows", async (session) => ({
      tables: await tablesOf(session, outputs),
      keys: await foreignKeysOf(session, outputs.schema),
    }));
    const names = tables.filter(({ partition, name }) => !partition && name !== auditTable).map(({ name }) => name);
    const groups = removalOrder(names, keys);
    for (let pass = 1; pass <= mostPasses; pass += 1) {
      const all = await this.#run("counting its rows", async (session) => {
        await session.script(`BEGIN; ${asOwnerOf(outputs)}`);
        const rows = await countRows(session, outputs, tables);
        await session.query("ROLLBACK");
        return rows;
      });
      if (all === 0) break;
      let left = all;
      for (const { tables: group, together } of groups) {
        if (together) {
          left -= await this.#run(`deleting its rows of ${group.join(" and ")}`, (session) =>
            deleteTogether(session, outputs, group),
          );
        } else {
          for (const table of group) {
            await this.#inBatches(table, (rows) => {
              left -= rows;
              const about = all.toLocaleString("en-US");
              this.#context.status(`${Math.max(left, 0).toLocaleString("en-US")} of about ${about} rows left`);
            });
          }
        }
      }
    }
    await this.#inBatches(auditTable, () => {
      this.#context.status("deleting the audit of its rows");
    });
    await this.#run("dropping its indexes of vectors", (session) => dropVectorIndexes(session, outputs));
  }

  /** The proof, and in the same transaction everything else of the tenant. */
  async finish(waiver: BackupWaiver): Promise<void> {
    const outputs = this.#outputs;
    const work = async (session: Session) => {
      const live = await readPoolTenant(session, outputs);
      this.#refuseStrangers(live);
      // The answer to the COMMIT of this very step was lost, or an earlier run has done it all.
      const member = memberOf(live, outputs);
      await session.script(`BEGIN; SELECT ${changeLock}; ${lockTimeout}`);
      if (live.pool && member !== undefined) {
        await session.script(asOwnerOf(outputs));
        const table = await tableWithRows(session, outputs, await tablesOf(session, outputs));
        await session.script("SET LOCAL ROLE NONE");
        if (table !== undefined) {
          throw new ProviderError(
            `tenant ${outputs.tenant}: it is not removed: the table ${table} of the pool "${outputs.pool}" still has rows ` +
              `with its tenant_id ${outputs.tenantId}. Look what writes or keeps them (a trigger, another login), then ` +
              `run the same command again: it continues where it ended.`,
          );
        }
      }
      await this.#refuseOwners(session);
      await session.script(leaveScript(outputs, live, waiver));
    };
    await this.#run("ending its membership", work, true);
  }

  /** The rows of another member with the same `tenant_id` would be deleted. */
  #refuseStrangers(live: LivePoolTenant): void {
    const { tenant, tenantId, pool } = this.#outputs;
    const strangers = strangersText(live, this.#outputs);
    if (strangers === "") return;
    throw new ProviderError(
      `tenant ${tenant}: it is not removed: the pool "${pool}" has the member ${strangers}, and this tenant would have ` +
        `the tenant_id ${tenantId}. Find out whose rows these are before you run the command again.`,
    );
  }

  /** DROP OWNED would drop what a login owns, whosesoever it is. */
  async #refuseOwners(session: Session): Promise<void> {
    const { tenant, appRole, readOnlyRole } = this.#outputs;
    const [owned] = await session.query<{ role: string; place: string }>(
      `SELECT r.rolname AS role, coalesce(d.datname, 'all databases') AS place FROM pg_catalog.pg_shdepend s
         JOIN pg_catalog.pg_roles r ON r.oid = s.refobjid LEFT JOIN pg_catalog.pg_database d ON d.oid = s.dbid
       WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.deptype = 'o' AND r.rolname = ANY ($1) LIMIT 1`,
      [[appRole, readOnlyRole]],
    );
    if (owned === undefined) return;
    throw new ProviderError(
      `tenant ${tenant}: the role ${owned.role} is not dropped: it owns objects in ${owned.place}. Look whose they are, ` +
        `give them to another role (REASSIGN OWNED BY), and run the same command again.`,
    );
  }

  async #inBatches(table: string, told: (rows: number) => void): Promise<void> {
    for (;;) {
      const { rows, more } = await this.#run(`deleting its rows of ${table}`, (session) =>
        deleteBatch(session, this.#outputs, table),
      );
      if (rows > 0) told(rows);
      if (!more) return;
    }
  }

  async #pause(): Promise<void> {
    await sleep(lookMilliseconds, undefined, { signal: this.#context.signal }).catch(() => undefined);
  }

  /** Each step is tried again by itself, for as long as any work is. */
  #run<T>(doing: string, work: (session: Session) => Promise<T>, exclusive = false): Promise<T> {
    const { tenant, server } = this.#outputs;
    const { signal } = this.#context;
    if (signal.aborted) {
      throw new ProviderError(
        `tenant ${tenant}: its removal was interrupted. Run the same command again: it continues where it ended.`,
      );
    }
    const task: Task = { subject: `tenant ${tenant}`, doing };
    return this.#pools.run(server, task, work, { exclusive, signal });
  }
}
