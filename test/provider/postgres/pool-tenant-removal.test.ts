import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ProviderError } from "../../../provider/handler.ts";
import type { PoolTenantInputs, PoolTenantOutputs } from "../../../provider/inputs.ts";
import type { Task } from "../../../provider/postgres/faults.ts";
import { PostgresPools, type RunOptions, type Session } from "../../../provider/postgres/pool.ts";
import { poolTenantHandler } from "../../../provider/postgres/pool-tenant.ts";
import {
  asApp,
  beginTrusted,
  joinPool,
  leftOf,
  makePool,
  poolContext,
  poolDependencies,
  rowsOf,
  type TestPool,
  trusted,
} from "./pool-tenant-support.ts";
import { asAdmin, connect, waiver } from "./support.ts";

/** Connections that a test looks into. */
class WatchedPools extends PostgresPools {
  /** Called before each COMMIT of a step, while its locks are held. */
  beforeCommit: (doing: string) => Promise<void> = () => Promise.resolve();
  /** Called after each step. */
  afterStep: (doing: string) => void = () => undefined;

  override async run<T>(name: string, task: Task, work: (session: Session) => Promise<T>, options?: RunOptions) {
    const watched = (session: Session) =>
      work({
        query: (text, values) => session.query(text, values),
        script: async (text) => {
          const commit = text.lastIndexOf("COMMIT;");
          if (commit < 0) return session.script(text);
          await session.script(text.slice(0, commit));
          await this.beforeCommit(task.doing);
          return session.script(text.slice(commit));
        },
      });
    const result = await super.run(name, task, watched, options);
    this.afterStep(task.doing);
    return result;
  }
}

const deps = poolDependencies();
let pool: TestPool;
let neighbour: PoolTenantInputs;
beforeAll(async () => {
  // Books lie in two partitions.
  pool = await makePool(deps, 2);
  neighbour = pool.tenant("neighbour");
  await joinPool(deps, neighbour);
}, 120_000);
afterAll(() => deps.pools.close());

function watched() {
  const pools = new WatchedPools({ postgres: { main: deps.pools.server("main") } });
  return { pools, handler: poolTenantHandler({ ...deps, pools }) };
}

/** A tenant with books, with rooms in a circle, and with `state: offboarding` in the state. */
async function leaving(name: string, books: number): Promise<{ inputs: PoolTenantInputs; outputs: PoolTenantOutputs }> {
  const inputs = pool.tenant(name);
  const first = await joinPool(deps, inputs);
  await asApp(inputs, async (app) => {
    await app.query("INSERT INTO books (id, author, title) SELECT n, 1, 'book ' || n FROM generate_series(1, $1) n", [
      books,
    ]);
    await app.query(
      `BEGIN; SET CONSTRAINTS ALL DEFERRED; INSERT INTO wings (id, entrance) VALUES (1, 1);
       INSERT INTO rooms (id, wing, inside) VALUES (1, 1, 2), (2, 1, 1); COMMIT`,
    );
  });
  const offboarding: PoolTenantInputs = { ...inputs, state: "offboarding", backupWaiver: waiver };
  const outputs = await poolTenantHandler(deps).update(poolContext(inputs), "", first, offboarding);
  return { inputs, outputs };
}

async function statusOf(inputs: PoolTenantInputs) {
  const [row] = await asAdmin<{ status: string }>("SELECT status FROM platform.tenants WHERE id = $1", [inputs.tenant]);
  return row?.status;
}

describe("removal", () => {
  test("20,000 rows go in batches while another tenant writes into the same tables before each commit", async () => {
    const { inputs, outputs } = await leaving("large", 20_000);
    const { pools, handler } = watched();
    const writer = await connect(neighbour.appRole, neighbour.password);
    // A lock that the batch held would end it at once instead of making it wait.
    await writer.query("SET lock_timeout = '100ms'");
    const written: string[] = [];
    pools.beforeCommit = async (doing) => {
      if (!doing.startsWith("deleting")) return;
      await writer.query("INSERT INTO books (id, author, title) VALUES ($1, 1, 'meanwhile')", [1000 + written.length]);
      await writer.query("UPDATE authors SET name = $1", [`after ${written.length}`]);
      written.push(doing);
    };
    const told: string[] = [];
    const context = { ...poolContext(inputs), status: (message: string) => told.push(message) };
    await handler.delete(context, "", outputs);
    await pools.close();
    // Four full batches, and one that finds nothing more.
    expect(written.filter((doing) => doing === "deleting its rows of books")).toHaveLength(5);
    expect(written.filter((doing) => doing === "deleting its rows of audit_log").length).toBeGreaterThan(3);
    expect(told.slice(0, 4)).toEqual(
      ["15,001", "10,001", "5,001"].map((left) => `${left} of about 20,004 rows left`).concat([expect.any(String)]),
    );
    expect(await rowsOf(pool.inputs, inputs.tenantId)).toEqual({});
    expect(await leftOf(inputs)).toEqual([]);
    const { rows } = await writer.query("SELECT count(*)::int AS n FROM books");
    expect(rows).toEqual([{ n: written.length }]);
    await writer.end();
    expect(await asAdmin("SELECT status, backup_waiver FROM platform.tenants WHERE id = $1", [inputs.tenant])).toEqual([
      { status: "removed", backup_waiver: waiver },
    ]);
    await expect(joinPool(deps, inputs)).rejects.toThrow(/never given again/);
    expect(await poolTenantHandler(deps).read(poolContext(inputs), "", inputs, outputs)).toBeUndefined();
  });

  test("a run that dies after any of its steps, or before any commit, is taken up by the next one", async () => {
    const { inputs, outputs } = await leaving("crash", 6_000);
    const before = await rowsOf(pool.inputs, neighbour.tenantId);
    const reached = new Set<string>();
    for (let step = 1; ; step += 1) {
      const { pools, handler } = watched();
      let done = 0;
      const die = () => {
        throw new ProviderError("died");
      };
      if (step % 2 === 0) pools.beforeCommit = () => Promise.resolve(++done >= step / 2 ? die() : undefined);
      else
        pools.afterStep = (doing) => {
          reached.add(doing);
          if (++done >= (step + 1) / 2) die();
        };
      const dead = await handler.delete(poolContext(inputs), "", outputs).then(
        () => false,
        (error: unknown) => String(error).includes("died"),
      );
      await pools.close();
      if (!dead) break;
      expect(step).toBeLessThan(60);
    }
    expect([...reached]).toEqual(expect.arrayContaining(["closing its logins", "deleting its rows of books"]));
    await poolTenantHandler(deps).delete(poolContext(inputs), "", outputs);
    expect(await rowsOf(pool.inputs, inputs.tenantId)).toEqual({});
    expect(await leftOf(inputs)).toEqual([]);
    expect(await statusOf(inputs)).toBe("removed");
    expect(await rowsOf(pool.inputs, neighbour.tenantId)).toEqual(before);
  });

  test("a row that a trigger keeps is found by the proof, its table is named, and the tenant is not called removed", async () => {
    const { inputs, outputs } = await leaving("proof", 10);
    const handler = poolTenantHandler(deps);
    await asAdmin(`CREATE FUNCTION "${inputs.schema}".keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
      CREATE TRIGGER keep BEFORE DELETE ON "${inputs.schema}".a_history FOR EACH ROW WHEN (OLD.title = 'book 7')
        EXECUTE FUNCTION "${inputs.schema}".keep()`);
    await expect(handler.delete(poolContext(inputs), "", outputs)).rejects.toThrow(
      `the table a_history of the pool "${inputs.pool}" still has rows with its tenant_id ${inputs.tenantId}`,
    );
    expect(await statusOf(inputs)).toBe("offboarding");
    expect(await rowsOf(pool.inputs, inputs.tenantId)).toEqual({ a_history: 1 });
    expect(await leftOf(inputs)).toHaveLength(6);
    await asAdmin(`DROP FUNCTION "${inputs.schema}".keep() CASCADE`);
    await handler.delete(poolContext(inputs), "", outputs);
    expect(await rowsOf(pool.inputs, inputs.tenantId)).toEqual({});
    expect(await leftOf(inputs)).toEqual([]);
  });

  test("a policy that could hide rows from the proof refuses the removal", async () => {
    const { inputs, outputs } = await leaving("hidden", 10);
    const handler = poolTenantHandler(deps);
    await asAdmin(`CREATE POLICY mine ON "${inputs.schema}".books AS RESTRICTIVE USING (title <> 'book 7')`);
    await expect(handler.delete(poolContext(inputs), "", outputs)).rejects.toThrow(/books has the policy mine beside/);
    await asAdmin(`DROP POLICY mine ON "${inputs.schema}".books`);
    await handler.delete(poolContext(inputs), "", outputs);
    expect(await rowsOf(pool.inputs, inputs.tenantId)).toEqual({});
  });

  test("a transaction of the trusted login that began before is waited for, and what it wrote is removed", async () => {
    const inputs = pool.tenant("late");
    const first = await joinPool(deps, inputs);
    const application = await connect(trusted.user, trusted.password);
    expect(await beginTrusted(application, inputs, "ISOLATION LEVEL REPEATABLE READ")).toBe("done");
    const offboarding: PoolTenantInputs = { ...inputs, state: "offboarding", backupWaiver: waiver };
    const outputs = await poolTenantHandler(deps).update(poolContext(inputs), "", first, offboarding);
    const told: string[] = [];
    let committed: Promise<unknown> | undefined;
    const status = (message: string) => {
      told.push(message);
      if (!message.startsWith("waiting")) return;
      // Its snapshot is older than the end of the membership: it may still write.
      committed ??= application
        .query("INSERT INTO books (id, author, title) VALUES (1, 1, 'late')")
        .then(() => application.query("COMMIT"));
    };
    await poolTenantHandler(deps).delete({ ...poolContext(inputs), status }, "", outputs);
    await committed;
    await application.end();
    expect(told[0]).toBe("waiting for 1 transactions that began before");
    expect(told).toContain("1 of about 2 rows left");
    expect(await rowsOf(pool.inputs, inputs.tenantId)).toEqual({});
  });

  test("indexes of the tenant's vectors go, and another tenant's stay", async () => {
    const { inputs, outputs } = await leaving("index", 1);
    const index = (tenant: PoolTenantInputs, name: string) =>
      asAdmin(
        `CREATE INDEX tenancy_hnsw_${name} ON "${inputs.schema}".authors (name) WHERE tenant_id = '${tenant.tenantId}'`,
      );
    await index(inputs, "leaves");
    await index(neighbour, "stays");
    await poolTenantHandler(deps).delete(poolContext(inputs), "", outputs);
    expect(
      await asAdmin(
        "SELECT indexname AS name FROM pg_indexes WHERE schemaname = $1 AND indexname LIKE 'tenancy_hnsw%'",
        [inputs.schema],
      ),
    ).toEqual([{ name: "tenancy_hnsw_stays" }]);
    await asAdmin(`DROP INDEX "${inputs.schema}".tenancy_hnsw_stays`);
  });

  test("what a login owns outside of the pool is not dropped with it: the removal says so and goes on when it is given away", async () => {
    const { inputs, outputs } = await leaving("owner", 1);
    await asAdmin(
      `CREATE TABLE public."${inputs.tenant}" (id int); ALTER TABLE public."${inputs.tenant}" OWNER TO "${inputs.appRole}"`,
    );
    await expect(poolTenantHandler(deps).delete(poolContext(inputs), "", outputs)).rejects.toThrow(
      /it owns objects in/,
    );
    await asAdmin(`DROP TABLE public."${inputs.tenant}"`);
    await poolTenantHandler(deps).delete(poolContext(inputs), "", outputs);
    expect(await leftOf(inputs)).toEqual([]);
  });

  test("an interrupted removal says that it goes on, and does", async () => {
    const { inputs, outputs } = await leaving("stop", 6_000);
    const stop = new AbortController();
    const status = (message: string) => {
      if (message.includes("rows left")) stop.abort();
    };
    const context = { ...poolContext(inputs), status, signal: stop.signal };
    await expect(poolTenantHandler(deps).delete(context, "", outputs)).rejects.toThrow(/continues where it ended/);
    expect((await rowsOf(pool.inputs, inputs.tenantId)).books).toBe(1_000);
    await poolTenantHandler(deps).delete(poolContext(inputs), "", outputs);
    expect(await rowsOf(pool.inputs, inputs.tenantId)).toEqual({});
  });
});
